//! `/scim/v2/Users`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::error::ScimError;
use super::filter::member;
use super::list::{Query, answer, base, made};
use super::patch::Patch;
use super::resource::{login_of, read_user, shown, user, user_id};
use crate::access::Doorstep;
use crate::directory::{ScimSearch, ScimUser};
use crate::gate::Login;
use crate::ops::input::{Asked, Body, Named};
use crate::ops::scope::{Caller, may};

type Answer = Result<Response, ScimError>;

/// Lists users.
pub async fn list(
    _: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
) -> Answer {
    let base = base(&headers);
    let filter = query.filter()?;
    let mut search = ScimSearch {
        offset: query.offset(),
        limit: Some(query.count()),
        ..ScimSearch::default()
    };
    let mut rest = None;
    if let Some(filter) = filter {
        if let Some(name) = filter.equals("userName") {
            match Login::parse(name) {
                Ok(login) => search.login = Some(login),
                Err(_) => return Ok(query.page(0, Vec::new())),
            }
        } else if let Some(id) = filter.equals("id") {
            match login_of(id) {
                Ok(login) if user_id(&login) == id => search.login = Some(login),
                _ => return Ok(query.page(0, Vec::new())),
            }
        } else if let Some(id) = filter.equals("externalId") {
            search.external_id = Some(id.to_owned());
        } else {
            search = ScimSearch::default();
            rest = Some(filter);
        }
    }
    let (total, people) = door.directory.scim_users(&search).await?;
    let resources = people.iter().map(|person| shown(person, &base));
    match rest {
        None => Ok(query.page(total, resources.collect())),
        Some(filter) => {
            let (total, page) = query.cut(resources.filter(|one| filter.fits(one)).collect());
            Ok(query.page(total, page))
        }
    }
}

/// Adds a user, who waits for a group.
pub async fn add(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    headers: HeaderMap,
    Body(resource): Body<Value>,
) -> Answer {
    let (login, profile) = read_user(&resource)?;
    door.directory
        .add_scim_user(caller.actor(), &login, &profile, door.now())
        .await?;
    let person = find(&door, &user_id(&login)).await?;
    Ok(made(&shown(&person, &base(&headers))))
}

/// Shows a user.
pub async fn show(
    _: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
) -> Answer {
    let person = find(&door, &id).await?;
    Ok(answer(
        StatusCode::OK,
        &query.trimmed(shown(&person, &base(&headers))),
    ))
}

/// Replaces a user: what is not given is cleared.
pub async fn replace(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Body(resource): Body<Value>,
) -> Answer {
    let person = find(&door, &id).await?;
    write(&door, &caller, &person, &resource, &headers).await
}

/// Changes a user.
pub async fn change(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Body(patch): Body<Patch>,
) -> Answer {
    let person = find(&door, &id).await?;
    let before = user(&person, "");
    let mut resource = before.clone();
    patch.apply(&mut resource)?;
    follow_name(&before, &mut resource);
    write(&door, &caller, &person, &resource, &headers).await
}

/// Removes a user.
pub async fn remove(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
) -> Result<StatusCode, ScimError> {
    let person = find(&door, &id).await?;
    door.directory
        .remove_scim_user(caller.actor(), &person.login, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(door: &Doorstep, id: &str) -> Result<ScimUser, ScimError> {
    let login = login_of(id)?;
    if user_id(&login) != id {
        return Err(ScimError::not_found());
    }
    let person = door.directory.scim_user(&login).await?;
    person.ok_or_else(ScimError::not_found)
}

async fn write(
    door: &Doorstep,
    caller: &Caller<may::Scim>,
    person: &ScimUser,
    resource: &Value,
    headers: &HeaderMap,
) -> Answer {
    let (login, mut profile) = read_user(resource)?;
    // What an identity provider does not speak of it does not change: neither lets somebody in again nor
    // takes a role.
    if member(resource, "active").is_none_or(Value::is_null) {
        profile.active = person.profile.active;
    }
    if member(resource, "roles").is_none() {
        profile.role = person.profile.role;
    }
    if login != person.login {
        return Err(ScimError::unfit(
            "mutability",
            "userName is the name in the portal and stays; remove the user and add another",
        ));
    }
    door.directory
        .replace_scim_user(caller.actor(), &person.login, &profile, door.now())
        .await?;
    let after = find(door, &user_id(&person.login)).await?;
    Ok(answer(StatusCode::OK, &shown(&after, &base(headers))))
}

/// A name that was patched in its parts only is put together anew, instead of the old display name winning.
fn follow_name(before: &Value, after: &mut Value) {
    if before["name"] == after["name"] || before["displayName"] != after["displayName"] {
        return;
    }
    let same = before["name"]["formatted"] == after["name"]["formatted"];
    if let Some(resource) = after.as_object_mut() {
        resource.remove("displayName");
        let name = resource.get_mut("name").and_then(Value::as_object_mut);
        if let Some(name) = name.filter(|_| same) {
            name.remove("formatted");
        }
    }
}
