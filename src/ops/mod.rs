//! Health, metrics and the admin API, on an address of their own: never on the public one.
//!
//! One file per noun. `token` finds out who asks, `scope` what they may do, `input` what they say, `problem` how
//! they are refused, `idempotency` that what is sent twice is done once; `openapi` describes it all.

mod audit;
mod devices;
mod drift;
mod employees;
mod etag;
mod factors;
mod firms;
mod health;
mod idempotency;
mod input;
mod metrics;
mod openapi;
mod phone_change;
mod problem;
mod reports;
mod scim;
mod scope;
mod sessions;
mod token;
mod tokens;
mod two_factor;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

pub use input::BODY_LIMIT;
pub use metrics::Metrics;
pub use problem::refusal;
pub use token::{Peer, Token};

use crate::access::Doorstep;

/// The router of the ops address. A bearer token throughout, but for `/healthz` and `/readyz`.
pub fn router(door: Arc<Doorstep>, token: Token) -> Router {
    let keeper = Arc::new(token::Doorkeeper {
        token,
        door: Arc::clone(&door),
    });
    let guarded = Router::new()
        .route("/metrics", get(metrics::show))
        .merge(api())
        .merge(scim::router())
        .fallback(nothing)
        .layer(from_fn_with_state(Arc::clone(&door), idempotency::keep))
        .layer(from_fn_with_state(keeper, token::require))
        .layer(from_fn(problem::of_refusals))
        .layer(from_fn(scim::of_problems));
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(guarded)
        .with_state(door)
}

fn api() -> Router<Arc<Doorstep>> {
    Router::new()
        .route("/v1/openapi.json", get(openapi::show))
        .route("/v1/firms", get(firms::list).post(firms::add))
        .route("/v1/firms/{id}", get(firms::show).patch(firms::change))
        .route("/v1/firms/{id}/two-factor", put(two_factor::switch))
        .route("/v1/firms/{id}/break-glass", post(firms::break_glass))
        .route("/v1/employees", get(employees::list).post(employees::add))
        .route(
            "/v1/employees/{login}",
            get(employees::show)
                .patch(employees::change)
                .delete(employees::remove),
        )
        .route("/v1/employees/{login}/reset", post(employees::reset))
        .route("/v1/employees/{login}/unlock", post(employees::unlock))
        .route("/v1/employees/{login}/sign-out", post(employees::sign_out))
        .route(
            "/v1/employees/{login}/factors",
            get(factors::list).delete(factors::remove_all),
        )
        .route(
            "/v1/employees/{login}/factors/{id}",
            get(factors::show).delete(factors::remove),
        )
        .route(
            "/v1/employees/{login}/devices",
            get(devices::list).delete(devices::remove_all),
        )
        .route(
            "/v1/employees/{login}/devices/{id}",
            get(devices::show).delete(devices::remove),
        )
        .route(
            "/v1/employees/{login}/phone-change",
            get(phone_change::show)
                .post(phone_change::approve)
                .delete(phone_change::cancel),
        )
        .route("/v1/sessions", get(sessions::list))
        .route("/v1/sessions/{id}", get(sessions::show).delete(sessions::remove))
        .route("/v1/audit", get(audit::list))
        .route("/v1/audit/verify", get(audit::verify))
        .route("/v1/reports/passed-without-2fa", get(reports::passed))
        .route("/v1/tokens", get(tokens::list).post(tokens::add))
        .route("/v1/tokens/{id}", get(tokens::show).delete(tokens::remove))
        .route("/v1/tokens/{id}/rotate", post(tokens::rotate))
}

async fn nothing() -> problem::Problem {
    problem::Problem::not_found("there is nothing at this address; see /v1/openapi.json")
}
