//! `/v1/employees`: people, and what ops do for them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::etag;
use super::input::{
    Asked, Body, Named, Page, cursor, firm_id, given, login, login_named, page_length, phone,
};
use super::problem::Problem;
use super::scope::{Caller, may};
use crate::access::Doorstep;
use crate::clock::Timestamp;
use crate::directory::{
    Employee as Row, EmployeeChanges, EmployeeFilter, EmployeeState, NewEmployee, RevokeScope,
};
use crate::gate::{Login, Role};
use crate::views::{self, Employee, ResetPasscode};

/// Which employees are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Only this firm's, by its id.
    firm: Option<String>,
    /// Only those whose login or name holds this text.
    q: Option<String>,
    /// Only those in this state.
    state: Option<State_>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// At most so many items: 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Where somebody stands.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EmployeeState)]
pub enum State_ {
    /// Has a usable number or a factor.
    Ready,
    /// Has neither.
    NoPhone,
    /// By wrong tokens.
    Locked,
    /// Deactivated.
    Inactive,
    /// Asked for another number, whatever else they are.
    ChangePending,
}

impl From<State_> for EmployeeState {
    fn from(state: State_) -> Self {
        match state {
            State_::Ready => Self::Ready,
            State_::NoPhone => Self::NoPhone,
            State_::Locked => Self::Locked,
            State_::Inactive => Self::Inactive,
            State_::ChangePending => Self::ChangePending,
        }
    }
}

/// A role.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleWord {
    /// Passes through.
    Tech,
    /// Looks after their firm's people.
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Tech => Self::Tech,
            RoleWord::Admin => Self::Admin,
        }
    }
}

/// Whether somebody may sign in at all.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// May.
    Active,
    /// May not; every session ends.
    Inactive,
}

/// A new employee.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Their username in the portal.
    #[schema(min_length = 1, max_length = 254)]
    login: String,
    /// Their firm's id.
    firm: String,
    /// Their name.
    name: String,
    /// Their number, in international form.
    phone: Option<String>,
    /// Their address for notices.
    email: Option<String>,
    /// Default: `tech`.
    #[schema(nullable = false)]
    role: Option<RoleWord>,
}

/// Changes to an employee; what is not given stays, null clears.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChanges {
    /// Their name.
    #[schema(nullable = false)]
    name: Option<String>,
    /// Their number, in international form; setting one confirms it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// Their address for notices.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// What they may do.
    #[schema(nullable = false)]
    role: Option<RoleWord>,
    /// Deactivates or reactivates.
    #[schema(nullable = false)]
    state: Option<Activity>,
    /// All of the other names under which the portal knows them.
    #[schema(nullable = false)]
    aliases: Option<Vec<String>>,
}

impl PersonChanges {
    fn read(self) -> Result<EmployeeChanges, Problem> {
        let names = self
            .aliases
            .map(|names| names.iter().map(|name| login(name)).collect());
        Ok(EmployeeChanges {
            name: self.name,
            phone: self
                .phone
                .map(|number| number.as_deref().map(phone).transpose())
                .transpose()?,
            email: self
                .email
                .map(|email| email.as_deref().map(address).transpose())
                .transpose()?,
            role: self.role.map(Role::from),
            active: self.state.map(|state| matches!(state, Activity::Active)),
            aliases: names.transpose()?,
        })
    }
}

/// Lists employees, in the order of their logins.
#[utoipa::path(get, path = "/v1/employees", tag = "employees", params(List),
    responses((status = 200, description = "A page of employees.", body = Page<Employee>)))]
pub async fn list(
    _: Caller<may::EmployeesRead>,
    State(door): State<Arc<Doorstep>>,
    Asked(asked): Asked<List>,
) -> Result<Response, Problem> {
    let limit = page_length(asked.limit)?;
    let now = door.now();
    let filter = EmployeeFilter {
        firm: asked.firm.as_deref().map(firm_id).transpose()?,
        query: asked.q,
        state: asked.state.map(|state| (state.into(), now)),
        after: cursor(asked.cursor.as_deref())?,
        limit: Some(limit + 1),
    };
    let people = door.directory.employees(&filter).await?;
    let key = |person: &Row| person.standing.login.folded().to_owned();
    let page = Page::of(people, limit, key, |person| Employee::of(person, now));
    Ok(Json(page).into_response())
}

/// Adds an employee.
#[utoipa::path(post, path = "/v1/employees", tag = "employees", request_body = NewPerson,
    responses((status = 201, description = "Made.", body = Employee, headers(("location" = String), ("etag" = String)))))]
pub async fn add(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Body(new): Body<NewPerson>,
) -> Result<Response, Problem> {
    let new = NewEmployee {
        login: login(&new.login)?,
        firm: firm_id(&new.firm)?,
        name: new.name,
        phone: new.phone.as_deref().map(phone).transpose()?,
        email: new.email.as_deref().map(address).transpose()?,
        role: new.role.map(Role::from).unwrap_or_default(),
    };
    let now = door.now();
    let added = door.directory.add_employee(caller.actor(), &new, now).await;
    added.map_err(|refused| Problem::from(refused).in_body())?;
    let person = find(&door, &new.login).await?;
    let location = [(LOCATION, address_of(&person.standing.login))];
    Ok((StatusCode::CREATED, location, with_tag(&person, now)).into_response())
}

