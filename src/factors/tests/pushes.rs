//! Requests to phones: who may approve what, once, and what a race makes of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::world::{MINUTE, SECOND, World, name, ops, word};
use crate::access::LiveSession;
use crate::directory::{Device, POINT_LENGTH};
use crate::factors::challenge::Status;
use crate::factors::collect::Collected;
use crate::factors::push::{Asked, PushSent, PushShown};
use crate::factors::push_answer::Answered;
use crate::gate::FactorKind;
use crate::secret::random_bytes;
use crate::sessions::{Level, PushState, SentPush};

pub(super) struct Phone {
    pub(super) device: Device,
    pair: EcdsaKeyPair,
}

impl Phone {
    pub(super) async fn of(world: &World, login: &str) -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap();
        let point: [u8; POINT_LENGTH] = pair.public_key().as_ref().try_into().unwrap();
        let code = URL_SAFE_NO_PAD.encode(random_bytes::<16>());
        let directory = &world.door().directory;
        let until = world.now().plus(10 * MINUTE);
        directory
            .keep_device_code(&name(login), &code, until)
            .await
            .unwrap();
        let enrolled = directory.enrol_device(&code, "Pixel", &point, "192.0.2.1", world.now());
        let device = enrolled.await.unwrap().expect("the code is good");
        let again = directory.enrol_device(&code, "Pixel", &point, "192.0.2.1", world.now());
        assert_eq!(again.await.unwrap(), None, "a code enrols one phone");
        Self { device, pair }
    }

    pub(super) fn signs(&self, payload: &str) -> Vec<u8> {
        let signed = self.pair.sign(&SystemRandom::new(), payload.as_bytes()).unwrap();
        signed.as_ref().to_vec()
    }

    async fn sends(&self, world: &World, payload: &str) -> Answered {
        let signature = self.signs(payload);
        let door = world.door();
        door.answer_push(
            &self.device,
            payload.as_bytes(),
            &signature,
            "192.0.2.1",
            world.now(),
        )
        .await
        .unwrap()
    }

    async fn says(&self, world: &World, decision: &str, (challenge, push): &(String, SentPush)) -> Answered {
        self.sends(world, &said(world, decision, challenge, &push.id, &push.digits))
            .await
    }
}

pub(super) fn said(world: &World, decision: &str, challenge: &str, nonce: &str, digits: &str) -> String {
    json!({
        "v": 1, "origin": "https://portal.example.com", "challenge": challenge, "nonce": nonce,
        "decision": decision, "digits": digits, "exp": world.now().plus(MINUTE).0,
    })
    .to_string()
}

fn other_than(digits: &str) -> &'static str {
    if digits == "11" { "12" } else { "11" }
}

async fn asked(world: &World, session: &LiveSession, asked: Asked) -> PushSent {
    world.doors[0]
        .send_push(session, asked, "Firefox on Linux", world.now())
        .await
        .unwrap()
}

/// A session with a request on its way.
pub(super) async fn alerted(world: &World, login: &str) -> (LiveSession, (String, SentPush)) {
    let session = world.challenged(login).await;
    let session = world.session(session.token).await;
    assert_eq!(asked(world, &session, Asked::ByItself).await, PushSent::Sent);
    let found = request(world, &session).await;
    (session, found)
}

async fn request(world: &World, session: &LiveSession) -> (String, SentPush) {
    let Level::Password {
        challenge: Some(id), ..
    } = &session.stored.record.level
    else {
        panic!("no challenge");
    };
    let found = world
        .door()
        .store
        .challenge(id, world.now())
        .await
        .unwrap()
        .unwrap();
    (id.0.clone(), found.value.push.expect("a request went out"))
}

async fn collected(world: &World, session: &LiveSession) -> &'static str {
    match world.door().collect(session, world.now()).await.unwrap() {
        Collected::Nothing => "nothing",
        Collected::Entry(_) => "in",
        Collected::Overtaken => "overtaken",
    }
}

#[tokio::test]
async fn the_right_number_on_the_phone_lets_in_once() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let (session, request) = alerted(&world, "ben").await;
    assert!((10..=99).contains(&request.1.digits.parse::<u32>().unwrap()));
    assert_eq!(collected(&world, &session).await, "nothing");
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Approved);
    assert_eq!(
        phone.says(&world, "approve", &request).await,
        Answered::Over,
        "used once"
    );
    assert_eq!(phone.says(&world, "deny", &request).await, Answered::Over);
    assert_eq!(
        world
            .door()
            .challenge_status(&session, world.now())
            .await
            .unwrap(),
        Status::Approved
    );
    assert_eq!(collected(&world, &session).await, "in");
    assert_ne!(collected(&world, &session).await, "in", "collected once");
    assert_eq!(world.audited("factor.verified").await.len(), 1);
}

