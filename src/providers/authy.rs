//! The Authy API: its own SMS tokens, its app's tokens, and OneTouch approvals.
//!
//! People are found by number and registered at first use: the same number always has the same id there.

use std::time::Instant;

use async_trait::async_trait;
use reqwest::{Method, Request};
use serde_json::json;

use super::approval::Waiters;
use super::line::{Line, Repeat, Reply, Silence};
use super::{
    Alert, ApprovalState, Approver, AskError, Asked, Checked, Person, RequestId, SendError, TokenChecker,
    TokenSender,
};
use crate::clock::{Clock, Timestamp};
use crate::config::AuthySettings;
use crate::directory::Phone;
use crate::secret::Redacted;
use std::sync::Arc;

const NAME: &str = "authy";
/// "User not found."
const NOT_FOUND: u64 = 60026;
/// "Token is invalid."
const TOKEN_INVALID: u64 = 60020;
/// What the app shows of a message before it is cut.
const LONGEST_MESSAGE: usize = 144;

/// A line to the Authy API.
pub struct Authy {
    pub(super) line: Line,
    key: Redacted<String>,
    /// Given for people whose address is not known: the API insists on one.
    placeholder: String,
    waiters: Waiters,
    clock: Arc<dyn Clock>,
}

/// Why somebody has no id there.
enum Trouble {
    NoNumber,
    Refused(String),
    Silent(Silence),
}

impl From<Silence> for Trouble {
    fn from(silence: Silence) -> Self {
        Self::Silent(silence)
    }
}

impl Authy {
    /// A line as configuration describes it; `host` is the portal's.
    ///
    /// # Errors
    /// Where no TLS client can be made.
    pub fn new(settings: &AuthySettings, host: &str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Ok(Self {
            line: Line::new(&settings.base_url)?,
            key: settings.api_key.clone(),
            placeholder: format!("no-reply@{host}"),
            waiters: Waiters::default(),
            clock,
        })
    }

    fn request(&self, method: Method, segments: &[&str]) -> Request {
        let mut request = self.line.request(method, segments);
        if let Ok(mut key) = http::HeaderValue::from_str(self.key.reveal()) {
            key.set_sensitive(true);
            request.headers_mut().insert("x-authy-api-key", key);
        }
        request
    }

    fn post(&self, segments: &[&str], body: &serde_json::Value) -> Request {
        let mut request = self.request(Method::POST, segments);
        let json = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert(http::header::CONTENT_TYPE, json);
        *request.body_mut() = Some(body.to_string().into());
        request
    }

    /// The person's id, from the directory or by registering their number.
    async fn id_of(&self, person: &Person<'_>, deadline: Instant) -> Result<String, Trouble> {
        let phone = person.phone.ok_or(Trouble::NoNumber)?;
        let kept = person.accounts.account(person.login, NAME, phone.e164()).await;
        match kept {
            Ok(Some(id)) => Ok(id),
            Ok(None) => self.register(person, phone, deadline).await,
            Err(unknown) => Err(Silence::Unavailable(unknown.to_string()).into()),
        }
    }

    async fn register(
        &self,
        person: &Person<'_>,
        phone: &Phone,
        deadline: Instant,
    ) -> Result<String, Trouble> {
        let (country, number) = phone
            .parts()
            .ok_or_else(|| Trouble::Refused("the number cannot be taken apart".into()))?;
        let login = person.login.as_str();
        let address = person.email.or(Some(login).filter(|login| login.contains('@')));
        let body = json!({"user": {
            "email": address.unwrap_or(&self.placeholder),
            "cellphone": number,
            "country_code": country,
        }});
        let request = self.post(&["protected", "json", "users", "new"], &body);
        // The same number again gets the same id.
        let reply = self.line.call(deadline, request, Repeat::Reads).await?;
        let id = reply.json.pointer("/user/id").and_then(serde_json::Value::as_u64);
        match id {
            Some(id) if reply.is_success() && reply.is_true("/success") => {
                let id = id.to_string();
                let kept = person
                    .accounts
                    .keep_account(person.login, NAME, phone.e164(), &id)
                    .await;
                kept.map_err(|unknown| Silence::Unavailable(unknown.to_string()))?;
                Ok(id)
            }
            _ if matches!(reply.status, 401 | 429) => Err(Silence::Unavailable(said(&reply)).into()),
            _ => Err(Trouble::Refused(said(&reply))),
        }
    }

