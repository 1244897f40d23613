//! `/scim/v2/.search`: users and groups in one list.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::error::ScimError;
use super::list::{SortKey, Sought, base, sort};
use super::{groups, users};
use crate::access::Doorstep;
use crate::ops::scope::{Caller, may};

enum Hit {
    /// Their folded login.
    User(String),
    Group(Value),
}

/// Lists users and groups as a body asks: sorted together, else the users first.
pub async fn search(
    _: Caller<may::Scim>,
    State(door): State<Arc<Doorstep>>,
    headers: HeaderMap,
    Sought(query): Sought,
) -> Result<Response, ScimError> {
    let base = base(&headers);
    let Some((_, order)) = query.sort()? else {
        let window = query.window();
        let (people, mut page) = users::found(&door, &query, window, &base).await?;
        let rest = window.rest(people, page.len());
        let (firms, groups) = groups::found(&door, &query, rest, &base).await?;
        page.extend(groups);
        return Ok(query.page(people + firms, page));
    };
    let people = users::fitting(&door, &query, &base).await?.into_iter();
    let firms = groups::fitting(&door, &query, &base).await?.into_iter();
    let mut fitting: Vec<(SortKey, Hit)> = people
        .map(|(key, name)| (key, Hit::User(name)))
        .chain(firms.map(|(key, group)| (key, Hit::Group(group))))
        .collect();
    sort(&mut fitting, order);
    let (total, hits) = query.window().cut(fitting);
    let mut page = Vec::new();
    for (_, hit) in hits {
        match hit {
            Hit::User(name) => page.extend(users::named(&door, vec![name], &base).await?),
            Hit::Group(group) => page.push(groups::with_members(&door, &query, group, &base).await?),
        }
    }
    Ok(query.page(total, page))
}
