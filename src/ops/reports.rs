//! `/v1/reports`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::audit::row_number;
use super::input::{Asked, Page, at, firm_id, login, page_length};
use super::problem::Problem;
use super::scope::{Caller, may};
use crate::access::Doorstep;
use crate::directory::AuditFilter;
use crate::views::Passed;

/// Which rows are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Only this firm.
    firm: Option<String>,
    /// Only this employee.
    login: Option<String>,
    /// Only from then on: 2026-12-01 (midnight UTC) or RFC 3339.
    since: Option<String>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// At most so many items: 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Who got in on a password alone, and why; newest first.
#[utoipa::path(get, path = "/v1/reports/passed-without-2fa", tag = "reports", params(List),
    responses((status = 200, description = "A page of the report.", body = Page<Passed>)))]
pub async fn passed(
    _: Caller<may::AuditRead>,
    State(door): State<Arc<Doorstep>>,
    Asked(asked): Asked<List>,
) -> Result<Response, Problem> {
    let limit = page_length(asked.limit)?;
    let filter = AuditFilter {
        firm: asked.firm.as_deref().map(firm_id).transpose()?,
        login: asked.login.as_deref().map(login).transpose()?,
        since: asked.since.as_deref().map(|text| at("since", text)).transpose()?,
        limit: Some(limit + 1),
        ..AuditFilter::default()
    };
    let before = row_number(asked.cursor.as_deref())?;
    let rows = door.directory.passed_before(&filter, before).await?;
    let page = Page::of(
        rows,
        limit,
        |(seq, _)| seq.to_string(),
        |(_, row)| Passed::of(row),
    );
    Ok(Json(page).into_response())
}
