//! What providers call back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};

use super::{Sent, World};
use crate::access::Settings;
use crate::gate::FactorKind;
use crate::providers::simulators::{AUTHY_KEY, AuthySimulator, TWILIO_TOKEN, TwilioSimulator};
use crate::providers::{
    Alert, ApprovalState, Approver, AskError, Asked, Checked, Checker, Person, Providers, RequestId,
    TokenChecker,
};
use crate::secret::Redacted;

const AUTHY: &str = "/.doorstep/callbacks/authy";
const TWILIO: &str = "/.doorstep/callbacks/twilio";
const OWN: &str = "https://portal.example.com";

/// Notes what it was told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

#[async_trait]
impl Approver for Told {
    async fn ask(&self, _alert: &Alert<'_>) -> Result<Asked, AskError> {
        Err(AskError::NoDevice)
    }

    async fn state(&self, _id: &RequestId) -> Result<ApprovalState, AskError> {
        Ok(ApprovalState::Pending)
    }

    fn name(&self) -> &'static str {
        "told"
    }

    fn called_back(&self, id: &str) {
        self.0.lock().unwrap().push(id.to_owned());
    }
}

async fn world() -> (World, Arc<Told>) {
    let (world, told) = (World::new().await, Arc::new(Told::default()));
    let before = world.door.settings.load_full();
    let mut providers = Providers {
        approver: Some(told.clone()),
        ..Providers::default()
    };
    providers
        .callbacks
        .add_authy(&Redacted::new(AUTHY_KEY.to_owned()));
    providers
        .callbacks
        .add_twilio(&Redacted::new(TWILIO_TOKEN.to_owned()));
    world.door.settings.store(Arc::new(Settings {
        config: before.config.clone(),
        sms: before.sms.clone(),
        providers,
    }));
    (world, told)
}

fn sent(path: &'static str, headers: &http::HeaderMap, body: &str) -> Sent {
    let mut sent = Sent::post(path).body(body);
    for (name, value) in headers {
        let name: &'static str = match name.as_str() {
            "x-authy-signature" => "x-authy-signature",
            "x-authy-signature-nonce" => "x-authy-signature-nonce",
            "x-twilio-signature" => "x-twilio-signature",
            _ => "content-type",
        };
        sent = sent.with(name, value.to_str().unwrap());
    }
    sent
}

#[tokio::test]
async fn a_genuine_callback_only_says_look_again_and_only_once() {
    let (world, told) = world().await;
    let url = format!("{OWN}{AUTHY}");
    let now = world.now().seconds();
    let (headers, body) = AuthySimulator::callback(&url, "n1", "uuid-1", "approved", now);
    assert_eq!(
        world.send(sent(AUTHY, &headers, &body)).await.status,
        StatusCode::OK
    );
    assert_eq!(*told.0.lock().unwrap(), ["uuid-1"]);
    let replayed = world.send(sent(AUTHY, &headers, &body)).await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED, "a replay");
    let (headers, body) = AuthySimulator::callback(&url, "n2", "unknown", "approved", now);
    let unknown = world.send(sent(AUTHY, &headers, &body)).await;
    assert_eq!((unknown.status, unknown.body.as_str()), (StatusCode::OK, ""));
    world.clock.advance(Duration::from_secs(901));
    let (headers, body) = AuthySimulator::callback(&url, "n3", "uuid-1", "approved", now);
    let stale = world.send(sent(AUTHY, &headers, &body)).await;
    assert_eq!(stale.status, StatusCode::UNAUTHORIZED, "stale");
    assert_eq!(told.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_forged_callback_is_401_and_does_nothing() {
    let (world, told) = world().await;
    let now = world.now().seconds();
    let url = format!("{OWN}{AUTHY}");
    let (headers, body) = AuthySimulator::callback(&url, "n1", "uuid-1", "denied", now);
    let changed = body.replace("denied", "approved");
    let (other_headers, _) = TwilioSimulator::form_callback(&format!("{OWN}{TWILIO}"), &[("a", "b")]);
    for (path, headers, body) in [
        (AUTHY, &headers, changed.as_str()),
        (TWILIO, &headers, body.as_str()),
        (TWILIO, &other_headers, "a=c"),
        (AUTHY, &http::HeaderMap::new(), body.as_str()),
        (TWILIO, &http::HeaderMap::new(), ""),
    ] {
        let answer = world.send(sent(path, headers, body)).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::UNAUTHORIZED, ""),
            "{path}"
        );
    }
    assert!(told.0.lock().unwrap().is_empty());
    let get = world.send(Sent::get(AUTHY).method(Method::GET)).await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    let long = "a".repeat(65 * 1024);
    let answer = world.send(sent(AUTHY, &headers, &long)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn without_a_provider_nothing_is_genuine() {
    let world = World::new().await;
    let url = format!("{OWN}{AUTHY}");
    let (headers, body) = AuthySimulator::callback(&url, "n1", "uuid-1", "approved", world.now().seconds());
    let answer = world.send(sent(AUTHY, &headers, &body)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn twilio_tells_of_a_message_that_was_not_delivered() {
    let (world, told) = world().await;
    let fields = [
        ("MessageSid", "SM01"),
        ("MessageStatus", "failed"),
        ("ErrorCode", "30005"),
    ];
    let (headers, body) = TwilioSimulator::form_callback(&format!("{OWN}{TWILIO}"), &fields);
    assert_eq!(
        world.send(sent(TWILIO, &headers, &body)).await.status,
        StatusCode::OK
    );
    assert!(told.0.lock().unwrap().is_empty());
}

/// Never answers.
struct Silent;

#[async_trait]
impl TokenChecker for Silent {
    async fn check(&self, _person: &Person<'_>, _token: &str) -> Checked {
        Checked::Unjudged("down".into())
    }

    fn name(&self) -> &'static str {
        "silent"
    }
}

#[tokio::test]
async fn a_token_that_nobody_can_check_is_503_and_other_ways_stay() {
    let world = World::new().await;
    let before = world.door.settings.load_full();
    let checker = Checker {
        factor: FactorKind::Totp,
        only_if_sent: false,
        judge: Arc::new(Silent),
    };
    world.door.settings.store(Arc::new(Settings {
        config: before.config.clone(),
        sms: before.sms.clone(),
        providers: Providers {
            checkers: vec![checker],
            ..Providers::default()
        },
    }));
    let token = world.signed_in("ben").await;
    world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    let verify = "/.doorstep/challenge/verify";
    let page = world.send(Sent::form(verify, &token, "token=7654321")).await;
    assert_eq!(
        (page.status, page.retry_after()),
        (StatusCode::SERVICE_UNAVAILABLE, 60)
    );
    assert!(page.body.contains("could not be checked") && page.cookies().is_empty());
    assert!(page.body.contains("Send an SMS to"), "the other factor stays");
    let script = world.send(Sent::json(verify, &token, "7654321")).await;
    assert_eq!(script.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(script.json()["error"], "provider_unavailable");
}
