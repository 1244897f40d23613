//! Manage Employees: for the admins of a firm, each in their own firm only (PAGES.md, DESIGN section 5).
//!
//! - `guard`: who may come here, and what a change needs (I14).
//! - `confirm`: proving a factor where the firm's policy asks for none, or where the last proof is too old.
//! - `overview`, `two_factor`: the question, what Yes and No mean, and answering it.
//! - `table`, `employees`: the firm's people, searched, filtered, sorted and paged.

mod confirm;
mod employees;
mod guard;
mod overview;
mod table;
mod two_factor;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::desk::Desk;
use super::refusal::Stop;
use crate::access::Doorstep;

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
        .route(
            "/.doorstep/admin/two-factor",
            get(two_factor::show).post(two_factor::answer),
        )
        .route("/.doorstep/admin/employees", get(employees::show))
        // What is not there is nobody's business but an admin's.
        .route("/.doorstep/admin/{*rest}", get(nothing).post(nothing))
}

async fn nothing(desk: Desk) -> axum::response::Response {
    let outcome = match desk.admin(ADMIN).await {
        Ok(_) => Err(super::Told::NotFound.into()),
        Err(stop) => Err(stop),
    };
    desk.finish(outcome)
}
