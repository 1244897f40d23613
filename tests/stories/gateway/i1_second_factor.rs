//! I1: a protected route is reached only under a verified second factor, or a policy that is off.

use crate::support::browser::CHALLENGE;
use crate::support::portal::SECRET;
use crate::support::world::{ANNA, BEN, CAROL};
use crate::support::{StoreKind, World, last_sms};

/// Some of what a portal has.
const PROTECTED: [&str; 6] = [
    "/",
    "/app/secret",
    "/app/home",
    "/api/me",
    "/app/secret?x=/public/ping",
    "/loginx",
];

over_each_store![
    i1_nobody_reaches_the_portal_without_signing_in,
    i1_only_the_password_never_reaches_the_portal,
    i1_a_verified_factor_lets_in_and_only_this_browser,
    i1_a_firm_that_is_off_passes_with_the_portals_own_answer,
    i1_anothers_key_or_token_opens_nothing,
];

async fn i1_nobody_reaches_the_portal_without_signing_in(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    for path in PROTECTED {
        for method in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND",
        ] {
            let answer = browser.ask(method, path).await;
            assert!(
                !answer.holds(SECRET) && !answer.status.is_success(),
                "{method} {}",
                answer.shown()
            );
        }
    }
    assert!(
        world.portal.protected_seen().is_empty(),
        "{:?}",
        world.portal.protected_seen()
    );
}

async fn i1_only_the_password_never_reaches_the_portal(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    for path in PROTECTED {
        browser.get(path).await.expect(303).expect_to(CHALLENGE);
        for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = browser.ask(method, path).await;
            assert!(
                !answer.holds(SECRET) && !answer.status.is_success(),
                "{method} {}",
                answer.shown()
            );
        }
        browser.fetch("GET", path).await.expect(401);
    }
    // own addresses give nothing either
    for path in [
        "/.doorstep/account",
        "/.doorstep/admin/",
        "/.doorstep/enroll/totp",
        "/.doorstep/nothing",
    ] {
        let answer = browser.get(path).await;
        assert!(!answer.status.is_success(), "{}", answer.shown());
    }
    assert!(
        world.portal.protected_seen().is_empty(),
        "{:?}",
        world.portal.protected_seen()
    );
}

async fn i1_a_verified_factor_lets_in_and_only_this_browser(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let page = anna.get("/app/secret").await.expect(200);
    assert!(page.holds(SECRET) && page.holds(ANNA), "{}", page.shown());
    let other = world.browser();
    other.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    other.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    let stranger = world.browser();
    stranger.get("/app/secret").await.expect(303).expect_to("/login");
}

async fn i1_a_firm_that_is_off_passes_with_the_portals_own_answer(kind: StoreKind) {
    let world = World::new(kind).await;
    let olga = world.olga_signed_in().await;
    let page = olga.get("/app/secret").await.expect(200);
    assert!(page.holds("olga@open.example"), "{}", page.shown());
}

async fn i1_anothers_key_or_token_opens_nothing(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let thief = world.browser();
    thief.password(CAROL).await.expect(303);
    thief.type_token(&world.anna.fresh().await).await.expect(422);
    let ben = world.browser();
    ben.password(BEN).await.expect(303);
    ben.ask_for_sms().await.expect(303);
    let token = last_sms(&world.gateway.sms_file(), crate::support::world::BEN_PHONE).unwrap();
    thief.type_token(&token).await.expect(422);
    thief.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    assert!(world.portal.protected_seen().is_empty());
}
