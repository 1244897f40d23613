//! I4: the identity used upstream is the identity that was verified.

use crate::support::browser::CHALLENGE;
use crate::support::portal::{Knobs, SECRET, password_of};
use crate::support::world::{ANNA, CAROL, NORA, OLGA};
use crate::support::{StoreKind, World};

const FORM: &str = "application/x-www-form-urlencoded";

over_each_store![
    i4_a_login_as_somebody_else_ends_the_session_and_is_not_sent,
    i4_a_password_level_session_cannot_become_anothers,
    i4_a_username_read_in_two_ways_is_not_sent,
    i4_a_body_beyond_the_bound_is_not_sent,
    i4_names_are_compared_trimmed_and_folded,
    i4_somebody_unknown_or_deactivated_is_shut_out_and_the_jar_thrown_away,
    i4_a_login_that_another_sites_page_sends_is_refused,
    i4_every_login_and_factor_gets_a_new_session,
    i4_the_portal_that_keeps_its_cookie_is_signed_in_behind_the_gateway,
    i4_credentials_of_the_browsers_own_never_go_up,
];

async fn i4_a_login_as_somebody_else_ends_the_session_and_is_not_sent(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.anna_signed_in().await;
    let session = browser.cookie_header("/");
    let sent = world.portal.logins_sent();
    let fields = [("email", CAROL), ("password", password_of(CAROL))];
    browser
        .post("/login", &fields)
        .await
        .expect(303)
        .expect_to("/login");
    assert_eq!(world.portal.logins_sent(), sent, "the login was sent");
    browser.get("/app/secret").await.expect(303).expect_to("/login");
    let old = world.browser().with("cookie", &session);
    assert!(
        !old.get("/app/secret").await.holds(SECRET),
        "the old session goes on"
    );
}

async fn i4_a_password_level_session_cannot_become_anothers(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    let sent = world.portal.logins_sent();
    let fields = [("email", OLGA), ("password", password_of(OLGA))];
    browser
        .post("/login", &fields)
        .await
        .expect(303)
        .expect_to("/login");
    assert_eq!(world.portal.logins_sent(), sent, "the login was sent");
    // a second try begins a session of its own: OLGA's firm asks for nothing, and ANNA's page stays shut
    browser.password(OLGA).await.expect(302);
    let page = browser.get("/app/secret").await.expect(200);
    assert!(page.holds(OLGA) && !page.holds(ANNA), "{}", page.shown());
}

async fn i4_a_username_read_in_two_ways_is_not_sent(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.get("/login").await.expect(200);
    let anna = "email=anna%40acme.example&password=anna-password";
    let olga = "email=olga%40open.example";
    for (target, kind, body) in [
        ("/login", FORM, format!("{anna}&{olga}")),
        ("/login?email=olga%40open.example", FORM, anna.to_owned()),
        ("/login", FORM, format!("{anna}&email%5B%5D=olga%40open.example")),
        ("/login", FORM, format!("{anna}&+email=olga%40open.example")),
        ("/login", FORM, format!("{anna}&email%00x=olga%40open.example")),
        (
            "/login",
            FORM,
            "email=anna%40acme.example%00&password=x".to_owned(),
        ),
        ("/login", FORM, "password=x".to_owned()),
        ("/login", FORM, "email=&password=x".to_owned()),
        (
            "/login",
            "application/json",
            "{\"email\":\"anna@acme.example\"}".to_owned(),
        ),
        ("/login", "text/plain", anna.to_owned()),
        (
            "/login",
            "application/x-www-form-urlencoded; charset=utf-16",
            anna.to_owned(),
        ),
    ] {
        let answer = browser.post_bytes(target, kind, body.clone().into_bytes()).await;
        assert_eq!(answer.status, 400, "{target} {kind} {body}: {}", answer.shown());
    }
    let two_types = browser
        .via(&world.gateway)
        .with("content-type", "application/json");
    assert_eq!(
        two_types.post_bytes("/login", FORM, anna.into()).await.status,
        400
    );
    let packed = browser.via(&world.gateway).with("content-encoding", "gzip");
    assert_eq!(packed.post_bytes("/login", FORM, anna.into()).await.status, 400);
    assert_eq!(world.portal.logins_sent(), 0, "{:?}", world.portal.seen());
}

