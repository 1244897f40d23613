use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use ring::hmac;
use serde_json::{Value, json};
use url::Url;

use super::{Answers, Call, Desk};
use crate::clock::Timestamp;
use crate::providers::duo_signature::Signed;
use crate::secret::hex;

pub const IKEY: &str = "DIXXXXXXXXXXXXXXXXXX";
pub const SKEY: &str = "canary-duo-skey-0123456789abcdefghijklmno";

/// api-….duosecurity.com
#[derive(Clone)]
pub struct DuoSimulator {
    pub desk: Desk,
    pub url: Url,
    state: Arc<Mutex<State>>,
}

struct State {
    now: Timestamp,
    users: HashMap<String, User>,
    /// By transaction: result and status.
    transactions: HashMap<String, (String, String)>,
    last: HashMap<String, String>,
}

/// A user, as an admin has set them up.
#[derive(Clone, Default)]
pub struct User {
    /// `auth`, `allow`, `deny` or `enroll`.
    pub preauth: &'static str,
    pub push: bool,
    /// Pushes are verified: the digits.
    pub digits: Option<&'static str>,
    pub passcodes: Vec<String>,
    /// What a right passcode is answered with instead of `allow`.
    pub status: Option<&'static str>,
}

impl DuoSimulator {
    pub async fn start(now: Timestamp) -> Self {
        let state = State {
            now,
            users: HashMap::new(),
            transactions: HashMap::new(),
            last: HashMap::new(),
        };
        let mut simulator = Self {
            desk: Desk::default(),
            url: Url::parse("http://127.0.0.1/").unwrap(),
            state: Arc::new(Mutex::new(state)),
        };
        simulator.url = simulator.desk.serve(Arc::new(simulator.clone())).await;
        simulator
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap())
    }

    pub fn set(&self, username: &str, user: User) {
        self.with(|state| state.users.insert(username.to_owned(), user));
    }

    /// The clock there.
    pub fn set_clock(&self, now: Timestamp) {
        self.with(|state| state.now = now);
    }

    pub fn passcodes(&self, username: &str) -> Vec<String> {
        self.with(|state| state.users[username].passcodes.clone())
    }

    /// A transaction comes to this.
    pub fn settle(&self, txid: &str, result: &str, status: &str) {
        let settled = (result.to_owned(), status.to_owned());
        self.with(|state| state.transactions.insert(txid.to_owned(), settled));
    }

    /// The fields of the last `/auth`.
    pub fn last(&self) -> HashMap<String, String> {
        self.with(|state| state.last.clone())
    }
}

/// Version 2 of the signature, by which older clients sign.
pub fn authorization_v2(
    date: &str,
    method: &str,
    host: &str,
    path: &str,
    params: &str,
    skey: &str,
) -> String {
    let canonical = [date, method, &host.to_ascii_lowercase(), path, params].join("\n");
    let key = hmac::Key::new(hmac::HMAC_SHA512, skey.as_bytes());
    let signature = hex(hmac::sign(&key, canonical.as_bytes()).as_ref());
    format!("Basic {}", STANDARD.encode(format!("{IKEY}:{signature}")))
}

fn params_of(call: &Call) -> Option<HashMap<String, String>> {
    if call.method == Method::GET {
        let pairs = url::form_urlencoded::parse(call.query.as_bytes());
        return Some(pairs.into_owned().collect());
    }
    match call.header("content-type") {
        "application/json" => serde_json::from_slice(&call.body).ok(),
        "application/x-www-form-urlencoded" => Some(call.form().into_iter().collect()),
        _ => None,
    }
}

impl State {
    fn check_signature(&self, call: &Call) -> Result<(), (u16, Value)> {
        let (date, given) = (call.header("date"), call.header("authorization"));
        if date.is_empty() || given.is_empty() {
            return Err(refused(401, 40_101, "Missing request credentials"));
        }
        let host = call.header("host").rsplit_once(':').map_or("", |(host, _)| host);
        let body = std::str::from_utf8(&call.body).unwrap_or_default();
        let v5 = Signed {
            date,
            method: call.method.as_str(),
            host,
            path: &call.path,
            params: &call.query,
            body,
        }
        .authorization(IKEY, SKEY);
        let params = if call.method == Method::GET {
            &call.query
        } else {
            body
        };
        let v2 = authorization_v2(date, call.method.as_str(), host, &call.path, params, SKEY);
        if given != v5 && given != v2 {
            return Err(refused(401, 40_103, "Invalid signature in request credentials"));
        }
        let sent = jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(date)
            .unwrap();
        if (sent.as_millisecond() - self.now.0).abs() > 300_000 {
            return Err(refused(401, 40_105, "Bad request timestamp"));
        }
        Ok(())
    }

