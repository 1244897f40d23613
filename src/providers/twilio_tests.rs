use std::time::Duration;

use super::*;
use crate::directory::Phone;
use crate::providers::simulators::{
    Fault, NUMBER, TWILIO_ACCOUNT, TWILIO_TOKEN, TwilioSimulator, assert_tells_nothing,
};

const TEXT: &str = "Your token is 999999.\n\n@portal.example.com #999999";

fn twilio(simulator: &TwilioSimulator, from: &str) -> Twilio {
    let settings = TwilioSettings {
        base_url: simulator.url.clone(),
        account_sid: TWILIO_ACCOUNT.to_owned(),
        auth_token: Redacted::new(TWILIO_TOKEN.to_owned()),
        from: match from.starts_with("MG") {
            true => TwilioFrom::Service(from.to_owned()),
            false => TwilioFrom::Number(from.to_owned()),
        },
    };
    let callback = "https://portal.example.com/.doorstep/callbacks/twilio";
    let mut twilio = Twilio::new(&settings, Some(callback.to_owned())).unwrap();
    twilio.line = twilio.line.with_timeout(Duration::from_millis(400));
    twilio
}

async fn send(twilio: &Twilio, to: &str) -> Result<(), SendError> {
    let to = Phone::parse(to, None).unwrap();
    let sent = twilio
        .send(&TokenMessage {
            to: &to,
            token: "999999",
            text: TEXT,
        })
        .await;
    if let Err(error) = &sent {
        assert_tells_nothing(&format!("{error} {error:?}"));
    }
    sent
}

#[tokio::test]
async fn a_message_goes_out_as_it_was_written() {
    let simulator = TwilioSimulator::start().await;
    send(&twilio(&simulator, "+15005550006"), NUMBER).await.unwrap();
    send(&twilio(&simulator, "MG0123456789abcdef0123456789abcdef"), NUMBER)
        .await
        .unwrap();
    let messages = simulator.messages();
    assert_eq!(
        (messages[0]["To"].as_str(), messages[0]["Body"].as_str()),
        (NUMBER, TEXT)
    );
    assert_eq!(messages[0]["From"], "+15005550006");
    assert_eq!(messages[0]["ValidityPeriod"], "600");
    assert!(messages[0]["StatusCallback"].ends_with("/.doorstep/callbacks/twilio"));
    assert_eq!(
        messages[1]["MessagingServiceSid"],
        "MG0123456789abcdef0123456789abcdef"
    );
    assert!(!messages[1].contains_key("From"));
}

#[tokio::test]
async fn each_answer_means_sent_refused_or_unavailable_and_is_asked_for_once() {
    for (fault, expected) in [
        (Fault::Status(400), "Refused"),
        (Fault::Status(401), "Unavailable"),
        (Fault::Status(404), "Unavailable"),
        (Fault::Status(429), "Unavailable"),
        (Fault::Status(500), "Unavailable"),
        (Fault::Status(307), "Unavailable"),
        (Fault::Says(""), "Unanswered"),
        (Fault::Says("{\"sid\":"), "Unanswered"),
        (Fault::Says(r#"{"sid":"SM1","status":"queued"}"#), "Unavailable"),
        (Fault::Hangs, "Unanswered"),
    ] {
        let simulator = TwilioSimulator::start().await;
        simulator.desk.fail(&[fault]);
        let error = send(&twilio(&simulator, "+15005550006"), NUMBER)
            .await
            .unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{fault:?} {error:?}");
        assert_eq!(simulator.desk.seen().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_said_of_a_refusal_is_its_code_alone() {
    let simulator = TwilioSimulator::start().await;
    let refused = send(&twilio(&simulator, "+15005550001"), NUMBER).await;
    assert_eq!(
        refused,
        Err(SendError::Refused("it answered 400, error 21212".into()))
    );
    let mut other = twilio(&simulator, "+15005550006");
    other.token = Redacted::new("canary-other".to_owned());
    let refused = send(&other, NUMBER).await;
    assert_eq!(
        refused,
        Err(SendError::Unavailable("it answered 401, error 20003".into()))
    );
}
