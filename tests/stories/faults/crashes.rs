//! A gateway, a portal or a browser that dies in the middle.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::browser::CHALLENGE;
use crate::support::portal::SECRET;
use crate::support::world::ANNA;
use crate::support::{PATIENCE, Reply, StoreKind, World, until};

/// Sessions are Redis's, enrolments the directory's: a gateway may die at any time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_outright_loses_nothing_that_was_acknowledged() {
    let mut world = World::new(StoreKind::Redis).await;
    let anna = world.anna_signed_in().await;
    let waiting = world.browser();
    waiting.password(ANNA).await.expect(303);
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    world.gateway.process().kill();
    world.gateway.run().await;
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
    waiting.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    waiting.type_token(&world.anna.fresh().await).await.expect(303);
    world.gateway.ok(&["audit", "verify"]);
    assert!(world.gateway.ok(&["firm", "show", "open"]).contains("on"));
}

over_each_store![
    a_browser_that_leaves_in_the_middle_of_a_login_changes_nothing_for_the_next,
    a_portal_that_answers_with_trouble_signs_nobody_in,
    what_a_slow_portal_says_late_reaches_nobody_else,
];

async fn a_browser_that_leaves_in_the_middle_of_a_login_changes_nothing_for_the_next(kind: StoreKind) {
    let world = World::new(kind).await;
    let host = world.gateway.address;
    let half = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Length: 48\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=anna%40acme.ex"
    );
    for _ in 0..5 {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        drop(stream);
    }
    let browser = world.browser();
    browser.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    assert_eq!(world.portal.logins_sent(), 1, "half a login was sent");
}

async fn a_portal_that_answers_with_trouble_signs_nobody_in(kind: StoreKind) {
    let world = World::new(kind).await;
    for reply in [
        Reply::new(500).body("broken").cookie("sid=x; Path=/"),
        Reply::new(200).body("no success here").cookie("sid=y; Path=/"),
        Reply::redirect(302, "http://elsewhere.example/app").cookie("sid=z; Path=/"),
        Reply::redirect(302, "/login?failed").cookie("sid=w; Path=/"),
    ] {
        world.portal.answer("/login", reply);
        let browser = world.browser();
        browser.password(ANNA).await;
        assert!(!browser.get("/app/secret").await.holds(SECRET));
        let answer = browser.get(CHALLENGE).await;
        assert_ne!(
            answer.status,
            200,
            "a challenge for a login that was not accepted: {}",
            answer.shown()
        );
    }
    assert!(world.portal.protected_seen().is_empty());
}

async fn what_a_slow_portal_says_late_reaches_nobody_else(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let slow = Reply::page("annas own page").after(Duration::from_millis(600));
    world.portal.answer("/app/slow", slow);
    let anna = world.anna_signed_in().await;
    let carol = world.carol_signed_in().await;
    let host = world.gateway.address;
    let request = format!(
        "GET /app/slow HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\n\r\n",
        anna.cookie_header("/")
    );
    for _ in 0..4 {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        until("it is in flight", PATIENCE, || async {
            world
                .portal
                .seen()
                .iter()
                .any(|seen| seen.path() == "/app/slow")
                .then_some(())
        })
        .await;
        drop(stream);
        for _ in 0..3 {
            let page = carol.get("/app/mine").await.expect(200);
            assert!(
                page.holds("carol@acme.example") && !page.holds("annas own page"),
                "{}",
                page.shown()
            );
        }
    }
}
