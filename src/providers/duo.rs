//! Duo's Auth API v2: pushes, passcodes by SMS, and whatever passcodes its devices show.
//!
//! People are found by login. Whom Duo would let in without asking (a bypass, a trusted network) has proven
//! nothing: that is refused, and only an `allow` that the person earned counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::{Method, Request};
use serde_json::Value;

use super::duo_signature::{Signed, params};
use super::line::{Line, Repeat, Reply, Silence};
use super::{
    Alert, ApprovalState, Approver, AskError, Asked, Checked, Person, RequestId, SendError, TokenChecker,
    TokenSender,
};
use crate::clock::{Clock, Timestamp};
use crate::config::DuoSettings;
use crate::secret::Redacted;

const NAME: &str = "duo";
/// A push is given up there after a minute.
const PUSH_LIFE: Duration = Duration::from_secs(60);
const BYPASS: &str = "it would let this person in without asking them, which proves nothing";

/// A line to the Auth API.
pub struct Duo {
    pub(super) line: Line,
    integration_key: String,
    secret_key: Redacted<String>,
    clock: Arc<dyn Clock>,
}

/// What Duo says of a person before anything is asked of them.
enum Preauth {
    /// They have to prove themselves; the flag: whether a device takes pushes, and what a verified push needs.
    Auth {
        takes_push: bool,
        verified: Option<(String, String)>,
    },
    /// Nothing is enrolled.
    Enroll,
    /// They are not to get in, or would without being asked.
    Refused(&'static str),
}

impl Duo {
    /// A line as configuration describes it.
    ///
    /// # Errors
    /// Where no TLS client can be made.
    pub fn new(settings: &DuoSettings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Ok(Self {
            line: Line::new(&settings.base_url)?,
            integration_key: settings.integration_key.clone(),
            secret_key: settings.secret_key.clone(),
            clock,
        })
    }

    fn signed(&self, method: Method, name: &str, fields: &[(&str, &str)]) -> Request {
        let mut request = self.line.request(method.clone(), &["auth", "v2", name]);
        let is_get = method == Method::GET;
        let query = if is_get { params(fields) } else { String::new() };
        let body = if is_get { String::new() } else { body(fields) };
        let date = date(self.clock.now());
        let path = request.url().path().to_owned();
        let authorization = Signed {
            date: &date,
            method: method.as_str(),
            host: self.line.host(),
            path: &path,
            params: &query,
            body: &body,
        }
        .authorization(&self.integration_key, self.secret_key.reveal());
        let headers = [("date", date), ("authorization", authorization)];
        for (name, value) in headers {
            if let Ok(mut value) = http::HeaderValue::from_str(&value) {
                value.set_sensitive(name == "authorization");
                request.headers_mut().insert(name, value);
            }
        }
        if is_get {
            request.url_mut().set_query(Some(&query));
        } else {
            let json = http::HeaderValue::from_static("application/json");
            request.headers_mut().insert(http::header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.into());
        }
        request
    }

    async fn preauth(&self, person: &Person<'_>, deadline: Instant) -> Result<Preauth, Silence> {
        // No ipaddr: from a network that Duo trusts, it would answer "allow".
        let fields = [
            ("username", person.login.as_str()),
            ("client_supports_verified_push", "1"),
        ];
        let request = self.signed(Method::POST, "preauth", &fields);
        let reply = self.line.call(deadline, request, Repeat::Reads).await?;
        let text = |key: &str| {
            response(&reply)
                .and_then(|inner| inner.get(key))
                .and_then(Value::as_str)
        };
        match text("result") {
            Some("auth") => {
                let devices = response(&reply).and_then(|inner| inner.get("devices")?.as_array());
                let takes_push = devices.into_iter().flatten().any(|device| can(device, "push"));
                let verified = text("txid").zip(text("verification_code"));
                Ok(Preauth::Auth {
                    takes_push,
                    verified: verified.map(|(txid, code)| (txid.to_owned(), code.to_owned())),
                })
            }
            Some("enroll") => Ok(Preauth::Enroll),
            Some("allow") => Ok(Preauth::Refused(BYPASS)),
            Some("deny") => Ok(Preauth::Refused("it refuses this person")),
            _ => Err(Silence::Unavailable(said(&reply))),
        }
    }

    /// `/auth`, whose answer is below `response`.
    async fn auth(&self, deadline: Instant, fields: &[(&str, &str)]) -> Result<Reply, Silence> {
        let request = self.signed(Method::POST, "auth", fields);
        let reply = self.line.call(deadline, request, Repeat::Acts).await?;
        match response(&reply) {
            Some(_) => Ok(reply),
            None => Err(Silence::Unavailable(said(&reply))),
        }
    }
}

#[async_trait]
impl TokenSender for Duo {
    async fn send_own(&self, person: &Person<'_>) -> Result<(), SendError> {
        let deadline = self.line.deadline();
        match self.preauth(person, deadline).await {
            Ok(Preauth::Auth { .. }) => {}
            Ok(Preauth::Enroll) => return Err(SendError::Refused("nothing is enrolled there".into())),
            Ok(Preauth::Refused(why)) => return Err(SendError::Refused(why.into())),
            Err(silence) => return Err(SendError::Unavailable(silence.into_words())),
        }
        let fields = [
            ("username", person.login.as_str()),
            ("factor", "sms"),
            ("device", "auto"),
        ];
        let reply = self
            .auth(deadline, &fields)
            .await
            .map_err(|silence| match silence {
                Silence::Unavailable(why) => SendError::Unavailable(why),
                Silence::Unanswered(why) => SendError::Unanswered(why),
            })?;
        // "deny" is right here: nobody is let in by a message that was sent.
        match reply.text("/response/status") {
            Some("sent") => Ok(()),
            _ => Err(SendError::Refused("it did not send any".into())),
        }
    }

