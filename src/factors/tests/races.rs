//! Many at once, on two gateways.

use std::sync::Arc;

use futures_util::future::join_all;

use super::world::{SECOND, World, word};
use crate::access::LiveSession;
use crate::factors::challenge::{Opening, Verdict};
use crate::factors::verify::Fault;
use crate::factors::waiting::{Standing, Waiting};
use crate::gate::FactorKind;
use crate::sessions::ChallengeState;

/// Types each of these at the same time, on both gateways in turn, and counts the verdicts that begin so.
async fn all_at_once(world: &World, tries: Vec<(LiveSession, String)>, sought: &str) -> usize {
    let now = world.now();
    let tasks = tries.into_iter().enumerate().map(|(number, (session, typed))| {
        let door = Arc::clone(&world.doors[number % 2]);
        tokio::spawn(async move { door.verify_token(&session, &typed, now).await })
    });
    let mut count = 0;
    for verdict in join_all(tasks).await {
        let verdict = verdict.unwrap().unwrap();
        count += usize::from(word(&verdict).starts_with(sought));
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_a_key_verifies_once_when_fifty_race_on_two_gateways() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let tries = vec![(session, world.key(0)); 50];
    assert_eq!(all_at_once(&world, tries, "verified").await, 1);
    assert_eq!(world.audited("factor.verified").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_a_key_verifies_once_when_many_sessions_race() {
    let world = World::new().await;
    let mut tries = Vec::new();
    for _ in 0..20 {
        tries.push((world.challenged("anna").await, world.key(0)));
    }
    assert_eq!(all_at_once(&world, tries, "verified").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_an_sms_token_verifies_once_when_fifty_race_on_two_gateways() {
    let world = World::new().await;
    let session = world.challenged("ben").await;
    let token = world.texted(&session).await;
    let tries = vec![(session, token); 50];
    assert_eq!(all_at_once(&world, tries, "verified").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_of_a_key_and_a_token_at_once_one_wins_and_the_other_is_no_failure() {
    for _ in 0..5 {
        let world = World::new().await;
        let session = world.challenged("anna").await;
        let token = world.texted(&session).await;
        let tries = vec![(session.clone(), world.key(0)), (session, token)];
        assert_eq!(all_at_once(&world, tries, "verified").await, 1);
        assert_eq!(world.audited("factor.verified").await.len(), 1);
        assert_eq!(world.employee("anna").await.failures, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_fifty_parallel_guesses_are_judged_five_times_at_most() {
    let world = World::new().await;
    let mut tries = Vec::new();
    for _ in 0..10 {
        // Over several sessions: one count for the employee.
        let session = world.challenged("anna").await;
        tries.extend(vec![(session, world.wrong()); 5]);
    }
    assert_eq!(
        all_at_once(&world, tries, "wrong").await,
        4,
        "the fifth is told that it is locked"
    );
    assert_eq!(world.employee("anna").await.failures, 5);
    assert_eq!(world.audited("factor.locked").await.len(), 1, "audited once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_at_once_end_up_with_one_challenge_and_count_once() {
    let world = World::new().await;
    let session = world.signed_in("anna").await;
    let now = world.now();
    let tasks = (0..8).map(|number| {
        let door = Arc::clone(&world.doors[number % 2]);
        let session = session.clone();
        tokio::spawn(async move { door.challenge_for(&session, false, now).await.unwrap() })
    });
    let mut ids = Vec::new();
    for opening in join_all(tasks).await {
        match opening.unwrap() {
            Opening::Open(challenge) => ids.push(challenge.value.id.0),
            other => panic!("{other:?}"),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    for _ in 0..59 {
        world.challenged("anna").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_of_many_wishes_for_a_token_at_once_one_is_sent() {
    let world = World::new().await;
    let session = world.challenged("ben").await;
    let now = world.now();
    let tasks = (0..20).map(|number| {
        let door = Arc::clone(&world.doors[number % 2]);
        let session = session.clone();
        tokio::spawn(async move { door.send_sms(&session, now).await.unwrap() })
    });
    join_all(tasks).await;
    assert_eq!(world.outbox.sent.lock().unwrap().len(), 1);
    world.clock.advance(30 * SECOND);
    world.texted(&session).await;
}

async fn waiting(world: &World, session: &LiveSession) -> Waiting {
    match world.door().waiting(session, world.now()).await.unwrap() {
        Standing::Waiting(waiting) => *waiting,
        Standing::Ended | Standing::Overtaken => panic!("nothing is owed"),
    }
}

#[tokio::test]
async fn a_token_sent_while_a_key_is_judged_stands_in_nobodys_way() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let read = world.open(&session).await;
    world.texted(&session).await;
    let (door, now) = (world.door(), world.now());
    assert!(door.close(read.clone(), FactorKind::Totp, now).await.unwrap());
    let kept = door.store.challenge(&read.value.id, now).await.unwrap().unwrap();
    assert_eq!(kept.value.sms.len(), 1, "nothing of it was lost");
    let factor = FactorKind::Totp;
    assert_eq!(kept.value.state, ChallengeState::Verified { factor, at: now });
    assert!(!door.close(read, FactorKind::Sms, now).await.unwrap());
}

#[tokio::test]
async fn i8_a_right_token_that_comes_too_late_is_no_failure() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let (door, now) = (world.door(), world.now());
    let waiting = waiting(&world, &session).await;
    let read = world.open(&session).await;
    assert!(door.close(read.clone(), FactorKind::Sms, now).await.unwrap());
    door.directory
        .reserve_attempt(waiting.login(), now)
        .await
        .unwrap();
    let late = door
        .let_in(&session, &waiting, read, FactorKind::Totp, now)
        .await
        .unwrap();
    assert!(matches!(late, Verdict::Overtaken), "{late:?}");
    assert_eq!(world.employee("anna").await.failures, 0);
}

#[tokio::test]
async fn a_key_that_the_first_of_two_presses_used_is_overtaken_and_not_used() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let (door, now) = (world.door(), world.now());
    let waiting = waiting(&world, &session).await;
    let refuse = async || door.refuse(&waiting, Fault::Used, 4, None, now).await.unwrap();
    assert!(matches!(refuse().await, Verdict::Used));
    let read = world.open(&session).await;
    assert!(door.close(read, FactorKind::Totp, now).await.unwrap());
    assert!(matches!(refuse().await, Verdict::Overtaken));
}
