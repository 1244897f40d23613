//! `/scim/v2/Groups`: a group is a firm.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::error::ScimError;
use super::filter::member;
use super::list::{Query, SortKey, Sought, Window, answer, base, made, sort};
use super::patch::Patch;
use super::resource::{group, login_of, user_id};
use crate::access::Doorstep;
use crate::directory::{Firm, GroupChanges};
use crate::gate::{FirmId, Login};
use crate::ops::input::{Asked, Body, Named};
use crate::ops::scope::{Caller, may};

type Answer = Result<Response, ScimError>;

/// Lists groups.
pub async fn list(
    _: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    headers: HeaderMap,
    Sought(query): Sought,
) -> Answer {
    let (total, page) = found(&door, &query, query.window(), &base(&headers)).await?;
    Ok(query.page(total, page))
}

/// How many groups fit, and those of them within the window.
pub async fn found(
    door: &Doorstep,
    query: &Query,
    window: Window,
    base: &str,
) -> Result<(i64, Vec<Value>), ScimError> {
    let mut fitting = fitting(door, query, base).await?;
    if let Some((_, order)) = query.sort()? {
        sort(&mut fitting, order);
    }
    let (total, fitting) = window.cut(fitting);
    let mut page = Vec::new();
    for (_, resource) in fitting {
        page.push(with_members(door, query, resource, base).await?);
    }
    Ok((total, page))
}

/// By what the groups that fit are sorted, and they, with members only where the filter looks at those.
pub async fn fitting(door: &Doorstep, query: &Query, base: &str) -> Result<Vec<(SortKey, Value)>, ScimError> {
    let (filter, order) = (query.filter()?, query.sort()?);
    let ids = door.directory.scim_group_ids().await?;
    let looked_at = filter.as_ref().is_some_and(|filter| filter.mentions("members"));
    let mut fitting = Vec::new();
    for firm in door.directory.firms().await? {
        let members = match looked_at {
            true => Some(door.directory.scim_members(&firm.id).await?),
            false => None,
        };
        let resource = group(&firm, ids.get(firm.id.as_str()), members.as_deref(), base);
        if filter.as_ref().is_none_or(|filter| filter.fits(&resource)) {
            let key = match &order {
                Some((path, _)) => SortKey::of(&resource, path),
                None => SortKey::Missing,
            };
            fitting.push((key, resource));
        }
    }
    Ok(fitting)
}

/// A group with its members, where they are shown and not there yet.
pub async fn with_members(
    door: &Doorstep,
    query: &Query,
    resource: Value,
    base: &str,
) -> Result<Value, ScimError> {
    if !query.shows("members") || !resource["members"].is_null() {
        return Ok(resource);
    }
    let id = named(resource["id"].as_str().unwrap_or_default())?;
    read(door, &id, true, base).await
}

/// Makes a group, and with it a firm: its second factor is off until it is switched on.
pub async fn add(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
    Body(resource): Body<Value>,
) -> Answer {
    let given = Given::read(&resource)?;
    let id = firm_id(&given)?;
    let changes = GroupChanges {
        create: Some(given.name),
        external_id: given.external_id.map(Some),
        join: given.members,
        ..GroupChanges::default()
    };
    door.directory
        .change_scim_group(caller.actor(), &id, &changes, door.now())
        .await?;
    let group = read(&door, &id, query.shows("members"), &base(&headers)).await?;
    Ok(made(&group, &query))
}

/// Shows a group.
pub async fn show(
    _: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
) -> Answer {
    let id = named(&id)?;
    let resource = read(&door, &id, query.shows("members"), &base(&headers)).await?;
    Ok(answer(StatusCode::OK, &query.trimmed(resource)))
}

/// Replaces a group: who is not named leaves.
pub async fn replace(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
    Body(resource): Body<Value>,
) -> Answer {
    let id = named(&id)?;
    find(&door, &id).await?;
    write(&door, &caller, &id, Given::read(&resource)?).await?;
    let after = read(&door, &id, query.shows("members"), &base(&headers)).await?;
    Ok(answer(StatusCode::OK, &query.trimmed(after)))
}

/// Changes a group.
pub async fn change(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
    Body(patch): Body<Patch>,
) -> Answer {
    let id = named(&id)?;
    let base = base(&headers);
    if let Some(moves) = patch.joins_and_leaves()? {
        let changes = GroupChanges {
            join: moves
                .joins
                .into_iter()
                .map(user_named)
                .collect::<Result<_, _>>()?,
            // Who is not there needs not leave.
            leave: moves.leaves.into_iter().flat_map(user_named).collect(),
            ..GroupChanges::default()
        };
        door.directory
            .change_scim_group(caller.actor(), &id, &changes, door.now())
            .await?;
        let after = read(&door, &id, query.shows("members"), &base).await?;
        return Ok(answer(StatusCode::OK, &query.trimmed(after)));
    }
    let mut resource = read(&door, &id, true, &base).await?;
    patch.apply(&mut resource)?;
    if member(&resource, "id").and_then(Value::as_str) != Some(id.as_str()) {
        return Err(ScimError::unfit("mutability", "id cannot be changed"));
    }
    write(&door, &caller, &id, Given::read(&resource)?).await?;
    let after = read(&door, &id, query.shows("members"), &base).await?;
    Ok(answer(StatusCode::OK, &query.trimmed(after)))
}