    fn shown_number(&self, _person: &Person<'_>) -> Option<String> {
        Some("your phone".to_owned())
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

#[async_trait]
impl TokenChecker for Duo {
    async fn check(&self, person: &Person<'_>, token: &str) -> Checked {
        if !(6..=12).contains(&token.len()) {
            return Checked::Wrong;
        }
        let deadline = self.line.deadline();
        match self.preauth(person, deadline).await {
            Ok(Preauth::Auth { .. }) => {}
            Ok(Preauth::Enroll) => return Checked::Wrong,
            Ok(Preauth::Refused(why)) => return Checked::Unjudged(why.into()),
            Err(silence) => return Checked::Unjudged(silence.into_words()),
        }
        let fields = [
            ("username", person.login.as_str()),
            ("factor", "passcode"),
            ("passcode", token),
        ];
        let reply = match self.auth(deadline, &fields).await {
            Ok(reply) => reply,
            Err(silence) => return Checked::Unjudged(silence.into_words()),
        };
        match (reply.text("/response/result"), reply.text("/response/status")) {
            (Some("allow"), Some("allow")) => Checked::Right,
            (Some("allow"), _) => Checked::Unjudged(BYPASS.into()),
            (Some("deny"), _) => Checked::Wrong,
            _ => Checked::Unjudged(said(&reply)),
        }
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

#[async_trait]
impl Approver for Duo {
    async fn ask(&self, alert: &Alert<'_>) -> Result<Asked, AskError> {
        let deadline = self.line.deadline();
        let unavailable = |silence: Silence| AskError::Unavailable(silence.into_words());
        let verified = match self.preauth(&alert.person, deadline).await.map_err(unavailable)? {
            Preauth::Auth {
                takes_push: true,
                verified,
            } => verified,
            Preauth::Auth { .. } | Preauth::Enroll => return Err(AskError::NoDevice),
            Preauth::Refused(why) => return Err(AskError::Refused(why.into())),
        };
        let (from, at) = (alert.from.to_string(), alert.at.to_string());
        let mut info = vec![("Portal", alert.portal), ("From", &from), ("Time", &at)];
        info.extend(alert.browser.map(|browser| ("Browser", browser)));
        let info = params(&info);
        let login = alert.person.login.as_str();
        let mut fields = vec![
            ("username", login),
            ("factor", "push"),
            ("device", "auto"),
            ("async", "1"),
            ("display_username", login),
            ("pushinfo", &info),
        ];
        fields.extend(verified.iter().map(|(txid, _)| ("txid", txid.as_str())));
        let reply = self.auth(deadline, &fields).await.map_err(unavailable)?;
        match reply.text("/response/txid") {
            Some(txid) => Ok(Asked {
                id: RequestId(txid.to_owned()),
                digits: verified.map(|(_, code)| code),
                expires: alert.expires.min(self.clock.now().plus(PUSH_LIFE)),
            }),
            None => Err(AskError::Refused("it pushed nothing".into())),
        }
    }

    async fn state(&self, id: &RequestId) -> Result<ApprovalState, AskError> {
        let request = self.signed(Method::GET, "auth_status", &[("txid", &id.0)]);
        let reply = self.line.wait(self.line.deadline(), request).await;
        // Held back until there is something new.
        let Some(reply) = reply.map_err(|silence| AskError::Unavailable(silence.into_words()))? else {
            return Ok(ApprovalState::Pending);
        };
        match (reply.text("/response/result"), reply.text("/response/status")) {
            _ if response(&reply).is_none() => Err(AskError::Unavailable(said(&reply))),
            (Some("waiting"), _) => Ok(ApprovalState::Pending),
            (Some("allow"), Some("allow")) => Ok(ApprovalState::Approved),
            (Some("allow"), _) => Err(AskError::Refused(BYPASS.into())),
            (Some("deny"), Some("timeout" | "push_failed")) => Ok(ApprovalState::Expired),
            (Some("deny"), status) => Ok(ApprovalState::Denied {
                fraud: status == Some("fraud"),
            }),
            _ => Err(AskError::Unavailable(said(&reply))),
        }
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

/// The inner answer of one that is OK.
fn response(reply: &Reply) -> Option<&Value> {
    let ok = reply.status == 200 && reply.text("/stat") == Some("OK");
    reply.json.get("response").filter(|_| ok)
}

fn can(device: &Value, capability: &str) -> bool {
    let all = device.get("capabilities").and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .any(|one| one.as_str() == Some(capability))
}

/// JSON with sorted keys and no spaces.
fn body(fields: &[(&str, &str)]) -> String {
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let object = sorted
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Value::from(value)));
    Value::Object(object.collect()).to_string()
}

/// RFC 2822, in UTC.
fn date(now: Timestamp) -> String {
    let moment = jiff::Timestamp::from_second(now.seconds()).unwrap_or_default();
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_string(&moment)
        .unwrap_or_default()
}

fn said(reply: &Reply) -> String {
    reply.said(reply.code("/code"))
}

#[cfg(test)]
#[path = "duo_tests.rs"]
mod tests;
