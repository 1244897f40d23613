use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::providers::simulators::{
    DUO_IKEY, DUO_SKEY, DuoSimulator, DuoUser, Fault, NOW, Someone, assert_tells_nothing,
};

fn duo(simulator: &DuoSimulator) -> Duo {
    let settings = DuoSettings {
        base_url: simulator.url.clone(),
        integration_key: DUO_IKEY.to_owned(),
        secret_key: Redacted::new(DUO_SKEY.to_owned()),
    };
    let mut duo = Duo::new(&settings, Arc::new(ManualClock::at(NOW))).unwrap();
    duo.line = duo.line.with_timeout(Duration::from_millis(400));
    duo
}

async fn with(user: DuoUser) -> (DuoSimulator, Duo, Someone) {
    let simulator = DuoSimulator::start(NOW).await;
    let anna = Someone::anna();
    simulator.set(anna.login.as_str(), user);
    let duo = duo(&simulator);
    (simulator, duo, anna)
}

fn auth() -> DuoUser {
    DuoUser {
        preauth: "auth",
        push: true,
        passcodes: vec!["1234567".to_owned()],
        ..DuoUser::default()
    }
}

fn assert_unjudged(checked: &Checked) {
    let Checked::Unjudged(why) = checked else {
        panic!("{checked:?}");
    };
    assert_tells_nothing(why);
}

#[tokio::test]
async fn a_passcode_is_right_once() {
    let (simulator, duo, anna) = with(auth()).await;
    assert_eq!(duo.check(&anna.person(), "9999999").await, Checked::Wrong);
    assert_eq!(duo.check(&anna.person(), "1234567").await, Checked::Right);
    assert_eq!(duo.check(&anna.person(), "1234567").await, Checked::Wrong, "used");
    duo.send_own(&anna.person()).await.unwrap();
    let sent = simulator.passcodes(anna.login.as_str()).remove(0);
    assert_eq!(duo.check(&anna.person(), &sent).await, Checked::Right);
    assert_eq!(
        duo.check(&anna.person(), "12345").await,
        Checked::Wrong,
        "not asked about"
    );
}

#[tokio::test]
async fn a_bypass_is_no_second_factor() {
    let bypass = DuoUser {
        preauth: "allow",
        ..auth()
    };
    let (simulator, duo, anna) = with(bypass).await;
    assert_unjudged(&duo.check(&anna.person(), "1234567").await);
    assert!(matches!(duo.ask(&anna.alert()).await, Err(AskError::Refused(_))));
    assert!(matches!(
        duo.send_own(&anna.person()).await,
        Err(SendError::Refused(_))
    ));
    assert_eq!(simulator.desk.count("/auth/v2/auth"), 0, "nothing else was asked");
    // Allowed, but not for the passcode.
    let allowed = DuoUser {
        status: Some("bypass"),
        ..auth()
    };
    simulator.set(anna.login.as_str(), allowed);
    assert_unjudged(&duo.check(&anna.person(), "1234567").await);
    let asked = duo.ask(&anna.alert()).await.unwrap();
    simulator.settle(&asked.id.0, "allow", "bypass");
    assert!(matches!(duo.state(&asked.id).await, Err(AskError::Refused(_))));
}

#[tokio::test]
async fn whom_duo_refuses_or_does_not_know_is_not_let_in() {
    for (preauth, checked) in [
        ("deny", "Unjudged"),
        ("enroll", "Wrong"),
        ("nonsense", "Unjudged"),
    ] {
        let user = DuoUser { preauth, ..auth() };
        let (_simulator, duo, anna) = with(user).await;
        let verdict = format!("{:?}", duo.check(&anna.person(), "1234567").await);
        assert!(verdict.starts_with(checked), "{preauth} {verdict}");
        assert!(duo.ask(&anna.alert()).await.is_err(), "{preauth}");
        assert!(duo.send_own(&anna.person()).await.is_err(), "{preauth}");
    }
}

#[tokio::test]
async fn a_push_is_answered_on_the_phone() {
    for (result, status, state) in [
        ("waiting", "pushed", ApprovalState::Pending),
        ("allow", "allow", ApprovalState::Approved),
        ("deny", "deny", ApprovalState::Denied { fraud: false }),
        ("deny", "fraud", ApprovalState::Denied { fraud: true }),
        ("deny", "locked_out", ApprovalState::Denied { fraud: false }),
        ("deny", "timeout", ApprovalState::Expired),
        ("deny", "push_failed", ApprovalState::Expired),
    ] {
        let (simulator, duo, anna) = with(auth()).await;
        let asked = duo.ask(&anna.alert()).await.unwrap();
        assert_eq!(
            (asked.digits.as_deref(), asked.expires),
            (None, NOW.plus(PUSH_LIFE))
        );
        simulator.settle(&asked.id.0, result, status);
        assert_eq!(duo.state(&asked.id).await, Ok(state), "{result} {status}");
    }
}

