use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};
use ring::{digest, hmac};
use serde_json::{Value, json};
use url::Url;

use super::{Answers, Call, Desk};
use crate::secret::hex;

pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub const SERVICE: &str = "VA0123456789abcdef0123456789abcdef";
pub const TOKEN: &str = "canary-twilio-token";

/// api.twilio.com (Messaging) and verify.twilio.com (Verify v2).
#[derive(Clone)]
pub struct TwilioSimulator {
    pub desk: Desk,
    pub url: Url,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    messages: Vec<Vec<(String, String)>>,
    verifications: HashMap<String, Verification>,
    /// By identity: kind and SID.
    factors: HashMap<String, Vec<(String, String)>>,
    /// What an app of this factor shows.
    shows: HashMap<String, String>,
    challenges: HashMap<String, (String, String, String)>,
    last_challenge: Vec<(String, String)>,
    refused_factors: Vec<String>,
    /// Wrong TOTP keys are answered 403/60324, as they sometimes are.
    says_forbidden: bool,
}

struct Verification {
    code: String,
    sends: u32,
    checks: u32,
}

impl TwilioSimulator {
    pub async fn start() -> Self {
        let mut simulator = Self {
            desk: Desk::default(),
            url: Url::parse("http://127.0.0.1/").unwrap(),
            state: Arc::default(),
        };
        simulator.url = simulator.desk.serve(Arc::new(simulator.clone())).await;
        simulator
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap())
    }

    /// The fields of every message.
    pub fn messages(&self) -> Vec<HashMap<String, String>> {
        self.with(|state| {
            state
                .messages
                .iter()
                .map(|fields| fields.iter().cloned().collect())
                .collect()
        })
    }

    /// The code that Verify sent to a number.
    pub fn code(&self, to: &str) -> String {
        self.with(|state| state.verifications[to].code.clone())
    }

    /// A verification runs out: its record is deleted.
    pub fn run_out(&self, to: &str) {
        self.with(|state| state.verifications.remove(to));
    }

    /// Enrols a factor of an entity; its SID.
    pub fn enrol(&self, identity: &str, kind: &str, shows: &str) -> String {
        self.with(|state| {
            let sid = format!("YF{:032x}", state.shows.len() + 1);
            state.shows.insert(sid.clone(), shows.to_owned());
            let all = state.factors.entry(identity.to_owned()).or_default();
            all.push((kind.to_owned(), sid.clone()));
            sid
        })
    }

    /// Wrong TOTP keys are answered 403/60324.
    pub fn say_forbidden(&self) {
        self.with(|state| state.says_forbidden = true);
    }

    /// This device cannot be challenged.
    pub fn refuse_factor(&self, sid: &str) {
        self.with(|state| state.refused_factors.push(sid.to_owned()));
    }

    /// The person answers the challenge of a factor.
    pub fn answer_challenge(&self, factor: &str, status: &str) {
        self.with(|state| {
            let challenges = state.challenges.values_mut();
            for (_, _, at) in challenges.filter(|(_, of, _)| of == factor) {
                status.clone_into(at);
            }
        });
    }

    /// SIDs of the challenges.
    pub fn challenges(&self) -> Vec<String> {
        self.with(|state| state.challenges.keys().cloned().collect())
    }

    /// The fields of the last challenge.
    pub fn last_challenge(&self) -> Vec<(String, String)> {
        self.with(|state| state.last_challenge.clone())
    }

    /// Headers of a callback with a form.
    pub fn form_callback(url: &str, fields: &[(&str, &str)]) -> (HeaderMap, String) {
        let mut sorted = fields.to_vec();
        sorted.sort_unstable();
        let tail: String = sorted.iter().flat_map(|(name, value)| [*name, *value]).collect();
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let kind = "application/x-www-form-urlencoded; charset=UTF-8";
        (signed(&format!("{url}{tail}"), kind), body)
    }

    /// The query and headers of a callback with JSON.
    pub fn json_callback(url: &str, body: &Value) -> (String, HeaderMap, String) {
        let body = body.to_string();
        let hash = hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
        let query = format!("bodySHA256={hash}");
        let headers = signed(&format!("{url}?{query}"), "application/json");
        (query, headers, body)
    }
}

fn signed(data: &str, kind: &str) -> HeaderMap {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, data.as_bytes()).as_ref());
    let mut headers = HeaderMap::new();
    headers.insert("x-twilio-signature", signature.parse().unwrap());
    headers.insert("content-type", kind.parse().unwrap());
    headers
}

impl State {
    fn message(&mut self, call: &Call) -> (u16, Value) {
        let (to, from) = (call.field("To").unwrap_or_default(), call.field("From"));
        // Twilio's own test numbers.
        match (to.as_str(), from.as_deref()) {
            ("+15005550001", _) => return refused(400, 21_211),
            ("+15005550009", _) => return refused(400, 21_614),
            (_, Some("+15005550001")) => return refused(400, 21_212),
            _ => {}
        }
        if call.field("Body").is_none_or(|body| body.chars().count() > 1600) {
            return refused(400, 21_617);
        }
        self.messages.push(call.form());
        let body = json!({
            "sid": format!("SM{:032x}", self.messages.len()), "status": "queued", "error_code": null,
            "error_message": null, "num_segments": "1", "date_created": "Tue, 24 Nov 2026 21:00:00 +0000",
            "to": to, "from": from,
        });
        (201, body)
    }

