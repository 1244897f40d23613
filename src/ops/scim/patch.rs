//! PATCH (RFC 7644 3.5.2), as the RFC has it and as the large identity providers send it: operations in any
//! case, keys with dots, truth values as text, members removed by value.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ScimError;
use super::filter::{Filter, Op, attribute, member};

/// Attributes with several values.
const SEVERAL: [&str; 4] = ["emails", "phoneNumbers", "roles", "members"];
/// How many operations one request may have.
const MOST: usize = 1000;

/// The body of a PATCH.
#[derive(Deserialize)]
pub struct Patch {
    #[serde(default)]
    schemas: Vec<String>,
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Operation>,
}

/// Who joins a group, and who leaves it, by their ids.
#[derive(Debug)]
pub struct Moves<'a> {
    /// They join.
    pub joins: Vec<&'a str>,
    /// They leave.
    pub leaves: Vec<&'a str>,
}

/// One operation.
#[derive(Deserialize)]
struct Operation {
    op: String,
    path: Option<String>,
    value: Option<Value>,
}

impl Patch {
    /// Changes a resource.
    ///
    /// # Errors
    /// `invalidSyntax`, `invalidPath`, `noTarget`, `invalidValue`.
    pub fn apply(&self, resource: &mut Value) -> Result<(), ScimError> {
        self.is_one()?;
        for operation in &self.operations {
            operation.apply(resource)?;
        }
        Ok(())
    }

    /// Who joins and who leaves, where nothing else is said: then the group's other members, who may be many, need
    /// not be looked at.
    pub fn joins_and_leaves(&self) -> Result<Option<Moves<'_>>, ScimError> {
        self.is_one()?;
        let mut members: BTreeMap<&str, bool> = BTreeMap::new();
        for operation in &self.operations {
            let Some((joins, ids)) = operation.members() else {
                return Ok(None);
            };
            members.extend(ids.into_iter().map(|id| (id, joins)));
        }
        let who = |wanted: bool| {
            let fitting = members.iter().filter(move |(_, joins)| **joins == wanted);
            fitting.map(|(id, _)| *id).collect()
        };
        Ok(Some(Moves {
            joins: who(true),
            leaves: who(false),
        }))
    }

    fn is_one(&self) -> Result<(), ScimError> {
        let named = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        if !self.schemas.iter().any(|schema| schema == named) || self.operations.len() > MOST {
            return Err(ScimError::unfit(
                "invalidSyntax",
                "a PATCH has the schema PatchOp and at most 1000 operations",
            ));
        }
        Ok(())
    }
}

/// Where an operation points: an attribute, which of its values, and which part of them.
struct Target {
    name: String,
    which: Option<Filter>,
    part: Option<String>,
}

impl Target {
    fn parse(path: &str) -> Result<Self, ScimError> {
        let unfit = || ScimError::unfit("invalidPath", format!("{path:?} is no path of an attribute"));
        if let Some((before, rest)) = path.split_once('[') {
            let (filter, after) = rest.rsplit_once(']').ok_or_else(unfit)?;
            let mut names = attribute(before.trim()).ok_or_else(unfit)?;
            let part = match after.strip_prefix('.') {
                Some(part) => Some(part.to_owned()),
                None if after.is_empty() => None,
                None => return Err(unfit()),
            };
            if names.len() != 1 {
                return Err(unfit());
            }
            return Ok(Self {
                name: names.remove(0),
                which: Some(Filter::parse(filter)?),
                part,
            });
        }
        let mut names = attribute(path.trim()).ok_or_else(unfit)?.into_iter();
        let target = Self {
            name: names.next().ok_or_else(unfit)?,
            which: None,
            part: names.next(),
        };
        if names.next().is_some() {
            return Err(unfit());
        }
        Ok(target)
    }
}