#[tokio::test]
async fn g7_nothing_but_this_phones_own_answer_to_this_request_counts() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let others = Phone::of(&world, "anna").await;
    let (session, request) = alerted(&world, "ben").await;
    let (challenge, push) = &request;
    let good = said(&world, "approve", challenge, &push.id, &push.digits);
    let changed = |key: &str, value: serde_json::Value| {
        let mut said: serde_json::Value = serde_json::from_str(&good).unwrap();
        said[key] = value;
        said.to_string()
    };
    for (payload, expected) in [
        (changed("v", json!(2)), Answered::Forged),
        (changed("origin", json!("https://evil.example")), Answered::Forged),
        (changed("exp", json!(world.now().0)), Answered::Forged),
        (
            changed("exp", json!(world.now().plus(11 * MINUTE).0)),
            Answered::Forged,
        ),
        (changed("decision", json!("allow")), Answered::Forged),
        (changed("more", json!(1)), Answered::Forged),
        (changed("challenge", json!("0")), Answered::Over),
        (changed("nonce", json!("0")), Answered::Over),
        ("{}".to_owned(), Answered::Forged),
        (String::new(), Answered::Forged),
    ] {
        assert_eq!(phone.sends(&world, &payload).await, expected, "{payload}");
    }
    // Another's key, on this device's name; another's device; a signature over something else.
    let door = world.door();
    let by = async |device: &Device, payload: &str, signature: &[u8]| {
        door.answer_push(device, payload.as_bytes(), signature, "", world.now())
            .await
            .unwrap()
    };
    assert_eq!(
        by(&phone.device, &good, &others.signs(&good)).await,
        Answered::Forged
    );
    assert_eq!(
        by(&phone.device, &good, &phone.signs(&changed("v", json!(2)))).await,
        Answered::Forged
    );
    assert_eq!(by(&phone.device, &good, &[]).await, Answered::Forged);
    assert_eq!(by(&phone.device, &good, &[0; 64]).await, Answered::Forged);
    assert_eq!(
        others.sends(&world, &good).await,
        Answered::Over,
        "e7: another employee's phone"
    );
    // A phone that was enrolled after the request went out is none of those it went to.
    let late = Phone::of(&world, "ben").await;
    assert_eq!(late.sends(&world, &good).await, Answered::Over);
    assert_eq!(collected(&world, &session).await, "nothing");
    assert_eq!(phone.sends(&world, &good).await, Answered::Approved);
}

#[tokio::test]
async fn g7_an_approval_is_bound_to_its_own_challenge() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let (mine, request) = alerted(&world, "ben").await;
    let (theirs, other) = alerted(&world, "ben").await;
    let mixed = said(&world, "approve", &other.0, &request.1.id, &request.1.digits);
    assert_eq!(phone.sends(&world, &mixed).await, Answered::Over);
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Approved);
    assert_eq!(collected(&world, &theirs).await, "nothing");
    assert_eq!(collected(&world, &mine).await, "in");
}

#[tokio::test]
async fn two_wrong_numbers_decline() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let (session, request) = alerted(&world, "ben").await;
    let wrong = said(
        &world,
        "approve",
        &request.0,
        &request.1.id,
        other_than(&request.1.digits),
    );
    assert_eq!(
        phone.sends(&world, &wrong).await,
        Answered::WrongNumber { left: 1 }
    );
    assert_eq!(
        phone.sends(&world, &wrong).await,
        Answered::WrongNumber { left: 0 }
    );
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Over);
    assert_eq!(
        world
            .door()
            .challenge_status(&session, world.now())
            .await
            .unwrap(),
        Status::Denied
    );
    assert_eq!(collected(&world, &session).await, "nothing");
}

