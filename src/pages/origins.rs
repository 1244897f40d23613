//! What own pages say of the two origins, where they have one of their own.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header};

use crate::access::Doorstep;

/// A form's answer leads back to the portal, so that its origin has to be named beside the page's own (CSP level 3,
/// 6.4.1: redirects count); and no page of the portal may hold on to a window or an answer of these.
pub(super) async fn guard(State(door): State<Arc<Doorstep>>, mut response: Response) -> Response {
    let settings = door.settings.load();
    let listen = &settings.config.listen;
    if listen.own_url.is_none() {
        return response;
    }
    let headers = response.headers_mut();
    let policy = headers
        .get(header::CONTENT_SECURITY_POLICY)
        .and_then(|policy| policy.to_str().ok());
    let wider = policy.map(|policy| {
        policy.replace(
            "form-action 'self'",
            &format!("form-action 'self' {}", listen.public_url),
        )
    });
    if let Some(wider) = wider.and_then(|wider| HeaderValue::from_str(&wider).ok()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, wider);
    }
    for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
        headers.insert(name, HeaderValue::from_static("same-origin"));
    }
    response
}
