use http::HeaderMap;
use serde_json::json;

use super::*;
use crate::providers::simulators::{AUTHY_KEY, AuthySimulator, NOW, TWILIO_TOKEN, TwilioSimulator};

const PATH: &str = "/.doorstep/callbacks/authy";
const URL: &str = "https://portal.example.com/.doorstep/callbacks/authy";
const TWILIO_PATH: &str = "/.doorstep/callbacks/twilio";
const TWILIO_URL: &str = "https://portal.example.com/.doorstep/callbacks/twilio";

fn callbacks() -> Callbacks {
    let mut callbacks = Callbacks::default();
    callbacks.add_authy(&Redacted::new("another".to_owned()));
    callbacks.add_authy(&Redacted::new(AUTHY_KEY.to_owned()));
    callbacks.add_twilio(&Redacted::new(TWILIO_TOKEN.to_owned()));
    callbacks
}

fn authy(headers: &HeaderMap, body: &str) -> Result<Genuine, NotGenuine> {
    let received = Received {
        public_url: &Origin::parse("https://portal.example.com").unwrap(),
        path: PATH,
        query: None,
        headers,
        body: body.as_bytes(),
    };
    callbacks().authy(&received, NOW)
}

fn twilio(query: Option<&str>, headers: &HeaderMap, body: &str) -> Result<Genuine, NotGenuine> {
    let received = Received {
        public_url: &Origin::parse("https://portal.example.com").unwrap(),
        path: TWILIO_PATH,
        query,
        headers,
        body: body.as_bytes(),
    };
    callbacks().twilio(&received, NOW)
}

#[test]
fn authys_own_callback_is_genuine_and_a_changed_one_is_not() {
    let signed_at = NOW.seconds() - 5;
    let (headers, body) = AuthySimulator::callback(URL, "n1", "uuid-1", "approved", signed_at);
    let genuine = authy(&headers, &body).unwrap();
    assert_eq!(genuine.request.as_deref(), Some("uuid-1"));
    let forged = Err(NotGenuine::Forged);
    assert_eq!(authy(&headers, &body.replace("uuid-1", "uuid-2")), forged);
    assert_eq!(authy(&headers, "{}"), forged);
    assert_eq!(authy(&headers, "no JSON"), forged);
    for name in ["x-authy-signature", "x-authy-signature-nonce"] {
        let mut without = headers.clone();
        without.remove(name);
        assert_eq!(authy(&without, &body), forged, "{name}");
        let mut twice = headers.clone();
        twice.append(name, headers[name].clone());
        assert_eq!(authy(&twice, &body), forged, "{name}");
    }
    let mut other_nonce = headers.clone();
    other_nonce.insert("x-authy-signature-nonce", "n2".parse().unwrap());
    assert_eq!(authy(&other_nonce, &body), forged);
    let elsewhere = "https://evil.example/.doorstep/callbacks/authy";
    let (headers, body) = AuthySimulator::callback(elsewhere, "n1", "uuid-1", "approved", signed_at);
    assert_eq!(authy(&headers, &body), forged);
}

#[test]
fn a_stale_callback_is_refused() {
    for (age, fresh) in [
        (0, true),
        (899, true),
        (901, false),
        (86_400, false),
        (-299, true),
        (-301, false),
    ] {
        let signed_at = NOW.seconds() - age;
        let (headers, body) = AuthySimulator::callback(URL, "n1", "uuid-1", "approved", signed_at);
        assert_eq!(authy(&headers, &body).is_ok(), fresh, "{age}");
    }
    let (headers, body) = AuthySimulator::callback(URL, "1427849783.886085", "uuid-1", "approved", 0);
    assert_eq!(
        authy(&headers, &body),
        Err(NotGenuine::Stale),
        "a nonce that is a time"
    );
    let made = "2020-01-01T00:00:00Z";
    let (query, headers, body) =
        TwilioSimulator::json_callback(TWILIO_URL, &json!({"challenge_sid": "YC1", "date_updated": made}));
    assert_eq!(twilio(Some(&query), &headers, &body), Err(NotGenuine::Stale));
}

#[test]
fn a_callback_sent_twice_can_be_told() {
    let once = |nonce, uuid| {
        let (headers, body) = AuthySimulator::callback(URL, nonce, uuid, "approved", NOW.seconds());
        authy(&headers, &body).unwrap().once
    };
    assert_eq!(once("n1", "uuid-1"), once("n1", "uuid-1"));
    assert_ne!(once("n1", "uuid-1"), once("n2", "uuid-1"));
}

#[test]
fn twilios_own_callbacks_are_genuine() {
    let fields = [
        ("MessageSid", "SM01"),
        ("MessageStatus", "undelivered"),
        ("ErrorCode", "30003"),
        ("To", "+14155550102"),
    ];
    let (headers, body) = TwilioSimulator::form_callback(TWILIO_URL, &fields);
    let genuine = twilio(None, &headers, &body).unwrap();
    assert_eq!(genuine.undelivered, Some(("SM01".to_owned(), Some(30_003))));
    assert_eq!(genuine.request, None);
    let forged = Err(NotGenuine::Forged);
    assert_eq!(twilio(None, &headers, &body.replace("SM01", "SM02")), forged);
    assert_eq!(twilio(Some("a=b"), &headers, &body), forged);
    let mut typed = headers.clone();
    typed.insert("content-type", "application/json".parse().unwrap());
    assert_eq!(twilio(None, &typed, &body), forged, "no hash stands in the query");
    let mut unsigned = headers;
    unsigned.remove("x-twilio-signature");
    assert_eq!(twilio(None, &unsigned, &body), forged);

    let event = json!({"type": "challenge.approved", "challenge_sid": "YC1", "factor_sid": "YF1"});
    let (query, headers, body) = TwilioSimulator::json_callback(TWILIO_URL, &event);
    let genuine = twilio(Some(&query), &headers, &body).unwrap();
    assert_eq!(genuine.request.as_deref(), Some("YC1"));
    assert_eq!(
        twilio(Some(&query), &headers, &body.replace("YC1", "YC2")),
        forged
    );
    assert_eq!(twilio(None, &headers, &body), forged);
}

#[test]
fn without_keys_nothing_is_genuine() {
    let (headers, body) = AuthySimulator::callback(URL, "n1", "uuid-1", "approved", NOW.seconds());
    let received = Received {
        public_url: &Origin::parse("https://portal.example.com").unwrap(),
        path: PATH,
        query: None,
        headers: &headers,
        body: body.as_bytes(),
    };
    assert_eq!(
        Callbacks::default().authy(&received, NOW),
        Err(NotGenuine::Forged)
    );
    assert_eq!(
        Callbacks::default().twilio(&received, NOW),
        Err(NotGenuine::Forged)
    );
}
