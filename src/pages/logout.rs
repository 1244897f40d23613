//! `logout`: ends the session, whatever its level.

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::Told;
use super::desk::Desk;
use super::layout;
use super::refusal::Stop;
use crate::access::Ending;

/// POST `logout`.
pub(super) async fn logout(desk: Desk, request: Request) -> Response {
    desk.finish(ended(&desk, request).await)
}

async fn ended(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (session, _) = desk.posted(request).await?;
    if desk.door.end_session(session).await? == Ending::Overtaken {
        return Err(Told::Retry.into());
    }
    Ok(desk.signed_out())
}

impl Desk {
    /// Back to the portal's login page, without the session's cookie.
    pub(super) fn signed_out(&self) -> http::Response<Bytes> {
        let login = self.login_page();
        let mut response = if self.json {
            layout::json(
                StatusCode::OK,
                &json!({"status": "signed_out", "location": login}),
            )
        } else {
            layout::see_other(&login)
        };
        match HeaderValue::from_str(&self.door.clear_session_cookie()) {
            Ok(value) => drop(response.headers_mut().append(header::SET_COOKIE, value)),
            Err(_) => tracing::error!("the session cookie's name cannot be put into a header"),
        }
        response
    }
}