    fn preauth(&self, fields: &HashMap<String, String>) -> (u16, Value) {
        // Whom nobody knows may enrol.
        let stranger = User {
            preauth: "enroll",
            ..User::default()
        };
        let user = self.users.get(&fields["username"]).unwrap_or(&stranger);
        let mut said = json!({"result": user.preauth, "status_msg": "said"});
        if user.preauth == "auth" {
            let capabilities = if user.push {
                json!(["auto", "push", "sms", "phone"])
            } else {
                json!(["sms", "phone"])
            };
            said["devices"] = json!([{
                "device": "DP1", "type": "phone", "number": "XXX-XXX-0100", "name": "",
                "capabilities": capabilities,
            }]);
            let supports = fields.get("client_supports_verified_push").map(String::as_str) == Some("1");
            if let Some(digits) = user.digits.filter(|_| supports) {
                said["txid"] = json!("verified-push-txid");
                said["verification_code"] = json!(digits);
                said["expiration"] = json!(60);
            }
        }
        ok(&said)
    }

    fn auth(&mut self, fields: &HashMap<String, String>) -> (u16, Value) {
        self.last.clone_from(fields);
        let Some(user) = self.users.get_mut(&fields["username"]) else {
            return refused(400, 40_002, "Invalid request parameters");
        };
        match fields["factor"].as_str() {
            "sms" => {
                user.passcodes = vec!["7654321".to_owned(), "7654322".to_owned()];
                ok(&json!({"result": "deny", "status": "sent", "status_msg": "New SMS passcodes sent."}))
            }
            "passcode" => {
                let place = user.passcodes.iter().position(|code| *code == fields["passcode"]);
                let Some(place) = place else {
                    let said = "Incorrect passcode. Please try again.";
                    return ok(&json!({"result": "deny", "status": "deny", "status_msg": said}));
                };
                user.passcodes.remove(place);
                let status = user.status.unwrap_or("allow");
                ok(&json!({"result": "allow", "status": status, "status_msg": "Success."}))
            }
            "push" if fields.get("async").map(String::as_str) == Some("1") => {
                let txid = fields
                    .get("txid")
                    .cloned()
                    .unwrap_or_else(|| "tx-push-1".to_owned());
                let pushed = ("waiting".to_owned(), "pushed".to_owned());
                self.transactions.insert(txid.clone(), pushed);
                ok(&json!({"txid": txid}))
            }
            _ => refused(400, 40_002, "Invalid request parameters"),
        }
    }

    fn status(&self, fields: &HashMap<String, String>) -> (u16, Value) {
        match self.transactions.get(&fields["txid"]) {
            Some((result, status)) => ok(&json!({"result": result, "status": status, "status_msg": "said"})),
            None => refused(400, 40_002, "Invalid request parameters"),
        }
    }
}

impl Answers for DuoSimulator {
    fn answer(&self, call: &Call) -> (u16, Value) {
        self.with(|state| {
            if let Err(refusal) = state.check_signature(call) {
                return refusal;
            }
            let Some(fields) = params_of(call) else {
                return refused(400, 40_106, "Invalid content type");
            };
            match (&call.method, call.path.as_str()) {
                (&Method::GET, "/auth/v2/check") => ok(&json!({"time": state.now.seconds()})),
                (&Method::POST, "/auth/v2/preauth") => state.preauth(&fields),
                (&Method::POST, "/auth/v2/auth") => state.auth(&fields),
                (&Method::GET, "/auth/v2/auth_status") => state.status(&fields),
                _ => refused(404, 40_401, "Resource not found"),
            }
        })
    }
}

fn ok(response: &Value) -> (u16, Value) {
    (200, json!({"stat": "OK", "response": response}))
}

fn refused(status: u16, code: u32, message: &str) -> (u16, Value) {
    (
        status,
        json!({"stat": "FAIL", "code": code, "message": message, "message_detail": "canary"}),
    )
}
