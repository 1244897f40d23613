//! Twilio Verify v2: its own SMS tokens, and the push and TOTP factors of its entities.
//!
//! A person's entity is found by a hash of their login ([`identity`]), so an application that enrols factors
//! (a firm's own phone app for push) can find the same one.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use reqwest::{Method, Request};
use ring::digest;
use serde_json::{Value, json};

use super::approval::Waiters;
use super::line::{Line, Repeat, Reply, Silence};
use super::twilio::{basic, form, said};
use super::{
    Alert, ApprovalState, Approver, AskError, Asked, Checked, Person, RequestId, SendError, TokenChecker,
    TokenSender,
};
use crate::config::VerifySettings;
use crate::directory::Phone;
use crate::gate::Login;
use crate::secret::{Redacted, hex};

const NAME: &str = "twilio-verify";
/// So many factors of one person are asked at most.
const MOST_FACTORS: usize = 5;
/// "Max send attempts reached": of this person's own token.
const MAX_SENDS: u64 = 60203;
/// "The AuthPayload is not right."
const BAD_PAYLOAD: u64 = 60324;

/// The identity of a login's entity: SHA-256 in hexadecimal over the service's SID, a colon and the folded
/// login. 64 characters, no personal data in the clear, and the same for whoever computes it.
pub fn identity(service_sid: &str, login: &Login) -> String {
    let named = format!("{service_sid}:{}", login.folded());
    hex(digest::digest(&digest::SHA256, named.as_bytes()).as_ref())
}

/// A line to Verify.
pub struct Verify {
    pub(super) line: Line,
    account: String,
    token: Redacted<String>,
    service: String,
    waiters: Waiters,
}

impl Verify {
    /// A line as configuration describes it.
    ///
    /// # Errors
    /// Where no TLS client can be made.
    pub fn new(settings: &VerifySettings) -> Result<Self, String> {
        Ok(Self {
            line: Line::new(&settings.base_url)?,
            account: settings.account_sid.clone(),
            token: settings.auth_token.clone(),
            service: settings.service_sid.clone(),
            waiters: Waiters::default(),
        })
    }

    fn request(&self, method: Method, below: &[&str]) -> Request {
        let mut segments = vec!["v2", "Services", self.service.as_str()];
        segments.extend(below);
        basic(self.line.request(method, &segments), &self.account, &self.token)
    }

    /// The verified factors of one kind, oldest first.
    async fn factors(&self, identity: &str, kind: &str, deadline: Instant) -> Result<Vec<String>, Silence> {
        let request = self.request(Method::GET, &["Entities", identity, "Factors"]);
        let reply = self.line.call(deadline, request, Repeat::Reads).await?;
        match reply.status {
            200 => {}
            404 => return Ok(Vec::new()),
            _ => return Err(Silence::Unavailable(said(&reply))),
        }
        let Some(factors) = reply.json.get("factors").and_then(Value::as_array) else {
            return Err(Silence::Unanswered("its answer has no list of factors".into()));
        };
        let fits = |factor: &&Value| {
            let is = |key: &str, value: &str| factor.get(key).and_then(Value::as_str) == Some(value);
            is("factor_type", kind) && is("status", "verified")
        };
        let sids = factors
            .iter()
            .filter(fits)
            .filter_map(|factor| factor.get("sid")?.as_str());
        Ok(sids.take(MOST_FACTORS).map(str::to_owned).collect())
    }

    fn challenge(&self, identity: &str, fields: &[(&str, &str)]) -> Request {
        form(
            self.request(Method::POST, &["Entities", identity, "Challenges"]),
            fields,
        )
    }

    async fn one_state(
        &self,
        identity: &str,
        sid: &str,
        deadline: Instant,
    ) -> Result<ApprovalState, AskError> {
        let request = self.request(Method::GET, &["Entities", identity, "Challenges", sid]);
        let reply = self.line.call(deadline, request, Repeat::Reads).await;
        let reply = reply.map_err(|silence| AskError::Unavailable(silence.into_words()))?;
        let same = reply.text("/sid") == Some(sid);
        match reply.text("/status").filter(|_| reply.is_success() && same) {
            Some("pending") => Ok(ApprovalState::Pending),
            Some("approved") => Ok(ApprovalState::Approved),
            Some("denied") => Ok(ApprovalState::Denied { fraud: false }),
            Some("expired") => Ok(ApprovalState::Expired),
            _ => Err(AskError::Unavailable(said(&reply))),
        }
    }
}

