use std::time::Duration;

use super::super::{Attempt, Directory};
use super::place::{Place, T0, actor, both, login, new_employee};
use crate::clock::Timestamp;

async fn with_anna(place: &Place) -> Directory {
    let directory = place.open().await;
    place.firm(&directory, "corp").await;
    directory
        .add_employee(&actor(), &new_employee("anna", "corp"), T0)
        .await
        .unwrap();
    directory
}

async fn lefts(directory: &Directory, now: Timestamp, count: usize) -> Vec<u32> {
    let mut lefts = Vec::new();
    for _ in 0..count {
        match directory.reserve_attempt(&login("anna"), now).await.unwrap() {
            Attempt::Granted { left, .. } => lefts.push(left),
            Attempt::Locked { .. } => break,
        }
    }
    lefts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i8_of_fifty_parallel_guesses_five_are_judged() {
    for place in both().await {
        let _first = with_anna(&place).await;
        let handles = [place.open().await, place.open().await];
        let tasks: Vec<_> = (0..50)
            .map(|task| {
                let directory = handles[task % 2].clone();
                let name = if task % 2 == 0 { "anna" } else { " ANNA" };
                tokio::spawn(async move { directory.reserve_attempt(&login(name), T0).await.unwrap() })
            })
            .collect();
        let mut granted = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Attempt::Granted { left, locks_until } => granted.push((left, locks_until)),
                Attempt::Locked { until } => assert_eq!(until, T0.plus(Duration::from_secs(60))),
            }
        }
        granted.sort_unstable_by(|a, b| b.cmp(a));
        let locks = Some(T0.plus(Duration::from_secs(60)));
        assert_eq!(granted, [(4, None), (3, None), (2, None), (1, None), (0, locks)]);
    }
}

#[tokio::test]
async fn i8_each_further_round_locks_twice_as_long_up_to_an_hour() {
    for place in both().await {
        let directory = with_anna(&place).await;
        let mut now = T0;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(lefts(&directory, now, 9).await, [4, 3, 2, 1, 0]);
            let until = now.plus(Duration::from_secs(minutes * 60));
            let next = directory
                .reserve_attempt(&login("anna"), until.minus(Duration::from_millis(1)))
                .await
                .unwrap();
            assert_eq!(next, Attempt::Locked { until });
            now = until;
        }
        let anna = directory.employee(&login("anna")).await.unwrap().unwrap();
        assert_eq!((anna.failures, anna.locked_until), (40, Some(now)));
    }
}

#[tokio::test]
async fn i8_a_verified_factor_an_unlock_and_a_release_each_take_back_what_is_theirs() {
    for place in both().await {
        let directory = with_anna(&place).await;
        let anna = login("anna");
        assert_eq!(lefts(&directory, T0, 5).await.len(), 5);
        directory.note_verified(&anna, T0).await.unwrap();
        assert_eq!(
            lefts(&directory, T0, 5).await,
            [4, 3, 2, 1, 0],
            "the fifth was right"
        );
        directory.unlock_employee(&actor(), &anna, T0).await.unwrap();
        assert_eq!(lefts(&directory, T0, 5).await, [4, 3, 2, 1, 0]);
        directory.release_attempt(&anna, T0).await.unwrap();
        assert_eq!(
            lefts(&directory, T0, 5).await,
            [0],
            "the fifth was not judged, four were"
        );
        directory.reset_employee(&actor(), &anna, T0).await.unwrap();
        directory.release_attempt(&anna, T0).await.unwrap();
        assert_eq!(
            lefts(&directory, T0, 1).await,
            [4],
            "there was nothing to release"
        );
        assert!(directory.reserve_attempt(&login("nobody"), T0).await.is_err());
    }
}
