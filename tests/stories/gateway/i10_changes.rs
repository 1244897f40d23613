//! I10: a change holds on every gateway within one second, on live sessions too. I15: what would open a
//! door if it were lost lives in the directory.

use crate::support::browser::CHALLENGE;
use crate::support::portal::SECRET;
use crate::support::world::{ANNA, CAROL, OLGA, SOON};
use crate::support::{Browser, StoreKind, World, page, until};

/// Waits, no longer than a change may take, until a protected page answers so.
async fn soon(browser: &Browser, what: &str, status: u16, leads_to: &str) {
    until(what, SOON, || async {
        let answer = browser.get("/app/secret").await;
        let there = answer.status == status && (leads_to.is_empty() || answer.location().ends_with(leads_to));
        there.then_some(())
    })
    .await;
}

over_each_store![
    i10_a_toggled_firm_is_challenged_at_its_next_request_and_let_through_again,
    i10_a_new_login_sees_a_toggle_at_once,
    i10_a_toggle_off_lets_a_waiting_session_through,
    i10_revoking_ends_a_session_whatever_the_policy,
    i10_a_reset_or_removed_employee_is_out,
    i10_a_sign_out_ends_the_session_here_and_at_the_portal,
    i10_an_idle_or_old_session_ends_by_the_clock,
];

async fn i10_a_toggled_firm_is_challenged_at_its_next_request_and_let_through_again(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let olga = world.olga_signed_in().await;
    olga.get("/app/secret").await.expect(200);
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    soon(&olga, "OLGA is challenged", 303, CHALLENGE).await;
    let fetched = olga.fetch("GET", "/app/secret").await.expect(401);
    assert_eq!(fetched.json()["error"], "second_factor_required");
    world.gateway.ok(&["firm", "disable-2fa", "open"]);
    soon(&olga, "OLGA is let through", 200, "").await;
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    soon(&olga, "OLGA is challenged again", 303, CHALLENGE).await;
    olga.type_token(&world.olga.fresh().await).await.expect(303);
    assert!(olga.get("/app/secret").await.expect(200).holds(SECRET));
}

async fn i10_a_new_login_sees_a_toggle_at_once(kind: StoreKind) {
    let world = World::new(kind).await;
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    let browser = world.browser();
    browser.password(OLGA).await.expect(303).expect_to(CHALLENGE);
    world.gateway.ok(&["firm", "disable-2fa", "open"]);
    let browser = world.browser();
    browser.password(OLGA).await.expect(302);
}

async fn i10_a_toggle_off_lets_a_waiting_session_through(kind: StoreKind) {
    let world = World::new(kind).await;
    let anna = world.browser();
    anna.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    world.gateway.ok(&["firm", "disable-2fa", "acme"]);
    soon(&anna, "ANNA is let through", 200, "").await;
}

async fn i10_revoking_ends_a_session_whatever_the_policy(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let carol = world.carol_signed_in().await;
    let olga = world.olga_signed_in().await;
    for login in [ANNA, OLGA] {
        world.gateway.ok(&["session", "revoke", "--login", login]);
    }
    soon(&anna, "ANNA is out", 303, "/login").await;
    soon(&olga, "OLGA is out", 303, "/login").await;
    carol.get("/app/secret").await.expect(200);
}

async fn i10_a_reset_or_removed_employee_is_out(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let carol = world.carol_signed_in().await;
    let reset = world.gateway.json(&["employee", "reset", ANNA]);
    assert_eq!(reset["login"], ANNA, "{reset}");
    soon(&anna, "ANNA is out", 303, "/login").await;
    world.gateway.ok(&["employee", "remove", CAROL]);
    soon(&carol, "CAROL is out", 303, "/login").await;
    // the old key is gone with the reset
    anna.password(ANNA).await;
    let page = anna.get(CHALLENGE).await;
    if page.status == 200 {
        let form = page::form(&page.text(), "challenge/verify");
        let answer = anna
            .send_challenge_form(&form, &[("token", &world.anna.fresh().await)])
            .await;
        assert_ne!(answer.status, 303, "{}", answer.shown());
    }
    assert!(!anna.go("/app/secret").await.holds(SECRET));
}

async fn i10_a_sign_out_ends_the_session_here_and_at_the_portal(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let before = anna.cookie_header("/");
    anna.get("/logout").await;
    let replayed = world.browser().with("cookie", &before);
    replayed.get("/app/secret").await.expect(303).expect_to("/login");
    anna.get("/app/secret").await.expect(303).expect_to("/login");
}

