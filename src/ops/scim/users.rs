//! `/scim/v2/Users`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::error::ScimError;
use super::filter::member;
use super::list::{Query, SortKey, SortOrder, Sought, Window, answer, base, made, sort};
use super::narrow::{exactly, is, narrowed};
use super::patch::Patch;
use super::resource::{login_of, read_user, shown, speaks_of_names, user, user_id};
use crate::access::Doorstep;
use crate::directory::{ScimSearch, ScimUser, ScimWhere};
use crate::ops::input::{Asked, Body, Named};
use crate::ops::scope::{Caller, may};

type Answer = Result<Response, ScimError>;

/// How many people are read at once where each is judged.
const AT_ONCE: i64 = 1000;

/// Lists users.
pub async fn list(
    _: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    headers: HeaderMap,
    Sought(query): Sought,
) -> Answer {
    let (total, page) = found(&door, &query, query.window(), &base(&headers)).await?;
    Ok(query.page(total, page))
}

/// How many users fit, and those of them within the window. Where the directory can judge and sort, it reads only those.
pub async fn found(
    door: &Doorstep,
    query: &Query,
    window: Window,
    base: &str,
) -> Result<(i64, Vec<Value>), ScimError> {
    let (filter, order) = (query.filter()?, query.sort()?);
    let which = filter.as_ref().map(exactly);
    let order_of_logins = match &order {
        None => Some(SortOrder::Ascending),
        Some((path, order)) => is(path, &["userName"]).then_some(*order),
    };
    if let (None | Some(Some(_)), Some(order)) = (&which, order_of_logins) {
        let search = ScimSearch {
            which: which.flatten(),
            descending: order == SortOrder::Descending,
            offset: window.offset,
            limit: Some(window.count),
            ..ScimSearch::default()
        };
        let total = door.directory.count_scim_users(search.which.as_ref()).await?;
        let people = door.directory.scim_users(&search).await?;
        return Ok((total, people.iter().map(|person| shown(person, base)).collect()));
    }
    let mut fitting = fitting(door, query, base).await?;
    if let Some((_, order)) = order {
        sort(&mut fitting, order);
    }
    let (total, page) = window.cut(fitting);
    let names = page.into_iter().map(|(_, name)| name).collect();
    Ok((total, named(door, names, base).await?))
}

/// By what those who fit are sorted, and their folded logins. Everybody who may fit is looked at, and nobody kept.
pub async fn fitting(
    door: &Doorstep,
    query: &Query,
    base: &str,
) -> Result<Vec<(SortKey, String)>, ScimError> {
    let (filter, order) = (query.filter()?, query.sort()?);
    let mut search = ScimSearch {
        which: filter.as_ref().and_then(narrowed),
        limit: Some(AT_ONCE),
        ..ScimSearch::default()
    };
    let mut fitting = Vec::new();
    loop {
        let people = door.directory.scim_users(&search).await?;
        let Some(last) = people.last() else {
            return Ok(fitting);
        };
        search.after = Some(last.login.folded().to_owned());
        for person in &people {
            let resource = shown(person, base);
            if filter.as_ref().is_none_or(|filter| filter.fits(&resource)) {
                let key = match &order {
                    Some((path, _)) => SortKey::of(&resource, path),
                    None => SortKey::Missing,
                };
                fitting.push((key, person.login.folded().to_owned()));
            }
        }
    }
}

/// The users of these folded logins, in this order; who was removed meanwhile is left out.
pub async fn named(door: &Doorstep, names: Vec<String>, base: &str) -> Result<Vec<Value>, ScimError> {
    let search = ScimSearch {
        which: Some(ScimWhere::Among(names.clone())),
        ..ScimSearch::default()
    };
    let people = door.directory.scim_users(&search).await?;
    let mut people: HashMap<String, ScimUser> = people
        .into_iter()
        .map(|person| (person.login.folded().to_owned(), person))
        .collect();
    let people = names.iter().filter_map(|name| people.remove(name));
    Ok(people.map(|person| shown(&person, base)).collect())
}

/// Adds a user, who waits for a group.
pub async fn add(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
    Body(resource): Body<Value>,
) -> Answer {
    let (login, profile) = read_user(&resource)?;
    door.directory
        .add_scim_user(caller.actor(), &login, &profile, door.now())
        .await?;
    let person = find(&door, &user_id(&login)).await?;
    Ok(made(&shown(&person, &base(&headers)), &query))
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
    Asked(query): Asked<Query>,
    Body(resource): Body<Value>,
) -> Answer {
    let person = find(&door, &id).await?;
    write(&door, &caller, &person, &resource).await?;
    let after = find(&door, &id).await?;
    Ok(answer(
        StatusCode::OK,
        &query.trimmed(shown(&after, &base(&headers))),
    ))
}

/// Changes a user.
pub async fn change(
    caller: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
    Body(patch): Body<Patch>,
) -> Answer {
    let person = find(&door, &id).await?;
    let before = user(&person, "");
    let mut resource = before.clone();
    patch.apply(&mut resource)?;
    if !speaks_of_names(&person) {
        follow_name(&before, &mut resource);
    }
    write(&door, &caller, &person, &resource).await?;
    let after = find(&door, &id).await?;
    Ok(answer(
        StatusCode::OK,
        &query.trimmed(shown(&after, &base(&headers))),
    ))
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
) -> Result<(), ScimError> {
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
    Ok(())
}

/// Where doorstep put the names together, and the name is patched in its parts only, it is put together anew.
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
