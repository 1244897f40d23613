use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};
use ring::hmac;
use serde_json::{Value, json};
use url::Url;

use super::{Answers, Call, Desk};
use crate::providers::signature::authy_params;

pub const KEY: &str = "canary-authy-key-0123456789abcdef";

/// api.authy.com
#[derive(Clone)]
pub struct AuthySimulator {
    pub desk: Desk,
    pub url: Url,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    users: Vec<User>,
    /// A user's token that was sent.
    sms: HashMap<u64, String>,
    used: HashSet<(u64, String)>,
    approvals: HashMap<String, (u64, String)>,
    /// Messages left before "DoS protection".
    sends_left: Option<u32>,
    last_alert: Value,
}

struct User {
    id: u64,
    number: (String, String),
    email: String,
    has_app: bool,
    /// What the app shows now.
    soft: Option<String>,
    /// Whether they ever proved a token: without `force` anything goes until then.
    confirmed: bool,
    gone: bool,
}

impl AuthySimulator {
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

    /// The user of this number has the app, which shows this token.
    pub fn app_shows(&self, country: &str, number: &str, token: &str) {
        self.with(|state| {
            let user = state.user_of(country, number, "app@example.com");
            user.has_app = true;
            user.soft = Some(token.to_owned());
        });
    }

    pub fn emails(&self) -> Vec<String> {
        self.with(|state| state.users.iter().map(|user| user.email.clone()).collect())
    }

    pub fn users(&self) -> usize {
        self.with(|state| state.users.len())
    }

    /// The token last sent to anybody.
    pub fn texted(&self) -> String {
        self.with(|state| state.sms.values().next().unwrap().clone())
    }

    /// Every user was deleted by the application's owner.
    pub fn forget(&self) {
        self.with(|state| state.users.iter_mut().for_each(|user| user.gone = true));
    }

    pub fn allow_sends(&self, count: u32) {
        self.with(|state| state.sends_left = Some(count));
    }

    /// The person answers an alert.
    pub fn answer_alert(&self, uuid: &str, status: &str) {
        self.with(|state| {
            state.approvals.get_mut(uuid).unwrap().1 = status.to_owned();
        });
    }

    /// What the last alert said.
    pub fn alert(&self) -> Value {
        self.with(|state| state.last_alert.clone())
    }

    /// A callback as the API signs it.
    pub fn callback(url: &str, nonce: &str, uuid: &str, status: &str, signed_at: i64) -> (HeaderMap, String) {
        let body = json!({
            "authy_id": 1234, "device_uuid": "cea50e20", "callback_action": "approval_request_status",
            "uuid": uuid, "status": status,
            "approval_request": {"transaction": {
                "details": {"Email Address": "jdoe@example.com"}, "hidden_details": {},
                "device_geolocation": null, "encrypted": false, "device_signing_time": signed_at,
                "message": "Sign in?", "status": status, "uuid": uuid,
            }, "logos": null, "expiration_timestamp": signed_at + 300, "app_id": "app"},
        });
        let params = authy_params(&body).remove(0);
        let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
        let signature = hmac::sign(&key, format!("{nonce}|POST|{url}|{params}").as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-authy-signature",
            STANDARD.encode(signature.as_ref()).parse().unwrap(),
        );
        headers.insert("x-authy-signature-nonce", nonce.parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        (headers, body.to_string())
    }
}

impl State {
    fn user_of(&mut self, country: &str, number: &str, email: &str) -> &mut User {
        let wanted = (country.to_owned(), number.to_owned());
        let place = self
            .users
            .iter()
            .position(|user| user.number == wanted && !user.gone);
        let place = place.unwrap_or_else(|| {
            self.users.push(User {
                id: 81_547 + self.users.len() as u64,
                number: wanted,
                email: email.to_owned(),
                has_app: false,
                soft: None,
                confirmed: false,
                gone: false,
            });
            self.users.len() - 1
        });
        &mut self.users[place]
    }

    fn register(&mut self, call: &Call) -> (u16, Value) {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or(Value::Null);
        let get = |key: &str| body["user"][key].as_str().unwrap_or_default();
        let (email, number, country) = (get("email"), get("cellphone"), get("country_code"));
        if !email.contains('@') {
            return refused(400, 60027, "email is invalid");
        }
        if number.is_empty() || country.is_empty() {
            return refused(400, 60027, "cellphone is invalid");
        }
        let id = self.user_of(country, number, email).id;
        let said = "User created successfully.";
        (200, json!({"message": said, "user": {"id": id}, "success": true}))
    }

