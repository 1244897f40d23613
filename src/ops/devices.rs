//! `/v1/employees/{login}/devices`: browsers whose logins need no second factor for a while.

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
use crate::views::RememberedDevice;

/// What the audit says of why a device was forgotten.
const WHY: &str = "asked for over the API";

/// Lists an employee's remembered devices, newest first.
#[utoipa::path(get, path = "/v1/employees/{login}/devices", tag = "devices",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 200, description = "All remembered devices.", body = Page<RememberedDevice>)))]
pub async fn list(
    _: Caller<may::EmployeesRead>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    let person = find(&door, &login_named(&name)?).await?;
    let devices = door
        .directory
        .remembered_devices(&person.standing.login, door.now())
        .await?;
    let page = Page {
        items: devices.iter().map(RememberedDevice::of).collect(),
        next: None,
    };
    Ok(Json(page).into_response())
}

/// Forgets all of an employee's remembered devices: each is asked again at its next login.
#[utoipa::path(delete, path = "/v1/employees/{login}/devices", tag = "devices",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 204, description = "None is remembered.")))]
pub async fn remove_all(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
    door.directory
        .forget_devices(caller.actor(), &login_named(&name)?, None, WHY, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a remembered device.
#[utoipa::path(get, path = "/v1/employees/{login}/devices/{id}", tag = "devices",
    params(("login" = String, Path, description = "The employee's login or an alias."),
        ("id" = String, Path, description = "The device's id.")),
    responses((status = 200, description = "The device.", body = RememberedDevice)))]
pub async fn show(
    _: Caller<may::EmployeesRead>,
    State(door): State<Arc<Doorstep>>,
    Named((name, id)): Named<(String, String)>,
) -> Result<Response, Problem> {
    let person = find(&door, &login_named(&name)?).await?;
    let devices = door
        .directory
        .remembered_devices(&person.standing.login, door.now())
        .await?;
    let device = devices.iter().find(|device| device.id == id);
    let device = device.ok_or_else(|| Problem::not_found("there is no device of that id"))?;
    Ok(Json(RememberedDevice::of(device)).into_response())
}

/// Forgets a remembered device.
#[utoipa::path(delete, path = "/v1/employees/{login}/devices/{id}", tag = "devices",
    params(("login" = String, Path, description = "The employee's login or an alias."),
        ("id" = String, Path, description = "The device's id.")),
    responses((status = 204, description = "Forgotten.")))]
pub async fn remove(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named((name, id)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    door.directory
        .forget_devices(caller.actor(), &login_named(&name)?, Some(&id), WHY, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
