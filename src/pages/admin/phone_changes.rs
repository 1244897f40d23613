//! `admin/phone-changes`: the numbers that the firm's people ask for, to approve or cancel.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::Answer;
use super::belongings::Pending;
use super::guard::{Frame, Here};

#[derive(Template)]
#[template(path = "admin/phone_changes.html")]
struct ChangesPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    changes: Vec<Pending>,
}

/// GET `admin/phone-changes`.
pub(super) async fn show(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri).await)
}

async fn page(desk: &Desk, uri: &http::Uri) -> Answer {
    let admin = desk.admin(Here::PhoneChanges.address()).await?;
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let waiting = desk
        .door
        .directory
        .pending_phone_changes(Some(admin.firm()))
        .await?;
    let page = ChangesPage {
        shell: admin.shell(Here::PhoneChanges.name()),
        frame: admin.frame(Here::PhoneChanges, &query),
        changes: waiting.iter().map(|change| Pending::of(&admin, change)).collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}
