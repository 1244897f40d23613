//! A sample *Partner Portal*: what stands behind doorstep in the demo and in tests. It knows nothing of
//! doorstep; whoever reaches it with the right password is in.

mod api;
mod data;
mod desk;
mod devices;
mod files;
mod knobs;
mod live;
mod login;
mod page;
mod recorder;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};

pub use knobs::{Framing, Knobs, Success};
pub use recorder::{Seen, SeenLog};

use data::Tickets;
use sessions::Sessions;

/// The portal's session cookie.
pub const SESSION_COOKIE: &str = "portal_session";

/// The cookie that the portal's scripts read and write.
pub const THEME_COOKIE: &str = "theme";

/// Somebody whom the portal knows.
#[derive(Clone, Debug)]
pub struct Account {
    /// What they sign in with.
    pub email: String,
    /// In the clear: this is a sample.
    pub password: String,
    /// Shown in the page's head.
    pub name: String,
    /// The firm whose tickets and devices they see.
    pub firm: String,
}

/// The portal's people, its state, and what tests turn.
pub struct PortalApp {
    accounts: Vec<Account>,
    knobs: Knobs,
    seen: Option<SeenLog>,
    sessions: Sessions,
    tickets: Tickets,
}

impl PortalApp {
    /// A portal for these people.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self {
            accounts,
            knobs: Knobs::default(),
            seen: None,
            sessions: Sessions::default(),
            tickets: Tickets::default(),
        }
    }

    /// Answers logins as `knobs` says.
    #[must_use]
    pub fn with_knobs(mut self, knobs: Knobs) -> Self {
        self.knobs = knobs;
        self
    }

    /// Notes every request in `seen`, which keeps the first ten thousand.
    #[must_use]
    pub fn with_recorder(mut self, seen: SeenLog) -> Self {
        self.seen = Some(seen);
        self
    }

    /// The account with this e-mail address and password.
    fn account(&self, email: &str, password: &str) -> Option<&Account> {
        let email = email.trim();
        self.accounts
            .iter()
            .find(|account| account.email.eq_ignore_ascii_case(email) && account.password == password)
    }
}

/// The portal's addresses.
pub fn portal_router(app: PortalApp) -> Router {
    let seen = app.seen.clone();
    let router = Router::new()
        .route("/", get(|| async { Redirect::to("/dashboard") }))
        .route("/login", get(login::form).post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/dashboard", get(desk::dashboard))
        .route("/tickets", post(desk::new_ticket))
        .route("/devices", get(devices::list))
        .route("/devices/{id}", get(devices::detail))
        .route("/live", get(live::page))
        .route("/live/socket", get(live::socket))
        .route("/live/events", get(live::events))
        .route("/files", get(files::page))
        .route("/files/{name}", get(files::download))
        .route("/upload", post(files::upload).layer(DefaultBodyLimit::disable()))
        .route("/api/me", get(api::me))
        .route("/api/tickets", get(api::tickets))
        .route("/static/portal.css", get(|| text("text/css", CSS)))
        .route("/static/portal.js", get(|| text("text/javascript", SCRIPT)))
        .route("/static/mark.svg", get(|| text("image/svg+xml", MARK)))
        .fallback(page::not_found)
        .with_state(Arc::new(app));
    match seen {
        Some(seen) => router.layer(axum::middleware::from_fn_with_state(seen, recorder::record)),
        None => router,
    }
}

const CSS: &str = include_str!("../../../templates/demo/portal/portal.css");
const SCRIPT: &str = include_str!("../../../templates/demo/portal/portal.js");
const MARK: &str = include_str!("../../../templates/demo/portal/mark.svg");

async fn text(kind: &'static str, body: &'static str) -> impl IntoResponse {
    let kind = format!("{kind}; charset=utf-8");
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "max-age=60".to_owned()),
        ],
        body,
    )
}

#[cfg(test)]
mod tests;