    fn verification(&mut self, call: &Call) -> (u16, Value) {
        let to = call.field("To").unwrap_or_default();
        if !to.starts_with('+') || call.field("Channel").as_deref() != Some("sms") {
            return refused(400, 60_200);
        }
        let count = self.verifications.len();
        let verification = self.verifications.entry(to.clone()).or_insert(Verification {
            // Sent again while it holds, it is the same.
            code: format!("{:06}", 314_159 + 7 * count),
            sends: 0,
            checks: 0,
        });
        if verification.sends >= 5 {
            return refused(429, 60_203);
        }
        verification.sends += 1;
        (201, verification_body(&to, "pending", false))
    }

    fn check(&mut self, call: &Call) -> (u16, Value) {
        let (to, code) = (call.field("To").unwrap_or_default(), call.field("Code"));
        let Some(verification) = self.verifications.get_mut(&to) else {
            return refused(404, 20_404);
        };
        if verification.checks >= 5 {
            return refused(429, 60_202);
        }
        verification.checks += 1;
        if code.as_deref() != Some(&verification.code) {
            return (200, verification_body(&to, "pending", false));
        }
        self.verifications.remove(&to);
        (200, verification_body(&to, "approved", true))
    }

    fn list(&self, identity: &str) -> (u16, Value) {
        let Some(factors) = self.factors.get(identity) else {
            return refused(404, 20_404);
        };
        let mut shown: Vec<Value> = factors
            .iter()
            .map(|(kind, sid)| json!({"sid": sid, "factor_type": kind, "status": "verified"}))
            .collect();
        shown.push(json!({"sid": "YFunverified", "factor_type": "push", "status": "unverified"}));
        (200, json!({"factors": shown, "meta": {"next_page_url": null}}))
    }

    fn challenge(&mut self, identity: &str, call: &Call) -> (u16, Value) {
        let factor = call.field("FactorSid").unwrap_or_default();
        let own = self
            .factors
            .get(identity)
            .is_some_and(|all| all.iter().any(|(_, sid)| *sid == factor));
        if !own {
            return refused(404, 20_404);
        }
        if self.refused_factors.contains(&factor) {
            return refused(400, 60_305);
        }
        let status = match call.field("AuthPayload") {
            None => "pending",
            Some(payload) if self.shows[&factor] == payload => "approved",
            Some(_) if self.says_forbidden => return refused(403, 60_324),
            Some(_) => "pending",
        };
        let sid = format!("YC{:032x}", self.challenges.len() + 1);
        let kept = (identity.to_owned(), factor.clone(), status.to_owned());
        self.challenges.insert(sid.clone(), kept);
        self.last_challenge = call.form();
        (
            201,
            json!({"sid": sid, "factor_sid": factor, "identity": identity, "status": status}),
        )
    }

    fn challenge_state(&self, identity: &str, sid: &str) -> (u16, Value) {
        match self.challenges.get(sid) {
            Some((of, factor, status)) if of == identity => (
                200,
                json!({"sid": sid, "factor_sid": factor, "identity": of, "status": status}),
            ),
            _ => refused(404, 20_404),
        }
    }
}

impl Answers for TwilioSimulator {
    fn answer(&self, call: &Call) -> (u16, Value) {
        let own = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
        if call.header("authorization") != own {
            return refused(401, 20_003);
        }
        let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        self.with(|state| match (&call.method, path.as_slice()) {
            (&Method::POST, ["2010-04-01", "Accounts", ACCOUNT, "Messages.json"]) => state.message(call),
            (&Method::POST, ["v2", "Services", SERVICE, "Verifications"]) => state.verification(call),
            (&Method::POST, ["v2", "Services", SERVICE, "VerificationCheck"]) => state.check(call),
            (&Method::GET, ["v2", "Services", SERVICE, "Entities", identity, "Factors"]) => {
                state.list(identity)
            }
            (&Method::POST, ["v2", "Services", SERVICE, "Entities", identity, "Challenges"]) => {
                state.challenge(identity, call)
            }
            (&Method::GET, ["v2", "Services", SERVICE, "Entities", identity, "Challenges", sid]) => {
                state.challenge_state(identity, sid)
            }
            _ => refused(404, 20_404),
        })
    }
}

fn verification_body(to: &str, status: &str, valid: bool) -> Value {
    json!({
        "sid": "VE0123456789abcdef0123456789abcdef", "service_sid": SERVICE, "account_sid": ACCOUNT, "to": to,
        "channel": "sms", "status": status, "valid": valid, "date_created": "2026-11-24T21:00:00Z",
        "lookup": {}, "send_code_attempts": [],
    })
}

fn refused(status: u16, code: u32) -> (u16, Value) {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    (
        status,
        json!({"code": code, "message": "No", "more_info": more, "status": status}),
    )
}
