//! Health, metrics and the admin API, on an address of their own: never on the public one.

mod drift;
mod health;
mod metrics;
mod sessions;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;

pub use metrics::Metrics;
pub use token::Token;

use crate::access::Doorstep;

/// The router of the ops address. A bearer token throughout, but for `/healthz` and `/readyz`.
pub fn router(door: Arc<Doorstep>, token: Token) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics::show))
        .route("/v1/sessions", get(sessions::list))
        .layer(middleware::from_fn_with_state(Arc::new(token), token::require));
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(guarded)
        .with_state(door)
}
