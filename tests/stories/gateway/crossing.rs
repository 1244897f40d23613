//! The way of a request: where people land, and what scripts are told.

use crate::support::browser::CHALLENGE;
use crate::support::portal::{Knobs, SECRET};
use crate::support::world::{ANNA, ANNA_PHONE, OLGA};
use crate::support::{StoreKind, World, last_sms};

over_each_store![
    a_deep_link_survives_login_and_challenge,
    a_deep_link_survives_where_the_firm_asks_for_nothing,
    without_a_deep_link_the_portals_own_target_counts,
    a_fetch_is_told_in_json_and_never_redirected,
    a_scripts_login_is_withheld_in_json,
    a_multipart_login_is_read_too,
    signing_in_again_in_the_same_browser_goes_on_with_the_challenge,
    a_portal_that_timed_out_carries_the_factor_over,
    while_a_factor_is_owed_public_routes_are_anonymous,
    protected_answers_are_private,
    forwarding_strangers_carries_no_credential,
];

async fn a_deep_link_survives_login_and_challenge(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser
        .get("/app/devices?page=2&q=a%20b")
        .await
        .expect(303)
        .expect_to("/login");
    browser
        .sign_in(ANNA, &mut world.anna)
        .await
        .expect_to("/app/devices?page=2&q=a%20b");
    let page = browser.get("/app/devices?page=2&q=a%20b").await.expect(200);
    assert!(page.holds(SECRET));
}

async fn a_deep_link_survives_where_the_firm_asks_for_nothing(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser
        .get("/app/devices?page=2")
        .await
        .expect(303)
        .expect_to("/login");
    browser
        .password(OLGA)
        .await
        .expect(302)
        .expect_to("/app/devices?page=2");
}

async fn without_a_deep_link_the_portals_own_target_counts(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser
        .sign_in(ANNA, &mut world.anna)
        .await
        .expect_to("/app/home?login-canary-location");
    assert_eq!(
        browser.cookie("theme").as_deref(),
        Some("dark"),
        "pass_cookies of the withheld answer"
    );
}

async fn a_fetch_is_told_in_json_and_never_redirected(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    let answer = browser.fetch("GET", "/app/api").await.expect(401);
    assert_eq!(answer.json()["error"], "sign_in_required");
    assert!(
        answer.json()["login"]
            .as_str()
            .is_some_and(|login| login.ends_with("/login")),
        "{}",
        answer.shown()
    );
    browser.password(ANNA).await.expect(303);
    for method in ["GET", "POST", "PUT"] {
        let answer = browser.fetch(method, "/app/api").await.expect(401);
        assert_eq!(answer.json()["error"], "second_factor_required");
        assert_eq!(answer.json()["challenge"], CHALLENGE);
        assert_eq!(answer.header("doorstep-challenge"), CHALLENGE);
    }
    let status = browser
        .fetch("GET", "/.doorstep/challenge/status")
        .await
        .expect(200);
    assert_eq!(status.json()["status"], "pending");
    assert!(world.portal.protected_seen().is_empty());
}

async fn a_scripts_login_is_withheld_in_json(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.get("/login").await.expect(200);
    let body = "email=anna%40acme.example&password=anna-password";
    let answer = browser
        .fetch_with("/login", "application/x-www-form-urlencoded", body)
        .await
        .expect(401);
    assert_eq!(answer.json()["error"], "second_factor_required");
    assert!(!answer.holds("login-canary"));
    browser.get(CHALLENGE).await.expect(200);
}

async fn a_multipart_login_is_read_too(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    let body = "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nanna@acme.example\r\n\
        --b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--b--\r\n";
    // the rule reads urlencoded forms: a multipart one is not forwarded unread
    let answer = browser
        .post_bytes("/login", "multipart/form-data; boundary=b", body.into())
        .await;
    assert_eq!(answer.status, 400, "{}", answer.shown());
    assert_eq!(world.portal.logins_sent(), 0);
}

async fn signing_in_again_in_the_same_browser_goes_on_with_the_challenge(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    browser.ask_for_sms().await.expect(303);
    let token = last_sms(&world.gateway.sms_file(), ANNA_PHONE).unwrap();
    let fields = [("email", ANNA), ("password", "anna-password")];
    browser
        .post("/login", &fields)
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    browser.type_token(&token).await.expect(303);
    assert!(browser.get("/app/secret").await.holds(SECRET));
}

async fn a_portal_that_timed_out_carries_the_factor_over(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.anna_signed_in().await;
    browser.get("/login").await;
    let fields = [("email", ANNA), ("password", "anna-password")];
    let answer = browser.post("/login", &fields).await.expect(302);
    assert!(!answer.location().ends_with(CHALLENGE), "{}", answer.shown());
    assert!(browser.get("/app/secret").await.expect(200).holds(SECRET));
}

async fn while_a_factor_is_owed_public_routes_are_anonymous(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    world.portal.take_seen();
    browser.get("/public/ping").await.expect(200);
    let seen = world.portal.last("/public/ping");
    assert!(
        seen.cookie("sid").is_none() && seen.cookie("hidden").is_none(),
        "{seen:?}"
    );
    browser.get("/login").await.expect(303).expect_to(CHALLENGE);
}

async fn protected_answers_are_private(kind: StoreKind) {
    let mut world = World::with(kind, Knobs::default(), |_| {}).await;
    let anna = world.anna_signed_in().await;
    let public =
        crate::support::Reply::page("cached").header("Cache-Control", "public, max-age=600, s-maxage=600");
    world.portal.answer("/app/cached", public);
    let answer = anna.get("/app/cached").await.expect(200);
    let control = answer.header("cache-control");
    assert!(
        control.contains("private") && !control.contains("public") && !control.contains("s-maxage"),
        "{control}"
    );
}

async fn forwarding_strangers_carries_no_credential(kind: StoreKind) {
    let world = World::with(kind, Knobs::default(), |settings| {
        settings.portal += "anonymous = \"forward\"\n";
    })
    .await;
    let stolen = world.portal.session_for(ANNA);
    let browser = world.browser().with("authorization", "Bearer x");
    browser.set_cookie(&format!("sid={stolen}; Path=/"));
    let answer = browser.get("/app/secret").await.expect(302);
    assert!(!answer.holds(SECRET));
    let seen = world.portal.last("/app/secret");
    assert!(
        seen.cookie("sid").is_none() && seen.header("authorization").is_empty(),
        "{seen:?}"
    );
}
