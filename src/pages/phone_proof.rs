//! How a phone proves that a request is its own: its key signs method, path, time, a nonce and the body.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use ring::digest;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::desk::Desk;
use super::layout;
use super::phone::refused;
use super::proof::check_site;
use super::refusal::Stop;
use crate::clock::Timestamp;
use crate::directory::Device;
use crate::factors::push_answer::signed_by;
use crate::secret::{Purpose, hex};
use crate::sessions::{Allowance, Limit, LimitKey};

/// The longest body, in bytes.
const LIMIT: usize = 16 * 1024;
/// A phone's clock may be off by so much; it is told the time where it is off by more.
const APART: Duration = Duration::from_secs(60);
/// Hexadecimal digits of a nonce.
const NONCE: std::ops::RangeInclusive<usize> = 16..=64;

/// A request that an enrolled phone has signed.
pub(super) struct Proven {
    pub device: Device,
    pub body: Bytes,
}

impl Proven {
    /// Checks a request's signature; the inner error is the answer to one that does not hold.
    pub async fn of(desk: &Desk, request: Request) -> Result<Result<Self, http::Response<Bytes>>, Stop> {
        let (parts, body) = request.into_parts();
        check_site(&parts.headers, desk.settings.config.listen.own_origin())?;
        let body = body_of(body).await?;
        let Some(signed) = Signed::read(&parts.headers) else {
            return Ok(Err(refused(StatusCode::UNAUTHORIZED, "not_signed")));
        };
        let now = desk.now();
        let at = Timestamp(signed.time);
        if at > now.plus(APART) || now > at.plus(APART) {
            let told = json!({"error": "clock", "now": now.0});
            return Ok(Err(layout::json(StatusCode::UNAUTHORIZED, &told)));
        }
        let Some(device) = desk.door.directory.device(signed.device).await? else {
            return Ok(Err(refused(StatusCode::UNAUTHORIZED, "unknown_device")));
        };
        let origin = desk.settings.config.listen.own_origin().to_string();
        let hash = hex(digest::digest(&digest::SHA256, &body).as_ref());
        let message = format!(
            "doorstep-phone-1\n{origin}\n{}\n{}\n{}\n{}\n{hash}",
            parts.method,
            parts.uri.path(),
            signed.time,
            signed.nonce,
        );
        if !signed_by(&device, message.as_bytes(), &signed.signature) {
            return Ok(Err(refused(StatusCode::UNAUTHORIZED, "bad_signature")));
        }
        // Its own words, sent a second time by somebody else.
        let key = LimitKey {
            name: "phone_request",
            subject: desk.door.keys.keyed_hash(
                Purpose::Limit,
                format!("{}:{}", device.id, signed.nonce).as_bytes(),
            ),
        };
        let once = Limit {
            count: 1,
            window: 3 * APART,
        };
        if let Allowance::Refused { .. } = desk.door.store.take(&key, once, now).await? {
            return Ok(Err(refused(StatusCode::CONFLICT, "replayed")));
        }
        Ok(Ok(Self { device, body }))
    }
}

struct Signed<'a> {
    device: &'a str,
    time: i64,
    nonce: &'a str,
    signature: Vec<u8>,
}

impl<'a> Signed<'a> {
    fn read(headers: &'a HeaderMap) -> Option<Self> {
        let only = |name: &str| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (Some(value), None) => value.to_str().ok(),
                _ => None,
            }
        };
        let nonce = only("doorstep-nonce")?;
        let fits = NONCE.contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            device: only("doorstep-device")?,
            time: only("doorstep-time")?.parse().ok()?,
            nonce: fits.then_some(nonce)?,
            signature: URL_SAFE_NO_PAD.decode(only("doorstep-signature")?).ok()?,
        })
    }
}

/// Reads a bounded body.
pub(super) async fn body_of(body: Body) -> Result<Bytes, Stop> {
    match Limited::new(body, LIMIT).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Stop::TooLarge),
        Err(_) => Err(Stop::BadBody("The request ended before its body did.")),
    }
}

/// Reads a JSON body.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Stop> {
    serde_json::from_slice(bytes).map_err(|_| Stop::BadBody("The body is not the JSON that is asked for."))
}
