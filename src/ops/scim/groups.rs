//! `/scim/v2/Groups`: a group is a firm.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::error::ScimError;
use super::filter::member;
use super::list::{Query, answer, base, made};
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
    Asked(query): Asked<Query>,
) -> Answer {
    let base = base(&headers);
    let filter = query.filter()?;
    let ids = door.directory.scim_group_ids().await?;
    let looked_at = filter.as_ref().is_some_and(|filter| filter.mentions("members"));
    let mut fitting = Vec::new();
    for firm in door.directory.firms().await? {
        let members = match looked_at {
            true => Some(door.directory.scim_members(&firm.id).await?),
            false => None,
        };
        let resource = group(&firm, ids.get(firm.id.as_str()), members.as_deref(), &base);
        if filter.as_ref().is_none_or(|filter| filter.fits(&resource)) {
            fitting.push((firm, resource));
        }
    }
    let (total, fitting) = query.cut(fitting);
    let mut page = Vec::new();
    for (firm, resource) in fitting {
        if query.shows("members") && !looked_at {
            let members = door.directory.scim_members(&firm.id).await?;
            page.push(group(&firm, ids.get(firm.id.as_str()), Some(&members), &base));
        } else {
            page.push(resource);
        }
    }
    Ok(query.page(total, page))
}

/// Makes a group, and with it a firm: its second factor is off until it is switched on.
pub async fn add(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    headers: HeaderMap,
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
    Ok(made(&read(&door, &id, true, &base(&headers)).await?))
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
    Body(resource): Body<Value>,
) -> Answer {
    let id = named(&id)?;
    find(&door, &id).await?;
    write(&door, &caller, &id, Given::read(&resource)?, &base(&headers)).await
}

/// Changes a group.
pub async fn change(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Body(patch): Body<Patch>,
) -> Answer {
    let id = named(&id)?;
    let base = base(&headers);
    let mut resource = read(&door, &id, true, &base).await?;
    patch.apply(&mut resource)?;
    if member(&resource, "id").and_then(Value::as_str) != Some(id.as_str()) {
        return Err(ScimError::unfit("mutability", "id cannot be changed"));
    }
    write(&door, &caller, &id, Given::read(&resource)?, &base).await
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
            login_of(id).map_err(|_| wrong(&format!("there is no user {id}")))
        });
        Ok(Self {
            name: name.ok_or_else(|| wrong("displayName is required"))?.to_owned(),
            external_id,
            members: logins.collect::<Result<_, _>>()?,
        })
    }
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
async fn write(door: &Doorstep, caller: &Caller<may::Scim>, id: &FirmId, given: Given, base: &str) -> Answer {
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
    Ok(answer(StatusCode::OK, &read(door, id, true, base).await?))
}
