//! The portal's login form: e-mail address and password, as every second portal has it.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use cookie::{Cookie, SameSite};
use serde::Deserialize;

use super::page::{Frame, render};
use super::sessions::{cookie_value, session_cookie};
use super::{PortalApp, SESSION_COOKIE, THEME_COOKIE};

#[derive(Template)]
#[template(path = "demo/portal/login.html")]
struct LoginPage {
    frame: Frame,
    email: String,
    next: String,
    wrong: bool,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    next: Option<String>,
}

/// The form.
pub(super) async fn form(
    State(app): State<Arc<PortalApp>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let page = LoginPage {
        frame: Frame::new("Sign in", None, &headers),
        email: String::new(),
        next: own_path(wanted.next),
        wrong: false,
    };
    let mut answer = render(StatusCode::OK, &page);
    let has_session = cookie_value(&headers, SESSION_COOKIE).is_some_and(|id| app.sessions.knows(&id));
    if app.knobs.keeps_cookie && !has_session {
        add_cookie(&mut answer, session_cookie(app.sessions.begin(None)));
    }
    answer
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    email: String,
    password: String,
    next: Option<String>,
}

/// Right: on to `next`. Wrong: 200 with the form again.
pub(super) async fn sign_in(
    State(app): State<Arc<PortalApp>>,
    headers: HeaderMap,
    Form(credentials): Form<Credentials>,
) -> Response {
    tokio::time::sleep(app.knobs.delay).await;
    let next = own_path(credentials.next);
    let Some(account) = app.account(&credentials.email, &credentials.password) else {
        let page = LoginPage {
            frame: Frame::new("Sign in", None, &headers),
            email: credentials.email,
            next,
            wrong: true,
        };
        return render(StatusCode::OK, &page);
    };
    let kept =
        cookie_value(&headers, SESSION_COOKIE).filter(|id| app.knobs.keeps_cookie && app.sessions.knows(id));
    let mut answer = app.knobs.signed_in(&next);
    match kept {
        Some(id) => app.sessions.put(id, Some(account.clone())),
        None => {
            let id = app.sessions.begin(Some(account.clone()));
            add_cookie(&mut answer, session_cookie(id));
        }
    }
    if cookie_value(&headers, THEME_COOKIE).is_none() {
        let theme = Cookie::build((THEME_COOKIE, "light"))
            .path("/")
            .same_site(SameSite::Lax);
        add_cookie(&mut answer, theme.to_string());
    }
    answer
}

/// Ends the portal's session.
pub(super) async fn sign_out(State(app): State<Arc<PortalApp>>, headers: HeaderMap) -> Response {
    if let Some(id) = cookie_value(&headers, SESSION_COOKIE) {
        app.sessions.end(&id);
    }
    let mut answer = Redirect::to("/login").into_response();
    let mut gone = Cookie::build((SESSION_COOKIE, ""))
        .path("/")
        .http_only(true)
        .build();
    gone.make_removal();
    add_cookie(&mut answer, gone.to_string());
    answer
}

/// Only ever a path of this portal.
fn own_path(next: Option<String>) -> String {
    next.filter(|next| {
        next.starts_with('/')
            && !next.starts_with("//")
            && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    })
    .unwrap_or_else(|| "/dashboard".to_owned())
}

fn add_cookie(answer: &mut Response, cookie: String) {
    if let Ok(value) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}
