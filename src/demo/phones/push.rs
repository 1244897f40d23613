//! The phone page of one of the demo's people, added by a click: what the account page's QR code is in earnest.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Phones;
use super::page::unavailable;
use crate::gate::Login;
use crate::secret::random_bytes;

/// How long the code counts.
const LIFE: Duration = Duration::from_secs(600);

impl Phones {
    /// Where the phone pages of everybody are.
    pub(super) fn phone_page(&self) -> String {
        format!("http://{}/.doorstep/phone/", self.addresses.gateway)
    }
}

/// Leads to the phone page, with a code that adds it to this person's phones.
pub(super) async fn open(State(phones): State<Arc<Phones>>, Path(login): Path<String>) -> Response {
    let Some(person) = phones.people.iter().find(|person| person.login == login) else {
        return (StatusCode::NOT_FOUND, "nobody of that name\n").into_response();
    };
    let Ok(login) = Login::parse(person.login) else {
        return (StatusCode::NOT_FOUND, "nobody of that name\n").into_response();
    };
    let code = URL_SAFE_NO_PAD.encode(random_bytes::<16>());
    let until = phones.clock.now().plus(LIFE);
    if let Err(error) = phones.directory.keep_device_code(&login, &code, until).await {
        return unavailable(&error.into());
    }
    match HeaderValue::from_str(&format!("{}#enrol={code}", phones.phone_page())) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(error) => unavailable(&error.into()),
    }
}
