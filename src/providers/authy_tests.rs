use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::providers::simulators::{AUTHY_KEY, AuthySimulator, Fault, NOW, Someone, assert_tells_nothing};

fn authy(simulator: &AuthySimulator) -> Authy {
    let settings = AuthySettings {
        base_url: simulator.url.clone(),
        api_key: Redacted::new(AUTHY_KEY.to_owned()),
    };
    let mut authy = Authy::new(&settings, "portal.example.com", Arc::new(ManualClock::at(NOW))).unwrap();
    authy.line = authy.line.with_timeout(Duration::from_millis(400));
    authy
}

fn unjudged(checked: &Checked) -> bool {
    if let Checked::Unjudged(why) = checked {
        assert_tells_nothing(why);
    }
    matches!(checked, Checked::Unjudged(_))
}

#[tokio::test]
async fn a_number_is_registered_once_and_its_token_is_right_once() {
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    authy.send_own(&anna.person()).await.unwrap();
    authy.send_own(&anna.person()).await.unwrap();
    assert_eq!(simulator.desk.count("users/new"), 1);
    assert_eq!(simulator.emails(), ["anna@example.com"]);
    let token = simulator.texted();
    assert_eq!(authy.check(&anna.person(), "7777777").await, Checked::Wrong);
    assert_eq!(authy.check(&anna.person(), &token).await, Checked::Right);
    assert_eq!(authy.check(&anna.person(), &token).await, Checked::Wrong, "used");
    assert_eq!(simulator.desk.count("users/new"), 1);
}

#[tokio::test]
async fn a_user_who_never_signed_in_is_not_let_in_by_any_token() {
    // Without force=true the API calls it valid.
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    assert_eq!(authy.check(&anna.person(), "7777777").await, Checked::Wrong);
    assert!(
        simulator
            .desk
            .seen()
            .iter()
            .any(|line| line.ends_with("?force=true"))
    );
}

