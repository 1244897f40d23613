//! Tokens in the form of a change: spent like any other, and worth one change.

use super::world::{SECOND, World};
use crate::access::LiveSession;
use crate::factors::challenge::{SmsOutcome, Verdict};
use crate::factors::confirm::Confirmation;
use crate::gate::FactorKind;
use crate::sessions::Level;

async fn confirm(world: &World, session: &LiveSession, typed: &str) -> Confirmation {
    let confirmed = world.door().confirm_token(session, typed, world.now()).await;
    confirmed.unwrap()
}

async fn verified(world: &World, login: &str) -> LiveSession {
    let session = world.challenged(login).await;
    let token = if login == "anna" {
        world.key(0)
    } else {
        world.texted(&session).await
    };
    match world.verify(&session, &token).await.unwrap() {
        Verdict::Verified { entry, .. } => world.session(entry.token).await,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn i14_a_key_confirms_one_change_and_leaves_the_session_as_it_is() {
    let world = World::new().await;
    let session = verified(&world, "anna").await;
    assert_eq!(confirm(&world, &session, &world.key(0)).await, Confirmation::Used);
    world.clock.advance(30 * SECOND);
    let key = world.key(0);
    assert_eq!(
        confirm(&world, &session, &world.wrong()).await,
        Confirmation::Wrong { left: 3 }
    );
    let right = Confirmation::Confirmed(FactorKind::Totp);
    assert_eq!(confirm(&world, &session, &key).await, right);
    assert_eq!(confirm(&world, &session, &key).await, Confirmation::Used);
    let after = world.session(session.token.clone()).await;
    assert_eq!(after.stored.record.level, session.stored.record.level);
    // Where a firm asks for none, a password is enough to come here, and the key confirms all the same.
    let waiting = world.signed_in("anna").await;
    world.clock.advance(30 * SECOND);
    assert_eq!(confirm(&world, &waiting, &world.key(0)).await, right);
    let level = world.session(waiting.token.clone()).await.stored.record.level;
    assert!(matches!(level, Level::Password { .. }), "nothing was raised");
}

#[tokio::test]
async fn i7_of_two_changes_confirmed_by_one_key_one_is_made() {
    let world = World::new().await;
    let session = verified(&world, "anna").await;
    world.clock.advance(30 * SECOND);
    let (key, now) = (world.key(0), world.now());
    let (one, other) = tokio::join!(
        world.doors[0].confirm_token(&session, &key, now),
        world.doors[1].confirm_token(&session, &key, now)
    );
    let confirmed = [one.unwrap(), other.unwrap()];
    let count = confirmed
        .iter()
        .filter(|one| matches!(one, Confirmation::Confirmed(_)));
    assert_eq!(count.count(), 1, "{confirmed:?}");
}

#[tokio::test]
async fn a_token_by_sms_confirms_in_its_own_session_only() {
    let world = World::new().await;
    let (session, other) = (verified(&world, "ben").await, verified_later(&world).await);
    world.clock.advance(31 * SECOND);
    let outcome = world
        .door()
        .send_confirmation_sms(&session, world.now())
        .await
        .unwrap();
    assert!(matches!(outcome, SmsOutcome::Sent(_)), "{outcome:?}");
    let token = world.outbox.sent.lock().unwrap().last().unwrap().1.clone();
    assert_eq!(
        confirm(&world, &other, &token).await,
        Confirmation::Wrong { left: 4 }
    );
    let right = Confirmation::Confirmed(FactorKind::Sms);
    assert_eq!(confirm(&world, &session, &token).await, right);
    assert_eq!(confirm(&world, &session, &token).await, Confirmation::Used);
    let outcome = world
        .door()
        .send_confirmation_sms(&session, world.now())
        .await
        .unwrap();
    assert!(matches!(outcome, SmsOutcome::Limited { .. }), "{outcome:?}");
}

async fn verified_later(world: &World) -> LiveSession {
    world.clock.advance(31 * SECOND);
    verified(world, "ben").await
}

#[tokio::test]
async fn i8_guesses_at_a_change_lock_like_guesses_at_the_door() {
    let world = World::new().await;
    let session = verified(&world, "anna").await;
    for left in [4, 3, 2, 1] {
        assert_eq!(
            confirm(&world, &session, &world.wrong()).await,
            Confirmation::Wrong { left }
        );
    }
    let locked = confirm(&world, &session, &world.wrong()).await;
    assert!(matches!(locked, Confirmation::Locked { .. }), "{locked:?}");
    world.clock.advance(30 * SECOND);
    let locked = confirm(&world, &session, &world.key(0)).await;
    assert!(matches!(locked, Confirmation::Locked { .. }), "{locked:?}");
}

#[tokio::test]
async fn i14_a_passcode_confirms_nothing_and_is_not_used_up() {
    let world = World::new().await;
    let session = world.signed_in("carl").await;
    assert_eq!(
        confirm(&world, &session, "123456").await,
        Confirmation::NothingEnrolled
    );
    let session = verified(&world, "anna").await;
    let confirmed = confirm(&world, &session, "3467-9ACE-FHJK-PRTX").await;
    assert_eq!(confirmed, Confirmation::Wrong { left: 4 });
    let _ = world.door().end_session(&session).await.unwrap();
    world.clock.advance(30 * SECOND);
    assert_eq!(
        confirm(&world, &session, &world.key(0)).await,
        Confirmation::Ended
    );
}
