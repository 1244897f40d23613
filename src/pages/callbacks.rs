//! `callbacks/authy`, `callbacks/twilio`: what providers call back. Nothing of it is believed: a genuine one
//! only makes this gateway ask the provider at once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};

use crate::access::Doorstep;
use crate::clock::Timestamp;
use crate::directory::Spent;
use crate::providers::{Genuine, NotGenuine, Received};

/// The longest callback, in bytes.
const LIMIT: usize = 64 * 1024;
/// A callback that was seen is refused for so long.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// POST `callbacks/authy`.
pub(super) async fn authy(State(door): State<Arc<Doorstep>>, request: Request) -> Response {
    answer(&door, request, |door, received, now| {
        door.settings.load().providers.callbacks.authy(received, now)
    })
    .await
}

/// POST `callbacks/twilio`.
pub(super) async fn twilio(State(door): State<Arc<Doorstep>>, request: Request) -> Response {
    answer(&door, request, |door, received, now| {
        door.settings.load().providers.callbacks.twilio(received, now)
    })
    .await
}

async fn answer(
    door: &Doorstep,
    request: Request,
    judge: impl FnOnce(&Doorstep, &Received<'_>, Timestamp) -> Result<Genuine, NotGenuine>,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    received(door, &parts.uri, &parts.headers, &body, judge)
        .await
        .into_response()
}

async fn received(
    door: &Doorstep,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
    judge: impl FnOnce(&Doorstep, &Received<'_>, Timestamp) -> Result<Genuine, NotGenuine>,
) -> StatusCode {
    let now = door.now();
    let settings = door.settings.load_full();
    let received = Received {
        public_url: &settings.config.listen.public_url,
        path: uri.path(),
        query: uri.query(),
        headers,
        body,
    };
    let genuine = match judge(door, &received, now) {
        Ok(genuine) => genuine,
        Err(refused) => {
            tracing::warn!(path = uri.path(), ?refused, "a callback was refused");
            return StatusCode::UNAUTHORIZED;
        }
    };
    let once = door
        .keys
        .keyed_hash(crate::secret::Purpose::Token, genuine.once.as_bytes());
    match door
        .directory
        .spend(Spent::Callback, &once, now.plus(REMEMBERED))
        .await
    {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!(path = uri.path(), "a callback came a second time");
            return StatusCode::UNAUTHORIZED;
        }
        Err(unknown) => {
            tracing::error!(%unknown, "a callback could not be recorded");
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    if let (Some(request), Some(approver)) = (&genuine.request, &settings.providers.approver) {
        approver.called_back(request);
    }
    if let Some((message, code)) = &genuine.undelivered {
        tracing::warn!(message, code, "a token was not delivered");
    }
    StatusCode::OK
}