/// Removes a group that nobody is in.
pub async fn remove(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
) -> Result<StatusCode, ScimError> {
    let id = named(&id)?;
    door.directory
        .remove_firm(caller.actor(), &id, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a group's JSON says.
struct Given {
    name: String,
    external_id: Option<String>,
    members: Vec<Login>,
}

impl Given {
    fn read(resource: &Value) -> Result<Self, ScimError> {
        let wrong = |what: &str| ScimError::unfit("invalidValue", what.to_owned());
        let name = member(resource, "displayName")
            .and_then(Value::as_str)
            .map(str::trim);
        let name = name.filter(|name| !name.is_empty());
        let external_id = match member(resource, "externalId") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
            Some(_) => return Err(wrong("externalId is a text")),
        };
        let members = match member(resource, "members") {
            None | Some(Value::Null) => &[],
            Some(Value::Array(items)) => items.as_slice(),
            Some(_) => return Err(wrong("members is a list")),
        };
        let logins = members.iter().map(|item| {
            let id = member(item, "value").and_then(Value::as_str);
            let id = id.ok_or_else(|| wrong("a member is an object with the id of a user as value"))?;
            user_named(id)
        });
        Ok(Self {
            name: name.ok_or_else(|| wrong("displayName is required"))?.to_owned(),
            external_id,
            members: logins.collect::<Result<_, _>>()?,
        })
    }
}

/// Whose id a member's value is.
fn user_named(id: &str) -> Result<Login, ScimError> {
    let login = login_of(id).ok().filter(|login| user_id(login) == id);
    login.ok_or_else(|| ScimError::unfit("invalidValue", format!("there is no user {id}")))
}

/// The id of a new firm: its external id where that can be one, else what its name reads like.
fn firm_id(given: &Given) -> Result<FirmId, ScimError> {
    let external = given.external_id.as_deref().and_then(|id| FirmId::parse(id).ok());
    if let Some(id) = external {
        return Ok(id);
    }
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let dashed: String = given.name.chars().map(plain).collect();
    let words: Vec<&str> = dashed.split('-').filter(|word| !word.is_empty()).collect();
    let id: String = words.join("-").chars().take(64).collect();
    FirmId::parse(&id).map_err(|_| {
        ScimError::unfit(
            "invalidValue",
            "no id can be made of displayName; send an externalId of letters, digits and dashes",
        )
    })
}

fn named(id: &str) -> Result<FirmId, ScimError> {
    let firm = FirmId::parse(id).map_err(|_| ScimError::not_found())?;
    if firm.as_str() == id {
        Ok(firm)
    } else {
        Err(ScimError::not_found())
    }
}

async fn find(door: &Doorstep, id: &FirmId) -> Result<Firm, ScimError> {
    let firm = door.directory.firm(id).await?;
    firm.ok_or_else(ScimError::not_found)
}

async fn read(door: &Doorstep, id: &FirmId, members: bool, base: &str) -> Result<Value, ScimError> {
    let firm = find(door, id).await?;
    let ids = door.directory.scim_group_ids().await?;
    let members = match members {
        true => Some(door.directory.scim_members(id).await?),
        false => None,
    };
    Ok(group(&firm, ids.get(id.as_str()), members.as_deref(), base))
}

/// Makes the difference between what is and what is said: nobody else joins or leaves by it.
async fn write(
    door: &Doorstep,
    caller: &Caller<may::Scim>,
    id: &FirmId,
    given: Given,
) -> Result<(), ScimError> {
    let present = door.directory.scim_members(id).await?;
    let is: HashSet<String> = present.iter().map(|one| user_id(&one.login)).collect();
    let wanted: HashSet<String> = given.members.iter().map(user_id).collect();
    let leave = present.into_iter().map(|one| one.login);
    let changes = GroupChanges {
        create: None,
        rename: Some(given.name),
        external_id: Some(given.external_id),
        leave: leave.filter(|login| !wanted.contains(&user_id(login))).collect(),
        join: given
            .members
            .into_iter()
            .filter(|login| !is.contains(&user_id(login)))
            .collect(),
    };
    door.directory
        .change_scim_group(caller.actor(), id, &changes, door.now())
        .await?;
    Ok(())
}
