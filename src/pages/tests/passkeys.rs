//! `enroll/passkey`, and a passkey in the forms of the challenge and of a change.

use http::StatusCode;
use serde_json::Value;

use super::world::{MINUTE, name};
use super::{Sent, World};
use crate::factors::authenticator::Authenticator;
use crate::gate::FactorKind;
use crate::secret::SessionToken;

const ENROL: &str = "/.doorstep/enroll/passkey";

fn authenticator() -> Authenticator {
    Authenticator::new("https://portal.example.com", "portal.example.com")
}

/// A field's or attribute's value in a page.
fn held(page: &str, before: &str) -> String {
    let rest = page
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {page}"))
        .1;
    let value = rest.split('"').next().unwrap();
    value
        .replace("&#34;", "\"")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

fn field(name: &str, value: &str) -> String {
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    format!("&{name}={value}")
}

/// The page's offer: what is to be made, and the field that brings it back.
async fn offered(world: &World, token: &SessionToken) -> (Value, String) {
    let page = world.send(Sent::get(ENROL).by(token)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let options = held(&page.body, "data-enrol-passkey=\"");
    let sealed = held(&page.body, "name=\"sealed\" value=\"");
    (serde_json::from_str(&options).unwrap(), field("sealed", &sealed))
}

async fn factors(world: &World, login: &str) -> Vec<(FactorKind, String)> {
    let employee = world
        .door
        .directory
        .employee(&name(login))
        .await
        .unwrap()
        .unwrap();
    let factors = employee.factors.into_iter();
    factors.map(|factor| (factor.kind, factor.name)).collect()
}

async fn asked(world: &World, path: &'static str, token: &SessionToken) -> Value {
    let answer = world.send(Sent::form(path, token, "")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

/// Adds one to Anna, confirmed by a key.
pub async fn enrolled(world: &World, token: &SessionToken) -> Authenticator {
    let mut key = authenticator();
    let (options, sealed) = offered(world, token).await;
    world.clock.advance(MINUTE / 2);
    let fields = format!(
        "{}{sealed}&name=Laptop&proof={}",
        field("passkey", &key.make(&options)),
        world.key()
    );
    let added = world.send(Sent::form(ENROL, token, &fields)).await;
    assert_eq!(
        (added.status, added.location()),
        (StatusCode::SEE_OTHER, "/.doorstep/account")
    );
    key
}

#[tokio::test]
async fn i14_a_passkey_is_added_with_a_token_in_the_same_form_and_signs_in() {
    let world = World::new().await;
    let token = world.verified("anna").await;
    let (options, sealed) = offered(&world, &token).await;
    let mut key = authenticator();
    let made = key.make(&options);
    let fields = format!("{}{sealed}", field("passkey", &made));
    let unconfirmed = world.send(Sent::form(ENROL, &token, &fields)).await;
    assert_eq!(unconfirmed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        unconfirmed.body.contains("Your passkey is there"),
        "{}",
        unconfirmed.body
    );
    assert_eq!(factors(&world, "anna").await.len(), 1);
    world.clock.advance(MINUTE / 2);
    let fields = format!("{fields}&name=Laptop&proof={}", world.key());
    let added = world.send(Sent::form(ENROL, &token, &fields)).await;
    assert_eq!(
        (added.status, added.location()),
        (StatusCode::SEE_OTHER, "/.doorstep/account")
    );
    assert_eq!(
        factors(&world, "anna").await[1],
        (FactorKind::Passkey, "Laptop".to_owned())
    );
    world.clock.advance(MINUTE / 2);
    let again = format!("{}{sealed}&proof={}", field("passkey", &made), world.key());
    let again = world.send(Sent::form(ENROL, &token, &again)).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("enrolled already"), "{}", again.body);

    let waiting = world.signed_in("anna").await;
    let page = world.send(Sent::get("/.doorstep/challenge").by(&waiting)).await;
    assert!(page.body.contains("Use a passkey"));
    let options = asked(&world, "/.doorstep/challenge/passkey", &waiting).await;
    let fields = field("passkey", &key.sign(&options));
    let verify = "/.doorstep/challenge/verify";
    let entered = world.send(Sent::form(verify, &waiting, &fields)).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.body);
    let account = world
        .send(Sent::get("/.doorstep/account").by(&entered.token()))
        .await;
    assert!(account.body.contains("Laptop"), "{}", account.body);
}

#[tokio::test]
async fn i14_a_passkey_stands_for_the_token_in_the_form_of_a_change() {
    let world = World::new().await;
    let token = world.verified("anna").await;
    let mut key = enrolled(&world, &token).await;
    let employee = world
        .door
        .directory
        .employee(&name("anna"))
        .await
        .unwrap()
        .unwrap();
    let id = &employee.factors[0].id;
    let removal = format!("/.doorstep/account/remove?id={id}");
    let page = world.send(Sent::get(removal).by(&token)).await;
    assert!(page.body.contains("data-passkey=\"/.doorstep/account/passkey\""));
    let options = asked(&world, "/.doorstep/account/passkey", &token).await;
    key.verifies = false;
    let weak = format!("id={id}{}", field("proof_passkey", &key.sign(&options)));
    let weak = world
        .send(Sent::form("/.doorstep/account/remove", &token, &weak))
        .await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(weak.body.contains("was not accepted"), "{}", weak.body);
    key.verifies = true;
    let fields = format!("id={id}{}", field("proof_passkey", &key.sign(&options)));
    let removed = world
        .send(Sent::form("/.doorstep/account/remove", &token, &fields))
        .await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER, "{}", removed.body);
    assert_eq!(
        factors(&world, "anna").await,
        [(FactorKind::Passkey, "Laptop".to_owned())]
    );
}

#[tokio::test]
async fn i14_nobody_adds_a_passkey_on_a_password_alone_or_for_another_session() {
    let world = World::new().await;
    let waiting = world.signed_in("ben").await;
    let page = world.send(Sent::get(ENROL).by(&waiting)).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::SEE_OTHER, "/.doorstep/challenge")
    );
    world.send(Sent::get("/.doorstep/challenge").by(&waiting)).await;
    let asked = world
        .send(Sent::form("/.doorstep/challenge/passkey", &waiting, ""))
        .await;
    assert_eq!(
        (asked.status, asked.json()["error"].as_str()),
        (StatusCode::FORBIDDEN, Some("no_passkey"))
    );
    let token = world.verified("anna").await;
    let (options, sealed) = offered(&world, &token).await;
    let made = field("passkey", &authenticator().make(&options));
    let other = world.verified_with(&world.next_key()).await;
    world.clock.advance(MINUTE / 2);
    let fields = format!("{made}{sealed}&proof={}", world.key());
    let refused = world.send(Sent::form(ENROL, &other, &fields)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(factors(&world, "anna").await.len(), 1);
}
