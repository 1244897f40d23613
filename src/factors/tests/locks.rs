//! Failures, and the lock they bring (I8).

use super::world::{MINUTE, SECOND, World, name, ops};
use crate::factors::challenge::{SmsOutcome, Status, Verdict};

#[tokio::test]
async fn i8_five_failures_lock_for_one_two_and_four_minutes() {
    let world = World::new().await;
    for minutes in [1, 2, 4] {
        let session = world.challenged("anna").await;
        for left in [4, 3, 2, 1] {
            assert_eq!(
                world.says(&session, &world.wrong()).await,
                format!("wrong {left}")
            );
        }
        let until = world.now().plus(minutes * MINUTE);
        let fifth = world.verify(&session, &world.wrong()).await.unwrap();
        assert!(
            matches!(fifth, Verdict::Locked { until: told } if told == until),
            "{fifth:?}"
        );
        world.clock.advance(minutes * MINUTE - SECOND);
        let session = world.challenged("anna").await;
        let right = world.verify(&session, &world.key(0)).await.unwrap();
        assert!(
            matches!(right, Verdict::Locked { until: told } if told == until),
            "{right:?}"
        );
        world.clock.advance(SECOND);
    }
    assert_eq!(world.audited("factor.locked").await.len(), 3);
    let session = world.challenged("anna").await;
    assert_eq!(
        world.says(&session, &world.key(0)).await,
        "verified totp",
        "the lock used no step up"
    );
    let session = world.challenged("anna").await;
    assert_eq!(
        world.says(&session, &world.wrong()).await,
        "wrong 4",
        "a sign-in sets the count to 0"
    );
}

#[tokio::test]
async fn g1_neither_a_new_token_nor_a_new_challenge_nor_a_new_login_resets_the_count() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &world.wrong()).await, "wrong 4");
    world.texted(&session).await;
    assert_eq!(world.says(&session, &world.wrong()).await, "wrong 3");
    world.clock.advance(12 * MINUTE);
    world.open(&session).await;
    assert_eq!(world.says(&session, &world.wrong()).await, "wrong 2");
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &world.wrong()).await, "wrong 1");
}

#[tokio::test]
async fn i8_used_and_expired_tokens_count_towards_the_lock() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let key = world.key(0);
    assert_eq!(world.says(&session, &key).await, "verified totp");
    let session = world.challenged("anna").await;
    for word in ["used", "used", "used", "used", "locked"] {
        assert_eq!(world.says(&session, &key).await, word);
    }
}

#[tokio::test]
async fn while_locked_nothing_is_sent_and_an_unlock_ends_it() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    for _ in 0..5 {
        world.verify(&session, &world.wrong()).await.unwrap();
    }
    let until = world.now().plus(MINUTE);
    let sent = world.door().send_sms(&session, world.now()).await.unwrap();
    assert_eq!(sent, SmsOutcome::Locked { until });
    let view = world.door().challenge_view(&session, world.now()).await.unwrap();
    assert_eq!(view.locked_until, Some(until));
    let status = world
        .door()
        .challenge_status(&session, world.now())
        .await
        .unwrap();
    assert_eq!(status, Status::Locked);
    let directory = &world.door().directory;
    directory
        .unlock_employee(&ops(), &name("anna"), world.now())
        .await
        .unwrap();
    let status = world
        .door()
        .challenge_status(&session, world.now())
        .await
        .unwrap();
    assert_eq!(status, Status::Pending);
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
}