#[tokio::test]
async fn a_decline_is_final_for_its_request_and_other_factors_go_on() {
    let world = World::new().await;
    let phone = Phone::of(&world, "anna").await;
    let (session, first) = alerted(&world, "anna").await;
    assert_eq!(phone.says(&world, "deny", &first).await, Answered::Denied);
    assert_eq!(phone.says(&world, "approve", &first).await, Answered::Over);
    assert_eq!(asked(&world, &session, Asked::ByItself).await, PushSent::Sent);
    assert_eq!(
        request(&world, &session).await,
        (
            first.0.clone(),
            SentPush {
                state: PushState::Denied,
                ..request(&world, &session).await.1
            }
        )
    );
    assert_eq!(asked(&world, &session, Asked::Clicked).await, PushSent::Sent);
    let second = request(&world, &session).await;
    assert_ne!(second.1.id, first.1.id);
    assert_eq!(phone.says(&world, "deny", &second).await, Answered::Denied);
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
}

#[tokio::test]
async fn i10_a_phone_that_was_removed_approves_nothing_not_even_what_it_approved() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let directory = &world.door().directory;
    let (session, request) = alerted(&world, "ben").await;
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Approved);
    directory
        .remove_factor(&ops(), &name("ben"), &phone.device.id, world.now())
        .await
        .unwrap();
    assert_eq!(collected(&world, &session).await, "nothing");
    let other = Phone::of(&world, "ben").await;
    let (_, request) = alerted(&world, "ben").await;
    directory
        .reset_employee(&ops(), &name("ben"), world.now())
        .await
        .unwrap();
    assert_eq!(other.says(&world, "approve", &request).await, Answered::Over);
    assert_eq!(directory.devices(&name("ben")).await.unwrap(), []);
}

#[tokio::test]
async fn g7_what_ran_out_cannot_be_approved_and_what_was_approved_waits_a_while() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let (session, request) = alerted(&world, "ben").await;
    world.clock.advance(5 * MINUTE);
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Over);
    assert_eq!(collected(&world, &session).await, "nothing");
    let (session, request) = alerted(&world, "ben").await;
    world.clock.advance(5 * MINUTE - SECOND);
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Approved);
    world.clock.advance(30 * SECOND);
    assert_eq!(collected(&world, &session).await, "in");
}

#[tokio::test]
async fn after_three_that_nobody_wanted_none_goes_out_by_itself() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    for decision in ["approve", "deny", "report", "deny"] {
        let (session, request) = alerted(&world, "ben").await;
        assert!(
            phone.says(&world, decision, &request).await != Answered::Over,
            "{decision}"
        );
        let _ = session;
    }
    let session = world.challenged("ben").await;
    let session = world.session(session.token).await;
    assert_eq!(asked(&world, &session, Asked::ByItself).await, PushSent::Held);
    let view = world.door().challenge_view(&session, world.now()).await.unwrap();
    assert_eq!(view.push.unwrap().state, PushShown::Ready { by_itself: false });
    assert_eq!(asked(&world, &session, Asked::Clicked).await, PushSent::Sent);
    let request = request(&world, &session).await;
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Approved);
    world.clock.advance(61 * MINUTE);
    let (_, request) = alerted(&world, "ben").await;
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Approved);
}

#[tokio::test]
async fn many_logins_at_once_alert_three_times_at_most() {
    let world = World::new().await;
    let _phone = Phone::of(&world, "ben").await;
    let mut sessions = Vec::new();
    for _ in 0..8 {
        let session = world.challenged("ben").await;
        sessions.push(world.session(session.token).await);
    }
    let sent = sessions.iter().enumerate().map(|(place, session)| {
        let door = &world.doors[place % 2];
        door.send_push(session, Asked::ByItself, "", world.now())
    });
    let sent = futures_util::future::join_all(sent).await;
    let count = sent
        .into_iter()
        .filter(|one| *one.as_ref().unwrap() == PushSent::Sent)
        .count();
    assert_eq!(count, 3);
}

#[tokio::test]
async fn it_was_not_me_ends_the_session_that_waits() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let (session, request) = alerted(&world, "ben").await;
    assert_eq!(phone.says(&world, "deny", &request).await, Answered::Denied);
    assert_eq!(phone.says(&world, "report", &request).await, Answered::Reported);
    let found = world
        .door()
        .who(Some(session.token.clone()), world.now())
        .await
        .unwrap();
    assert!(matches!(found, crate::access::Who::Nobody), "{found:?}");
    let audited = world.audited("push.reported").await;
    assert_eq!(audited.len(), 1);
    assert_eq!(audited[0].details["sessions_ended"], 1);
    assert_eq!(asked(&world, &session, Asked::Clicked).await, PushSent::Over);
}

