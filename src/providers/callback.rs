//! What providers call back: checked before anything of it is read, and never believed. A genuine callback
//! says no more than "look again", or that a message was not delivered.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use super::signature::{authy_signature_fits, twilio_body_fits, twilio_form_fits};
use crate::clock::Timestamp;
use crate::config::Origin;
use crate::secret::Redacted;

/// A callback that says it was made longer ago is not one that was just sent.
const STALE: Duration = Duration::from_secs(15 * 60);
/// A provider's clock may be ahead by so much.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Checks callbacks with the keys of the providers that configuration names.
#[derive(Clone, Debug, Default)]
pub struct Callbacks {
    authy: Vec<Redacted<String>>,
    twilio: Vec<Redacted<String>>,
}

/// A callback as it came in.
pub struct Received<'a> {
    /// `public_url`.
    pub public_url: &'a Origin,
    /// The path, without query.
    pub path: &'a str,
    /// The query, as it was sent.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// Why a callback is refused; both are answered alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGenuine {
    /// Not signed with a key that is known here, or not for this address.
    Forged,
    /// Signed, and made too long ago or in the future.
    Stale,
}

/// A callback that its provider signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genuine {
    /// The same for the same callback sent twice: whoever acts on it spends this first.
    pub once: String,
    /// The approval request that it is about.
    pub request: Option<String>,
    /// A message that was not delivered: its id at the provider, and the provider's error code.
    pub undelivered: Option<(String, Option<u32>)>,
}

impl Callbacks {
    /// Also accepts what is signed with this key of Authy's.
    pub(crate) fn add_authy(&mut self, key: &Redacted<String>) {
        self.authy.push(key.clone());
    }

    /// Also accepts what is signed with this token of Twilio's.
    pub(crate) fn add_twilio(&mut self, token: &Redacted<String>) {
        self.twilio.push(token.clone());
    }

    /// Judges a callback of Authy's (OneTouch).
    ///
    /// # Errors
    /// Where it is not genuine.
    pub fn authy(&self, received: &Received<'_>, now: Timestamp) -> Result<Genuine, NotGenuine> {
        let signature = received.header("x-authy-signature").ok_or(NotGenuine::Forged)?;
        let nonce = received
            .header("x-authy-signature-nonce")
            .ok_or(NotGenuine::Forged)?;
        let body: Value = serde_json::from_slice(received.body).map_err(|_| NotGenuine::Forged)?;
        let urls = received.urls();
        let fits = |key: &Redacted<String>, url: &String| {
            authy_signature_fits(key.reveal(), nonce, "POST", url, &body, signature)
        };
        if !self.authy.iter().any(|key| urls.iter().any(|url| fits(key, url))) {
            return Err(NotGenuine::Forged);
        }
        let signed_at = "/approval_request/transaction/device_signing_time";
        let made_at = "/approval_request/transaction/created_at_time";
        let says = |pointer| {
            body.pointer(pointer)
                .and_then(Value::as_i64)
                .filter(|time| *time > 0)
        };
        // A nonce may be a Unix time with a fraction.
        let nonce_at = || {
            nonce
                .split('.')
                .next()?
                .parse::<i64>()
                .ok()
                .filter(|time| *time > 1_000_000_000)
        };
        if let Some(seconds) = says(signed_at).or_else(nonce_at).or_else(|| says(made_at)) {
            fresh(Timestamp(seconds.saturating_mul(1000)), now)?;
        }
        let uuid = body.pointer("/uuid").and_then(Value::as_str);
        Ok(Genuine {
            once: format!("authy:{nonce}:{}", uuid.unwrap_or_default()),
            request: uuid.map(str::to_owned),
            undelivered: None,
        })
    }

    /// Judges a callback of Twilio's: a form (a message's status) or JSON (Verify).
    ///
    /// # Errors
    /// Where it is not genuine.
    pub fn twilio(&self, received: &Received<'_>, now: Timestamp) -> Result<Genuine, NotGenuine> {
        let signature = received.header("x-twilio-signature").ok_or(NotGenuine::Forged)?;
        let url = received.url_with_query();
        let is_form = received.header("content-type").is_some_and(|kind| {
            kind.to_ascii_lowercase()
                .starts_with("application/x-www-form-urlencoded")
        });
        let params: Vec<(String, String)> = match is_form {
            true => url::form_urlencoded::parse(received.body).into_owned().collect(),
            false => Vec::new(),
        };
        let fits = |token: &Redacted<String>| match is_form {
            true => twilio_form_fits(token.reveal(), &url, &params, signature),
            false => twilio_body_fits(token.reveal(), &url, received.body, signature),
        };
        if !self.twilio.iter().any(fits) {
            return Err(NotGenuine::Forged);
        }
        let json: Value = match is_form {
            true => Value::Null,
            false => serde_json::from_slice(received.body).unwrap_or(Value::Null),
        };
        let get = |name: &str| -> Option<&str> {
            let form = params
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str());
            form.or_else(|| json.get(name).and_then(Value::as_str))
        };
        let made = ["date_responded", "date_updated", "date_created"]
            .into_iter()
            .find_map(get);
        if let Some(made) = made.and_then(|text| text.parse::<jiff::Timestamp>().ok()) {
            fresh(Timestamp(made.as_millisecond()), now)?;
        }
        let request = ["challenge_sid", "ChallengeSid", "sid"].into_iter().find_map(get);
        let failed = get("MessageStatus").is_some_and(|status| matches!(status, "failed" | "undelivered"));
        let message = get("MessageSid").filter(|_| failed);
        Ok(Genuine {
            once: format!("twilio:{signature}"),
            request: request.filter(|sid| sid.starts_with("YC")).map(str::to_owned),
            undelivered: message.map(|sid| (plain(sid), get("ErrorCode").and_then(|code| code.parse().ok()))),
        })
    }
}

fn fresh(made: Timestamp, now: Timestamp) -> Result<(), NotGenuine> {
    match made.plus(STALE) >= now && made <= now.plus(AHEAD) {
        true => Ok(()),
        false => Err(NotGenuine::Stale),
    }
}

/// A provider's id, fit for a log.
fn plain(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).take(34).collect()
}

impl Received<'_> {
    /// A header that is there once.
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }

    fn url(&self) -> String {
        format!("{}{}", self.public_url, self.path)
    }

    fn url_with_query(&self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.url()),
            None => self.url(),
        }
    }

    /// The vendor's page says that the query is not signed, its sample signs it.
    fn urls(&self) -> Vec<String> {
        match self.query {
            Some(_) => vec![self.url(), self.url_with_query()],
            None => vec![self.url()],
        }
    }
}

#[cfg(test)]
#[path = "callback_tests.rs"]
mod tests;
