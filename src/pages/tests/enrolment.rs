//! Adding an authenticator app (I14).

use http::StatusCode;

use super::world::{MINUTE, key_of, name, ops};
use super::{Sent, World};
use crate::secret::SessionToken;

const CHALLENGE: &str = "/.doorstep/challenge";
const ENROL: &str = "/.doorstep/enroll/totp";

/// The secret that a page offers, and the sealed field that brings it back.
fn offered(page: &str) -> (Vec<u8>, String) {
    let code = page
        .split("<code>")
        .nth(1)
        .unwrap()
        .split("</code>")
        .next()
        .unwrap();
    let secret = totp_rs::Secret::try_from_base32(code.replace(' ', "")).unwrap();
    let sealed = page
        .split("name=\"sealed\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    (secret.as_ref().to_vec(), sealed.to_owned())
}

async fn offer(world: &World, token: &SessionToken) -> (Vec<u8>, String) {
    let page = world.send(Sent::get(ENROL).by(token)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    offered(&page.body)
}

async fn factors(world: &World, login: &str) -> usize {
    let employee = world.door.directory.employee(&name(login)).await.unwrap();
    employee.unwrap().factors.len()
}

#[tokio::test]
async fn i14_nobody_enrols_on_a_password_alone_or_on_an_old_factor() {
    let world = World::new().await;
    let waiting = world.signed_in("ben").await;
    let page = world.send(Sent::get(ENROL).by(&waiting)).await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, CHALLENGE));
    let token = world.verified("anna").await;
    let (secret, sealed) = offer(&world, &token).await;
    world.clock.advance(10 * MINUTE);
    let page = world.send(Sent::get(ENROL).by(&token)).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("10 minutes"));
    let fields = format!("sealed={sealed}&token={}", key_of(&secret, world.now()));
    let added = world.send(Sent::form(ENROL, &token, &fields)).await;
    assert_eq!(added.status, StatusCode::FORBIDDEN);
    assert_eq!(factors(&world, "anna").await, 1);
    world.two_factor(false).await;
    let page = world.send(Sent::get(ENROL).by(&waiting)).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_app_is_added_once_its_first_key_is_right_and_only_once() {
    let world = World::new().await;
    let token = world.verified("anna").await;
    let (secret, sealed) = offer(&world, &token).await;
    let wrong = world
        .send(Sent::form(ENROL, &token, &format!("sealed={sealed}&token=000")))
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(offered(&wrong.body).0, secret, "the same secret is offered again");
    let forged = world
        .send(Sent::form(ENROL, &token, "sealed=AAAA&token=123456"))
        .await;
    assert_eq!(forged.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_ne!(offered(&forged.body).0, secret);
    let key = key_of(&secret, world.now());
    for proof in ["", "&proof=000000", "&proof=XXXX-XXXX-XXXX-XXXX"] {
        let fields = format!("sealed={sealed}&token={key}{proof}");
        let bare = world.send(Sent::form(ENROL, &token, &fields)).await;
        assert_eq!(
            bare.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "not without a token of what there is"
        );
        assert_eq!(factors(&world, "anna").await, 1);
    }
    let proof = world.next_key();
    let fields = format!(
        "sealed={sealed}&proof={proof}&token={}",
        key_of(&secret, world.now())
    );
    let add = || world.send(Sent::form(ENROL, &token, &fields));
    let (one, two) = tokio::join!(add(), add());
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422]);
    assert_eq!(factors(&world, "anna").await, 2);
}

#[tokio::test]
async fn i7_the_key_that_confirmed_an_app_does_not_sign_in_with_it() {
    let world = World::new().await;
    let token = world.verified("anna").await;
    let (secret, sealed) = offer(&world, &token).await;
    let proof = world.next_key();
    let key = key_of(&secret, world.now());
    let fields = format!("sealed={sealed}&token={key}&proof={proof}");
    world.send(Sent::form(ENROL, &token, &fields)).await;
    assert_eq!(factors(&world, "anna").await, 2);
    let waiting = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&waiting)).await;
    let again = world
        .send(Sent::json("/.doorstep/challenge/verify", &waiting, &key))
        .await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "{}", again.body);
}

#[tokio::test]
async fn a_one_time_passcode_leads_to_enrolment_and_the_first_key_lets_in() {
    let world = World::new().await;
    let passcode = world
        .door
        .directory
        .reset_employee(&ops(), &name("ben"), world.now())
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
    let token = world.signed_in("ben").await;
    let page = world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let fields = format!("token={}", passcode.code.reveal());
    let answer = world
        .send(Sent::form("/.doorstep/challenge/verify", &token, &fields))
        .await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, ENROL));
    assert!(answer.cookies().is_empty(), "a passcode verifies nothing");
    let page = world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, ENROL));
    let (secret, sealed) = offer(&world, &token).await;
    let fields = format!("sealed={sealed}&token={}", key_of(&secret, world.now()));
    let answer = world.send(Sent::form(ENROL, &token, &fields)).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/devices?page=2")
    );
    let inside = world
        .send(Sent::get("/.doorstep/account").by(&answer.token()))
        .await;
    assert_eq!(inside.status, StatusCode::OK);
    let ben = world
        .door
        .directory
        .employee(&name("ben"))
        .await
        .unwrap()
        .unwrap();
    assert!(ben.phone_suspended, "a lost phone does not come back by itself");
}

#[tokio::test]
async fn the_number_that_a_reset_suspended_counts_again_when_its_owner_says_so() {
    let world = World::new().await;
    let passcode = world
        .door
        .directory
        .reset_employee(&ops(), &name("ben"), world.now())
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
    let token = world.signed_in("ben").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    let fields = format!("token={}", passcode.code.reveal());
    world
        .send(Sent::form("/.doorstep/challenge/verify", &token, &fields))
        .await;
    let (secret, sealed) = offer(&world, &token).await;
    let fields = format!(
        "sealed={sealed}&confirm_phone=yes&token={}",
        key_of(&secret, world.now())
    );
    let answer = world.send(Sent::form(ENROL, &token, &fields)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let ben = world
        .door
        .directory
        .employee(&name("ben"))
        .await
        .unwrap()
        .unwrap();
    assert!(ben.usable_phone().is_some());
}
