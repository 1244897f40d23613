use std::time::Duration;

use super::*;
use crate::providers::simulators::{
    Fault, NUMBER, Someone, TWILIO_ACCOUNT, TWILIO_SERVICE, TWILIO_TOKEN, TwilioSimulator,
    assert_tells_nothing,
};

fn verify(simulator: &TwilioSimulator) -> Arc<Verify> {
    let settings = VerifySettings {
        base_url: simulator.url.clone(),
        account_sid: TWILIO_ACCOUNT.to_owned(),
        auth_token: Redacted::new(TWILIO_TOKEN.to_owned()),
        service_sid: TWILIO_SERVICE.to_owned(),
    };
    let mut verify = Verify::new(&settings).unwrap();
    verify.line = verify.line.with_timeout(Duration::from_millis(400));
    Arc::new(verify)
}

fn assert_unjudged(checked: &Checked) {
    let Checked::Unjudged(why) = checked else {
        panic!("{checked:?}");
    };
    assert_tells_nothing(why);
}

#[tokio::test]
async fn a_token_by_sms_is_right_once() {
    let simulator = TwilioSimulator::start().await;
    let (verify, anna) = (verify(&simulator), Someone::anna());
    let judge = VerifySms(verify.clone());
    assert_eq!(
        judge.check(&anna.person(), "314159").await,
        Checked::Wrong,
        "none was sent"
    );
    verify.send_own(&anna.person()).await.unwrap();
    let code = simulator.code(NUMBER);
    assert_eq!(judge.check(&anna.person(), "999999").await, Checked::Wrong);
    assert_eq!(judge.check(&anna.person(), &code).await, Checked::Right);
    assert_eq!(judge.check(&anna.person(), &code).await, Checked::Wrong, "used");
    verify.send_own(&anna.person()).await.unwrap();
    simulator.run_out(NUMBER);
    assert_eq!(
        judge.check(&anna.person(), &code).await,
        Checked::Wrong,
        "it ran out"
    );
    for typed in ["123", "12345678901"] {
        assert_eq!(
            judge.check(&anna.person(), typed).await,
            Checked::Wrong,
            "{typed}"
        );
    }
}

#[tokio::test]
async fn five_sends_and_five_checks_are_the_services_own_limits() {
    let simulator = TwilioSimulator::start().await;
    let (verify, anna) = (verify(&simulator), Someone::anna());
    let judge = VerifySms(verify.clone());
    for _ in 0..5 {
        verify.send_own(&anna.person()).await.unwrap();
    }
    let refused = verify.send_own(&anna.person()).await;
    assert_eq!(
        refused,
        Err(SendError::Refused("it answered 429, error 60203".into()))
    );
    for _ in 0..5 {
        assert_eq!(judge.check(&anna.person(), "999999").await, Checked::Wrong);
    }
    let right = simulator.code(NUMBER);
    assert_unjudged(&judge.check(&anna.person(), &right).await);
}