#[tokio::test]
async fn a_verified_push_shows_its_digits_and_says_which_it_is() {
    let verified = DuoUser {
        digits: Some("376"),
        ..auth()
    };
    let (simulator, duo, anna) = with(verified).await;
    let asked = duo.ask(&anna.alert()).await.unwrap();
    assert_eq!(asked.digits.as_deref(), Some("376"));
    assert_eq!(asked.id.0, "verified-push-txid");
    let last = simulator.last();
    assert_eq!(
        (last["txid"].as_str(), last["async"].as_str()),
        ("verified-push-txid", "1")
    );
    let shown: Vec<(String, String)> = url::form_urlencoded::parse(last["pushinfo"].as_bytes())
        .into_owned()
        .collect();
    assert!(shown.contains(&("From".into(), "192.0.2.7".into())));
    assert!(!last.contains_key("ipaddr"), "a trusted network would let in");
}

#[tokio::test]
async fn somebody_without_a_device_that_takes_pushes_is_not_asked() {
    let no_push = DuoUser {
        push: false,
        ..auth()
    };
    let (simulator, duo, anna) = with(no_push).await;
    assert_eq!(duo.ask(&anna.alert()).await, Err(AskError::NoDevice));
    assert_eq!(simulator.desk.count("/auth/v2/auth"), 0);
}

#[tokio::test]
async fn an_answer_that_is_held_back_is_pending_and_no_failure() {
    let (simulator, duo, anna) = with(auth()).await;
    let asked = duo.ask(&anna.alert()).await.unwrap();
    simulator.desk.fail(&[Fault::Hangs; 6]);
    for _ in 0..6 {
        assert_eq!(duo.state(&asked.id).await, Ok(ApprovalState::Pending));
    }
    simulator.settle(&asked.id.0, "allow", "allow");
    assert_eq!(
        duo.state(&asked.id).await,
        Ok(ApprovalState::Approved),
        "the line is still open"
    );
}

#[tokio::test]
async fn i8_what_cannot_be_judged_is_no_failure_and_tells_nothing() {
    let preauth = Fault::Says(r#"{"stat":"OK","response":{"result":"auth","devices":[]}}"#);
    for fault in [
        Fault::Status(500),
        Fault::Status(429),
        Fault::Status(401),
        Fault::Hangs,
        Fault::Says("{}"),
        Fault::Says("no JSON"),
        Fault::Says(r#"{"stat":"FAIL","response":{"result":"allow","status":"allow"}}"#),
        Fault::Says(r#"{"response":{"result":"allow","status":"allow"}}"#),
        Fault::Says(r#"{"stat":"OK","response":{"result":"allow"}}"#),
        Fault::Says(r#"{"stat":"OK","result":"allow","status":"allow"}"#),
    ] {
        let (simulator, duo, anna) = with(auth()).await;
        simulator.desk.fail(&[preauth, fault]);
        assert_unjudged(&duo.check(&anna.person(), "1234567").await);
        assert_eq!(simulator.desk.count("/auth/v2/auth"), 1, "{fault:?}: asked once");
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_nobodys_failure() {
    let (simulator, duo, anna) = with(auth()).await;
    simulator.set_clock(NOW.plus(Duration::from_secs(301)));
    assert_unjudged(&duo.check(&anna.person(), "1234567").await);
    simulator.set_clock(NOW.plus(Duration::from_secs(299)));
    assert_eq!(duo.check(&anna.person(), "1234567").await, Checked::Right);
}

#[tokio::test]
async fn a_wrong_secret_key_proves_nothing() {
    let (_simulator, mut duo, anna) = with(auth()).await;
    duo.secret_key = Redacted::new("canary-other".to_owned());
    assert_unjudged(&duo.check(&anna.person(), "1234567").await);
    let error = duo.ask(&anna.alert()).await.unwrap_err();
    assert_eq!(
        error,
        AskError::Unavailable("it answered 401, error 40103".into())
    );
}
