//! I9: the machine's clock is wrong by hours, forward or back, as it is after a restart with a bad one (within a
//! process it does not go back, see `clock`). Nothing becomes laxer: what was over stays over, what was locked stays
//! locked, what was spent stays spent; and when the clock is right again, people go on.

use super::world::{MINUTE, World, word};
use crate::access::{LiveSession, Who};
use crate::factors::challenge::SmsOutcome;
use crate::factors::verify::Verdict;
use crate::secret::SessionToken;

const HOUR: std::time::Duration = MINUTE.saturating_mul(60);

/// Whether a token is a live session's, at each gateway.
async fn live(world: &World, token: &SessionToken) -> [bool; 2] {
    let mut found = [false; 2];
    for (door, found) in world.doors.iter().zip(&mut found) {
        door.copies.refresh().await.unwrap();
        let who = door.who(Some(token.clone()), world.now()).await.unwrap();
        *found = matches!(who, Who::Session(_));
    }
    found
}

async fn verified(world: &World, session: &LiveSession) -> SessionToken {
    match world.verify(session, &world.key(0)).await.unwrap() {
        Verdict::Verified { entry, .. } => entry.token,
        other => panic!("{}", word(&other)),
    }
}

#[tokio::test]
async fn i9_a_clock_that_jumps_revives_and_stretches_no_session() {
    let world = World::new().await;
    let start = world.now();
    let waiting = world.challenged("ben").await;
    let session = world.challenged("anna").await;
    let raised = verified(&world, &session).await;
    // Two minutes of use, so that the store has noted one.
    world.clock.advance(2 * MINUTE);
    assert_eq!(live(&world, &raised).await, [true; 2]);
    for (hours, back, there) in [
        (3, false, false),
        (24 * 400, false, false),
        // Before it was used it cannot be: or else it would last for as much longer.
        (1, true, false),
        (6, true, false),
        (24 * 400, true, false),
        (0, true, true),
    ] {
        let by = HOUR * hours;
        let right = start.plus(2 * MINUTE);
        world
            .clock
            .set(if back { right.minus(by) } else { right.plus(by) });
        for token in [&raised, &waiting.token] {
            assert_eq!(live(&world, token).await, [there; 2], "{hours} h, back {back}");
        }
        if !there {
            // Nor does a challenge that was open go on.
            let said = world.says(&waiting, "000000").await;
            assert!(
                matches!(said.as_str(), "ended" | "ran out" | "overtaken"),
                "{hours} h: {said}"
            );
        }
    }
    // Clocks of two gateways that are a little apart are nobody's fault.
    world.clock.set(start);
    assert_eq!(live(&world, &raised).await, [true; 2]);
}

#[tokio::test]
async fn i9_a_clock_that_jumps_makes_no_lock_shorter_and_no_key_new() {
    let world = World::new().await;
    let start = world.now();
    let session = world.challenged("anna").await;
    for _ in 0..5 {
        world.verify(&session, &world.wrong()).await.unwrap();
    }
    for hours in [1, 6, 24 * 400] {
        world.clock.set(start.minus(HOUR * hours));
        let session = world.challenged("anna").await;
        assert_eq!(
            world.says(&session, &world.key(0)).await,
            "locked",
            "back by {hours} h"
        );
    }
    // Forward: the minute is over, and what had been counted still is, so the next lock is for twice as long.
    let late = start.plus(HOUR * 6);
    world.clock.set(late);
    let session = world.challenged("anna").await;
    for _ in 0..4 {
        world.verify(&session, &world.wrong()).await.unwrap();
    }
    let fifth = world.verify(&session, &world.wrong()).await.unwrap();
    assert!(
        matches!(fifth, Verdict::Locked { until } if until == late.plus(2 * MINUTE)),
        "{}",
        word(&fifth)
    );
    // A key of the future that was used is the last one that counts, whatever the clock says afterwards.
    let other = World::new().await;
    let start = other.now();
    other.clock.set(start.plus(HOUR));
    let session = other.challenged("anna").await;
    let future = other.key(0);
    assert_eq!(other.says(&session, &future).await, "verified totp");
    other.clock.set(start);
    let session = other.challenged("anna").await;
    for (what, key) in [
        ("now", other.key(0)),
        ("next", other.key(1)),
        ("the one that was used", future),
    ] {
        let said = other.says(&session, &key).await;
        assert!(
            matches!(said.as_str(), "used" | "wrong 4" | "wrong 3" | "wrong 2"),
            "{what}: {said}"
        );
    }
}

#[tokio::test]
async fn i9_a_clock_that_jumps_makes_no_token_last_longer_and_no_limit_wider() {
    let world = World::new().await;
    let start = world.now();
    let session = world.challenged("ben").await;
    let token = world.texted(&session).await;
    world.clock.set(start.minus(HOUR));
    let said = world.says(&session, &token).await;
    assert!(
        matches!(said.as_str(), "ended" | "ran out" | "overtaken"),
        "{said}"
    );
    // In a session of that hour it is not the newest token of its own challenge.
    let earlier = world.challenged("ben").await;
    assert!(world.says(&earlier, &token).await.starts_with("wrong"));
    world.clock.set(start.plus(11 * MINUTE));
    let late = world.challenged("ben").await;
    let said = world.says(&late, &token).await;
    assert!(!said.starts_with("verified"), "{said}");
    // Five tokens an hour; with the clock set back there are no more of them.
    let mut sent = 1;
    for minutes in 12..20 {
        world.clock.set(start.plus(minutes * MINUTE));
        let session = world.challenged("ben").await;
        sent += usize::from(matches!(
            world.door().send_sms(&session, world.now()).await.unwrap(),
            SmsOutcome::Sent(_)
        ));
    }
    assert_eq!(sent, 5);
    for (hours, minutes) in [(0, 5), (1, 0), (6, 0)] {
        world.clock.set(start.minus(HOUR * hours).plus(minutes * MINUTE));
        let session = world.challenged("ben").await;
        let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
        assert!(
            !matches!(outcome, SmsOutcome::Sent(_)),
            "back by {hours} h: {outcome:?}"
        );
    }
}