#[tokio::test]
async fn a_200_without_the_words_proves_nothing() {
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    authy.send_own(&anna.person()).await.unwrap();
    for (says, wrong) in [
        (r#"{"success":"true"}"#, false),
        (r#"{"success":true,"message":"Token is valid."}"#, false),
        (r#"{"token":"is valid"}"#, false),
        (r#"{"token":"is valid","success":"false"}"#, false),
        (r#"{"token":["is valid"],"success":"true"}"#, false),
        (r#"{"token":"is invalid","success":"true"}"#, true),
        ("{}", false),
        ("[]", false),
        ("", false),
        ("{\"token\":\"is valid\",\"success\":\"true\"", false),
        ("<h1>Token is valid</h1>", false),
    ] {
        simulator.desk.fail(&[Fault::Says(says)]);
        let checked = authy.check(&anna.person(), "7777777").await;
        match wrong {
            true => assert_eq!(checked, Checked::Wrong, "{says}"),
            false => assert!(unjudged(&checked), "{says} {checked:?}"),
        }
        // An answer in between, so that the breaker stays shut.
        assert_eq!(authy.check(&anna.person(), "7777777").await, Checked::Wrong);
    }
}

#[tokio::test]
async fn what_is_no_token_is_not_asked_about() {
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    for typed in ["12345", "1234567890123", "12345a7", "../../x", "1234567?", ""] {
        assert_eq!(
            authy.check(&anna.person(), typed).await,
            Checked::Wrong,
            "{typed}"
        );
    }
    assert!(simulator.desk.seen().is_empty());
}

#[tokio::test]
async fn i8_what_cannot_be_judged_is_no_failure_and_tells_nothing() {
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
        Fault::Status(302),
        Fault::Hangs,
    ] {
        let simulator = AuthySimulator::start().await;
        let (authy, anna) = (authy(&simulator), Someone::anna());
        authy.send_own(&anna.person()).await.unwrap();
        let before = simulator.desk.seen().len();
        simulator.desk.fail(&[fault]);
        assert!(
            unjudged(&authy.check(&anna.person(), "7777777").await),
            "{fault:?}"
        );
        assert_eq!(simulator.desk.seen().len(), before + 1, "{fault:?}: asked once");
        simulator.desk.fail(&[fault]);
        let error = authy.send_own(&anna.person()).await.unwrap_err();
        assert_tells_nothing(&format!("{error} {error:?}"));
        assert!(!matches!(error, SendError::Refused(_)), "{fault:?} {error:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_the_installations_fault_and_nobodys_failure() {
    let simulator = AuthySimulator::start().await;
    let (mut authy, anna) = (authy(&simulator), Someone::anna());
    authy.send_own(&anna.person()).await.unwrap();
    authy.key = Redacted::new("canary-other".to_owned());
    assert!(unjudged(&authy.check(&anna.person(), "7777777").await));
    assert!(matches!(
        authy.send_own(&anna.person()).await,
        Err(SendError::Unavailable(_))
    ));
    assert!(matches!(
        authy.ask(&anna.alert()).await,
        Err(AskError::Unavailable(_))
    ));
}

#[tokio::test]
async fn the_directory_down_is_no_failure_either() {
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    *anna.accounts.down.lock().unwrap() = true;
    assert!(unjudged(&authy.check(&anna.person(), "7777777").await));
    assert!(simulator.desk.seen().is_empty());
}

#[tokio::test]
async fn too_many_messages_are_not_sent() {
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    simulator.allow_sends(1);
    authy.send_own(&anna.person()).await.unwrap();
    for _ in 0..7 {
        let refused = authy.send_own(&anna.person()).await.unwrap_err();
        let expected = SendError::Unavailable("it answered 429, error 60003".into());
        assert_eq!(refused, expected, "one person's limit shuts the line for nobody");
    }
}

#[tokio::test]
async fn another_number_is_another_person_there() {
    let simulator = AuthySimulator::start().await;
    let (authy, mut anna) = (authy(&simulator), Someone::anna());
    simulator.app_shows("1", "4155550102", "7654321");
    anna.phone = Some(Phone::parse("+442079460018", None).unwrap());
    authy.send_own(&anna.person()).await.unwrap();
    assert_eq!(authy.check(&anna.person(), "7654321").await, Checked::Wrong);
    anna.phone = Some(Phone::parse("+14155550102", None).unwrap());
    assert_eq!(authy.check(&anna.person(), "7654321").await, Checked::Right);
    assert_eq!(simulator.users(), 2);
    anna.phone = None;
    assert_eq!(authy.check(&anna.person(), "7654321").await, Checked::Wrong);
}

#[tokio::test]
async fn whom_the_api_has_forgotten_is_registered_again() {
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    authy.send_own(&anna.person()).await.unwrap();
    simulator.forget();
    authy.send_own(&anna.person()).await.unwrap();
    assert_eq!(simulator.users(), 2);
}

#[tokio::test]
async fn an_alert_is_answered_on_the_phone() {
    for (answer, state) in [
        ("approved", ApprovalState::Approved),
        ("denied", ApprovalState::Denied { fraud: false }),
        ("expired", ApprovalState::Expired),
    ] {
        let simulator = AuthySimulator::start().await;
        let (authy, anna) = (authy(&simulator), Someone::anna());
        assert_eq!(
            authy.ask(&anna.alert()).await,
            Err(AskError::NoDevice),
            "no app yet"
        );
        simulator.app_shows("1", "4155550102", "7654321");
        let asked = authy.ask(&anna.alert()).await.unwrap();
        assert_eq!(authy.state(&asked.id).await, Ok(ApprovalState::Pending));
        let alert = simulator.alert();
        assert_eq!(alert["seconds_to_expire"], 300);
        assert_eq!(alert["message"], "Sign in to Example Portal?");
        assert_eq!(alert["details"]["From"], "192.0.2.7");
        simulator.answer_alert(&asked.id.0, answer);
        assert_eq!(authy.state(&asked.id).await, Ok(state));
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_no_answer() {
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    simulator.app_shows("1", "4155550102", "7654321");
    let asked = authy.ask(&anna.alert()).await.unwrap();
    let other = r#"{"approval_request":{"uuid":"another","status":"approved"},"success":true}"#;
    for faults in [
        &[Fault::Status(500), Fault::Status(502)][..],
        &[Fault::Says("{}"); 1],
        &[Fault::Says(other)],
        &[Fault::Says("approved"), Fault::Says("approved")],
        &[Fault::Status(404)],
    ] {
        simulator.desk.fail(faults);
        let state = authy.state(&asked.id).await;
        assert!(
            matches!(state, Err(AskError::Unavailable(_))),
            "{faults:?} {state:?}"
        );
        assert_eq!(authy.state(&asked.id).await, Ok(ApprovalState::Pending));
    }
    simulator.desk.fail(&[Fault::Status(500)]);
    assert_eq!(
        authy.state(&asked.id).await,
        Ok(ApprovalState::Pending),
        "a look is repeated"
    );
    let strange = RequestId("../../protected/json/users/1/status".into());
    assert!(authy.state(&strange).await.is_err());
    assert!(
        simulator
            .desk
            .seen()
            .last()
            .unwrap()
            .contains("approval_requests/..%2F")
    );
}

#[tokio::test]
async fn an_alert_goes_out_once() {
    let simulator = AuthySimulator::start().await;
    let (authy, anna) = (authy(&simulator), Someone::anna());
    simulator.app_shows("1", "4155550102", "7654321");
    authy.ask(&anna.alert()).await.unwrap();
    // The status first, then the alert itself.
    let status = Fault::Says(r#"{"status":{"registered":true},"success":true}"#);
    simulator.desk.fail(&[status, Fault::Status(500)]);
    let before = simulator.desk.count("POST /onetouch");
    let asked = authy.ask(&anna.alert()).await;
    assert!(matches!(asked, Err(AskError::Unavailable(_))), "{asked:?}");
    assert_eq!(simulator.desk.count("POST /onetouch"), before + 1);
}
