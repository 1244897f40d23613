//! I5: until the second factor is verified the browser receives nothing of the portal's login answer.

use std::time::Duration;

use crate::support::browser::CHALLENGE;
use crate::support::gateway::PAGE_LOGIN;
use crate::support::portal::{Accepted, CANARY, Knobs, SECRET};
use crate::support::raw::raw_for;
use crate::support::world::ANNA;
use crate::support::{StoreKind, World};

const BODY: &str = "email=anna%40acme.example&password=anna-password";

async fn world_with(kind: StoreKind, accepted: Accepted) -> World {
    let knobs = Knobs {
        accepted,
        ..Knobs::default()
    };
    World::with(kind, knobs, |settings| {
        let page = matches!(
            accepted,
            Accepted::Page | Accepted::ChunkedPage | Accepted::Oversized | Accepted::BrokenOff
        );
        if page {
            settings.rules = PAGE_LOGIN.into();
        }
        if accepted == Accepted::GzipPage {
            // packed although asked not to: only a rule that reads no body can fit
            settings.rules = PAGE_LOGIN.replace("body_contains = \"Welcome\"", "sets_cookie = \"sid\"");
        }
    })
    .await
}

/// Every byte that the wire brings for the login.
async fn bytes_of_the_login(world: &World) -> String {
    let host = world.gateway.address;
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nAccept: text/html\r\n\
         Accept-Encoding: gzip\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    raw_for(host, request.as_bytes(), Duration::from_secs(4))
        .await
        .text()
}

over_each_store![
    i5_nothing_of_the_withheld_answer_leaks,
    i5_an_answer_that_cannot_be_judged_is_shut,
    i5_a_wrong_password_gets_the_portals_own_answer,
    i5_early_hints_end_at_the_gateway_on_every_route,
];

async fn i5_nothing_of_the_withheld_answer_leaks(kind: StoreKind) {
    for accepted in [
        Accepted::Redirect302,
        Accepted::Redirect303,
        Accepted::Page,
        Accepted::ChunkedPage,
        Accepted::GzipPage,
        Accepted::Slow,
        Accepted::EarlyHints,
    ] {
        let mut world = world_with(kind, accepted).await;
        let bytes = bytes_of_the_login(&world).await;
        assert!(bytes.starts_with("HTTP/1.1 303 "), "{accepted:?}: {bytes}");
        assert!(bytes.to_lowercase().contains("location: /.doorstep/challenge") || bytes.contains(CHALLENGE));
        for canary in [CANARY, SECRET, "portalsession", "theme=", "103 Early", "gzip"] {
            assert!(!bytes.contains(canary), "{accepted:?}: {canary} in {bytes}");
        }
        let browser = world.browser();
        let answer = browser.password(ANNA).await.expect(303).expect_to(CHALLENGE);
        assert!(!answer.holds(CANARY));
        for path in ["/app/home", CHALLENGE, "/public/ping", "/login"] {
            let answer = browser.get(path).await;
            assert!(!answer.holds(CANARY), "{accepted:?}: {}", answer.shown());
        }
        let answer = browser.type_token(&world.anna.fresh().await).await.expect(303);
        assert!(!answer.holds("portalsession"), "{}", answer.shown());
        assert!(browser.go("/app/secret").await.holds(SECRET), "{accepted:?}");
        assert!(
            world.portal.last("/app/secret").cookie("extra").is_some(),
            "the vault has it all"
        );
    }
}

async fn i5_an_answer_that_cannot_be_judged_is_shut(kind: StoreKind) {
    for accepted in [Accepted::Oversized, Accepted::BrokenOff] {
        let world = world_with(kind, accepted).await;
        let bytes = bytes_of_the_login(&world).await;
        for canary in [CANARY, SECRET, "portalsession"] {
            assert!(!bytes.contains(canary), "{accepted:?}: {canary} in {bytes}");
        }
        let browser = world.browser();
        let answer = browser.password(ANNA).await;
        assert!(
            !answer.status.is_success() || accepted == Accepted::BrokenOff,
            "{}",
            answer.shown()
        );
        assert!(!browser.go("/app/secret").await.holds(SECRET), "{accepted:?}");
        assert!(world.portal.protected_seen().is_empty());
    }
}

async fn i5_a_wrong_password_gets_the_portals_own_answer(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    let answer = browser.type_password(ANNA, "wrong").await.expect(200);
    assert!(answer.holds("That is not right."), "{}", answer.shown());
    browser.get("/app/secret").await.expect(303).expect_to("/login");
}

async fn i5_early_hints_end_at_the_gateway_on_every_route(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let hint = crate::support::Reply::page("late").early_hint("Set-Cookie", "early=hint-canary; Path=/");
    world.portal.answer("/public/hint", hint.clone());
    world.portal.answer("/app/hint", hint);
    let anna = world.anna_signed_in().await;
    for path in ["/public/hint", "/app/hint"] {
        let cookies = anna.cookie_header(path);
        let host = world.gateway.address;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\n\r\n");
        let bytes = raw_for(host, request.as_bytes(), Duration::from_millis(700))
            .await
            .text();
        assert!(
            bytes.contains("late") && !bytes.contains("hint-canary"),
            "{path}: {bytes}"
        );
    }
}
