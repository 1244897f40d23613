//! What people meet behind each of the two.

use super::{Kind, Site};
use crate::support::browser::CHALLENGE;
use crate::support::portal::SECRET;
use crate::support::world::{ANNA, NORA, OLGA, SOON};
use crate::support::{PATIENCE, until};

macro_rules! behind_each {
    ($($story:ident,)*) => {
        mod nginx { $( #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() { super::$story(super::Kind::Nginx).await; } )* }
        mod caddy { $( #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() { super::$story(super::Kind::Caddy).await; } )* }
    };
}

behind_each![
    a_firm_without_a_second_factor_meets_nothing_new,
    i1_a_password_alone_opens_nothing_and_the_key_does,
    a_script_is_told_where_the_challenge_is,
    i4_another_persons_portal_session_ends_doorsteps,
    i10_what_an_admin_changes_holds_within_a_second,
    signing_out_here_ends_the_portals_session_in_this_browser,
    i9_where_the_portal_does_not_say_who_it_is_nobody_passes,
];

async fn a_firm_without_a_second_factor_meets_nothing_new(kind: Kind) {
    let site = Site::open(kind).await;
    let olga = site.browser();
    let answer = olga.get("/app/secret").await.expect(303);
    answer.expect_to("/login");
    olga.password(OLGA).await.expect(302);
    assert!(olga.get("/app/secret").await.expect(200).holds(SECRET));
    assert!(olga.fetch("GET", "/app/data").await.expect(200).holds(SECRET));
    olga.post("/app/form", &[("a", "b")]).await.expect(200);
    assert_eq!(olga.session(), None, "no session is needed");
    let seen = site.portal.last("/app/secret");
    assert_eq!(seen.header("x-doorstep-user"), OLGA);
    olga.get("/logout").await.expect(302);
    olga.get("/app/secret").await.expect(303).expect_to("/login");
    let passed = site.gateway.json(&["report", "passed-without-2fa"]);
    assert!(passed.to_string().contains(OLGA), "{passed}");
}

async fn i1_a_password_alone_opens_nothing_and_the_key_does(kind: Kind) {
    let mut site = Site::open(kind).await;
    let anna = site.browser();
    anna.password(ANNA).await.expect(302);
    site.portal.take_seen();
    for path in [
        "/app/secret",
        "/app/%2e%2e/app/secret",
        "//app/secret",
        "/app/secret?x=/public/ping",
    ] {
        let answer = anna.get(path).await;
        assert!(!answer.holds(SECRET), "{path}: {}", answer.shown());
    }
    for answer in [
        anna.post("/app/form", &[("a", "b")]).await,
        anna.ask("HEAD", "/app/secret").await,
    ] {
        assert!(!answer.status.is_success(), "{}", answer.shown());
    }
    assert!(
        anna.get("/app/deep?link=1&b=2")
            .await
            .expect(303)
            .location()
            .ends_with(CHALLENGE)
    );
    let seen = site.portal.take_seen();
    assert!(seen.iter().all(|seen| seen.path() == "/api/me"), "{seen:?}");
    let answer = anna.type_token(&site.anna.fresh().await).await.expect(303);
    // the first page that was refused is where it leads
    assert!(answer.location().starts_with("/app/"), "{}", answer.shown());
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
    assert!(anna.fetch("GET", "/app/data").await.expect(200).holds(SECRET));
    assert_eq!(site.portal.last("/app/secret").header("x-doorstep-user"), ANNA);
    // doorstep's cookie alone is nothing, nor is the portal's
    let bare = site
        .browser()
        .with("cookie", &format!("doorstep={}", anna.session().unwrap()));
    bare.get("/app/secret").await.expect(303).expect_to("/login");
    let bare = site
        .browser()
        .with("cookie", &format!("sid={}", anna.cookie("sid").unwrap()));
    assert!(
        bare.get("/app/secret")
            .await
            .expect(303)
            .location()
            .ends_with(CHALLENGE)
    );
}

async fn a_script_is_told_where_the_challenge_is(kind: Kind) {
    let mut site = Site::open(kind).await;
    let anna = site.browser();
    let answer = anna.fetch("GET", "/app/data").await.expect(401);
    assert_eq!(answer.json()["error"], "sign_in_required");
    anna.password(ANNA).await.expect(302);
    let answer = anna.fetch("GET", "/app/data").await.expect(401);
    assert_eq!(answer.header("doorstep-challenge"), CHALLENGE);
    assert_eq!(answer.json()["error"], "second_factor_required");
    let answer = anna.get("/.doorstep/challenge?next=%2Fapp%2Fx").await.expect(303);
    let answer = anna.get(answer.location()).await.expect(303);
    answer.expect_to(CHALLENGE);
    let answer = anna.type_token(&site.anna.fresh().await).await.expect(303);
    answer.expect_to("/app/x");
    assert!(anna.fetch("GET", "/app/data").await.expect(200).holds(SECRET));
    // whoever does not keep the cookie is not sent in circles
    let portals = format!("sid={}", anna.cookie("sid").unwrap());
    let forgetful = || site.browser().with("cookie", &portals);
    let answer = forgetful().get(CHALLENGE).await.expect(303);
    forgetful().get(answer.location()).await.expect(401);
}

async fn i4_another_persons_portal_session_ends_doorsteps(kind: Kind) {
    let mut site = Site::open(kind).await;
    let anna = site.anna_signed_in().await;
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
    let before = anna.session();
    let other = site.portal.session_for(crate::support::world::BEN);
    anna.set_cookie(&format!("sid={other}; Path=/"));
    let answer = anna.get("/app/secret").await.expect(303);
    assert!(
        answer.location().ends_with(CHALLENGE) && !answer.holds(SECRET),
        "{}",
        answer.shown()
    );
    assert_ne!(anna.session(), before, "another session, which owes its factor");
    // and back: anna's factor is not there any more
    let hers = site.portal.session_for(ANNA);
    anna.set_cookie(&format!("sid={hers}; Path=/"));
    assert!(
        anna.get("/app/secret")
            .await
            .expect(303)
            .location()
            .ends_with(CHALLENGE)
    );
    // somebody whom doorstep does not know
    let unknown = site.portal.session_for(NORA);
    anna.set_cookie(&format!("sid={unknown}; Path=/"));
    anna.get("/app/secret").await.expect(403);
}

async fn i10_what_an_admin_changes_holds_within_a_second(kind: Kind) {
    let mut site = Site::open(kind).await;
    let anna = site.anna_signed_in().await;
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
    site.gateway.ok(&["session", "revoke", "--login", ANNA]);
    until("the revocation holds", SOON, || async {
        let answer = anna.get("/app/secret").await;
        (answer.status == 303 && answer.location().ends_with(CHALLENGE)).then_some(())
    })
    .await;
    site.gateway.ok(&["firm", "disable-2fa", "acme"]);
    until("the policy holds", SOON, || async {
        (anna.get("/app/secret").await.status == 200).then_some(())
    })
    .await;
    site.gateway.ok(&["firm", "enable-2fa", "acme"]);
    until("the policy holds", SOON, || async {
        (anna.get("/app/secret").await.status == 303).then_some(())
    })
    .await;
}

async fn signing_out_here_ends_the_portals_session_in_this_browser(kind: Kind) {
    let site = Site::open(kind).await;
    let anna = site.browser();
    anna.password(ANNA).await.expect(302);
    anna.get("/app/home").await.expect(303);
    assert!(anna.cookie("sid").is_some());
    let form = anna.challenge_form("logout").await;
    anna.send_challenge_form(&form, &[])
        .await
        .expect(303)
        .expect_to("/login");
    assert_eq!((anna.cookie("sid"), anna.session()), (None, None));
    anna.get("/app/home").await.expect(303).expect_to("/login");
}

async fn i9_where_the_portal_does_not_say_who_it_is_nobody_passes(kind: Kind) {
    let mut site = Site::open(kind).await;
    let anna = site.anna_signed_in().await;
    site.portal.answer("/api/me", crate::support::Reply::new(500));
    until("what was known is too old", PATIENCE, || async {
        let answer = anna.get("/app/secret").await;
        assert!(answer.status == 200 || answer.status == 502, "{}", answer.shown());
        (answer.status == 502).then_some(())
    })
    .await;
    site.portal.forget("/api/me");
    until("it says again", PATIENCE, || async {
        (anna.get("/app/secret").await.status == 200).then_some(())
    })
    .await;
}
