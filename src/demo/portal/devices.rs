//! The firm's devices; each has a page whose tabs are deep links.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::data::{Device, devices_of};
use super::page::{self, Frame, render};
use super::sessions::SignedIn;

#[derive(Template)]
#[template(path = "demo/portal/devices.html")]
struct List {
    frame: Frame,
    firm: String,
    devices: Vec<&'static Device>,
}

pub(super) async fn list(SignedIn(account): SignedIn, headers: HeaderMap) -> Response {
    let page = List {
        firm: account.firm.clone(),
        devices: devices_of(&account.firm).collect(),
        frame: Frame::new("Devices", Some(account), &headers),
    };
    render(StatusCode::OK, &page)
}

#[derive(Template)]
#[template(path = "demo/portal/device.html")]
struct Detail {
    frame: Frame,
    device: &'static Device,
    tab: Tab,
}

/// Which part of a device's page is shown.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Tab {
    #[default]
    Overview,
    Log,
}

#[derive(Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    tab: Tab,
}

/// One device; another firm's is not there.
pub(super) async fn detail(
    SignedIn(account): SignedIn,
    Path(id): Path<u32>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
) -> Response {
    let Some(device) = devices_of(&account.firm).find(|device| device.id == id) else {
        return page::not_found(SignedIn(account), headers).await;
    };
    let frame = Frame::new("Devices", Some(account), &headers);
    render(
        StatusCode::OK,
        &Detail {
            frame,
            device,
            tab: shown.tab,
        },
    )
}
