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
        let portals = self.portal_cookies.iter().map(|name| removal(name));
        for cookie in std::iter::once(self.door.clear_session_cookie()).chain(portals) {
            match HeaderValue::from_str(&cookie) {
                Ok(value) => drop(response.headers_mut().append(header::SET_COOKIE, value)),
                Err(_) => tracing::error!("a session cookie's name cannot be put into a header"),
            }
        }
        response
    }
}

/// Takes a cookie of the portal's back that the browser holds itself (forward-auth mode).
fn removal(name: &str) -> String {
    let cookie = cookie::Cookie::build((name.to_owned(), "")).path("/");
    cookie.removal().build().to_string()
}
