//! A lost phone, a change of number, the enrolment window (I14).

use std::time::Duration;

use http::StatusCode;

use super::world::{MINUTE, firm, key_of, name, ops};
use super::{Sent, World};
use crate::directory::Actor;
use crate::gate::{FactorKind, Policy};

const LOST: &str = "/.doorstep/lost-phone";
const CANCEL: &str = "/.doorstep/lost-phone/cancel";
const HOLD: Duration = Duration::from_secs(72 * 60 * 60);
const NEW: &str = "phone=%2B14155550177";

async fn number(world: &World, login: &str) -> String {
    let employee = world.door.directory.employee(&name(login)).await.unwrap();
    employee.unwrap().phone.unwrap().e164().to_owned()
}

async fn apply(world: &World) -> usize {
    world
        .door
        .directory
        .apply_phone_changes(world.now())
        .await
        .unwrap()
}

/// What the link in the message to the old number carries.
async fn link_code(world: &World) -> String {
    for _ in 0..500 {
        if let Some(code) = world.phones.tokens.lock().unwrap().last() {
            return code.clone();
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the old number was not told");
}

#[tokio::test]
async fn i14_asking_is_not_changing_and_silence_grants_nothing_however_long() {
    let world = World::new().await;
    let token = world.signed_in("ben").await;
    let page = world.send(Sent::get(LOST).by(&token)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let asked = world.send(Sent::form(LOST, &token, NEW)).await;
    assert_eq!((asked.status, asked.location()), (StatusCode::SEE_OTHER, LOST));
    let page = world.send(Sent::get(LOST).by(&token)).await;
    assert!(page.body.contains("+1 ••• ••• 0177") && !page.body.contains("14155550177"));
    world.clock.advance(100 * HOLD);
    assert_eq!(apply(&world).await, 0);
    assert_eq!(number(&world, "ben").await, "+14155550103");
}

#[tokio::test]
async fn i14_a_yes_counts_after_the_hold_only_and_nobody_says_it_to_themselves() {
    let world = World::new().await;
    let token = world.signed_in("ben").await;
    world.send(Sent::form(LOST, &token, NEW)).await;
    let directory = &world.door.directory;
    let waiting = directory.pending_phone_changes(Some(&firm())).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let (ben, now) = (name("ben"), world.now());
    let own = Actor {
        name: "BEN".into(),
        from: "127.0.0.1".into(),
    };
    let id = &waiting[0].id;
    assert!(
        directory
            .approve_phone_change(&own, &ben, id, HOLD, now)
            .await
            .is_err()
    );
    assert!(
        directory
            .approve_phone_change(&ops(), &ben, "other", HOLD, now)
            .await
            .is_err()
    );
    directory
        .approve_phone_change(&ops(), &ben, id, HOLD, now)
        .await
        .unwrap();
    // An approved change is not exchanged for another number.
    let other = world.send(Sent::form(LOST, &token, "phone=%2B14155550188")).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.clock.advance(HOLD - MINUTE);
    assert_eq!(apply(&world).await, 0);
    world.clock.advance(MINUTE);
    let (one, two) = tokio::join!(apply(&world), apply(&world));
    assert_eq!(one + two, 1, "once");
    assert_eq!(number(&world, "ben").await, "+14155550177");
    world.door.copies.refresh().await.unwrap();
    let after = world.send(Sent::get(LOST).by(&token)).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED, "older sessions are over");
}

#[tokio::test]
async fn the_old_phone_cancels_by_a_link_once_and_an_approved_change_too() {
    let world = World::new().await;
    let token = world.signed_in("ben").await;
    world.send(Sent::form(LOST, &token, NEW)).await;
    let code = link_code(&world).await;
    let directory = &world.door.directory;
    let id = directory.phone_change(&name("ben")).await.unwrap().unwrap().id;
    directory
        .approve_phone_change(&ops(), &name("ben"), &id, HOLD, world.now())
        .await
        .unwrap();
    let form = |code: &str| {
        Sent::post(CANCEL)
            .with("origin", "https://portal.example.com")
            .with("content-type", "application/x-www-form-urlencoded")
            .body(&format!("code={code}"))
    };
    let foreign = Sent::post(CANCEL)
        .with("origin", "https://evil.example")
        .with("content-type", "application/x-www-form-urlencoded")
        .body(&format!("code={code}"));
    assert_eq!(world.send(foreign).await.status, StatusCode::FORBIDDEN);
    let edited = format!("{}A", &code[..code.len() - 1]);
    for wrong in ["", "x", &edited] {
        if wrong != code {
            assert_eq!(
                world.send(form(wrong)).await.status,
                StatusCode::NOT_FOUND,
                "{wrong}"
            );
        }
    }
    assert!(directory.phone_change(&name("ben")).await.unwrap().is_some());
    let done = world.send(form(&code)).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(
        world.send(form(&code)).await.status,
        StatusCode::NOT_FOUND,
        "once"
    );
    world.clock.advance(2 * HOLD);
    assert_eq!(apply(&world).await, 0);
}

#[tokio::test]
async fn i14_a_recovery_code_says_yes_and_a_token_of_the_old_phone_does_not() {
    let world = World::new().await;
    let directory = &world.door.directory;
    let made = directory
        .make_recovery_codes(&ops(), &name("anna"), world.now())
        .await
        .unwrap();
    let code = made[0].reveal().clone();
    let token = world.signed_in("anna").await;
    for (code, why) in [(world.key(), "a key"), ("3333-3333-3333-3333".into(), "a guess")] {
        let refused = world
            .send(Sent::form(LOST, &token, &format!("{NEW}&code={code}")))
            .await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{why}");
        assert!(directory.phone_change(&name("anna")).await.unwrap().is_none());
    }
    let asked = world
        .send(Sent::form(LOST, &token, &format!("{NEW}&code={code}")))
        .await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.body);
    assert_eq!(apply(&world).await, 0, "the hold comes on top");
    world.clock.advance(HOLD);
    assert_eq!(apply(&world).await, 1);
    assert_eq!(number(&world, "anna").await, "+14155550177");
}

#[tokio::test]
async fn nobody_asks_without_a_password_from_elsewhere_or_without_end() {
    let world = World::new().await;
    let nobody = world.send(Sent::get(LOST)).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let token = world.signed_in("ben").await;
    let bare = Sent::post(LOST)
        .with("origin", "https://portal.example.com")
        .with("content-type", "application/x-www-form-urlencoded")
        .by(&token)
        .body(NEW);
    assert_eq!(world.send(bare).await.status, StatusCode::FORBIDDEN);
    let odd = world.send(Sent::form(LOST, &token, "phone=123")).await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
    for _ in 0..5 {
        world.send(Sent::form(LOST, &token, NEW)).await;
    }
    let more = world.send(Sent::form(LOST, &token, NEW)).await;
    assert_eq!(more.status, StatusCode::TOO_MANY_REQUESTS);
}

async fn window(world: &World, until: Option<crate::clock::Timestamp>) {
    let policy = Policy {
        factors: Some(vec![FactorKind::Totp]),
        enrolment_window: until,
        ..Policy::default()
    };
    let directory = &world.door.directory;
    directory
        .set_firm(&ops(), &firm(), "Acme", &policy, world.now())
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
}

#[tokio::test]
async fn in_the_enrolment_window_an_sms_leads_to_enrolment_and_to_nothing_else() {
    let world = World::new().await;
    window(&world, Some(world.now().plus(60 * MINUTE))).await;
    let token = world.signed_in("ben").await;
    let page = world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    assert!(page.body.contains("Send an SMS to set it up"), "{}", page.body);
    let early = world.send(Sent::get("/.doorstep/enroll/totp").by(&token)).await;
    assert_eq!(
        early.location(),
        "/.doorstep/challenge",
        "not on a password alone"
    );
    let sent = world
        .send(Sent::form("/.doorstep/challenge/sms", &token, ""))
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let typed = world.phones.tokens.lock().unwrap().last().unwrap().clone();
    let fields = format!("token={typed}");
    let answer = world
        .send(Sent::form("/.doorstep/challenge/verify", &token, &fields))
        .await;
    assert_eq!(answer.location(), "/.doorstep/enroll/totp");
    assert!(answer.cookies().is_empty(), "it verifies nothing");
    let page = world.send(Sent::get("/.doorstep/enroll/totp").by(&token)).await;
    assert_eq!(page.status, StatusCode::OK);
    let cell = |before: &str, after: char| {
        let rest = page.body.split(before).nth(1).unwrap();
        rest.split(after).next().unwrap().to_owned()
    };
    let secret = totp_rs::Secret::try_from_base32(cell("<code>", '<').replace(' ', "")).unwrap();
    let sealed = cell("name=\"sealed\" value=\"", '"');
    let key = key_of(secret.as_ref(), world.now());
    let fields = format!("sealed={sealed}&token={key}");
    let inside = world
        .send(Sent::form("/.doorstep/enroll/totp", &token, &fields))
        .await;
    assert_eq!(inside.location(), "/devices?page=2", "{}", inside.body);
}

#[tokio::test]
async fn outside_the_window_or_with_a_factor_there_is_no_sms_to_enrol() {
    let world = World::new().await;
    window(&world, Some(world.now())).await;
    for login in ["ben", "carl"] {
        let token = world.signed_in(login).await;
        world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
        let sent = world
            .send(Sent::form("/.doorstep/challenge/sms", &token, ""))
            .await;
        assert_eq!(sent.status, StatusCode::FORBIDDEN, "{login}");
    }
    window(&world, Some(world.now().plus(60 * MINUTE))).await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    let sent = world
        .send(Sent::form("/.doorstep/challenge/sms", &token, ""))
        .await;
    assert_eq!(sent.status, StatusCode::FORBIDDEN, "she has a key");
}
