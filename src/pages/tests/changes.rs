//! The account page, signing out here and everywhere.

use http::StatusCode;

use super::{Sent, World};

const ACCOUNT: &str = "/.doorstep/account";

#[tokio::test]
async fn the_account_is_for_verified_people() {
    let world = World::new().await;
    let waiting = world.signed_in("anna").await;
    let page = world.send(Sent::get(ACCOUNT).by(&waiting)).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::SEE_OTHER, "/.doorstep/challenge")
    );
    let script = world.send(Sent::get(ACCOUNT).by(&waiting).script()).await;
    assert_eq!(script.status, StatusCode::UNAUTHORIZED);
    assert_eq!(script.headers["doorstep-challenge"], "/.doorstep/challenge");
    let token = world.verified("anna").await;
    let page = world.send(Sent::get(ACCOUNT).by(&token)).await;
    assert_eq!(page.status, StatusCode::OK);
    for text in [
        "anna",
        "Acme",
        "Anna&#39;s app",
        "+1 ••• ••• 0102",
        "(this browser)",
        "127.0.0.1",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("4155550102"), "no full number");
    world.two_factor(false).await;
    let page = world.send(Sent::get(ACCOUNT).by(&waiting)).await;
    assert_eq!(
        page.status,
        StatusCode::FORBIDDEN,
        "a password alone opens no own page"
    );
}

#[tokio::test]
async fn logout_ends_this_session_at_any_level_and_takes_the_cookie_back() {
    let world = World::new().await;
    for token in [world.verified("anna").await, world.signed_in("ben").await] {
        let answer = world.send(Sent::form("/.doorstep/logout", &token, "")).await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::SEE_OTHER, "/login")
        );
        assert!(
            answer.cookies()[0].starts_with("__Host-doorstep=;"),
            "{:?}",
            answer.cookies()
        );
        assert!(answer.cookies()[0].contains("Secure"));
        let after = world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
        assert_eq!(after.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn i10_sign_out_everywhere_ends_every_session_of_the_employee_and_nobody_elses() {
    let world = World::new().await;
    let other = world.signed_in("anna").await;
    let ben = world.signed_in("ben").await;
    let token = world.verified("anna").await;
    let refused = world
        .send(Sent::form("/.doorstep/account/sign-out", &ben, ""))
        .await;
    assert_eq!(
        refused.location(),
        "/.doorstep/challenge",
        "asks for a verified factor"
    );
    let answer = world
        .send(Sent::form("/.doorstep/account/sign-out", &token, ""))
        .await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/login")
    );
    for (token, status) in [
        (&token, StatusCode::UNAUTHORIZED),
        (&other, StatusCode::UNAUTHORIZED),
        (&ben, StatusCode::OK),
    ] {
        let after = world.send(Sent::get("/.doorstep/challenge").by(token)).await;
        assert_eq!(after.status, status);
    }
}
