//! I1, the named exceptions: judged anew on every request, they raise no level and open none of doorstep's own
//! pages. And what a firm's policy says of sessions.

use crate::support::browser::CHALLENGE;
use crate::support::portal::{Knobs, SECRET};
use crate::support::world::{ANNA, CAROL, NORA, OLGA, SOON};
use crate::support::{Browser, StoreKind, World, never, until};

over_each_store![
    i1_break_glass_lets_in_for_a_while_and_is_audited,
    i1_a_network_counts_for_its_own_requests_only,
    i1_somebody_unknown_may_pass_and_no_further,
    h5_what_waited_is_released_when_the_policy_goes_off,
    a_firm_may_limit_verified_sessions,
    a_firm_may_refuse_to_carry_the_factor_over,
];

/// Own pages that a second factor opens.
const OWN: [&str; 2] = ["/.doorstep/account", "/.doorstep/enroll/totp"];

async fn own_pages_stay_shut(browser: &Browser) {
    for path in OWN {
        let answer = browser.get(path).await;
        assert!(
            !answer.status.is_success(),
            "an exception opens {}",
            answer.shown()
        );
    }
    let answer = browser.get(CHALLENGE).await;
    assert!(!answer.status.is_success(), "{}", answer.shown());
}

fn reasons(world: &World, login: &str) -> Vec<String> {
    let audit = world.gateway.json(&["audit", "list"]);
    let items = audit.as_array().or_else(|| audit["items"].as_array()).unwrap();
    items
        .iter()
        .filter(|row| row["event"] == "login.passed_without_second_factor" && row["login"] == login)
        .map(|row| row["details"]["reason"].as_str().unwrap_or("none").to_owned())
        .collect()
}

async fn soon_shut(browser: &Browser, leads_to: &str) {
    until("the exception is over", SOON, || async {
        let answer = browser.get("/app/secret").await;
        (answer.status == 303 && answer.location().ends_with(leads_to)).then_some(())
    })
    .await;
}

async fn i1_break_glass_lets_in_for_a_while_and_is_audited(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let waiting = world.browser();
    waiting.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    world.gateway.ok(&[
        "firm",
        "break-glass",
        "acme",
        "--for",
        "6s",
        "--reason",
        "phones down",
    ]);
    let begun = std::time::Instant::now();
    until("ANNA is let through", SOON, || async {
        waiting.get("/app/secret").await.holds(SECRET).then_some(())
    })
    .await;
    own_pages_stay_shut(&waiting).await;
    assert!(reasons(&world, ANNA).iter().any(|reason| reason == "break_glass"));
    let report = world.gateway.json(&["report", "passed-without-2fa"]);
    let told = |row: &serde_json::Value| row["opened_by"] == "ops" && row["because"] == "phones down";
    assert!(report.as_array().unwrap().iter().any(told), "{report}");
    let carol = world.browser();
    carol.password(CAROL).await.expect(302);
    carol.get("/app/secret").await.expect(200);
    own_pages_stay_shut(&carol).await;
    assert!(
        reasons(&world, CAROL)
            .iter()
            .any(|reason| reason == "break_glass")
    );
    let sessions = world.gateway.ask_ops("/v1/sessions").await;
    assert!(!sessions.text().contains("second_factor"), "{}", sessions.shown());
    // it ends by the clock, for sessions that it let in too
    tokio::time::sleep(std::time::Duration::from_secs(6).saturating_sub(begun.elapsed())).await;
    soon_shut(&waiting, CHALLENGE).await;
    soon_shut(&carol, CHALLENGE).await;
    carol.type_token(&world.carol.fresh().await).await.expect(303);
    assert!(carol.get("/app/secret").await.expect(200).holds(SECRET));
}

async fn i1_a_network_counts_for_its_own_requests_only(kind: StoreKind) {
    let mut world = World::with(kind, Knobs::default(), |settings| {
        settings.listen = "trusted_proxies = [\"127.0.0.0/8\"]\n".into();
    })
    .await;
    world
        .gateway
        .ok(&["firm", "set", "acme", "networks=192.0.2.0/24"]);
    let office = world.browser().with("x-forwarded-for", "192.0.2.7");
    until("the network counts", SOON, || async {
        office.forget();
        (office.password(ANNA).await.status == 302).then_some(())
    })
    .await;
    office.get("/app/secret").await.expect(200);
    own_pages_stay_shut(&office).await;
    assert!(reasons(&world, ANNA).iter().any(|reason| reason == "network"));
    // the same session from elsewhere owes the factor at once, and no header that anybody can write helps
    for forwarded in [
        "198.51.100.9",
        "192.0.2.7, 198.51.100.9",
        "192.0.2.7, nonsense",
        "::ffff:198.51.100.9",
    ] {
        let away = world
            .browser()
            .with("x-forwarded-for", forwarded)
            .with("cookie", &office.cookie_header("/app"));
        away.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    }
    let home = world
        .browser()
        .with("x-real-ip", "192.0.2.7")
        .with("forwarded", "for=192.0.2.7")
        .with("cookie", &office.cookie_header("/app"));
    home.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    office.get("/app/secret").await.expect(200);
    world.gateway.ok(&["firm", "set", "acme", "networks="]);
    soon_shut(&office, CHALLENGE).await;
    office.type_token(&world.anna.fresh().await).await.expect(303);
    office.get("/.doorstep/account").await.expect(200);
}