    /// Asks with the person's id, and once more with a new one where the API has forgotten them.
    async fn with_id(
        &self,
        person: &Person<'_>,
        repeat: Repeat,
        make: impl Fn(&str) -> Request,
    ) -> Result<Reply, Trouble> {
        let deadline = self.line.deadline();
        let id = self.id_of(person, deadline).await?;
        let reply = self.line.call(deadline, make(&id), repeat).await?;
        let forgotten = reply.status == 404 && code(&reply) == Some(NOT_FOUND);
        let Some(phone) = person.phone.filter(|_| forgotten) else {
            return Ok(reply);
        };
        let id = self.register(person, phone, deadline).await?;
        Ok(self.line.call(deadline, make(&id), repeat).await?)
    }
}

#[async_trait]
impl TokenSender for Authy {
    async fn send_own(&self, person: &Person<'_>) -> Result<(), SendError> {
        // Without force the API sends nothing to people who have its app.
        let make = |id: &str| {
            let mut request = self.request(Method::GET, &["protected", "json", "sms", id]);
            request.url_mut().set_query(Some("force=true"));
            request
        };
        match self.with_id(person, Repeat::Acts, make).await {
            Ok(reply) if reply.is_success() && reply.is_true("/success") && !reply.is_true("/ignored") => {
                Ok(())
            }
            Ok(reply) if matches!(reply.status, 401 | 429) => Err(SendError::Unavailable(said(&reply))),
            Ok(reply) => Err(SendError::Refused(said(&reply))),
            Err(Trouble::NoNumber) => Err(SendError::Refused("there is no number".into())),
            Err(Trouble::Refused(why)) => Err(SendError::Refused(why)),
            Err(Trouble::Silent(Silence::Unavailable(why))) => Err(SendError::Unavailable(why)),
            Err(Trouble::Silent(Silence::Unanswered(why))) => Err(SendError::Unanswered(why)),
        }
    }

