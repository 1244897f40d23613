//! The phones page: what each of the demo's people would hold in their hand, and the two firms' switches.

mod guard;
mod inbox;
mod page;
mod push;
mod view;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};

use super::seed::Person;
use super::story::Addresses;
use crate::clock::Clock;
use crate::directory::Directory;

/// What the phones page looks at.
pub struct Phones {
    /// Whose phones.
    pub people: Arc<[Person]>,
    /// Where the firms' policy stands.
    pub directory: Directory,
    /// Where the provider `file` puts its messages.
    pub messages: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where everything is.
    pub addresses: Addresses,
}

/// The page, the same as JSON, and the switches; for this computer's own pages only.
pub fn router(phones: Phones) -> Router {
    let guard = guard::Guard::new(phones.addresses.phones, phones.addresses.gateway);
    Router::new()
        .route("/", get(page::show))
        .route("/state.json", get(page::state))
        .route("/firms/{id}/two-factor", post(page::switch))
        .route("/phones.css", get(|| text("text/css; charset=utf-8", CSS)))
        .route(
            "/phones.js",
            get(|| text("text/javascript; charset=utf-8", SCRIPT)),
        )
        .route("/people/{login}/phone", post(push::open))
        .layer(axum::middleware::from_fn_with_state(guard, guard::own_pages_only))
        .with_state(Arc::new(phones))
}

const CSS: &str = include_str!("../../../templates/demo/phones/phones.css");
const SCRIPT: &str = include_str!("../../../templates/demo/phones/phones.js");

async fn text(kind: &'static str, body: &'static str) -> impl IntoResponse {
    let fields: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, kind)];
    (fields, body)
}

#[cfg(test)]
mod tests;