async fn i1_somebody_unknown_may_pass_and_no_further(kind: StoreKind) {
    let mut world = World::with(kind, Knobs::default(), |settings| {
        settings.directory += "\"\nunknown_employee = \"pass";
    })
    .await;
    let nora = world.browser();
    nora.password(NORA).await.expect(302);
    assert!(nora.get("/app/secret").await.expect(200).holds(NORA));
    own_pages_stay_shut(&nora).await;
    assert!(
        reasons(&world, NORA)
            .iter()
            .any(|reason| reason == "unknown_employee")
    );
    // known people are asked all the same, and the deactivated are not unknown
    let anna = world.browser();
    anna.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    let carol = world.carol_signed_in().await;
    world.gateway.ok(&["employee", "remove", CAROL]);
    soon_shut(&carol, "/login").await;
    // somebody who becomes known is nobody's exception any more
    world.gateway.add_employee(NORA, "acme", Some("+12025550109"));
    soon_shut(&nora, "/login").await;
    nora.password(NORA).await.expect(303).expect_to(CHALLENGE);
    never(
        "NORA is let in",
        std::time::Duration::from_millis(500),
        || async { nora.get("/app/secret").await.holds(SECRET) },
    )
    .await;
}

/// The portal's cookies that scripts read come with the first answer that a waiting session gets.
async fn h5_what_waited_is_released_when_the_policy_goes_off(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.browser();
    anna.get("/app/devices").await.expect(303);
    anna.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    assert!(anna.cookie("theme").is_none());
    let status = anna.fetch("GET", "/.doorstep/challenge/status").await.expect(200);
    assert_eq!(status.json()["status"], "pending");
    world.gateway.ok(&["firm", "disable-2fa", "acme"]);
    until("the page is told", SOON, || async {
        let status = anna
            .fetch("GET", "/.doorstep/challenge/status")
            .await
            .expect(200)
            .json();
        (status["status"] == "verified").then(|| assert_eq!(status["location"], "/app/devices"))
    })
    .await;
    anna.get(CHALLENGE).await.expect(303).expect_to("/app/devices");
    // early hints are not the answer that they come with
    let hinting = crate::support::Reply::page(SECRET).early_hint("Link", "</x.css>; rel=preload");
    world.portal.answer("/app/devices", hinting);
    assert!(anna.get("/app/devices").await.expect(200).holds(SECRET));
    assert_eq!(
        anna.cookie("theme").as_deref(),
        Some("dark"),
        "pass_cookies of the withheld answer"
    );
    assert!(
        anna.get("/app/secret").await.expect(200).set_cookies().is_empty(),
        "once"
    );
    // and the session is no verified one when the policy comes back
    world.gateway.ok(&["firm", "enable-2fa", "acme"]);
    soon_shut(&anna, CHALLENGE).await;
    anna.get("/.doorstep/account").await.expect(303);
    anna.type_token(&world.anna.fresh().await).await.expect(303);
    anna.get("/app/secret").await.expect(200);
}

async fn a_firm_may_limit_verified_sessions(kind: StoreKind) {
    let mut world = World::new(kind).await;
    world
        .gateway
        .ok(&["firm", "set", "acme", "sessions_per_employee=1"]);
    let first = world.carol_signed_in().await;
    let other = world.anna_signed_in().await;
    let waiting = world.browser();
    waiting.password(CAROL).await.expect(303);
    first.get("/app/secret").await.expect(200);
    waiting.type_token(&world.carol.fresh().await).await.expect(303);
    waiting.get("/app/secret").await.expect(200);
    soon_shut(&first, "/login").await;
    other.get("/app/secret").await.expect(200);
    let olga = world.olga_signed_in().await;
    let again = world.olga_signed_in().await;
    for browser in [olga, again] {
        assert!(browser.get("/app/secret").await.expect(200).holds(OLGA));
    }
}

async fn a_firm_may_refuse_to_carry_the_factor_over(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let again = [("email", CAROL), ("password", "carol-password")];
    let carol = world.carol_signed_in().await;
    let before = carol.cookie_header("/");
    carol.post("/login", &again).await.expect(302);
    carol.get("/app/secret").await.expect(200);
    world
        .browser()
        .with("cookie", &before)
        .get("/app/secret")
        .await
        .expect(409);
    world.gateway.ok(&["firm", "set", "acme", "carry_over=no"]);
    carol
        .post("/login", &again)
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    carol.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    carol.get("/.doorstep/account").await.expect(303);
    carol.type_token(&world.carol.fresh().await).await.expect(303);
    carol.get("/app/secret").await.expect(200);
    // a script that signs in again right after its challenge would loop
    let body = "email=carol%40acme.example&password=carol-password";
    carol
        .fetch_with("/login", "application/x-www-form-urlencoded", body)
        .await
        .expect(302);
    carol.get("/app/secret").await.expect(200);
}
