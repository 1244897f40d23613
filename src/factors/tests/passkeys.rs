//! Passkeys by an authenticator in software: what counts, and everything that does not.

use serde_json::Value;

use super::world::{MINUTE, World, name, ops, word};
use crate::access::LiveSession;
use crate::directory::ChangeRefused;
use crate::factors::authenticator::Authenticator;
use crate::factors::confirm::Confirmation;
use crate::factors::passkey::PasskeyAsked;
use crate::factors::passkey_enrolment::made;
use crate::factors::verify::{PasskeyFault, Verdict};
use crate::gate::FactorKind;
use crate::sessions::Level;

const ORIGIN: &str = "https://portal.example.com";
const SITE: &str = "portal.example.com";

async fn try_enrol(world: &World, login: &str, key: &mut Authenticator) -> Result<String, ChangeRefused> {
    let employee = world.employee(login).await;
    let (door, now) = (world.door(), world.now());
    let site = door.passkey_site().unwrap();
    let (options, offered) = door.offer_passkey(&site, &employee, now).await.unwrap().unwrap();
    let answer = key.make(&options);
    let Some(new) = made(&site, &offered, &answer, "My laptop", employee.standing.epoch) else {
        return Err(ChangeRefused::Invalid("refused".into()));
    };
    door.directory.add_passkey(&ops(), &name(login), &new, now).await
}

async fn enrolled(world: &World, login: &str) -> (String, Authenticator) {
    let mut key = Authenticator::new(ORIGIN, SITE);
    let id = try_enrol(world, login, &mut key).await.unwrap();
    (id, key)
}

async fn asked(world: &World, session: &LiveSession) -> Value {
    match world.door().ask_passkey(session, world.now()).await.unwrap() {
        PasskeyAsked::Options(options) => options,
        other => panic!("{other:?}"),
    }
}

async fn says(world: &World, session: &LiveSession, answer: &str) -> String {
    let verdict = world.door().verify_passkey(session, answer, world.now()).await;
    match verdict.unwrap() {
        Verdict::NotByPasskey(fault) => format!("{fault:?}"),
        other => word(&other),
    }
}

#[tokio::test]
async fn a_passkey_verifies_once_and_what_it_signed_never_again() {
    let world = World::new().await;
    let (_, mut key) = enrolled(&world, "ben").await;
    let session = world.challenged("ben").await;
    let answer = key.sign(&asked(&world, &session).await);
    assert_eq!(says(&world, &session, &answer).await, "verified passkey");
    assert_eq!(says(&world, &session, &answer).await, "overtaken");
    // In another session of the same person: what was signed belongs to the first one's challenge.
    let other = world.challenged("ben").await;
    assert_eq!(says(&world, &other, &answer).await, "Over");
    asked(&world, &other).await;
    assert_eq!(says(&world, &other, &answer).await, "Refused");
    assert_eq!(world.audited("factor.verified").await.len(), 1);
}

#[tokio::test]
async fn what_is_not_signed_as_asked_does_not_count() {
    let world = World::new().await;
    let (_, mut key) = enrolled(&world, "ben").await;
    let (_, mut annas) = enrolled(&world, "anna").await;
    let session = world.challenged("ben").await;
    let options = asked(&world, &session).await;
    for (what, origin, site, verifies) in [
        ("another origin", "https://evil.example", SITE, true),
        ("another port", "https://portal.example.com:8443", SITE, true),
        ("a host below", "https://x.portal.example.com", SITE, true),
        ("another scheme", "http://portal.example.com", SITE, true),
        ("another relying party", ORIGIN, "evil.example", true),
        ("without the user", ORIGIN, SITE, false),
    ] {
        (key.origin, key.site, key.verifies) = (origin.to_owned(), site.to_owned(), verifies);
        let answer = key.sign(&options);
        assert_eq!(says(&world, &session, &answer).await, "Refused", "{what}");
    }
    (key.origin, key.site, key.verifies) = (ORIGIN.to_owned(), SITE.to_owned(), true);
    assert_eq!(says(&world, &session, &annas.sign(&options)).await, "Refused");
    for nonsense in ["", "{}", "null", &"x".repeat(20_000)] {
        assert_eq!(says(&world, &session, nonsense).await, "Refused");
    }
    let right = key.sign(&options);
    let forged = right.replace("\"signature\":\"M", "\"signature\":\"N");
    assert_ne!(forged, right);
    assert_eq!(says(&world, &session, &forged).await, "Refused");
    assert_eq!(says(&world, &session, &right).await, "verified passkey");
}

