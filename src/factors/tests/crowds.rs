//! Hundreds and thousands at once, on two gateways, over each store and each directory.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::pushes::{Phone, alerted, said};
use super::world::{World, word};
use crate::access::LiveSession;
use crate::directory::tests::place::Place;
use crate::factors::collect::Collected;
use crate::factors::push_answer::Answered;
use crate::sessions::{MemoryStore, RedisServer};

const AT_ONCE: usize = 256;

/// Runs each story over memory and SQLite, Redis and SQLite, and Redis and PostgreSQL.
macro_rules! over_all {
    ($($story:ident),* $(,)?) => {$(
        mod $story {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn memory() {
                super::$story(World::over(Arc::new(MemoryStore::new()), None).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn redis() {
                let redis = RedisServer::start().await;
                super::$story(World::over(Arc::new(redis.store().await), None).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn redis_and_postgresql() {
                let Some(place) = Place::postgres().await else {
                    return;
                };
                let redis = RedisServer::start().await;
                let world = World::over(Arc::new(redis.store().await), Some(&place.url)).await;
                super::$story(world).await;
            }
        }
    )*};
}

over_all![
    i7_of_two_hundred_submissions_of_one_key_one_verifies,
    i7_of_two_hundred_submissions_of_one_sms_token_one_verifies,
    i7_of_two_hundred_approvals_on_one_phone_one_counts,
    i8_of_ten_thousand_parallel_guesses_five_are_judged,
];

/// All at the same time, on both gateways in turn: how often each word was said. An answer that did not come
/// in time is `unknown`.
async fn all_at_once(world: &World, tries: Vec<(LiveSession, String)>) -> HashMap<String, usize> {
    let now = world.now();
    // More at once only time out in a queue: 503, and nothing is judged.
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let tasks = tries.into_iter().enumerate().map(|(number, (session, typed))| {
        let (door, gate) = (Arc::clone(&world.doors[number % 2]), Arc::clone(&gate));
        tokio::spawn(async move {
            let _permit = gate.acquire().await;
            door.verify_token(&session, &typed, now).await
        })
    });
    let mut said = HashMap::new();
    for verdict in join_all(tasks).await {
        let word = match verdict.unwrap() {
            Ok(verdict) => word(&verdict).split(' ').next().unwrap_or_default().to_owned(),
            Err(_) => "unknown".to_owned(),
        };
        *said.entry(word).or_default() += 1;
    }
    said
}

fn count(said: &HashMap<String, usize>, word: &str) -> usize {
    said.get(word).copied().unwrap_or_default()
}

async fn i7_of_two_hundred_submissions_of_one_key_one_verifies(world: World) {
    // Some of one session, some of others of the same employee.
    let mut tries = Vec::new();
    for _ in 0..4 {
        let session = world.challenged("anna").await;
        tries.extend(vec![(session, world.key(0)); 50]);
    }
    let said = all_at_once(&world, tries).await;
    assert_eq!(count(&said, "verified"), 1, "{said:?}");
    assert_eq!(world.audited("factor.verified").await.len(), 1);
}

async fn i7_of_two_hundred_submissions_of_one_sms_token_one_verifies(world: World) {
    let session = world.challenged("ben").await;
    let token = world.texted(&session).await;
    let said = all_at_once(&world, vec![(session, token); 200]).await;
    assert_eq!(count(&said, "verified"), 1, "{said:?}");
    assert_eq!(world.audited("factor.verified").await.len(), 1);
}

async fn i7_of_two_hundred_approvals_on_one_phone_one_counts(world: World) {
    let phone = Arc::new(Phone::of(&world, "ben").await);
    let (session, (challenge, push)) = alerted(&world, "ben").await;
    let payload = said(&world, "approve", &challenge, &push.id, &push.digits);
    let signature = phone.signs(&payload);
    let now = world.now();
    let approvals = (0..200).map(|number| {
        let door = Arc::clone(&world.doors[number % 2]);
        let (phone, payload, signature) = (phone.clone(), payload.clone(), signature.clone());
        tokio::spawn(async move {
            let (device, payload) = (&phone.device, payload.as_bytes());
            door.answer_push(device, payload, &signature, "192.0.2.1", now)
                .await
        })
    });
    let answers = join_all(approvals).await;
    let approved = answers
        .into_iter()
        .filter(|answer| matches!(answer, Ok(Ok(Answered::Approved))));
    assert_eq!(approved.count(), 1);
    let collected = (0..200).map(|number| {
        let (door, session) = (Arc::clone(&world.doors[number % 2]), session.clone());
        tokio::spawn(async move { door.collect(&session, now).await })
    });
    let entered = join_all(collected).await;
    let entered = entered
        .into_iter()
        .filter(|collected| matches!(collected, Ok(Ok(Collected::Entry(_)))));
    assert_eq!(entered.count(), 1, "collected once");
    assert_eq!(world.audited("factor.verified").await.len(), 1);
}

async fn i8_of_ten_thousand_parallel_guesses_five_are_judged(world: World) {
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(world.challenged("anna").await);
    }
    let near: Vec<String> = (-2..=2).map(|step| world.key(step)).collect();
    let guesses = (0..=u32::MAX).map(|guess| format!("{guess:06}"));
    let guesses = guesses.filter(|guess| !near.contains(guess)).take(10_000);
    let tries = guesses.enumerate();
    let tries = tries.map(|(number, guess)| (sessions[number % 10].clone(), guess));
    let said = all_at_once(&world, tries.collect()).await;
    // The fifth is told that it has locked.
    let judged = count(&said, "wrong");
    assert!(judged <= 4, "{said:?}");
    assert_eq!(count(&said, "verified"), 0, "{said:?}");
    assert_eq!(said.values().sum::<usize>(), 10_000);
    let anna = world.employee("anna").await;
    assert!(
        (1..=5).contains(&anna.failures),
        "{} failures, {said:?}",
        anna.failures
    );
    // The right one is shut out by the lock as well, until it ends.
    if anna.failures == 5 {
        assert_eq!(world.says(&sessions[0], &world.key(0)).await, "locked");
    } else {
        assert!(count(&said, "unknown") > 0, "{said:?}");
    }
}
