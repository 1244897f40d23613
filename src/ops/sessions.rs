//! Live sessions, over the ops address: what `session list` asks of a gateway with `store = "memory"`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::Doorstep;
use crate::gate::{FirmId, Login};
use crate::sessions::{SessionFilter, SessionRecord};

/// The query of `GET /v1/sessions`.
#[derive(Debug, Deserialize)]
pub struct Asked {
    login: Option<String>,
    firm: Option<String>,
}

/// Lists live sessions that have a holder.
pub async fn list(State(door): State<Arc<Doorstep>>, Query(asked): Query<Asked>) -> Response {
    let filter = match read_filter(&asked) {
        Ok(filter) => filter,
        Err(why) => return problem(StatusCode::UNPROCESSABLE_ENTITY, &why),
    };
    match door.store.list(&filter, door.now()).await {
        Ok(mut records) => {
            records.retain(|record| !door.copies.is_ended(record.id.public()).unwrap_or(false));
            records.sort_by_key(|record| record.since);
            let items: Vec<Value> = records.iter().map(item).collect();
            Json(json!({ "items": items, "next": null })).into_response()
        }
        Err(_) => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the session store does not answer",
        ),
    }
}

fn read_filter(asked: &Asked) -> Result<SessionFilter, String> {
    let login = asked
        .login
        .as_deref()
        .map(Login::parse)
        .transpose()
        .map_err(|why| why.to_string())?;
    let firm = asked.firm.as_deref().map(FirmId::parse).transpose()?;
    Ok(SessionFilter { login, firm })
}

/// A session as the API and `session list --json` show it.
pub fn item(record: &SessionRecord) -> Value {
    let holder = record.level.holder();
    json!({
        "id": record.id.public(),
        "login": holder.map(|holder| holder.login.as_str()),
        "firm": holder.and_then(|holder| holder.firm.as_ref()).map(FirmId::as_str),
        "level": record.level.as_str(),
        "address": record.address.to_string(),
        "since": record.since.to_string(),
        "last_seen": record.last_seen.to_string(),
    })
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    (
        status,
        [(CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}