#[async_trait]
impl TokenSender for Verify {
    async fn send_own(&self, person: &Person<'_>) -> Result<(), SendError> {
        let phone = person
            .phone
            .ok_or_else(|| SendError::Refused("there is no number".into()))?;
        let request = self.request(Method::POST, &["Verifications"]);
        let request = form(request, &[("To", phone.e164()), ("Channel", "sms")]);
        match self.line.call(self.line.deadline(), request, Repeat::Acts).await {
            Ok(reply) if reply.status == 201 && reply.text("/status") == Some("pending") => Ok(()),
            Ok(reply) if reply.status == 400 || reply.code("/code") == Some(MAX_SENDS) => {
                Err(SendError::Refused(said(&reply)))
            }
            Ok(reply) => Err(SendError::Unavailable(said(&reply))),
            Err(Silence::Unavailable(why)) => Err(SendError::Unavailable(why)),
            Err(Silence::Unanswered(why)) => Err(SendError::Unanswered(why)),
        }
    }

    fn shown_number(&self, person: &Person<'_>) -> Option<String> {
        person.phone.map(Phone::masked)
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

/// Checks the tokens that Verify sent by SMS.
pub struct VerifySms(pub Arc<Verify>);

#[async_trait]
impl TokenChecker for VerifySms {
    async fn check(&self, person: &Person<'_>, token: &str) -> Checked {
        let verify = &self.0;
        let Some(phone) = person.phone.filter(|_| (4..=10).contains(&token.len())) else {
            return Checked::Wrong;
        };
        let request = verify.request(Method::POST, &["VerificationCheck"]);
        let request = form(request, &[("To", phone.e164()), ("Code", token)]);
        let reply = match verify
            .line
            .call(verify.line.deadline(), request, Repeat::Acts)
            .await
        {
            Ok(reply) => reply,
            Err(silence) => return Checked::Unjudged(silence.into_words()),
        };
        let valid = reply.json.get("valid").and_then(Value::as_bool);
        match reply.text("/status") {
            Some("approved") if reply.is_success() && valid == Some(true) => Checked::Right,
            Some(_) if reply.is_success() && valid == Some(false) => Checked::Wrong,
            // There is none (any more): it ran out, or was used.
            _ if reply.status == 404 => Checked::Wrong,
            _ => Checked::Unjudged(said(&reply)),
        }
    }

    fn name(&self) -> &'static str {
        NAME
    }
}

/// Checks keys of the authenticator apps that were enrolled at Verify.
pub struct VerifyTotp(pub Arc<Verify>);

#[async_trait]
impl TokenChecker for VerifyTotp {
    async fn check(&self, person: &Person<'_>, token: &str) -> Checked {
        if !(3..=8).contains(&token.len()) {
            return Checked::Wrong;
        }
        let verify = &self.0;
        let deadline = verify.line.deadline();
        let identity = identity(&verify.service, person.login);
        let factors = match verify.factors(&identity, "totp", deadline).await {
            Ok(factors) => factors,
            Err(silence) => return Checked::Unjudged(silence.into_words()),
        };
        let mut verdict = Checked::Wrong;
        for factor in factors {
            let fields = [("FactorSid", factor.as_str()), ("AuthPayload", token)];
            let request = verify.challenge(&identity, &fields);
            match verify.line.call(deadline, request, Repeat::Acts).await {
                Ok(reply) => match judge_challenge(&reply, &factor) {
                    Checked::Right => return Checked::Right,
                    Checked::Wrong => {}
                    unjudged @ Checked::Unjudged(_) => verdict = unjudged,
                },
                Err(silence) => return Checked::Unjudged(silence.into_words()),
            }
        }
        verdict
    }

    fn name(&self) -> &'static str {
        "twilio-verify totp"
    }
}

