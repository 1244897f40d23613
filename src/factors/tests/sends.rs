//! Tokens by SMS.

use super::world::{MINUTE, SECOND, World, name, ops};
use crate::directory::{EmployeeChanges, Phone};
use crate::factors::challenge::SmsOutcome;
use crate::gate::FactorKind;
use crate::providers::SendError;

#[tokio::test]
async fn the_message_goes_to_the_number_of_the_record_and_is_kept_hashed() {
    let world = World::new().await;
    let session = world.challenged("ben").await;
    let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
    let SmsOutcome::Sent(sent) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(sent.number, "+1 ••• ••• 0103");
    assert_eq!(sent.expires, world.now().plus(10 * MINUTE));
    assert_eq!(sent.again_from, world.now().plus(30 * SECOND));
    let (to, token, text) = world.outbox.sent.lock().unwrap()[0].clone();
    assert_eq!(to, "+14155550103");
    assert!(text.ends_with(&format!("@portal.example.com #{token}")), "{text}");
    let kept = world.open(&session).await.value;
    assert_eq!(kept.sms.len(), 1);
    let kept = format!("{kept:?}");
    assert!(!kept.contains(&token) && !kept.contains("4155550103"), "{kept}");
    let view = world.door().challenge_view(&session, world.now()).await.unwrap();
    assert_eq!(view.sms_sent, Some(sent));
}

#[tokio::test]
async fn g8_one_in_thirty_seconds_and_five_an_hour_over_all_challenges() {
    let world = World::new().await;
    let begin = world.now();
    for number in 0..5 {
        let session = world.challenged("ben").await;
        world.texted(&session).await;
        world.clock.advance(29 * SECOND);
        let again = world.door().send_sms(&session, world.now()).await.unwrap();
        let until = world.now().plus(SECOND);
        assert_eq!(again, SmsOutcome::Limited { until }, "{number}");
        world.clock.advance(SECOND);
    }
    let session = world.challenged("ben").await;
    let sixth = world.door().send_sms(&session, world.now()).await.unwrap();
    let until = begin.plus(60 * MINUTE);
    assert_eq!(sixth, SmsOutcome::Limited { until });
    let again = world.door().send_sms(&session, world.now()).await.unwrap();
    assert_eq!(again, sixth, "what was refused began no pause");
    world.clock.set(until);
    let session = world.challenged("ben").await;
    world.texted(&session).await;
    assert_eq!(world.outbox.sent.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn g8_a_number_of_two_people_is_limited_once() {
    let world = World::new().await;
    let changes = EmployeeChanges {
        phone: Some(Some(Phone::parse("+14155550103", None).unwrap())),
        ..EmployeeChanges::default()
    };
    let directory = &world.door().directory;
    directory
        .set_employee(&ops(), &name("carl"), &changes, world.now())
        .await
        .unwrap();
    let send = async |login: &str| {
        let session = world.challenged(login).await;
        world.door().send_sms(&session, world.now()).await.unwrap()
    };
    let is_limited = |outcome| matches!(outcome, SmsOutcome::Limited { .. });
    for login in ["ben", "carl", "ben", "carl", "ben"] {
        assert!(!is_limited(send(login).await));
        assert!(is_limited(send("carl").await), "within 30 s");
        world.clock.advance(30 * SECOND);
    }
    assert!(
        is_limited(send("ben").await) && is_limited(send("carl").await),
        "five an hour"
    );
    assert!(!is_limited(send("anna").await), "another number");
}

#[tokio::test]
async fn a_provider_that_is_down_costs_no_tokens_of_the_hour() {
    let world = World::new().await;
    let session = world.challenged("ben").await;
    for error in [
        SendError::Unavailable("down".to_owned()),
        SendError::Refused("no".to_owned()),
    ] {
        *world.outbox.fails.lock().unwrap() = Some(error);
        for _ in 0..6 {
            let session = world.challenged("ben").await;
            let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
            assert_eq!(outcome, SmsOutcome::Unavailable);
            let view = world.door().challenge_view(&session, world.now()).await.unwrap();
            assert_eq!(view.sms_sent, None, "nothing is on its way");
            let again = world.door().send_sms(&session, world.now()).await.unwrap();
            assert!(matches!(again, SmsOutcome::Limited { .. }), "the pause holds");
            world.clock.advance(30 * SECOND);
        }
    }
    *world.outbox.fails.lock().unwrap() = None;
    world.open(&session).await;
    world.texted(&session).await;
}

#[tokio::test]
async fn a_message_that_may_arrive_counts_and_works() {
    let world = World::new().await;
    *world.outbox.fails.lock().unwrap() = Some(SendError::Unanswered("hangs".to_owned()));
    for _ in 0..5 {
        let session = world.challenged("ben").await;
        let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
        assert_eq!(outcome, SmsOutcome::Unavailable);
        assert_eq!(world.open(&session).await.value.sms.len(), 1);
        world.clock.advance(30 * SECOND);
    }
    let session = world.challenged("ben").await;
    let sixth = world.door().send_sms(&session, world.now()).await.unwrap();
    assert!(matches!(sixth, SmsOutcome::Limited { .. }));
}

#[tokio::test]
async fn a_failed_send_leaves_the_token_before_it_valid() {
    let world = World::new().await;
    let session = world.challenged("ben").await;
    let token = world.texted(&session).await;
    world.clock.advance(30 * SECOND);
    *world.outbox.fails.lock().unwrap() = Some(SendError::Unavailable("down".to_owned()));
    let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
    assert_eq!(outcome, SmsOutcome::Unavailable);
    assert_eq!(world.says(&session, &token).await, "verified sms");
}

#[tokio::test]
async fn nothing_is_sent_without_a_number_a_policy_or_an_open_challenge() {
    let world = World::new().await;
    let send = async |session: &_| world.door().send_sms(session, world.now()).await.unwrap();
    assert_eq!(send(&world.challenged("carl").await).await, SmsOutcome::NoNumber);
    let late = world.challenged("ben").await;
    assert_eq!(send(&world.signed_in("ben").await).await, SmsOutcome::Over);
    world.clock.advance(5 * MINUTE);
    assert_eq!(send(&late).await, SmsOutcome::Over);
    world.set_factors(&[FactorKind::Totp]).await;
    assert_eq!(send(&world.challenged("ben").await).await, SmsOutcome::NoNumber);
    assert!(world.outbox.sent.lock().unwrap().is_empty());
}
