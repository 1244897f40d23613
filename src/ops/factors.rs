//! `/v1/employees/{login}/factors`: what proves that somebody is who they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::employees::find;
use super::input::{Named, Page, login_named};
use super::problem::Problem;
use super::scope::{Caller, may};
use crate::access::Doorstep;
use crate::views::Factor;

/// Lists an employee's factors, oldest first, and last the recovery codes that are left, as one.
#[utoipa::path(get, path = "/v1/employees/{login}/factors", tag = "factors",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 200, description = "All factors.", body = Page<Factor>)))]
pub async fn list(
    _: Caller<may::EmployeesRead>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    let person = find(&door, &login_named(&name)?).await?;
    let page = Page {
        items: door
            .directory
            .factors_of(&person)
            .await?
            .iter()
            .map(Factor::of)
            .collect(),
        next: None,
    };
    Ok(Json(page).into_response())
}

/// Shows a factor.
#[utoipa::path(get, path = "/v1/employees/{login}/factors/{id}", tag = "factors",
    params(("login" = String, Path, description = "The employee's login or an alias."),
        ("id" = String, Path, description = "The factor's id; `recovery_codes` for those.")),
    responses((status = 200, description = "The factor.", body = Factor)))]
pub async fn show(
    _: Caller<may::EmployeesRead>,
    State(door): State<Arc<Doorstep>>,
    Named((name, id)): Named<(String, String)>,
) -> Result<Response, Problem> {
    let person = find(&door, &login_named(&name)?).await?;
    let factors = door.directory.factors_of(&person).await?;
    let factor = factors.iter().find(|factor| factor.id == id);
    let factor = factor.ok_or_else(|| Problem::not_found("there is no factor of that id"))?;
    Ok(Json(Factor::of(factor)).into_response())
}

/// Removes all of an employee's factors and recovery codes; their sessions end. Their number stays.
#[utoipa::path(delete, path = "/v1/employees/{login}/factors", tag = "factors",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 204, description = "None is left.")))]
pub async fn remove_all(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
    door.directory
        .remove_factors(caller.actor(), &login_named(&name)?, None, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a factor; the employee's sessions end.
#[utoipa::path(delete, path = "/v1/employees/{login}/factors/{id}", tag = "factors",
    params(("login" = String, Path, description = "The employee's login or an alias."),
        ("id" = String, Path, description = "The factor's id; `recovery_codes` for those.")),
    responses((status = 204, description = "Removed.")))]
pub async fn remove(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named((name, id)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    door.directory
        .remove_factor(caller.actor(), &login_named(&name)?, &id, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
