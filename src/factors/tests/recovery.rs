//! Recovery codes: whose, how often, and counted like everything that can be guessed.

use super::world::{MINUTE, World, name, ops, word};
use crate::factors::confirm::Confirmation;
use crate::gate::FactorKind;

async fn codes(world: &World, login: &str) -> Vec<String> {
    let made = world
        .door()
        .directory
        .make_recovery_codes(&ops(), &name(login), world.now())
        .await
        .unwrap();
    made.iter().map(|code| code.reveal().clone()).collect()
}

async fn left(world: &World, login: &str) -> u32 {
    world
        .door()
        .directory
        .recovery_codes_left(&name(login))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_recovery_code_lets_its_owner_in_once_however_it_is_typed() {
    let world = World::new().await;
    let codes = codes(&world, "anna").await;
    assert_eq!(codes.len(), 10);
    let all: std::collections::HashSet<&String> = codes.iter().collect();
    assert_eq!(all.len(), 10);
    assert!(
        codes.iter().all(|code| code.len() == 19),
        "XXXX-XXXX-XXXX-XXXX: 64 bits"
    );
    let session = world.challenged("anna").await;
    let typed = codes[0].to_lowercase().replace('-', " ");
    assert_eq!(world.says(&session, &typed).await, "verified recovery_code");
    assert_eq!(left(&world, "anna").await, 9);
    let again = world.challenged("anna").await;
    assert_eq!(world.says(&again, &codes[0]).await, "used");
    assert_eq!(world.says(&again, &codes[1]).await, "verified recovery_code");
}

#[tokio::test]
async fn i7_a_recovery_code_verifies_once_when_two_gateways_race() {
    let world = World::new().await;
    let codes = codes(&world, "anna").await;
    for code in &codes[..5] {
        let (one, two) = (world.challenged("anna").await, world.challenged("anna").await);
        let now = world.now();
        let (first, second) = tokio::join!(
            world.doors[0].verify_token(&one, code, now),
            world.doors[1].verify_token(&two, code, now)
        );
        let mut words = [word(&first.unwrap()), word(&second.unwrap())];
        words.sort();
        assert_eq!(words, ["used", "verified recovery_code"]);
    }
}

#[tokio::test]
async fn a_code_is_nobody_elses_and_a_new_set_kills_the_old_one() {
    let world = World::new().await;
    let old = codes(&world, "anna").await;
    let ben = world.challenged("ben").await;
    assert_eq!(world.says(&ben, &old[0]).await, "wrong 4");
    assert_eq!(left(&world, "anna").await, 10, "not spent by another's try");
    let new = codes(&world, "anna").await;
    let anna = world.challenged("anna").await;
    assert_eq!(world.says(&anna, &old[0]).await, "wrong 4");
    assert_eq!(world.says(&anna, &new[0]).await, "verified recovery_code");
    let directory = &world.door().directory;
    directory
        .reset_employee(&ops(), &name("anna"), world.now())
        .await
        .unwrap();
    assert_eq!(left(&world, "anna").await, 0, "a reset takes them too");
}

#[tokio::test]
async fn a_code_counts_only_where_the_firm_allows_it() {
    let world = World::new().await;
    let codes = codes(&world, "anna").await;
    world.set_factors(&[FactorKind::Totp]).await;
    let anna = world.challenged("anna").await;
    assert_eq!(world.says(&anna, &codes[0]).await, "wrong 4");
    assert_eq!(left(&world, "anna").await, 10);
    world.set_factors(&[FactorKind::RecoveryCode]).await;
    let anna = world.challenged("anna").await;
    assert_eq!(world.says(&anna, &codes[0]).await, "verified recovery_code");
}

#[tokio::test]
async fn i8_guessed_codes_lock_like_everything_that_can_be_guessed() {
    let world = World::new().await;
    let codes = codes(&world, "anna").await;
    let anna = world.challenged("anna").await;
    for guess in [
        "3333-3333-3333-3333",
        "aaaa aaaa aaaa aaaa",
        "QQQQ-QQQQ-QQQQ-QQQQ",
        "1111111111111111",
    ] {
        assert!(world.says(&anna, guess).await.starts_with("wrong"), "{guess}");
    }
    assert_eq!(world.says(&anna, "4444-4444-4444-4444").await, "locked");
    assert_eq!(world.says(&anna, &codes[0]).await, "locked");
    assert_eq!(left(&world, "anna").await, 10);
    world.clock.advance(MINUTE);
    assert_eq!(world.says(&anna, &codes[0]).await, "verified recovery_code");
}

#[tokio::test]
async fn i14_a_recovery_code_confirms_a_change_once_and_a_passcode_none() {
    let world = World::new().await;
    let codes = codes(&world, "anna").await;
    let session = world.challenged("anna").await;
    let says = |typed: String| {
        let session = session.clone();
        let world = &world;
        async move {
            world
                .door()
                .confirm_token(&session, &typed, world.now())
                .await
                .unwrap()
        }
    };
    let right = Confirmation::Confirmed(FactorKind::RecoveryCode);
    assert_eq!(says(codes[0].clone()).await, right);
    assert_eq!(says(codes[0].clone()).await, Confirmation::Used);
}

#[tokio::test]
async fn the_codes_are_kept_nowhere_and_survive_a_rotation_of_the_key() {
    let world = World::new().await;
    let codes = codes(&world, "anna").await;
    let bytes = std::fs::read(world.folder.join("doorstep.db")).unwrap_or_default();
    let wal = std::fs::read(world.folder.join("doorstep.db-wal")).unwrap_or_default();
    for code in &codes {
        for kept in [code.clone(), code.replace('-', "")] {
            let found = |all: &[u8]| all.windows(kept.len()).any(|part| part == kept.as_bytes());
            assert!(!found(&bytes) && !found(&wal));
        }
    }
    let door = world.door();
    let rotated = std::sync::Arc::new(door.keys.rotated());
    door.directory.reseal(rotated).await.unwrap();
    let anna = world.challenged("anna").await;
    assert_eq!(world.says(&anna, &codes[0]).await, "verified recovery_code");
}