/// Shows an employee.
#[utoipa::path(get, path = "/v1/employees/{login}", tag = "employees",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 200, description = "The employee.", body = Employee, headers(("etag" = String)))))]
pub async fn show(
    _: Caller<may::EmployeesRead>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    shown(&door, &login_named(&name)?).await
}

/// Changes an employee.
#[utoipa::path(patch, path = "/v1/employees/{login}", tag = "employees", request_body = PersonChanges,
    params(("login" = String, Path, description = "The employee's login or an alias."),
        ("if-match" = Option<String>, Header, description = "The ETag that the employee must have.")),
    responses((status = 200, description = "Changed.", body = Employee, headers(("etag" = String))),
        (status = 412, description = "The employee has changed since.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "An alias is taken.", body = Problem, content_type = "application/problem+json")))]
pub async fn change(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
    headers: HeaderMap,
    Body(changes): Body<PersonChanges>,
) -> Result<Response, Problem> {
    let name = login_named(&name)?;
    let changes = changes.read()?;
    let now = door.now();
    let edit = |person: &Row| {
        as_expected(&headers, person, now)?;
        Ok::<_, Problem>(changes)
    };
    let person = door
        .directory
        .edit_employee(caller.actor(), &name, now, edit)
        .await?;
    Ok(with_tag(&person, now).into_response())
}

/// Removes an employee, with their factors and sessions; their audit rows stay.
#[utoipa::path(delete, path = "/v1/employees/{login}", tag = "employees",
    params(("login" = String, Path, description = "The employee's login or an alias."),
        ("if-match" = Option<String>, Header, description = "The ETag that the employee must have.")),
    responses((status = 204, description = "Removed."),
        (status = 412, description = "The employee has changed since.", body = Problem, content_type = "application/problem+json")))]
pub async fn remove(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let (name, now) = (login_named(&name)?, door.now());
    as_expected(&headers, &find(&door, &name).await?, now)?;
    door.directory.remove_employee(caller.actor(), &name, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lost phone: factors, remembered devices and sessions go, the number is suspended. Answers a one-time passcode, once.
#[utoipa::path(post, path = "/v1/employees/{login}/reset", tag = "employees",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 200, description = "Reset.", body = ResetPasscode)))]
pub async fn reset(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    let name = login_named(&name)?;
    let person = find(&door, &name).await?;
    let passcode = door
        .directory
        .reset_employee(caller.actor(), &name, door.now())
        .await?;
    Ok(Json(ResetPasscode::of(&person.standing.login, &passcode)).into_response())
}

/// Clears a lock after wrong tokens.
#[utoipa::path(post, path = "/v1/employees/{login}/unlock", tag = "employees",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 200, description = "Unlocked.", body = Employee)))]
pub async fn unlock(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    let name = login_named(&name)?;
    door.directory
        .unlock_employee(caller.actor(), &name, door.now())
        .await?;
    shown(&door, &name).await
}

/// Ends every session of an employee, on every gateway.
#[utoipa::path(post, path = "/v1/employees/{login}/sign-out", tag = "employees",
    params(("login" = String, Path, description = "The employee's login or an alias.")),
    responses((status = 204, description = "Every session is over.")))]
pub async fn sign_out(
    caller: Caller<may::EmployeesWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
    let scope = RevokeScope::Employee(login_named(&name)?);
    let now = door.now();
    let keep_until = now.plus(door.settings.load().config.sessions.absolute_timeout);
    door.directory
        .revoke_sessions(caller.actor(), &scope, keep_until, now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn shown(door: &Doorstep, name: &Login) -> Result<Response, Problem> {
    let person = find(door, name).await?;
    Ok(with_tag(&person, door.now()).into_response())
}

fn with_tag(person: &Row, now: Timestamp) -> impl axum::response::IntoResponse {
    ([(ETAG, tag(person, now))], Json(Employee::of(person, now)))
}

/// 412 where `If-Match` names another state of the employee.
fn as_expected(headers: &HeaderMap, person: &Row, now: Timestamp) -> Result<(), Problem> {
    match etag::matches(headers, &tag(person, now)) {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "the employee has changed since; read them again",
        )),
    }
}

/// Of all that a PATCH can change: what is shown, and the other names.
fn tag(person: &Row, now: Timestamp) -> String {
    let aliases: Vec<&str> = person.aliases.iter().map(Login::as_str).collect();
    etag::of(&format!(
        "{} {aliases:?}",
        views::json(&Employee::of(person, now))
    ))
}

/// An employee, or 404.
pub async fn find(door: &Doorstep, name: &Login) -> Result<Row, Problem> {
    let person = door.directory.employee(name).await?;
    person.ok_or_else(|| Problem::not_found(format!("there is no employee {name}")))
}

/// An e-mail address: something on both sides of one `@`, without white space.
pub fn address(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let fits = text.len() <= 254
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && text
            .split_once('@')
            .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'));
    fits.then(|| text.to_owned())
        .ok_or_else(|| Problem::unfit("email: is no e-mail address"))
}

/// Where an employee is found.
fn address_of(login: &Login) -> String {
    let name: String = url::form_urlencoded::byte_serialize(login.as_str().as_bytes()).collect();
    format!("/v1/employees/{}", name.replace('+', "%20"))
}