    fn shown_number(&self, person: &Person<'_>) -> Option<String> {
        person.phone.map(Phone::masked)
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

#[async_trait]
impl TokenChecker for Authy {
    async fn check(&self, person: &Person<'_>, token: &str) -> Checked {
        if !(6..=12).contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_digit()) {
            return Checked::Wrong;
        }
        // Without force the API calls any token right until its user has signed in once.
        let make = |id: &str| {
            let mut request = self.request(Method::GET, &["protected", "json", "verify", token, id]);
            request.url_mut().set_query(Some("force=true"));
            request
        };
        match self.with_id(person, Repeat::Acts, make).await {
            Ok(reply) => judge(&reply),
            Err(Trouble::NoNumber | Trouble::Refused(_)) => Checked::Wrong,
            Err(Trouble::Silent(silence)) => Checked::Unjudged(silence.into_words()),
        }
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

/// 200 alone proves nothing: the words have to be there.
fn judge(reply: &Reply) -> Checked {
    let says = reply.text("/token").or(reply.text("/errors/token"));
    match says {
        Some("is valid") if reply.status == 200 && reply.is_true("/success") => Checked::Right,
        Some("is invalid") => Checked::Wrong,
        _ if reply.status == 401 && code(reply) == Some(TOKEN_INVALID) => Checked::Wrong,
        _ => Checked::Unjudged(said(reply)),
    }
}

#[async_trait]
impl Approver for Authy {
    async fn ask(&self, alert: &Alert<'_>) -> Result<Asked, AskError> {
        let status = |id: &str| self.request(Method::GET, &["protected", "json", "users", id, "status"]);
        let reply = self
            .with_id(&alert.person, Repeat::Reads, status)
            .await
            .map_err(ask_error)?;
        if !reply.is_success() {
            return Err(AskError::Unavailable(said(&reply)));
        }
        if !reply.is_true("/status/registered") || reply.is_true("/status/account_disabled") {
            return Err(AskError::NoDevice);
        }
        let left = alert.expires.since(self.clock.now()).as_secs();
        if left == 0 {
            return Err(AskError::Refused(
                "the sign-in ran out before it was asked".into(),
            ));
        }
        let body = one_touch(alert, left);
        let make = |id: &str| self.post(&["onetouch", "json", "users", id, "approval_requests"], &body);
        let reply = self
            .with_id(&alert.person, Repeat::Acts, make)
            .await
            .map_err(ask_error)?;
        match reply.text("/approval_request/uuid") {
            Some(uuid) if reply.is_success() => Ok(Asked {
                id: RequestId(uuid.to_owned()),
                digits: None,
                expires: alert.expires,
            }),
            _ if reply.is_success() || matches!(reply.status, 401 | 429) => {
                Err(AskError::Unavailable(said(&reply)))
            }
            _ => Err(AskError::Refused(said(&reply))),
        }
    }

    async fn state(&self, id: &RequestId) -> Result<ApprovalState, AskError> {
        let request = self.request(Method::GET, &["onetouch", "json", "approval_requests", &id.0]);
        let reply = self.line.call(self.line.deadline(), request, Repeat::Reads).await;
        let reply = reply.map_err(|silence| AskError::Unavailable(silence.into_words()))?;
        // The answer has to be about what was asked.
        let same = reply.text("/approval_request/uuid") == Some(id.0.as_str());
        match reply
            .text("/approval_request/status")
            .filter(|_| reply.is_success() && same)
        {
            Some("pending") => Ok(ApprovalState::Pending),
            Some("approved") => Ok(ApprovalState::Approved),
            Some("denied") => Ok(ApprovalState::Denied { fraud: false }),
            Some("expired") => Ok(ApprovalState::Expired),
            _ => Err(AskError::Unavailable(said(&reply))),
        }
    }

    fn name(&self) -> &'static str {
        NAME
    }

    async fn news(&self, id: &RequestId) {
        self.waiters.wait(&id.0).await;
    }

    fn called_back(&self, id: &str) {
        self.waiters.wake(|waiting| waiting == id);
    }
}

fn one_touch(alert: &Alert<'_>, seconds: u64) -> serde_json::Value {
    let message: String = format!("Sign in to {}?", alert.portal)
        .chars()
        .take(LONGEST_MESSAGE)
        .collect();
    let mut details = serde_json::Map::new();
    details.insert("Login".into(), alert.person.login.as_str().into());
    details.insert("From".into(), alert.from.to_string().into());
    if let Some(browser) = alert.browser {
        details.insert("Browser".into(), browser.into());
    }
    details.insert("Time".into(), shown(alert.at).into());
    json!({"message": message, "details": details, "seconds_to_expire": seconds})
}

fn shown(at: Timestamp) -> String {
    at.to_string()
}

fn ask_error(trouble: Trouble) -> AskError {
    match trouble {
        Trouble::NoNumber => AskError::NoDevice,
        Trouble::Refused(why) => AskError::Refused(why),
        Trouble::Silent(silence) => AskError::Unavailable(silence.into_words()),
    }
}

fn code(reply: &Reply) -> Option<u64> {
    reply.code("/error_code")
}

fn said(reply: &Reply) -> String {
    reply.said(code(reply))
}

#[cfg(test)]
#[path = "authy_tests.rs"]
mod tests;