impl Operation {
    /// Whose ids are added to a group's members (true) or taken out, where that is all that it says.
    fn members(&self) -> Option<(bool, Vec<&str>)> {
        let (path, joins) = (self.path.as_deref()?.trim(), self.op.eq_ignore_ascii_case("add"));
        let value = self.value.as_ref();
        if path.eq_ignore_ascii_case("members") && (joins || self.op.eq_ignore_ascii_case("remove")) {
            let ids = match value? {
                Value::Array(items) => items.iter().map(value_of).collect::<Option<Vec<_>>>()?,
                one if joins => vec![value_of(one)?],
                _ => return None,
            };
            return Some((joins, ids));
        }
        if !self.op.eq_ignore_ascii_case("remove") || value.is_some() {
            return None;
        }
        // members[value eq "…"]
        let start = path
            .get(..8)
            .filter(|start| start.eq_ignore_ascii_case("members["))?;
        let filter = path.strip_prefix(start)?.strip_suffix(']')?;
        let id = filter.trim().strip_prefix("value eq \"")?.strip_suffix('"')?;
        let is_plain = id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        is_plain.then(|| (false, vec![id]))
    }

    fn apply(&self, resource: &mut Value) -> Result<(), ScimError> {
        let op = self.op.to_ascii_lowercase();
        let value = self.value.as_ref();
        match (op.as_str(), &self.path) {
            ("add" | "replace", Some(path)) => {
                let value = value.ok_or_else(no_value)?;
                put(resource, &Target::parse(path)?, value, op == "add")
            }
            ("add" | "replace", None) => {
                let values = value.and_then(Value::as_object).ok_or_else(no_value)?;
                for (key, value) in values {
                    if !key.eq_ignore_ascii_case("schemas") {
                        put(resource, &Target::parse(key)?, value, op == "add")?;
                    }
                }
                Ok(())
            }
            ("remove", Some(path)) => remove(resource, &Target::parse(path)?, value),
            ("remove", None) => Err(ScimError::unfit("noTarget", "remove needs a path")),
            _ => Err(ScimError::unfit("invalidSyntax", "op is add, replace or remove")),
        }
    }
}

fn no_value() -> ScimError {
    ScimError::unfit("invalidValue", "add and replace need a value that fits")
}

fn put(resource: &mut Value, target: &Target, value: &Value, add: bool) -> Result<(), ScimError> {
    let several = SEVERAL.iter().any(|name| name.eq_ignore_ascii_case(&target.name));
    let slot = slot(resource, &target.name)?;
    let primary = slot
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| is_primary(one))
        .cloned();
    put_in(slot, target, several, value, add)?;
    if let (Some(before), Value::Array(items)) = (primary, slot) {
        give_up_primary(items, &before);
    }
    Ok(())
}

fn is_primary(item: &Value) -> bool {
    let primary = member(item, "primary");
    primary.is_some_and(|one| one == true || one.as_str().is_some_and(|one| one.eq_ignore_ascii_case("true")))
}

/// Where another one was made the primary one, the one before is none any more (RFC 7644 3.5.2).
fn give_up_primary(items: &mut [Value], before: &Value) {
    if items.iter().filter(|one| is_primary(one)).count() < 2 {
        return;
    }
    for item in items.iter_mut().filter(|item| *item == before) {
        item["primary"] = json!(false);
    }
}

fn put_in(
    slot: &mut Value,
    target: &Target,
    several: bool,
    value: &Value,
    add: bool,
) -> Result<(), ScimError> {
    match (&target.which, &target.part) {
        (Some(which), part) => put_within(slot, target, which, part.as_deref(), value),
        (None, Some(part)) if several => {
            for item in list(slot) {
                set(item, part, value.clone())?;
            }
            Ok(())
        }
        (None, Some(part)) => set(slot, part, value.clone()),
        (None, None) if several => {
            let given = match value {
                Value::Array(items) => items.clone(),
                Value::Null => Vec::new(),
                one => vec![one.clone()],
            };
            let kept = list(slot);
            if !add {
                kept.clear();
            }
            // By its value each is there once; a group has many.
            let key = |item: &Value| value_of(item).map_or_else(|| item.to_string(), str::to_owned);
            let mut there: HashSet<String> = kept.iter().map(key).collect();
            kept.extend(given.into_iter().filter(|item| there.insert(key(item))));
            Ok(())
        }
        (None, None) => {
            match (slot.as_object_mut(), value.as_object()) {
                (Some(have), Some(given)) => {
                    for (key, value) in given {
                        have.retain(|old, _| !old.eq_ignore_ascii_case(key));
                        have.insert(key.clone(), value.clone());
                    }
                }
                _ => *slot = value.clone(),
            }
            Ok(())
        }
    }
}

