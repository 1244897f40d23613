//! I2: every route is protected unless named, and only a plain request can be named.

use crate::support::browser::CHALLENGE;
use crate::support::portal::SECRET;
use crate::support::raw::raw_for;
use crate::support::world::ANNA;
use crate::support::{Browser, StoreKind, World};
use std::time::Duration;

/// Spellings that some server, somewhere, has read as something else.
const NOT_PLAIN: [&str; 27] = [
    "/public/../app/secret",
    "/public/./ping",
    "/public/%2e%2e/app/secret",
    "/public/%2e%2e%2fapp/secret",
    "/public/..%2fapp/secret",
    "/public/%252e%252e/app/secret",
    "/public/..;/app/secret",
    "/public/ping;x=1",
    "/public//ping",
    "//public/ping",
    "/public/ping%2f",
    "/public/%70ing",
    "/%70ublic/ping",
    "/public/ping%00",
    "/public/ping%0a",
    "/public/%c0%ae%c0%ae/app/secret",
    "/public/%c0%afping",
    "/public/ping%",
    "/public/ping%zz",
    "/public/%u002e/ping",
    "/public/%5c..%5capp/secret",
    "/login/../app/secret",
    "/login;x",
    "/login%2f..%2fapp",
    "//login",
    "/.doorstep/../app/secret",
    "/%2edoorstep/challenge",
];

/// Plain, but the query carries what nobody may bring along.
const ODD_QUERIES: [&str; 4] = [
    "/public/ping?sid=stolen",
    "/public/ping?JSESSIONID=stolen",
    "/public/ping?email=anna@acme.example",
    "/public/ping?access_token=x",
];

/// Sends the target byte for byte, with the browser's cookies; the status.
async fn status_of(world: &World, browser: &Browser, target: &str) -> u16 {
    let host = world.gateway.address;
    let cookies = browser.cookie_header("/");
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\
         Cookie: {cookies}\r\nConnection: close\r\n\r\n"
    );
    let answer = raw_for(host, request.as_bytes(), Duration::from_secs(5)).await;
    assert!(!answer.text().contains(SECRET), "{target}: {}", answer.text());
    answer.status()
}

over_each_store![
    i2_every_other_spelling_stays_shut,
    i2_a_verified_tech_may_use_them_and_they_go_up_as_typed,
    i2_case_and_tails_are_other_paths,
    i2_a_get_of_the_login_page_loses_the_username,
    i2_closed_paths_are_never_forwarded_to_nobody,
    i2_the_challenge_is_not_found_under_another_name,
];

async fn i2_every_other_spelling_stays_shut(kind: StoreKind) {
    let world = World::new(kind).await;
    let nobody = world.browser();
    nobody.get("/public/ping").await.expect(200);
    world.portal.take_seen();
    let waiting = world.browser();
    waiting.password(ANNA).await.expect(303);
    let logins = world.portal.take_seen().len();
    assert!(logins >= 1);
    for browser in [&nobody, &waiting] {
        for target in NOT_PLAIN.iter().chain(&ODD_QUERIES) {
            let status = status_of(&world, browser, target).await;
            assert!(matches!(status, 303 | 400..=499), "{target}: {status}");
        }
    }
    let seen = world.portal.seen();
    assert!(seen.is_empty(), "these reached the portal: {seen:?}");
}

async fn i2_a_verified_tech_may_use_them_and_they_go_up_as_typed(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    for target in [
        "/app/a%20b",
        "/app/x//y",
        "/app/a%2Fb",
        "/app/a;v=1",
        "/app/%e4%b8%ad",
        "/app/q?a=1&a=2",
    ] {
        let answer = anna.get(target).await.expect(200);
        assert!(answer.holds(SECRET), "{}", answer.shown());
        assert!(
            world.portal.seen().iter().any(|seen| seen.target == target),
            "{target} was changed"
        );
    }
}

async fn i2_case_and_tails_are_other_paths(kind: StoreKind) {
    let world = World::new(kind).await;
    let nobody = world.browser();
    for path in [
        "/PUBLIC/ping",
        "/public",
        "/publicx/ping",
        "/static",
        "/login/",
        "/Login",
        "/login.php",
        "/logout/",
    ] {
        nobody.get(path).await.expect(303).expect_to("/login");
    }
    nobody.ask("POST", "/public/ping").await.expect(303);
    assert!(world.portal.seen().is_empty(), "{:?}", world.portal.seen());
}

async fn i2_a_get_of_the_login_page_loses_the_username(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser
        .get("/login?email=anna@acme.example")
        .await
        .expect(303)
        .expect_to("/login");
    assert!(world.portal.seen().is_empty());
}

async fn i2_closed_paths_are_never_forwarded_to_nobody(kind: StoreKind) {
    let mut world = World::with(kind, Default::default(), |settings| {
        settings.portal += "closed = [\"/xmlrpc.php\"]\n";
    })
    .await;
    let anna = world.anna_signed_in().await;
    world.portal.take_seen();
    for method in ["GET", "POST"] {
        let answer = anna.ask(method, "/xmlrpc.php").await;
        assert!(answer.status.is_client_error(), "{}", answer.shown());
    }
    assert!(world.portal.seen().is_empty());
    anna.get("/app/secret").await.expect(200);
}

async fn i2_the_challenge_is_not_found_under_another_name(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    for target in [
        "/.DOORSTEP/challenge",
        "/.doorstep/challenge/",
        "/.doorstep/challenge;x",
        "/.doorstep//challenge",
    ] {
        let status = status_of(&world, &browser, target).await;
        assert!(matches!(status, 303 | 400..=499), "{target}: {status}");
    }
    browser.get(CHALLENGE).await.expect(200);
    assert!(
        world.portal.protected_seen().is_empty(),
        "{:?}",
        world.portal.protected_seen()
    );
}