fn judge_challenge(reply: &Reply, factor: &str) -> Checked {
    let same = reply.text("/factor_sid") == Some(factor);
    match reply.text("/status") {
        Some("approved") if reply.is_success() && same => Checked::Right,
        Some("pending" | "denied" | "expired") if reply.is_success() => Checked::Wrong,
        _ if reply.status == 403 && reply.code("/code") == Some(BAD_PAYLOAD) => Checked::Wrong,
        _ => Checked::Unjudged(said(reply)),
    }
}

#[async_trait]
impl Approver for Verify {
    /// Every push factor is challenged; the request's id names them all.
    async fn ask(&self, alert: &Alert<'_>) -> Result<Asked, AskError> {
        let deadline = self.line.deadline();
        let identity = identity(&self.service, alert.person.login);
        let factors = self.factors(&identity, "push", deadline).await;
        let factors = factors.map_err(|silence| AskError::Unavailable(silence.into_words()))?;
        if factors.is_empty() {
            return Err(AskError::NoDevice);
        }
        let message: String = format!("Sign in to {}?", alert.portal)
            .chars()
            .take(256)
            .collect();
        let (expires, shown) = (alert.expires.to_string(), details(alert));
        let mut sids = Vec::new();
        let mut failed = AskError::NoDevice;
        for factor in &factors {
            let mut fields = vec![
                ("FactorSid", factor.as_str()),
                ("Details.Message", message.as_str()),
                ("ExpirationDate", expires.as_str()),
            ];
            fields.extend(shown.iter().map(|field| ("Details.Fields", field.as_str())));
            let request = self.challenge(&identity, &fields);
            // One device that cannot be alerted stands in no other's way.
            match self.line.call(deadline, request, Repeat::Acts).await {
                Ok(reply) => match reply.text("/sid").filter(|_| reply.status == 201) {
                    Some(sid) => sids.push(sid.to_owned()),
                    None if reply.status == 429 || reply.is_success() => {
                        failed = AskError::Unavailable(said(&reply));
                    }
                    None => failed = AskError::Refused(said(&reply)),
                },
                Err(silence) => failed = AskError::Unavailable(silence.into_words()),
            }
        }
        if sids.is_empty() {
            return Err(failed);
        }
        Ok(Asked {
            id: RequestId(format!("{identity}/{}", sids.join(","))),
            digits: None,
            expires: alert.expires,
        })
    }

    /// One approval approves, one refusal denies; the last to run out expires.
    async fn state(&self, id: &RequestId) -> Result<ApprovalState, AskError> {
        let Some((identity, sids)) = id.0.split_once('/') else {
            return Err(AskError::Refused("the request is not one of Verify's".into()));
        };
        let deadline = self.line.deadline();
        let mut whole = ApprovalState::Expired;
        let mut unknown = None;
        for sid in sids.split(',') {
            match self.one_state(identity, sid, deadline).await {
                Ok(ApprovalState::Expired) => {}
                Ok(ApprovalState::Pending) => whole = ApprovalState::Pending,
                Ok(last) => return Ok(last),
                Err(error) => unknown = Some(error),
            }
        }
        unknown.map_or(Ok(whole), Err)
    }

    fn name(&self) -> &'static str {
        NAME
    }

    async fn news(&self, id: &RequestId) {
        self.waiters.wait(&id.0).await;
    }

    fn called_back(&self, id: &str) {
        self.waiters
            .wake(|waiting| waiting.split(['/', ',']).any(|sid| sid == id));
    }
}

/// At most 36 characters of a label and 128 of a value.
fn details(alert: &Alert<'_>) -> Vec<String> {
    let from = alert.from.to_string();
    let at = alert.at.to_string();
    let lines = [
        ("Login", Some(alert.person.login.as_str())),
        ("From", Some(from.as_str())),
        ("Browser", alert.browser),
        ("Time", Some(at.as_str())),
    ];
    lines
        .into_iter()
        .filter_map(|(label, value)| Some((label, value?.chars().take(128).collect::<String>())))
        .map(|(label, value)| json!({"label": label, "value": value}).to_string())
        .collect()
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