#[tokio::test]
async fn what_was_asked_later_or_too_long_ago_does_not_count() {
    let world = World::new().await;
    let (_, mut key) = enrolled(&world, "ben").await;
    let session = world.challenged("ben").await;
    let before = key.sign(&asked(&world, &session).await);
    let after = asked(&world, &session).await;
    assert_eq!(says(&world, &session, &before).await, "Refused", "replaced");
    world.clock.advance(6 * MINUTE);
    assert_eq!(says(&world, &session, &key.sign(&after)).await, "ran out");
    let carl = world.challenged("carl").await;
    let none = world.door().ask_passkey(&carl, world.now()).await.unwrap();
    assert!(matches!(none, PasskeyAsked::NoPasskey), "{none:?}");
}

#[tokio::test]
async fn a_counter_that_does_not_rise_is_refused_and_told() {
    let world = World::new().await;
    let (_, mut key) = enrolled(&world, "ben").await;
    key.counter = 7;
    let session = world.challenged("ben").await;
    let answer = key.sign(&asked(&world, &session).await);
    assert_eq!(says(&world, &session, &answer).await, "verified passkey");
    for counter in [7, 3, 0] {
        key.counter = counter;
        let session = world.challenged("ben").await;
        let answer = key.sign(&asked(&world, &session).await);
        assert_eq!(says(&world, &session, &answer).await, "MayBeCopied", "{counter}");
    }
    assert_eq!(world.audited("factor.counter_went_back").await.len(), 3);
    key.counter = 8;
    let session = world.challenged("ben").await;
    let answer = key.sign(&asked(&world, &session).await);
    assert_eq!(says(&world, &session, &answer).await, "verified passkey");
}

