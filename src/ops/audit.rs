//! `/v1/audit`: who did what, and whether the chain holds.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::input::{Asked, Page, at, cursor, firm_id, login, page_length};
use super::problem::Problem;
use super::scope::{Caller, may};
use crate::access::Doorstep;
use crate::directory::AuditFilter;
use crate::views::{AuditRow, Chain};

/// Which rows are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Only about this firm.
    firm: Option<String>,
    /// Only about this employee.
    login: Option<String>,
    /// Only this event, such as `session.revoked`, or a beginning: `firm.*`.
    event: Option<String>,
    /// Only from then on: 2026-12-01 (midnight UTC) or RFC 3339.
    since: Option<String>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// At most so many items: 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists the audit, oldest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(List),
    responses((status = 200, description = "A page of the audit.", body = Page<AuditRow>)))]
pub async fn list(
    _: Caller<may::AuditRead>,
    State(door): State<Arc<Doorstep>>,
    Asked(asked): Asked<List>,
) -> Result<Response, Problem> {
    let limit = page_length(asked.limit)?;
    let filter = AuditFilter {
        firm: asked.firm.as_deref().map(firm_id).transpose()?,
        login: asked.login.as_deref().map(login).transpose()?,
        event: asked.event,
        since: asked.since.as_deref().map(|text| at("since", text)).transpose()?,
        after: row_number(asked.cursor.as_deref())?,
        limit: Some(limit + 1),
    };
    let rows = door.directory.audit_onwards(&filter).await?;
    let page = Page::of(rows, limit, |row| row.seq.to_string(), AuditRow::of);
    Ok(Json(page).into_response())
}

/// Checks that every row carries the hash of the one before it.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "audit",
    responses((status = 200, description = "Whether the chain holds, and where it breaks.", body = Chain)))]
pub async fn verify(
    _: Caller<may::AuditRead>,
    State(door): State<Arc<Doorstep>>,
) -> Result<Response, Problem> {
    let state = door.directory.audit_verify().await?;
    Ok(Json(Chain::of(&state)).into_response())
}

/// A cursor that is the number of a row.
pub fn row_number(text: Option<&str>) -> Result<Option<i64>, Problem> {
    let number = cursor(text)?.map(|text| text.parse::<i64>());
    number
        .transpose()
        .map_err(|_| Problem::unfit("cursor: send what the page before it gave as next"))
}
