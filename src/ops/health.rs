//! Whether the process lives, and whether it can serve.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::access::Doorstep;

/// 200 as long as the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 where directory and store answer and the public listener is open; 503 with what is missing. Warnings
/// are about the portal, and change no status.
pub async fn readyz(State(door): State<Arc<Doorstep>>) -> Response {
    let directory = door.directory.health().await.is_ok() && door.copies.is_ended("").is_ok();
    let store = door.store.ping().await.is_ok();
    let listening = door.metrics.is_listening();
    let ready = directory && store && listening;
    let word = |fine: bool| if fine { "ok" } else { "unavailable" };
    let body = Json(json!({
        "status": word(ready),
        "directory": word(directory),
        "store": word(store),
        "listener": word(listening),
        "warnings": door.metrics.drift.warnings(door.now()),
    }));
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, body).into_response()
}
