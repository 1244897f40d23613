//! `phone/…`: the phone page, and what it asks. A phone proves itself by its key on each request; no cookie
//! counts here.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::Desk;
use super::layout;
use super::phone_proof::{Proven, body_of, read};
use super::proof::check_site;
use super::refusal::Stop;
use crate::access::{Doorstep, Unknown};
use crate::clock::Timestamp;
use crate::directory::{ChangeRefused, Device, SentPush, Subscription, parse_device_key};
use crate::factors::push_answer::{Answered, signed_by_key};
use crate::providers::web_push::is_usable;
use crate::sessions::{ChallengeId, ChallengeState};

/// How often a request that waits looks.
const EVERY: Duration = Duration::from_millis(700);
/// After so many looks it answers that nothing has changed.
const LOOKS: u32 = 20;

/// As elsewhere, and the page may have a worker and a manifest.
const PHONE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
     worker-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
);

type Answer = Result<http::Response<Bytes>, Stop>;

#[derive(Template)]
#[template(path = "phone.html")]
struct PhonePage<'a> {
    portal: &'a str,
}

/// GET `phone/`.
pub(super) async fn show(desk: Desk) -> Response {
    let page = PhonePage {
        portal: desk.portal(),
    };
    let mut answer = layout::page(StatusCode::OK, &page);
    answer
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, PHONE_POLICY);
    answer.map(Body::from).into_response()
}

/// GET `phone`: the page's scope ends in a slash.
pub(super) async fn slash() -> Response {
    layout::see_other("/.doorstep/phone/")
        .map(Body::from)
        .into_response()
}

/// GET `phone/{name}`: what the page is made of.
pub(super) async fn file(desk: Desk, uri: http::Uri) -> Response {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let (content_type, body): (&'static str, Bytes) = match name {
        "phone.js" => (JS, Bytes::from_static(include_bytes!("assets/phone.js"))),
        "worker.js" => (JS, Bytes::from_static(include_bytes!("assets/worker.js"))),
        "phone.css" => (
            "text/css; charset=utf-8",
            Bytes::from_static(include_bytes!("assets/phone.css")),
        ),
        "icon.svg" => (
            "image/svg+xml",
            Bytes::from_static(include_bytes!("assets/icon.svg")),
        ),
        "manifest.webmanifest" => (
            "application/manifest+json",
            manifest(desk.portal()).to_string().into(),
        ),
        _ => return desk.finish(Err(super::Told::NotFound.into())),
    };
    let mut answer = http::Response::new(Body::from(body));
    let headers = answer.headers_mut();
    layout::guard(headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.into_response()
}

const JS: &str = "text/javascript; charset=utf-8";

fn manifest(portal: &str) -> Value {
    json!({
        "name": format!("{portal}: approve sign-ins"),
        "short_name": portal,
        "id": "/.doorstep/phone/",
        "start_url": "/.doorstep/phone/",
        "scope": "/.doorstep/phone/",
        "display": "standalone",
        "background_color": "#101215",
        "theme_color": "#101215",
        "icons": [{"src": "/.doorstep/phone/icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    })
}

/// POST `phone/register`: enrols a phone by the code that the account page shows.
pub(super) async fn register(mut desk: Desk, request: Request) -> Response {
    desk.json = true;
    desk.finish(registered(&desk, request).await)
}

#[derive(Deserialize)]
struct Registration {
    code: String,
    name: String,
    key: String,
    signature: String,
}

async fn registered(desk: &Desk, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    check_site(&parts.headers, desk.settings.config.listen.own_origin())?;
    let bytes = body_of(body).await?;
    let asked: Registration = read(&bytes)?;
    let Some(key) = parse_device_key(&asked.key) else {
        return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, "bad_key"));
    };
    let origin = desk.settings.config.listen.own_origin().to_string();
    let message = format!("doorstep-device-1\n{origin}\n{}\n{}", asked.code, asked.key);
    let signature = URL_SAFE_NO_PAD.decode(&asked.signature).unwrap_or_default();
    if !signed_by_key(&key, message.as_bytes(), &signature) {
        return Ok(refused(StatusCode::UNAUTHORIZED, "bad_signature"));
    }
    let from = desk.visitor.client.to_canonical().to_string();
    let now = desk.now();
    let enrolled = desk
        .door
        .directory
        .enrol_device(&asked.code, &asked.name, &key, &from, now)
        .await;
    let device = match enrolled {
        Ok(Some(device)) => device,
        Ok(None) => return Ok(refused(StatusCode::GONE, "code_over")),
        Err(ChangeRefused::Unknown(unknown)) => return Err(Unknown::from(unknown).into()),
        Err(_) => return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, "refused")),
    };
    desk.door.copies.changed_here().await?;
    let signer = desk.door.push_signer().await?;
    let told = json!({
        "id": device.id,
        "login": device.login.as_str(),
        "name": device.name,
        "portal": desk.portal(),
        "push_key": signer.public_key(),
    });
    Ok(layout::json(StatusCode::CREATED, &told))
}

/// POST `phone/subscribe`: where this phone's browser can be woken.
pub(super) async fn subscribe(mut desk: Desk, request: Request) -> Response {
    desk.json = true;
    desk.finish(subscribed(&desk, request).await)
}

async fn subscribed(desk: &Desk, request: Request) -> Answer {
    let proven = match Proven::of(desk, request).await? {
        Ok(proven) => proven,
        Err(refused) => return Ok(refused),
    };
    let subscription: Subscription = read(&proven.body)?;
    let signer = desk.door.push_signer().await?;
    if !signer.would_ask(&subscription.endpoint) || !is_usable(&subscription) {
        return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, "bad_subscription"));
    }
    let directory = &desk.door.directory;
    directory
        .set_subscription(&proven.device.id, Some(&subscription))
        .await?;
    Ok(layout::json(StatusCode::OK, &json!({"status": "subscribed"})))
}

