//! With `own_url`: which of the two origins serves what. The public one keeps of `/.doorstep/` only callbacks and the
//! hand-over of sessions; the own one has nothing but own pages.

use bytes::Bytes;
use http::{Method, Response, header};
use pingora::http::RequestHeader;
use serde_json::json;

use super::arrival::Arrival;
use super::door::Door;
use crate::access::{Unknown, Who};
use crate::clock::Timestamp;
use crate::config::Side;
use crate::gate::Asker;
use crate::pages::{self, Told, told};

impl Door {
    /// The answer to a request that came to the wrong one of the two; `None`: it is right where it is. The place from
    /// which a page of the portal came to the challenge is noted on the way: on the other origin nobody can vouch for it.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub(super) async fn elsewhere(
        &self,
        head: &RequestHeader,
        arrival: &Arrival,
        who: &Who,
        now: Timestamp,
    ) -> Result<Option<Response<Bytes>>, Unknown> {
        let answer = elsewhere(arrival, who, now);
        if let (Some(_), Who::Session(live)) = (&answer, who)
            && arrival.side == Side::Public
            && arrival.target.path() == pages::CHALLENGE
            && let Some(place) =
                pages::named_place(&arrival.settings.config.portal.rules, &head.uri, &head.headers)
        {
            let note = |vault: &mut crate::vault::Vault| {
                vault.deep_link = Some(place.clone());
                true
            };
            self.door.change_vault(live, now, note).await?;
        }
        Ok(answer)
    }
}

fn elsewhere(arrival: &Arrival, who: &Who, now: Timestamp) -> Option<Response<Bytes>> {
    let config = &arrival.settings.config;
    config.listen.own_url.as_ref()?;
    let is_own = arrival.target.is_plain() && arrival.target.looks_own();
    match (arrival.side, is_own) {
        (Side::Own, true) => misplaced_callback(arrival, now),
        (Side::Own, false) => Some(nothing_here(arrival, now)),
        (Side::Public, true) if !pages::stays_public(arrival.target.path()) => {
            Some(lives_elsewhere(arrival, who, now))
        }
        (Side::Public, _) => None,
    }
}

/// Providers call `public_url` back, and sign for it.
fn misplaced_callback(arrival: &Arrival, now: Timestamp) -> Option<Response<Bytes>> {
    let is_callback = arrival.target.path().starts_with("/.doorstep/callbacks/");
    is_callback.then(|| refused(arrival, &Told::NotFound, now))
}

fn nothing_here(arrival: &Arrival, now: Timestamp) -> Response<Bytes> {
    let public = &arrival.settings.config.listen.public_url;
    if arrival.target.path_and_query() == "/" && arrival.method == Method::GET {
        return see_other(&format!("{public}/"));
    }
    refused(arrival, &Told::NotFound, now)
}

/// A window is sent there; whoever is not signed in is told so first, and a script gets nothing.
fn lives_elsewhere(arrival: &Arrival, who: &Who, now: Timestamp) -> Response<Bytes> {
    let listen = &arrival.settings.config.listen;
    let target = arrival.target.path_and_query();
    let address = pages::own_address(listen, target);
    let reads = matches!(arrival.method, Method::GET | Method::HEAD);
    if !reads || arrival.asker == Asker::Script {
        let body = json!({"error": "own_origin", "location": address}).to_string();
        return with_type(403, "application/json", body);
    }
    let needs_nobody = arrival.target.path().starts_with("/.doorstep/phone")
        || target.starts_with("/.doorstep/lost-phone/cancel");
    match who {
        Who::Nobody if !needs_nobody => {
            let login = arrival.settings.config.portal.rules.login_page.address(None);
            refused(arrival, &Told::SignInAgain { login }, now)
        }
        Who::Replaced if !needs_nobody => refused(arrival, &Told::Retry, now),
        _ => see_other(&address),
    }
}

fn refused(arrival: &Arrival, what: &Told, now: Timestamp) -> Response<Bytes> {
    told(what, arrival.asker, &arrival.settings.config.portal.name, now)
}

fn see_other(location: &str) -> Response<Bytes> {
    let mut answer = with_type(303, "text/plain; charset=utf-8", String::new());
    if let Ok(location) = http::HeaderValue::from_str(location) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

fn with_type(status: u16, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        http::HeaderValue::from_static("nosniff"),
    );
    answer
}
