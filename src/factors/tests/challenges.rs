//! Challenges opened, shown, and how they stand.

use super::world::{MINUTE, World, name, ops};
use crate::factors::challenge::{Opening, Status, Verdict, View};
use crate::gate::FactorKind;
use crate::sessions::{ChallengeState, Level, Slot};

#[tokio::test]
async fn the_session_names_its_challenge_and_keeps_it() {
    let world = World::new().await;
    let session = world.signed_in("anna").await;
    let opened = world.open(&session).await;
    assert_eq!(opened.value.login, name("anna"));
    assert_eq!(opened.value.expires, world.now().plus(5 * MINUTE));
    let slot = world
        .door()
        .store
        .session(&session.token.id(), world.now())
        .await
        .unwrap();
    let Slot::Live(stored) = slot else {
        panic!("the session went away");
    };
    let Level::Password { challenge, .. } = stored.record.level else {
        panic!("a challenge raised the session");
    };
    assert_eq!(challenge, Some(opened.value.id.clone()));
    assert_eq!(world.open(&session).await, opened, "asked again, it is the same");
}

#[tokio::test]
async fn a_challenge_that_ran_out_is_replaced_only_when_asked_for() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let first = world.open(&session).await.value.id;
    world.clock.advance(5 * MINUTE);
    let ask = async |reopen| {
        world
            .door()
            .challenge_for(&session, reopen, world.now())
            .await
            .unwrap()
    };
    let status = async || {
        world
            .door()
            .challenge_status(&session, world.now())
            .await
            .unwrap()
    };
    assert_eq!(ask(false).await, Opening::RanOut);
    assert_eq!(status().await, Status::Expired);
    assert!(
        world
            .door()
            .challenge_view(&session, world.now())
            .await
            .unwrap()
            .ran_out
    );
    world.clock.advance(60 * MINUTE);
    assert_eq!(
        ask(false).await,
        Opening::RanOut,
        "also where the store has forgotten it"
    );
    let second = world.open(&session).await.value.id;
    assert_ne!(first, second);
    assert_eq!(status().await, Status::Pending);
    assert_eq!(world.open(&session).await.value.id, second);
}

#[tokio::test]
async fn challenges_are_limited_per_employee() {
    let world = World::new().await;
    for _ in 0..60 {
        world.challenged("ben").await;
    }
    let session = world.signed_in("ben").await;
    let opening = world
        .door()
        .challenge_for(&session, true, world.now())
        .await
        .unwrap();
    let until = world.now().plus(MINUTE);
    assert_eq!(opening, Opening::Limited { until });
    world.challenged("anna").await;
    world.clock.set(until);
    world.open(&session).await;
}

#[tokio::test]
async fn whoever_owes_nothing_gets_no_challenge() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
    let opening = world
        .door()
        .challenge_for(&session, true, world.now())
        .await
        .unwrap();
    assert_eq!(opening, Opening::NotOwed);
    let status = world
        .door()
        .challenge_status(&session, world.now())
        .await
        .unwrap();
    assert_eq!(status, Status::Pending, "the next request collects the way in");
    let gone = world.challenged("ben").await;
    world.door().store.remove(&gone.stored.record.id).await.unwrap();
    let opening = world
        .door()
        .challenge_for(&gone, true, world.now())
        .await
        .unwrap();
    assert_eq!(opening, Opening::NotOwed);
    let status = world.door().challenge_status(&gone, world.now()).await.unwrap();
    assert_eq!(status, Status::Expired);
}

#[tokio::test]
async fn i10_what_a_policy_took_back_is_owed_anew_in_the_same_session() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let Verdict::Verified { entry, .. } = world.verify(&session, &world.key(0)).await.unwrap() else {
        panic!("not verified");
    };
    let verified = world.session(entry.token).await;
    let now = world.now();
    let opening = world.door().challenge_for(&verified, true, now).await.unwrap();
    assert_eq!(opening, Opening::NotOwed);
    world.set_factors(&[FactorKind::Totp, FactorKind::Sms]).await;
    let view = world.door().challenge_view(&verified, now).await.unwrap();
    assert!(view.totp && view.ran_out, "shown before one is opened");
    assert_eq!(world.says(&verified, &world.key(1)).await, "ran out");
    world.open(&verified).await;
    assert_eq!(world.says(&verified, &world.key(0)).await, "used");
    assert_eq!(world.says(&verified, &world.key(1)).await, "verified totp");
}

#[tokio::test]
async fn a_challenge_that_was_verified_and_let_nobody_in_is_replaced() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let mut challenge = world.open(&session).await;
    challenge.value.state = ChallengeState::Verified {
        factor: FactorKind::Totp,
        at: world.now(),
    };
    let store = &world.door().store;
    let changed = store
        .update_challenge(&challenge.value, challenge.version, world.now())
        .await;
    assert!(changed.unwrap());
    assert_eq!(world.says(&session, &world.key(0)).await, "overtaken");
    assert_eq!(world.employee("anna").await.failures, 0);
    let opening = world
        .door()
        .challenge_for(&session, false, world.now())
        .await
        .unwrap();
    assert!(matches!(opening, Opening::Open(ref other) if other.value.id != challenge.value.id));
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
}

#[tokio::test]
async fn the_page_shows_what_the_tech_has_and_the_firm_allows() {
    let world = World::new().await;
    let view = |login: &str| View {
        remember_days: None,
        login: login.to_owned(),
        totp: false,
        passkey: false,
        sms_number: None,
        sms_sent: None,
        push: None,
        locked_until: None,
        ran_out: false,
        nothing_enrolled: false,
        firm_name: "Acme".to_owned(),
    };
    let see = async |login: &str| {
        let session = world.challenged(login).await;
        world.door().challenge_view(&session, world.now()).await.unwrap()
    };
    let anna = View {
        totp: true,
        sms_number: Some("+1 ••• ••• 0102".to_owned()),
        ..view("anna")
    };
    let ben = View {
        sms_number: Some("+1 ••• ••• 0103".to_owned()),
        ..view("ben")
    };
    let carl = View {
        nothing_enrolled: true,
        ..view("carl")
    };
    assert_eq!(see("anna").await, anna);
    assert_eq!(see("ben").await, ben);
    assert_eq!(see("carl").await, carl);
    world.set_factors(&[FactorKind::Totp]).await;
    assert_eq!(
        see("anna").await,
        View {
            sms_number: None,
            ..anna.clone()
        }
    );
    assert!(see("ben").await.nothing_enrolled);
    world.set_factors(&[FactorKind::Sms]).await;
    assert_eq!(see("anna").await, View { totp: false, ..anna });
    let directory = &world.door().directory;
    directory
        .reset_employee(&ops(), &name("ben"), world.now())
        .await
        .unwrap();
    assert!(see("ben").await.nothing_enrolled, "the number is suspended");
}
