//! Manage Employees: for the admins of a firm, each in their own firm only (PAGES.md, DESIGN section 5).
//!
//! - `guard`: who may come here, and what a change needs (I14).
//! - `confirm`: proving a factor where the firm's policy asks for none, or where the last proof is too old.
//! - `overview`, `two_factor`: the question, what Yes and No mean, and answering it.
//! - `table`, `employees`: the firm's people, searched, filtered, sorted and paged.
//! - `profile`, `belongings`: one of them, and what they have. `action`, `actions`: what is done to one.
//! - `phone_changes`: the numbers that are asked for.
//! - `policy`: the firm's policy. `undo`: taking back what was saved. `trail`: its audit, and who passed without a second factor. `transfer`,
//!   `look_over`, `progress`, `csv`: imports and files.

mod action;
mod actions;
mod belongings;
mod confirm;
mod confirm_phone;
mod csv;
mod employees;
mod guard;
mod look_over;
mod overview;
mod phone_changes;
mod policy;
mod profile;
mod progress;
mod table;
mod trail;
mod transfer;
mod two_factor;
mod undo;

#[cfg(test)]
pub(super) use look_over::read_aside;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::desk::{Desk, is_verified};
use super::refusal::Stop;
use crate::access::{Doorstep, Visitor, Who};
use crate::gate::Role;

/// The first page.
const ADMIN: &str = "/.doorstep/admin/";

/// An answer, or why there is none.
type Answer = Result<http::Response<bytes::Bytes>, Stop>;

/// The addresses below `/.doorstep/admin`.
pub(super) fn routes() -> Router<Arc<Doorstep>> {
    Router::new()
        .route("/.doorstep/admin", get(overview::show))
        .route("/.doorstep/admin/", get(overview::show))
        .route(
            "/.doorstep/admin/confirm",
            get(confirm::show).post(confirm::verify),
        )
        .route("/.doorstep/admin/confirm/sms", post(confirm::sms))
        .route("/.doorstep/admin/confirm/phone", post(confirm_phone::ask))
        .route(
            "/.doorstep/admin/two-factor",
            get(two_factor::show).post(two_factor::answer),
        )
        .route("/.doorstep/admin/employees", get(employees::show))
        .route(
            "/.doorstep/admin/employee",
            get(profile::show).post(profile::save),
        )
        .route(
            "/.doorstep/admin/employee/new",
            get(profile::blank).post(profile::add),
        )
        .route(
            "/.doorstep/admin/employee/{action}",
            get(actions::ask).post(actions::act),
        )
        .route("/.doorstep/admin/undo", get(undo::ask).post(undo::act))
        .route("/.doorstep/admin/phone-changes", get(phone_changes::show))
        .route(transfer::IMPORT, get(transfer::choose).post(transfer::import))
        .route(
            "/.doorstep/admin/export",
            get(transfer::ask).post(transfer::export),
        )
        .route("/.doorstep/admin/phone-check", post(profile::check_phone))
        .route("/.doorstep/admin/policy", get(policy::show).post(policy::save))
        .route("/.doorstep/admin/audit", get(trail::trail))
        .route("/.doorstep/admin/audit.csv", get(trail::trail_file))
        .route("/.doorstep/admin/passed-without-2fa", get(trail::report))
        .route("/.doorstep/admin/passed-without-2fa.csv", get(trail::report_file))
        // What is not there is nobody's business but an admin's.
        .route("/.doorstep/admin/{*rest}", get(nothing).post(nothing))
}

/// How long a body may be that `visitor` sends to `path`, in bytes: an admin's import is longer than a form.
pub fn longest_body(path: &str, visitor: &Visitor) -> usize {
    let Who::Session(session) = &visitor.who else {
        return 0;
    };
    let is_admin = session
        .standing
        .as_deref()
        .is_some_and(|standing| standing.role == Role::Admin);
    if path == transfer::IMPORT && is_admin && is_verified(session) {
        return transfer::LONGEST;
    }
    0
}

/// The last parts of the addresses of what is done to one employee.
#[cfg(test)]
pub(super) fn actions_of_one() -> Vec<&'static str> {
    action::Action::ALL.map(action::Action::word).to_vec()
}

async fn nothing(desk: Desk) -> axum::response::Response {
    let outcome = match desk.admin(ADMIN).await {
        Ok(_) => Err(super::Told::NotFound.into()),
        Err(stop) => Err(stop),
    };
    desk.finish(outcome)
}
