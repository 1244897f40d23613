//! `/v1/employees/{login}/phone-change`: a number that was asked for, and what becomes of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::etag::{matches, quoted};
use super::input::{Body, Named, login_named};
use super::problem::Problem;
use super::scope::{Caller, may};
use crate::access::Doorstep;
use crate::directory::PhoneChange as Row;
use crate::gate::Login;
use crate::views::PhoneChange;

/// An answer to a change of number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Only yes is an answer; no is DELETE.
    approve: bool,
}

/// Shows the number that an employee asks for.
#[utoipa::path(get, path = "/v1/employees/{login}/phone-change", tag = "phone changes",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 200, description = "The change that waits.", body = PhoneChange, headers(("etag" = String)))))]
pub async fn show(
    _: Caller<may::EmployeesRead>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    Ok(shown(&waiting(&door, &login_named(&name)?).await?))
}

/// Approves the number: it counts once the hold is over. With `If-Match`, only the number that was shown.
#[utoipa::path(post, path = "/v1/employees/{login}/phone-change", tag = "phone changes", request_body = Approval,
    params(("login" = String, Path, description = "The employee's login or an alias."),
        ("if-match" = Option<String>, Header, description = "The ETag that the change must have.")),
    responses((status = 200, description = "Approved; `counts_from` says from when on.", body = PhoneChange,
            headers(("etag" = String))),
        (status = 409, description = "It was approved already, or its Idempotency-Key is being carried out.",
            body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Another number was asked for since.", body = Problem,
            content_type = "application/problem+json")))]
pub async fn approve(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
    headers: HeaderMap,
    Body(approval): Body<Approval>,
) -> Result<Response, Problem> {
    let name = login_named(&name)?;
    if !approval.approve {
        return Err(Problem::unfit("approve: true; to refuse the number, send DELETE"));
    }
    let change = expected(&door, &name, &headers).await?;
    if change.approved.is_some() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "it was approved already; it counts once the hold is over",
        ));
    }
    let hold = door.settings.load().config.factors.phone_change_hold;
    door.directory
        .approve_phone_change(caller.actor(), &name, &change.id, hold, door.now())
        .await?;
    Ok(shown(&waiting(&door, &name).await?))
}

/// Cancels the change, approved or not. With `If-Match`, only the number that was shown.
#[utoipa::path(delete, path = "/v1/employees/{login}/phone-change", tag = "phone changes",
    params(("login" = String, Path, description = "The employee's login or an alias."),
        ("if-match" = Option<String>, Header, description = "The ETag that the change must have.")),
    responses((status = 204, description = "Cancelled."),
        (status = 412, description = "Another number was asked for since.", body = Problem,
            content_type = "application/problem+json")))]
pub async fn cancel(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let name = login_named(&name)?;
    let change = expected(&door, &name, &headers).await?;
    door.directory
        .cancel_phone_change(caller.actor(), &name, &change.id, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn waiting(door: &Doorstep, name: &Login) -> Result<Row, Problem> {
    let change = door.directory.phone_change(name).await?;
    change.ok_or_else(|| Problem::not_found(format!("no change of {name}'s number waits")))
}

async fn expected(door: &Doorstep, name: &Login, headers: &HeaderMap) -> Result<Row, Problem> {
    let change = waiting(door, name).await?;
    if !matches(headers, &quoted(&change.id)) {
        return Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "another number was asked for since; read it again",
        ));
    }
    Ok(change)
}

fn shown(change: &Row) -> Response {
    ([(ETAG, quoted(&change.id))], Json(PhoneChange::of(change))).into_response()
}