async fn i4_a_body_beyond_the_bound_is_not_sent(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    let body = format!(
        "email=anna%40acme.example&password=anna-password&pad={}",
        "x".repeat(70_000)
    );
    let answer = browser.post_bytes("/login", FORM, body.into_bytes()).await;
    assert!(matches!(answer.status.as_u16(), 400 | 413), "{}", answer.shown());
    assert_eq!(world.portal.logins_sent(), 0);
}

async fn i4_names_are_compared_trimmed_and_folded(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    let fields = [("email", "  ANNA@Acme.Example "), ("password", "anna-password")];
    browser.get("/login").await;
    browser
        .post("/login", &fields)
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    browser.type_token(&world.anna.fresh().await).await.expect(303);
    assert!(browser.get("/app/secret").await.holds(ANNA));
}

async fn i4_somebody_unknown_or_deactivated_is_shut_out_and_the_jar_thrown_away(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(NORA).await.expect(403);
    browser.get("/app/secret").await.expect(303).expect_to("/login");
    // what NORA's login made is not what the next person signs in with
    let nora = world.portal.signed_in();
    browser.password(OLGA).await.expect(302);
    browser.get("/app/secret").await.expect(200);
    let seen = world.portal.last("/app/secret");
    assert!(!nora.contains(&seen.cookie("sid").unwrap()));
    world.gateway.ok(&["employee", "remove", OLGA]);
    let gone = world.browser();
    gone.password(OLGA).await.expect(403);
}

async fn i4_a_login_that_another_sites_page_sends_is_refused(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world
        .browser()
        .with("origin", "http://evil.example")
        .with("sec-fetch-site", "cross-site");
    let fields = [("email", ANNA), ("password", password_of(ANNA))];
    let answer = browser.post("/login", &fields).await;
    assert_eq!(answer.status, 403, "{}", answer.shown());
    assert_eq!(world.portal.logins_sent(), 0);
}

async fn i4_every_login_and_factor_gets_a_new_session(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser.get("/login").await.expect(200);
    let before = browser
        .session()
        .expect("an anonymous session, for the portal's cookies");
    browser.password(ANNA).await.expect(303);
    let at_password = browser.session().unwrap();
    let old_header = browser.cookie_header("/");
    browser.type_token(&world.anna.fresh().await).await.expect(303);
    let verified = browser.session().unwrap();
    assert!(before != at_password && at_password != verified && before != verified);
    let replayed = world.browser().with("cookie", &old_header);
    let answer = replayed.get("/app/secret").await;
    assert_eq!(answer.status, 409, "{}", answer.shown());
    assert!(
        answer.set_cookies().is_empty() && !answer.holds(SECRET),
        "{}",
        answer.shown()
    );
    let answer = replayed.fetch("GET", "/app/secret").await.expect(401);
    assert_eq!(answer.json()["error"], "retry");
    browser.get("/app/secret").await.expect(200);
}

async fn i4_the_portal_that_keeps_its_cookie_is_signed_in_behind_the_gateway(kind: StoreKind) {
    let knobs = Knobs {
        keeps_cookie: true,
        ..Knobs::default()
    };
    let mut world = World::with(kind, knobs, |_| {}).await;
    let browser = world.browser();
    browser.get("/public/ping").await.expect(200);
    browser.sign_in(ANNA, &mut world.anna).await;
    assert!(browser.get("/app/secret").await.expect(200).holds(ANNA));
    let login = world.portal.last("/login");
    assert_eq!(
        login.cookie("sid"),
        world.portal.last("/app/secret").cookie("sid")
    );
}

async fn i4_credentials_of_the_browsers_own_never_go_up(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let spoofed = anna
        .via(&world.gateway)
        .with("authorization", "Basic Y2Fyb2w6cHc=")
        .with("proxy-authorization", "Basic Y2Fyb2w6cHc=");
    let _ = spoofed.get("/app/secret").await;
    let _ = spoofed.get("/public/ping").await;
    for seen in world.portal.seen() {
        assert!(seen.header("authorization").is_empty() && seen.header("proxy-authorization").is_empty());
    }
}