#[tokio::test]
async fn only_approved_and_valid_is_right() {
    let simulator = TwilioSimulator::start().await;
    let (verify, anna) = (verify(&simulator), Someone::anna());
    let judge = VerifySms(verify.clone());
    for (says, wrong) in [
        (r#"{"status":"approved"}"#, false),
        (r#"{"valid":true}"#, false),
        (r#"{"status":"pending","valid":true}"#, false),
        (r#"{"status":"approved","valid":"true"}"#, false),
        (r#"{"status":"approved","valid":false}"#, true),
        (r#"{"status":"canceled","valid":false}"#, true),
        ("approved", false),
        ("", false),
    ] {
        simulator.desk.fail(&[Fault::Says(says)]);
        let checked = judge.check(&anna.person(), "999999").await;
        match wrong {
            true => assert_eq!(checked, Checked::Wrong, "{says}"),
            false => assert_unjudged(&checked),
        }
        // Answered in between, so that the breaker stays shut.
        assert_eq!(judge.check(&anna.person(), "999999").await, Checked::Wrong);
    }
}

#[tokio::test]
async fn i8_what_cannot_be_judged_is_no_failure_and_tells_nothing() {
    for fault in [
        Fault::Status(500),
        Fault::Status(401),
        Fault::Status(429),
        Fault::Hangs,
    ] {
        let simulator = TwilioSimulator::start().await;
        let (verify, anna) = (verify(&simulator), Someone::anna());
        verify.send_own(&anna.person()).await.unwrap();
        simulator.desk.fail(&[fault]);
        assert_unjudged(&VerifySms(verify.clone()).check(&anna.person(), "999999").await);
        assert_eq!(simulator.desk.count("VerificationCheck"), 1, "{fault:?}");
        // The list is read once more, the key is tried once.
        simulator.desk.fail(&[fault, fault]);
        assert_unjudged(&VerifyTotp(verify.clone()).check(&anna.person(), "999999").await);
        assert_eq!(simulator.desk.count("Challenges"), 0);
    }
}

#[tokio::test]
async fn the_line_is_given_up_after_failures_in_a_row() {
    let simulator = TwilioSimulator::start().await;
    let (verify, anna) = (verify(&simulator), Someone::anna());
    let judge = VerifySms(verify);
    simulator.desk.fail(&[Fault::Status(500); 5]);
    for _ in 0..6 {
        assert_unjudged(&judge.check(&anna.person(), "999999").await);
    }
    assert_eq!(simulator.desk.seen().len(), 5, "the sixth was not asked");
}

#[tokio::test]
async fn a_key_of_an_app_enrolled_there_is_judged_there() {
    for forbidden in [false, true] {
        let simulator = TwilioSimulator::start().await;
        let (verify, anna) = (verify(&simulator), Someone::anna());
        let judge = VerifyTotp(verify);
        assert_eq!(
            judge.check(&anna.person(), "7654321").await,
            Checked::Wrong,
            "nobody there"
        );
        let identity = identity(TWILIO_SERVICE, &anna.login);
        simulator.enrol(&identity, "push", "7654321");
        assert_eq!(
            judge.check(&anna.person(), "7654321").await,
            Checked::Wrong,
            "no TOTP"
        );
        simulator.enrol(&identity, "totp", "1112223");
        simulator.enrol(&identity, "totp", "7654321");
        if forbidden {
            simulator.say_forbidden();
        }
        assert_eq!(judge.check(&anna.person(), "9999999").await, Checked::Wrong);
        assert_eq!(
            judge.check(&anna.person(), "7654321").await,
            Checked::Right,
            "the second app"
        );
    }
}

#[test]
fn the_identity_is_the_same_for_whoever_computes_it() {
    let anna = crate::gate::Login::parse("Anna@Example.com").unwrap();
    let computed = identity("VA1", &anna);
    // printf 'VA1:anna@example.com' | sha256sum
    assert_eq!(
        computed,
        "36532f947d231e8f51570e12d1accddff7306b072fce9c87601619db1951e17e"
    );
    assert_ne!(computed, identity("VA2", &anna));
}

#[tokio::test]
async fn every_device_is_alerted_and_the_first_answer_counts() {
    let anna = Someone::anna();
    let name = identity(TWILIO_SERVICE, &anna.login);
    for (first, second, state) in [
        ("pending", "pending", ApprovalState::Pending),
        ("pending", "approved", ApprovalState::Approved),
        ("expired", "approved", ApprovalState::Approved),
        ("expired", "pending", ApprovalState::Pending),
        ("denied", "pending", ApprovalState::Denied { fraud: false }),
        ("expired", "expired", ApprovalState::Expired),
    ] {
        let simulator = TwilioSimulator::start().await;
        let verify = verify(&simulator);
        assert_eq!(verify.ask(&anna.alert()).await, Err(AskError::NoDevice));
        let one = simulator.enrol(&name, "push", "");
        let two = simulator.enrol(&name, "push", "");
        let asked = verify.ask(&anna.alert()).await.unwrap();
        let last = simulator.last_challenge();
        assert!(last.contains(&("Details.Message".into(), "Sign in to Example Portal?".into())));
        assert!(last.contains(&("ExpirationDate".into(), anna.alert().expires.to_string())));
        let fields = last.iter().filter(|(name, _)| name == "Details.Fields");
        assert_eq!(fields.count(), 4);
        simulator.answer_challenge(&one, first);
        simulator.answer_challenge(&two, second);
        assert_eq!(verify.state(&asked.id).await, Ok(state), "{first} {second}");
    }
}

#[tokio::test]
async fn a_device_that_cannot_be_alerted_stops_no_other() {
    let (simulator, anna) = (TwilioSimulator::start().await, Someone::anna());
    let verify = verify(&simulator);
    let name = identity(TWILIO_SERVICE, &anna.login);
    let dead = simulator.enrol(&name, "push", "");
    simulator.refuse_factor(&dead);
    let refused = verify.ask(&anna.alert()).await;
    assert_eq!(
        refused,
        Err(AskError::Refused("it answered 400, error 60305".into()))
    );
    simulator.enrol(&name, "push", "");
    assert!(verify.ask(&anna.alert()).await.is_ok());
    assert_eq!(simulator.challenges().len(), 1);
}

#[tokio::test]
async fn an_approval_is_not_read_out_of_a_broken_answer() {
    let (simulator, anna) = (TwilioSimulator::start().await, Someone::anna());
    let verify = verify(&simulator);
    simulator.enrol(&identity(TWILIO_SERVICE, &anna.login), "push", "");
    let asked = verify.ask(&anna.alert()).await.unwrap();
    let other = Fault::Says(r#"{"sid":"YCother","status":"approved"}"#);
    for faults in [
        &[other][..],
        &[Fault::Says("approved"); 2],
        &[Fault::Status(500); 2],
    ] {
        simulator.desk.fail(faults);
        let state = verify.state(&asked.id).await;
        assert!(
            matches!(state, Err(AskError::Unavailable(_))),
            "{faults:?} {state:?}"
        );
    }
    assert_eq!(verify.state(&asked.id).await, Ok(ApprovalState::Pending));
    assert!(verify.state(&RequestId("nonsense".into())).await.is_err());
}

#[tokio::test]
async fn a_callback_about_one_device_wakes_who_waits_for_any() {
    let (simulator, anna) = (TwilioSimulator::start().await, Someone::anna());
    let verify = verify(&simulator);
    let name = identity(TWILIO_SERVICE, &anna.login);
    simulator.enrol(&name, "push", "");
    simulator.enrol(&name, "push", "");
    let asked = verify.ask(&anna.alert()).await.unwrap();
    let sid = simulator.challenges().remove(0);
    let woken = verify.news(&asked.id);
    tokio::pin!(woken);
    assert!(futures_util::FutureExt::now_or_never(&mut woken).is_none());
    verify.called_back("YC");
    assert!(futures_util::FutureExt::now_or_never(&mut woken).is_none());
    verify.called_back(&sid);
    assert!(futures_util::FutureExt::now_or_never(&mut woken).is_some());
}
