//! `/v1/sessions`: who is signed in, and ending that. `session list` asks here with `store = "memory"`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::input::{Asked, Named, Page, cursor, firm_id, login, page_length};
use super::problem::Problem;
use super::scope::{Caller, may};
use crate::access::Doorstep;
use crate::directory::RevokeScope;
use crate::sessions::{SessionFilter, SessionRecord};
use crate::views::Session;

/// Which sessions are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Only this employee's.
    login: Option<String>,
    /// Only those of this firm's people.
    firm: Option<String>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// At most so many items: 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists live sessions that have a holder, oldest first.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", params(List),
    responses((status = 200, description = "A page of sessions.", body = Page<Session>)))]
pub async fn list(
    _: Caller<may::SessionsRead>,
    State(door): State<Arc<Doorstep>>,
    Asked(asked): Asked<List>,
) -> Result<Response, Problem> {
    let limit = page_length(asked.limit)?;
    let after = cursor(asked.cursor.as_deref())?;
    let filter = SessionFilter {
        login: asked.login.as_deref().map(login).transpose()?,
        firm: asked.firm.as_deref().map(firm_id).transpose()?,
    };
    let mut records = live(&door, &filter).await?;
    records.sort_by_cached_key(place);
    records.retain(|record| {
        after
            .as_deref()
            .is_none_or(|after| place(record).as_str() > after)
    });
    let page = Page::of(records, limit, place, Session::of);
    Ok(Json(page).into_response())
}

/// Shows a session.
#[utoipa::path(get, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 200, description = "The session.", body = Session)))]
pub async fn show(
    _: Caller<may::SessionsRead>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let record = find(&door, &id).await?;
    Ok(Json(Session::of(&record)).into_response())
}

/// Ends a session, on every gateway, with its open connections.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "It is over.")))]
pub async fn remove(
    caller: Caller<may::SessionsWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
) -> Result<StatusCode, Problem> {
    let record = find(&door, &id).await?;
    let scope = RevokeScope::Session(record.id.public().to_owned());
    door.directory
        .revoke_sessions(caller.actor(), &scope, record.ends, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn live(door: &Doorstep, filter: &SessionFilter) -> Result<Vec<SessionRecord>, Problem> {
    let mut records = door.store.list(filter, door.now()).await?;
    records.retain(|record| !door.copies.is_ended(record.id.public()).unwrap_or(false));
    Ok(records)
}

async fn find(door: &Doorstep, id: &str) -> Result<SessionRecord, Problem> {
    let records = live(door, &SessionFilter::default()).await?;
    let found = records.into_iter().find(|record| record.id.public() == id);
    found.ok_or_else(|| Problem::not_found("there is no live session of that id"))
}

/// In the order of their beginnings.
fn place(record: &SessionRecord) -> String {
    format!("{:020}:{}", record.since.0.max(0), record.id.public())
}