    fn send(&mut self, id: u64, force: bool) -> (u16, Value) {
        let user = self.users.iter().find(|user| user.id == id).unwrap();
        if user.has_app && !force {
            let said = "Ignored: SMS is not needed for smartphones.";
            return (200, json!({"message": said, "ignored": true, "success": true}));
        }
        if self.sends_left == Some(0) {
            return refused(429, 60003, "DoS protection");
        }
        self.sends_left = self.sends_left.map(|left| left - 1);
        let token = format!("{:07}", 1_234_567 + self.sms.len() * 7);
        self.sms.insert(id, token);
        let said = "SMS token was sent";
        (
            200,
            json!({"success": true, "message": said, "cellphone": "+1-XXX-XXX-XX02"}),
        )
    }

    fn verify(&mut self, id: u64, token: &str, force: bool) -> (u16, Value) {
        let invalid = |message: &str| {
            let errors = json!({"message": message});
            (
                401,
                json!({"message": message, "token": "is invalid", "success": false, "errors": errors, "error_code": "60020"}),
            )
        };
        let right = self.sms.get(&id).is_some_and(|sent| sent == token);
        let user = self.users.iter_mut().find(|user| user.id == id).unwrap();
        let right = right || user.soft.as_deref() == Some(token);
        // The trap: until the first good sign-in everything is right.
        if !right && (force || user.confirmed) {
            return invalid("Token is invalid");
        }
        if !self.used.insert((id, token.to_owned())) {
            return invalid("Token is invalid. Token was used recently");
        }
        user.confirmed = true;
        (
            200,
            json!({"message": "Token is valid.", "token": "is valid", "success": "true"}),
        )
    }

    fn ask(&mut self, id: u64, call: &Call) -> (u16, Value) {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or(Value::Null);
        let long = |text: &str| text.chars().count() > 20;
        let details = body["details"].as_object().unwrap();
        if body["message"].as_str().is_none_or(str::is_empty) || details.keys().any(|key| long(key)) {
            return refused(400, 60002, "bad request");
        }
        let uuid = format!("550e8400-e29b-41d4-a716-{:012}", self.approvals.len());
        self.approvals.insert(uuid.clone(), (id, "pending".to_owned()));
        self.last_alert = body;
        (200, json!({"approval_request": {"uuid": uuid}, "success": true}))
    }

    fn status(&self, uuid: &str) -> (u16, Value) {
        let Some((id, status)) = self.approvals.get(uuid) else {
            return refused(404, 60049, "Approval request not found");
        };
        let request = json!({
            "_authy_id": id, "status": status, "uuid": uuid, "notified": true, "processed_at": null,
            "seconds_to_expire": 300,
        });
        (200, json!({"approval_request": request, "success": true}))
    }
}

impl Answers for AuthySimulator {
    fn answer(&self, call: &Call) -> (u16, Value) {
        if call.header("x-authy-api-key") != KEY {
            return refused(401, 60001, "Invalid API key");
        }
        let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        let force = call.asked("force").as_deref() == Some("true");
        self.with(|state| {
            let known = |state: &State, id: &str| {
                let id: u64 = id.parse().ok()?;
                state
                    .users
                    .iter()
                    .find(|user| user.id == id && !user.gone)
                    .map(|user| user.id)
            };
            let missing = || refused(404, 60026, "User not found.");
            match (&call.method, path.as_slice()) {
                (&Method::POST, ["protected", "json", "users", "new"]) => state.register(call),
                (&Method::GET, ["protected", "json", "sms", id]) => match known(state, id) {
                    Some(id) => state.send(id, force),
                    None => missing(),
                },
                (&Method::GET, ["protected", "json", "verify", token, id]) => match known(state, id) {
                    Some(id) => state.verify(id, token, force),
                    None => missing(),
                },
                (&Method::GET, ["protected", "json", "users", id, "status"]) => match known(state, id) {
                    Some(id) => {
                        let user = state.users.iter().find(|user| user.id == id).unwrap();
                        let status = json!({
                            "authy_id": id, "confirmed": user.confirmed, "registered": user.has_app,
                            "country_code": 1, "phone_number": "XXX-XXX-0102", "devices": [],
                            "account_disabled": false,
                        });
                        (
                            200,
                            json!({"status": status, "message": "User status.", "success": true}),
                        )
                    }
                    None => missing(),
                },
                (&Method::POST, ["onetouch", "json", "users", id, "approval_requests"]) => {
                    match known(state, id) {
                        Some(id) => state.ask(id, call),
                        None => missing(),
                    }
                }
                (&Method::GET, ["onetouch", "json", "approval_requests", uuid]) => state.status(uuid),
                _ => refused(404, 60000, "Not found"),
            }
        })
    }
}

fn refused(status: u16, code: u32, message: &str) -> (u16, Value) {
    let errors = json!({"message": message});
    let body =
        json!({"message": message, "success": false, "errors": errors, "error_code": code.to_string()});
    (status, body)
}