/// POST `phone/answer`: approve, deny or report.
pub(super) async fn answer(mut desk: Desk, request: Request) -> Response {
    desk.json = true;
    desk.finish(answered(&desk, request).await)
}

#[derive(Deserialize)]
struct SignedAnswer {
    /// The JSON text that was signed, as it was.
    payload: String,
    signature: String,
}

async fn answered(desk: &Desk, request: Request) -> Answer {
    let proven = match Proven::of(desk, request).await? {
        Ok(proven) => proven,
        Err(refused) => return Ok(refused),
    };
    let signed: SignedAnswer = read(&proven.body)?;
    let signature = URL_SAFE_NO_PAD.decode(&signed.signature).unwrap_or_default();
    let from = desk.visitor.client.to_canonical().to_string();
    let answered = desk
        .door
        .answer_push(
            &proven.device,
            signed.payload.as_bytes(),
            &signature,
            &from,
            desk.now(),
        )
        .await?;
    let word = answered.as_str();
    Ok(match answered {
        Answered::Approved | Answered::Denied | Answered::Reported => {
            layout::json(StatusCode::OK, &json!({"status": word}))
        }
        Answered::WrongNumber { left } => layout::json(
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!({"error": word, "left": left}),
        ),
        Answered::Over => refused(StatusCode::GONE, word),
        Answered::Forged => refused(StatusCode::UNAUTHORIZED, word),
    })
}

/// POST `phone/pending`: what waits for this phone; answers when that differs from what it knows, or after a
/// while.
pub(super) async fn pending(mut desk: Desk, request: Request) -> Response {
    desk.json = true;
    let proven = match Proven::of(&desk, request).await {
        Ok(Ok(proven)) => proven,
        Ok(Err(refused)) => return desk.finish(Ok(refused)),
        Err(stop) => return desk.finish(Err(stop)),
    };
    let known: Known = match read(&proven.body) {
        Ok(known) => known,
        Err(stop) => return desk.finish(Err(stop)),
    };
    let door = Arc::clone(&desk.door);
    // As a stream, so that a phone that leaves ends the wait.
    let wait = async move {
        let told = match wait(&door, &proven.device, &known).await {
            Ok(told) => told,
            Err(unknown) => {
                tracing::warn!(%unknown, "a phone cannot be told what waits");
                json!({"error": "unavailable"})
            }
        };
        Ok::<_, Infallible>(Bytes::from(told.to_string()))
    };
    let mut answer = http::Response::new(Body::from_stream(stream::once(wait)));
    let headers = answer.headers_mut();
    layout::guard(headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.into_response()
}

#[derive(Deserialize)]
struct Known {
    /// The requests that the phone shows already; `None`: it asks for the first time.
    #[serde(default)]
    known: Option<BTreeSet<String>>,
}

async fn wait(door: &Doorstep, device: &Device, known: &Known) -> Result<Value, Unknown> {
    for look in 1.. {
        let now = door.now();
        // Removed or deactivated while it waits: that is told at once.
        let standing = door.directory.standing(&device.login).await?;
        let enrolled = door.directory.device(&device.id).await?;
        let (Some(device), true) = (enrolled, standing.is_some_and(|standing| standing.active)) else {
            return Ok(json!({"error": "unknown_device"}));
        };
        let requests = door.requests_for(&device, now).await?;
        let ids: BTreeSet<String> = requests
            .iter()
            .filter_map(|one| one["id"].as_str().map(str::to_owned))
            .collect();
        if known.known.as_ref() != Some(&ids) || look >= LOOKS {
            let decided = door.directory.decided_pushes(&device.id).await?;
            return Ok(json!({
                "now": now.0,
                "name": device.name,
                "login": device.login.as_str(),
                "alerted": device.subscription.is_some(),
                "requests": requests,
                "decided": decided.iter().map(decision).collect::<Vec<_>>(),
            }));
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(Value::Null)
}

fn decision(push: &SentPush) -> Value {
    json!({"at": push.sent, "outcome": push.outcome, "address": push.address, "browser": push.browser})
}

impl Doorstep {
    /// The requests that wait for a phone, as it shows them.
    async fn requests_for(&self, device: &Device, now: Timestamp) -> Result<Vec<Value>, Unknown> {
        let settings = self.settings.load_full();
        let mut requests = Vec::new();
        for row in self.directory.waiting_pushes(&device.login, now).await? {
            let id = ChallengeId(row.challenge.clone());
            let Some(found) = self.store.challenge(&id, now).await? else {
                continue;
            };
            let challenge = found.value;
            let open = challenge.state == ChallengeState::Open && challenge.login == device.login;
            let Some(push) = challenge.push.filter(|push| open && push.id == row.id) else {
                continue;
            };
            if !push.is_pending(now) || push.devices.iter().all(|one| one.id != device.id) {
                continue;
            }
            if push.reached != Some(true) {
                self.note_push_seen(&id, &push.id).await?;
            }
            requests.push(json!({
                "id": push.id,
                "challenge": challenge.id.0,
                "login": device.login.as_str(),
                "portal": settings.config.portal.name,
                "what": push.purpose.as_str(),
                "address": row.address,
                "browser": row.browser,
                "sent": row.sent,
                "expires": row.expires,
            }));
        }
        Ok(requests)
    }
}

pub(super) fn refused(status: StatusCode, word: &str) -> http::Response<Bytes> {
    layout::json(status, &json!({"error": word}))
}
