//! Recovery codes and the removal of a factor: the pages.

use http::StatusCode;

use super::world::{MINUTE, name};
use super::{Sent, World};

const RECOVERY: &str = "/.doorstep/enroll/recovery";
const REMOVE: &str = "/.doorstep/account/remove";

fn codes(page: &str) -> Vec<String> {
    let cells = page.split("<li><code>").skip(1);
    cells
        .map(|cell| cell.split('<').next().unwrap().to_owned())
        .collect()
}

async fn left(world: &World) -> u32 {
    let directory = &world.door.directory;
    directory.recovery_codes_left(&name("anna")).await.unwrap()
}

#[tokio::test]
async fn codes_are_made_with_a_token_in_the_same_form_shown_once_and_sign_in() {
    let world = World::new().await;
    let token = world.verified("anna").await;
    let page = world.send(Sent::get(RECOVERY).by(&token)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for fields in ["", "proof=", "proof=000000", "proof=3333-3333-3333-3333"] {
        let refused = world.send(Sent::form(RECOVERY, &token, fields)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        assert_eq!(left(&world).await, 0);
    }
    let fields = format!("proof={}", world.next_key());
    let made = world.send(Sent::form(RECOVERY, &token, &fields)).await;
    assert_eq!(made.status, StatusCode::OK);
    let codes = codes(&made.body);
    assert_eq!(codes.len(), 10, "{}", made.body);
    assert_eq!(made.headers["cache-control"], "no-store");
    let again = world.send(Sent::get(RECOVERY).by(&token)).await;
    assert!(codes.iter().all(|code| !again.body.contains(code)) && again.body.contains("10 codes"));
    let waiting = world.signed_in("anna").await;
    world.send(Sent::get("/.doorstep/challenge").by(&waiting)).await;
    let fields = format!("token={}", codes[3]);
    let inside = world
        .send(Sent::form("/.doorstep/challenge/verify", &waiting, &fields))
        .await;
    assert_eq!(inside.status, StatusCode::SEE_OTHER, "{}", inside.body);
    let account = world
        .send(Sent::get("/.doorstep/account").by(&inside.token()))
        .await;
    assert!(account.body.contains("9 codes are left"), "{}", account.body);
}

#[tokio::test]
async fn i14_neither_a_password_nor_an_old_factor_nor_another_site_makes_codes() {
    let world = World::new().await;
    let waiting = world.signed_in("anna").await;
    let refused = world
        .send(Sent::form(RECOVERY, &waiting, &format!("proof={}", world.key())))
        .await;
    assert_eq!(refused.location(), "/.doorstep/challenge");
    let token = world.verified("anna").await;
    let proof = world.next_key();
    let foreign = Sent::post(RECOVERY)
        .with("origin", "https://evil.example")
        .with("content-type", "application/x-www-form-urlencoded")
        .by(&token)
        .body(&format!("csrf={}&proof={proof}", token.form_token()));
    assert_eq!(world.send(foreign).await.status, StatusCode::FORBIDDEN);
    let bare = Sent::post(RECOVERY)
        .with("origin", "https://portal.example.com")
        .with("content-type", "application/x-www-form-urlencoded")
        .by(&token)
        .body(&format!("proof={proof}"));
    assert_eq!(world.send(bare).await.status, StatusCode::FORBIDDEN);
    world.clock.advance(10 * MINUTE);
    let old = world
        .send(Sent::form(RECOVERY, &token, &format!("proof={}", world.key())))
        .await;
    assert_eq!(old.status, StatusCode::FORBIDDEN);
    assert_eq!(left(&world).await, 0);
}

#[tokio::test]
async fn a_token_for_a_change_comes_by_sms_and_counts_in_that_session_only() {
    let world = World::new().await;
    let token = world.verified("anna").await;
    let other = world.signed_in("ben").await;
    let sent = world.send(Sent::form(RECOVERY, &token, "send=sms")).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.body);
    assert!(sent.body.contains("We sent a token to +1 ••• ••• 0102"));
    let typed = world.phones.tokens.lock().unwrap().last().unwrap().clone();
    world.send(Sent::get("/.doorstep/challenge").by(&other)).await;
    let elsewhere = world
        .send(Sent::json("/.doorstep/challenge/verify", &other, &typed))
        .await;
    assert_eq!(elsewhere.status, StatusCode::UNAUTHORIZED);
    let made = world
        .send(Sent::form(RECOVERY, &token, &format!("proof={typed}")))
        .await;
    assert_eq!(codes(&made.body).len(), 10);
    let again = world
        .send(Sent::form(RECOVERY, &token, &format!("proof={typed}")))
        .await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "once");
}

#[tokio::test]
async fn i14_a_removed_factor_ends_every_session_and_only_its_owner_removes_it() {
    let world = World::new().await;
    let anna = world
        .door
        .directory
        .employee(&name("anna"))
        .await
        .unwrap()
        .unwrap();
    let id = anna.factors[0].id.clone();
    let token = world.verified("anna").await;
    let other = world.verified_with(&world.next_key()).await;
    let bare = world.send(Sent::form(REMOVE, &token, &format!("id={id}"))).await;
    assert_eq!(bare.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", bare.body);
    let proof = world.next_key();
    let nobodys = world
        .send(Sent::form(REMOVE, &token, &format!("id=none&proof={proof}")))
        .await;
    assert_eq!(nobodys.status, StatusCode::NOT_FOUND);
    let gone = world
        .send(Sent::form(REMOVE, &token, &format!("id={id}&proof={proof}")))
        .await;
    assert_eq!((gone.status, gone.location()), (StatusCode::SEE_OTHER, "/login"));
    for session in [&token, &other] {
        let after = world.send(Sent::get("/.doorstep/account").by(session)).await;
        assert_eq!(after.status, StatusCode::UNAUTHORIZED);
    }
    let anna = world
        .door
        .directory
        .employee(&name("anna"))
        .await
        .unwrap()
        .unwrap();
    assert!(anna.factors.is_empty());
}