async fn i10_an_idle_or_old_session_ends_by_the_clock(kind: StoreKind) {
    let mut world = World::with(kind, Default::default(), |settings| {
        settings.sessions = "idle_timeout = \"30m\"\nabsolute_timeout = \"3s\"\n".into();
    })
    .await;
    let anna = world.anna_signed_in().await;
    anna.get("/app/secret").await.expect(200);
    until(
        "the session's absolute end",
        std::time::Duration::from_secs(6),
        || async { (anna.get("/app/secret").await.status == 303).then_some(()) },
    )
    .await;
    anna.get("/app/secret").await.expect(303).expect_to("/login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i10_a_change_holds_on_two_gateways() {
    let mut world = World::new(StoreKind::Redis).await;
    let mut sibling = world.gateway.sibling();
    sibling.run().await;
    let here = world.olga_signed_in().await;
    let there = here.via(&sibling);
    let anna = world.anna_signed_in().await;
    let anna_there = anna.via(&sibling);
    for browser in [&here, &there, &anna, &anna_there] {
        browser.get("/app/secret").await.expect(200);
    }
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    tokio::join!(
        soon(&here, "OLGA is challenged here", 303, CHALLENGE),
        soon(&there, "OLGA is challenged there", 303, CHALLENGE),
    );
    world.gateway.ok(&["firm", "disable-2fa", "open"]);
    tokio::join!(
        soon(&here, "OLGA is let through here", 200, ""),
        soon(&there, "OLGA is let through there", 200, ""),
    );
    world.gateway.ok(&["session", "revoke", "--login", ANNA]);
    tokio::join!(
        soon(&anna, "ANNA is out here", 303, "/login"),
        soon(&anna_there, "ANNA is out there", 303, "/login"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i15_a_flushed_store_lets_nobody_in_and_failures_stay_counted() {
    let mut world = World::new(StoreKind::Redis).await;
    let anna = world.anna_signed_in().await;
    let thief = world.browser();
    thief.password(CAROL).await.expect(303);
    for _ in 0..5 {
        thief.type_token(&world.carol.wrong()).await;
    }
    world.redis().command(&["FLUSHALL"]).await;
    for browser in [&anna, &thief] {
        let answer = browser.get("/app/secret").await;
        assert!(
            !answer.holds(SECRET) && matches!(answer.status.as_u16(), 303 | 503),
            "{}",
            answer.shown()
        );
    }
    // CAROL is still locked, and what ANNA has spent is still spent
    until("the store is in use again", SOON, || async {
        (thief.password(CAROL).await.status == 303).then_some(())
    })
    .await;
    let form = page::form(&thief.get(CHALLENGE).await.text(), "challenge/verify");
    let right = world.carol.fresh().await;
    thief
        .send_challenge_form(&form, &[("token", &right)])
        .await
        .expect(429);
    thief.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
}

/// I15: the session is gone with the process, the directory is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i15_a_restart_over_memory_forgets_sessions_and_nothing_else() {
    let mut world = World::new(StoreKind::Memory).await;
    let key = world.anna.fresh().await;
    let anna = world.browser();
    anna.password(ANNA).await.expect(303);
    anna.type_token(&key).await.expect(303);
    assert_eq!(world.gateway.stop(), Some(0));
    world.gateway.run().await;
    anna.get("/app/secret").await.expect(303).expect_to("/login");
    anna.password(ANNA).await.expect(303);
    anna.type_token(&key).await.expect(422);
    anna.type_token(&world.anna.fresh().await).await.expect(303);
}

/// I14, as far as there is something to change: at level `password` nothing can be enrolled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i14_nobody_enrols_on_a_password_alone() {
    let world = World::new(StoreKind::Memory).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    for path in [
        "enroll/totp",
        "enroll/push",
        "enroll/passkey",
        "enroll/recovery",
        "lost-phone",
        "account",
        "admin/",
    ] {
        let path = format!("/.doorstep/{path}");
        for answer in [
            browser.get(&path).await,
            browser.post(&path, &[("token", "123456")]).await,
        ] {
            assert!(
                !answer.holds("otpauth") && !answer.holds("secret="),
                "{}",
                answer.shown()
            );
        }
    }
    browser.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    assert!(world.portal.protected_seen().is_empty());
}
