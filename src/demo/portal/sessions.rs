//! The portal's own sessions, in memory, and who is signed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use cookie::{Cookie, SameSite};

use super::{Account, PortalApp, SESSION_COOKIE};
use crate::secret::random_id;

/// The most sessions that are kept; then any one makes room.
const KEPT: usize = 10_000;

/// Session id to account; `None`: nobody has signed in under it yet.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Option<Account>>>);

impl Sessions {
    /// A new session's id.
    pub(super) fn begin(&self, account: Option<Account>) -> String {
        let id = random_id();
        self.put(id.clone(), account);
        id
    }

    pub(super) fn put(&self, id: String, account: Option<Account>) {
        let mut sessions = self.lock();
        if sessions.len() >= KEPT
            && let Some(any) = sessions.keys().next().cloned()
        {
            sessions.remove(&any);
        }
        sessions.insert(id, account);
    }

    pub(super) fn end(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Whether there is such a session, signed in or not.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.lock().contains_key(id)
    }

    fn account(&self, id: &str) -> Option<Account> {
        self.lock().get(id).cloned().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Option<Account>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of the first cookie of that name.
pub(super) fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| Cookie::split_parse(line.to_owned()).flatten())
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

/// The Set-Cookie value of a session.
pub(super) fn session_cookie(id: String) -> String {
    Cookie::build((SESSION_COOKIE, id))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .to_string()
}

/// The one whose session cookie came with the request. Others are sent to the login page, scripts are
/// answered 401.
pub(super) struct SignedIn(pub(super) Account);

impl FromRequestParts<Arc<PortalApp>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<PortalApp>) -> Result<Self, Response> {
        let account = cookie_value(&parts.headers, SESSION_COOKIE).and_then(|id| app.sessions.account(&id));
        if let Some(account) = account {
            return Ok(Self(account));
        }
        if parts.uri.path().starts_with("/api/") {
            let body = Json(serde_json::json!({ "error": "not signed in" }));
            return Err((StatusCode::UNAUTHORIZED, body).into_response());
        }
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let target: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        Err(Redirect::to(&format!("/login?next={target}")).into_response())
    }
}
