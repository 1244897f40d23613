//! The dashboard: the firm's tickets at a glance, and a form that opens one.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::PortalApp;
use super::data::{Device, Ticket, devices_of};
use super::page::{Frame, render};
use super::sessions::SignedIn;

#[derive(Template)]
#[template(path = "demo/portal/dashboard.html")]
struct Dashboard {
    frame: Frame,
    firm: String,
    tickets: Vec<Ticket>,
    devices: Vec<&'static Device>,
    open: usize,
    online: usize,
    service: usize,
}

pub(super) async fn dashboard(
    State(app): State<Arc<PortalApp>>,
    SignedIn(account): SignedIn,
    headers: HeaderMap,
) -> Response {
    let tickets = app.tickets.of(&account.firm);
    let devices: Vec<_> = devices_of(&account.firm).collect();
    let in_state = |state| devices.iter().filter(|device| device.state == state).count();
    let page = Dashboard {
        firm: account.firm.clone(),
        open: tickets.iter().filter(|ticket| ticket.state != "closed").count(),
        online: in_state("online"),
        service: in_state("needs service"),
        tickets,
        devices,
        frame: Frame::new("Dashboard", Some(account), &headers),
    };
    render(StatusCode::OK, &page)
}

#[derive(Deserialize)]
pub(super) struct NewTicket {
    title: String,
    device: u32,
}

/// Opens a ticket and goes back to the dashboard.
pub(super) async fn new_ticket(
    State(app): State<Arc<PortalApp>>,
    SignedIn(account): SignedIn,
    Form(ticket): Form<NewTicket>,
) -> Response {
    let title: String = ticket.title.trim().chars().take(120).collect();
    let is_own = devices_of(&account.firm).any(|device| device.id == ticket.device);
    if title.is_empty() || !is_own {
        return (
            StatusCode::UNPROCESSABLE_ENTITY,
            "A ticket needs a title and one of your devices.\n",
        )
            .into_response();
    }
    if !app.tickets.open(&account.firm, title, ticket.device) {
        return (StatusCode::CONFLICT, "Too many open tickets.\n").into_response();
    }
    Redirect::to("/dashboard").into_response()
}
