//! The page and its switches.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;

use super::Phones;
use super::view::View;
use crate::demo::seed;
use crate::directory::ChangeRefused;

#[derive(Template)]
#[template(path = "demo/phones/page.html")]
struct Page {
    view: View,
    portal: String,
    phone_page: String,
}

pub(super) async fn show(State(phones): State<Arc<Phones>>) -> Response {
    let view = match phones.view().await {
        Ok(view) => view,
        Err(error) => return unavailable(&error),
    };
    let page = Page {
        view,
        portal: format!("http://{}/", phones.addresses.gateway),
        phone_page: phones.phone_page(),
    };
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => unavailable(&error.into()),
    }
}

/// The page's content for scripts.
pub(super) async fn state(State(phones): State<Arc<Phones>>) -> Response {
    match phones.view().await {
        Ok(view) => Json(view).into_response(),
        Err(error) => unavailable(&error),
    }
}

#[derive(Deserialize)]
pub(super) struct Switch {
    enabled: bool,
}

/// Switches a firm's second factor.
pub(super) async fn switch(
    State(phones): State<Arc<Phones>>,
    Path(firm): Path<String>,
    Form(switch): Form<Switch>,
) -> Response {
    match seed::switch(&phones.directory, &firm, switch.enabled, phones.clock.now()).await {
        Ok(()) => Redirect::to("/").into_response(),
        Err(ChangeRefused::NotFound(why)) => (StatusCode::NOT_FOUND, why).into_response(),
        Err(refused @ ChangeRefused::Unknown(_)) => unavailable(&refused.into()),
        Err(refused) => (StatusCode::CONFLICT, refused.to_string()).into_response(),
    }
}

pub(super) fn unavailable(error: &anyhow::Error) -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        format!("Not right now: {error:#}\n"),
    )
        .into_response()
}