#[tokio::test]
async fn passkeys_that_do_not_count_sign_in_again_and_again() {
    let world = World::new().await;
    let mut key = Authenticator::new(ORIGIN, SITE);
    key.counter = 0;
    try_enrol(&world, "ben", &mut key).await.unwrap();
    for _ in 0..2 {
        let session = world.challenged("ben").await;
        let answer = key.sign(&asked(&world, &session).await);
        assert_eq!(says(&world, &session, &answer).await, "verified passkey");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i7_what_a_passkey_signed_lets_in_once_when_two_gateways_race() {
    let world = World::new().await;
    let mut key = Authenticator::new(ORIGIN, SITE);
    key.counter = 0;
    try_enrol(&world, "ben", &mut key).await.unwrap();
    for _ in 0..10 {
        let session = world.challenged("ben").await;
        let answer = key.sign(&asked(&world, &session).await);
        let tries = (0..8).map(|number| {
            let (door, session) = (world.doors[number % 2].clone(), session.clone());
            let (answer, now) = (answer.clone(), world.now());
            tokio::spawn(async move { door.verify_passkey(&session, &answer, now).await.unwrap() })
        });
        let mut won = 0;
        for attempt in tries.collect::<Vec<_>>() {
            won += usize::from(matches!(attempt.await.unwrap(), Verdict::Verified { .. }));
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn i8_a_lock_does_not_stop_a_passkey() {
    let world = World::new().await;
    let (_, mut key) = enrolled(&world, "anna").await;
    let session = world.challenged("anna").await;
    for _ in 0..5 {
        world.says(&session, &world.wrong()).await;
    }
    assert_eq!(world.says(&session, &world.key(0)).await, "locked");
    let answer = key.sign(&asked(&world, &session).await);
    assert_eq!(says(&world, &session, &answer).await, "verified passkey");
    assert_eq!(world.employee("anna").await.failures, 0);
}

#[tokio::test]
async fn a_firm_that_requires_passkeys_lets_in_nobody_else() {
    let world = World::new().await;
    let (_, mut key) = enrolled(&world, "ben").await;
    world.set_factors(&[FactorKind::Passkey]).await;
    let readiness = world
        .door()
        .directory
        .readiness(&super::world::firm())
        .await
        .unwrap();
    assert_eq!(
        (readiness.ready, readiness.not_ready),
        (1, vec!["anna".to_owned(), "carl".to_owned()])
    );
    assert!(world.employee("ben").await.is_ready() && !world.employee("anna").await.is_ready());
    let anna = world.challenged("anna").await;
    assert_eq!(world.says(&anna, &world.key(0)).await, "nothing enrolled");
    let view = world.door().challenge_view(&anna, world.now()).await.unwrap();
    assert!(view.nothing_enrolled && !view.passkey);
    let ben = world.challenged("ben").await;
    let view = world.door().challenge_view(&ben, world.now()).await.unwrap();
    assert!(view.passkey && !view.totp && view.sms_number.is_none() && !view.nothing_enrolled);
    let answer = key.sign(&asked(&world, &ben).await);
    assert_eq!(says(&world, &ben, &answer).await, "verified passkey");
    world.set_factors(&[FactorKind::Totp]).await;
    let ben = world.challenged("ben").await;
    let none = world.door().ask_passkey(&ben, world.now()).await.unwrap();
    assert!(matches!(none, PasskeyAsked::NoPasskey), "{none:?}");
}

#[tokio::test]
async fn a_passkey_that_was_removed_or_is_somebody_elses_does_not_count() {
    let world = World::new().await;
    let (id, mut key) = enrolled(&world, "ben").await;
    let mut second = Authenticator::new(ORIGIN, SITE);
    try_enrol(&world, "ben", &mut second).await.unwrap();
    let session = world.challenged("ben").await;
    let answer = key.sign(&asked(&world, &session).await);
    // The session is over with it (I14); were it not, the passkey is no longer there.
    let directory = &world.door().directory;
    directory
        .remove_factor(&ops(), &name("ben"), &id, world.now())
        .await
        .unwrap();
    assert_eq!(says(&world, &session, &answer).await, "ended");
    let there = try_enrol(&world, "anna", &mut second).await;
    assert!(matches!(there, Err(ChangeRefused::Duplicate(_))), "{there:?}");
    let mut weak = Authenticator::new(ORIGIN, SITE);
    weak.verifies = false;
    assert!(try_enrol(&world, "anna", &mut weak).await.is_err());
    let mut foreign = Authenticator::new("https://evil.example", SITE);
    assert!(try_enrol(&world, "anna", &mut foreign).await.is_err());
}

#[tokio::test]
async fn i14_a_passkey_confirms_one_change_of_its_own_session() {
    let world = World::new().await;
    let (_, mut key) = enrolled(&world, "ben").await;
    let (session, other) = (world.signed_in("ben").await, world.signed_in("ben").await);
    let (door, now) = (world.door(), world.now());
    let PasskeyAsked::Options(options) = door.ask_passkey_to_confirm(&session, now).await.unwrap() else {
        panic!("nothing asked");
    };
    let answer = key.sign(&options);
    let over = Confirmation::NotByPasskey(PasskeyFault::Over);
    assert_eq!(door.confirm_passkey(&other, &answer, now).await.unwrap(), over);
    let right = Confirmation::Confirmed(FactorKind::Passkey);
    assert_eq!(door.confirm_passkey(&session, &answer, now).await.unwrap(), right);
    let used = door.confirm_passkey(&session, &answer, now).await.unwrap();
    assert!(matches!(used, Confirmation::NotByPasskey(_)), "{used:?}");
    let level = world.session(session.token.clone()).await.stored.record.level;
    assert!(matches!(level, Level::Password { .. }), "nothing was raised");
}

#[tokio::test]
async fn nobody_who_was_reset_meanwhile_gets_a_passkey() {
    let world = World::new().await;
    let employee = world.employee("ben").await;
    let (door, now) = (world.door(), world.now());
    let site = door.passkey_site().unwrap();
    let (options, offered) = door.offer_passkey(&site, &employee, now).await.unwrap().unwrap();
    let answer = Authenticator::new(ORIGIN, SITE).make(&options);
    let new = made(&site, &offered, &answer, "", employee.standing.epoch).unwrap();
    door.directory
        .reset_employee(&ops(), &name("ben"), now)
        .await
        .unwrap();
    let refused = door.directory.add_passkey(&ops(), &name("ben"), &new, now).await;
    assert!(matches!(refused, Err(ChangeRefused::NotFound(_))), "{refused:?}");
}