#[tokio::test]
async fn i7_of_key_and_push_at_once_one_wins() {
    let world = World::new().await;
    let phone = Phone::of(&world, "anna").await;
    for round in 0..8 {
        world.clock.advance(2 * MINUTE);
        let (session, request) = alerted(&world, "anna").await;
        let key = world.key(0);
        let (by_key, by_push) = tokio::join!(
            world.doors[0].verify_token(&session, &key, world.now()),
            phone.says(&world, "approve", &request),
        );
        let by_key = word(&by_key.unwrap());
        let in_by_push = collected(&world, &session).await == "in";
        assert!(
            (by_key == "verified totp") ^ in_by_push,
            "{round}: {by_key}, {by_push:?}, {in_by_push}"
        );
        assert_eq!(in_by_push, by_push == Answered::Approved, "{round}");
    }
}

#[tokio::test]
async fn i7_one_approval_sent_many_times_counts_once_on_two_gateways() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let (session, request) = alerted(&world, "ben").await;
    let payload = said(&world, "approve", &request.0, &request.1.id, &request.1.digits);
    let signature = phone.signs(&payload);
    let sent = (0..20).map(|place| {
        world.doors[place % 2].answer_push(&phone.device, payload.as_bytes(), &signature, "", world.now())
    });
    let answers = futures_util::future::join_all(sent).await;
    let approved = answers
        .iter()
        .filter(|one| *one.as_ref().unwrap() == Answered::Approved);
    assert_eq!(approved.count(), 1);
    let ways = (0..8).map(|place| world.doors[place % 2].collect(&session, world.now()));
    let ways = futures_util::future::join_all(ways).await;
    let entered = ways.iter().filter(|one| matches!(one, Ok(Collected::Entry(_))));
    assert_eq!(entered.count(), 1);
}

#[tokio::test]
async fn i9_what_the_directory_cannot_spend_approves_nothing() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let (session, request) = alerted(&world, "ben").await;
    world.rename("spent", "elsewhere").await;
    let payload = said(&world, "approve", &request.0, &request.1.id, &request.1.digits);
    let signature = phone.signs(&payload);
    let answer = world
        .door()
        .answer_push(&phone.device, payload.as_bytes(), &signature, "", world.now());
    assert!(answer.await.is_err());
    assert_eq!(collected(&world, &session).await, "nothing");
    world.rename("elsewhere", "spent").await;
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Approved);
    assert_eq!(collected(&world, &session).await, "in");
}

#[tokio::test]
async fn i8_a_lock_on_guessing_stops_no_push() {
    let world = World::new().await;
    let phone = Phone::of(&world, "anna").await;
    let (session, request) = alerted(&world, "anna").await;
    for _ in 0..5 {
        world.verify(&session, &world.wrong()).await.unwrap();
    }
    assert_eq!(
        world
            .door()
            .challenge_status(&session, world.now())
            .await
            .unwrap(),
        Status::Locked
    );
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Approved);
    assert_eq!(collected(&world, &session).await, "in");
}

#[tokio::test]
async fn a_firm_that_allows_no_push_takes_none() {
    let world = World::new().await;
    let phone = Phone::of(&world, "ben").await;
    let (session, request) = alerted(&world, "ben").await;
    world.set_factors(&[FactorKind::Sms]).await;
    assert_eq!(phone.says(&world, "approve", &request).await, Answered::Over);
    assert_eq!(asked(&world, &session, Asked::Clicked).await, PushSent::NoPhone);
    let view = world.door().challenge_view(&session, world.now()).await.unwrap();
    assert_eq!(view.push, None);
}

#[tokio::test]
async fn a_code_is_void_after_a_reset_or_ten_minutes() {
    let world = World::new().await;
    let directory = &world.door().directory;
    let point = [4; POINT_LENGTH];
    let until = world.now().plus(10 * MINUTE);
    directory
        .keep_device_code(&name("ben"), "one", until)
        .await
        .unwrap();
    directory
        .reset_employee(&ops(), &name("ben"), world.now())
        .await
        .unwrap();
    assert_eq!(
        directory
            .enrol_device("one", "x", &point, "", world.now())
            .await
            .unwrap(),
        None
    );
    directory
        .keep_device_code(&name("ben"), "two", until)
        .await
        .unwrap();
    world.clock.advance(10 * MINUTE);
    assert_eq!(
        directory
            .enrol_device("two", "x", &point, "", world.now())
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        directory
            .enrol_device("none", "x", &point, "", world.now())
            .await
            .unwrap(),
        None
    );
}
