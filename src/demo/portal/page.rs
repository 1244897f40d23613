//! What all pages share: the frame with its navigation, rendering, and "no such page".

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::sessions::{SignedIn, cookie_value};
use super::{Account, THEME_COOKIE};

/// What the frame round a page shows.
pub(super) struct Frame {
    /// The page's name, in title and navigation.
    pub(super) page: &'static str,
    /// Who is signed in.
    pub(super) account: Option<Account>,
    /// `light` or `dark`, from the cookie that the portal's script writes.
    pub(super) theme: &'static str,
}

impl Frame {
    pub(super) fn new(page: &'static str, account: Option<Account>, headers: &HeaderMap) -> Self {
        let dark = cookie_value(headers, THEME_COOKIE).is_some_and(|theme| theme == "dark");
        Self {
            page,
            account,
            theme: if dark { "dark" } else { "light" },
        }
    }
}

/// A page as an answer.
pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Template)]
#[template(path = "demo/portal/not_found.html")]
struct NotFound {
    frame: Frame,
}

/// No such page; whoever is not signed in is told nothing, not even that.
pub(super) async fn not_found(SignedIn(account): SignedIn, headers: HeaderMap) -> Response {
    let frame = Frame::new("Not found", Some(account), &headers);
    render(StatusCode::NOT_FOUND, &NotFound { frame })
}
