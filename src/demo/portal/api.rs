//! What the portal's scripts ask: JSON, 401 where nobody is signed in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::PortalApp;
use super::sessions::SignedIn;

/// Who is signed in.
pub(super) async fn me(SignedIn(account): SignedIn) -> Json<Value> {
    Json(json!({ "user": { "email": account.email, "name": account.name, "firm": account.firm } }))
}

/// The firm's tickets, newest first.
pub(super) async fn tickets(State(app): State<Arc<PortalApp>>, SignedIn(account): SignedIn) -> Json<Value> {
    Json(json!({ "firm": account.firm, "tickets": app.tickets.of(&account.firm) }))
}