/// Changes the values that fit; where none does and the filter says what one would look like, makes it.
fn put_within(
    slot: &mut Value,
    target: &Target,
    which: &Filter,
    part: Option<&str>,
    value: &Value,
) -> Result<(), ScimError> {
    let items = list(slot);
    let fits = |item: &Value| which.fits_one(&target.name, item);
    if !items.iter().any(fits) {
        let Filter::Compare(path, Op::Eq, wanted) = which else {
            return Err(ScimError::unfit("noTarget", "no value fits the path's filter"));
        };
        let [name] = path.as_slice() else {
            return Err(ScimError::unfit("noTarget", "no value fits the path's filter"));
        };
        let mut made = Map::new();
        made.insert(name.clone(), wanted.clone());
        items.push(Value::Object(made));
    }
    for item in items.iter_mut().filter(|item| fits(item)) {
        match (part, value.as_object()) {
            (Some(part), _) => set(item, part, value.clone())?,
            (None, Some(given)) => {
                for (key, value) in given {
                    set(item, key, value.clone())?;
                }
            }
            (None, None) => return Err(no_value()),
        }
    }
    Ok(())
}

fn remove(resource: &mut Value, target: &Target, value: Option<&Value>) -> Result<(), ScimError> {
    let slot = slot(resource, &target.name)?;
    match (&target.which, &target.part) {
        (Some(which), None) => list(slot).retain(|item| !which.fits_one(&target.name, item)),
        (Some(which), Some(part)) => {
            for item in list(slot)
                .iter_mut()
                .filter(|item| which.fits_one(&target.name, item))
            {
                set(item, part, Value::Null)?;
            }
        }
        (None, Some(part)) => set(slot, part, Value::Null)?,
        (None, None) => match (value, slot.as_array_mut()) {
            (Some(Value::Array(given)), Some(items)) => {
                let gone: HashSet<&str> = given.iter().filter_map(value_of).collect();
                items.retain(|item| value_of(item).is_none_or(|value| !gone.contains(&value)));
            }
            _ => *slot = Value::Null,
        },
    }
    Ok(())
}

/// The place of an attribute in a resource, made where it is missing.
fn slot<'a>(resource: &'a mut Value, name: &str) -> Result<&'a mut Value, ScimError> {
    let map = resource
        .as_object_mut()
        .ok_or_else(|| ScimError::unfit("invalidSyntax", "a resource is an object"))?;
    let key = map.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    let key = key.unwrap_or_else(|| {
        let known = SEVERAL.iter().find(|known| known.eq_ignore_ascii_case(name));
        known.map_or(name, |known| known).to_owned()
    });
    Ok(map.entry(key).or_insert(Value::Null))
}

/// A slot's values.
fn list(slot: &mut Value) -> &mut Vec<Value> {
    if !slot.is_array() {
        let one = slot.take();
        *slot = if one.is_null() { json!([]) } else { json!([one]) };
    }
    match slot {
        Value::Array(items) => items,
        _ => unreachable!("a list was just put there"),
    }
}

fn set(slot: &mut Value, part: &str, value: Value) -> Result<(), ScimError> {
    if slot.is_null() {
        *slot = json!({});
    }
    let map = slot
        .as_object_mut()
        .ok_or_else(|| ScimError::unfit("invalidPath", format!("there is no {part} in this attribute")))?;
    map.retain(|key, _| !key.eq_ignore_ascii_case(part));
    if !value.is_null() {
        map.insert(part.to_owned(), value);
    }
    Ok(())
}

fn value_of(item: &Value) -> Option<&str> {
    member(item, "value")?.as_str()
}

#[cfg(test)]
mod tests;
