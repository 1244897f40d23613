//! THREATS C9, C10: what one person's answer leaves on a connection to the portal never reaches the next, and no
//! cache may hand one person's answer to another.

use futures_util::future::join_all;

use crate::support::portal::SECRET;
use crate::support::world::{ANNA, CAROL};
use crate::support::{Answer, Browser, Reply, StoreKind, World};

const LEFT: &str = "left-behind-canary";

/// What a broken portal might send for one request, byte for byte.
fn leftovers() -> Vec<(&'static str, String)> {
    let second = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: sid={LEFT}\r\nContent-Length: {}\r\n\r\n{LEFT}",
        LEFT.len()
    );
    let one = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
    vec![
        ("extra bytes", format!("{one}Content-Length: 2\r\n\r\nok{LEFT}")),
        ("two answers", format!("{one}Content-Length: 2\r\n\r\nok{second}")),
        (
            "an answer after 204",
            format!("HTTP/1.1 204 No Content\r\n\r\n{second}"),
        ),
        (
            "an answer after 304",
            format!("HTTP/1.1 304 Not Modified\r\n\r\n{second}"),
        ),
        (
            "a 103 between",
            format!("{one}Content-Length: 2\r\n\r\nokHTTP/1.1 103 Early Hints\r\n\r\n{second}"),
        ),
        (
            "length and coding",
            format!(
                "{one}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n{second}"
            ),
        ),
        (
            "after the last chunk",
            format!("{one}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n{second}"),
        ),
        (
            "two lengths",
            format!("{one}Content-Length: 2\r\nContent-Length: 99\r\n\r\nok{second}"),
        ),
        ("cut short", format!("{one}Content-Length: 900\r\n\r\n{LEFT}")),
        (
            "cut in a chunk",
            format!("{one}Transfer-Encoding: chunked\r\n\r\n400\r\n{LEFT}"),
        ),
        (
            "a switch nobody asked for",
            format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n{second}"),
        ),
    ]
}

fn broken(name: &str, bytes: &str) -> Reply {
    let reply = Reply::raw(bytes);
    if name.starts_with("cut") {
        reply.closing()
    } else {
        reply
    }
}

async fn ask_all(browser: &Browser, paths: &[&str]) -> Vec<Answer> {
    let asked = paths.iter().map(|path| browser.get(path));
    join_all(asked).await
}

over_each_store![
    c9_what_is_left_on_a_connection_is_nobodys,
    c9_what_a_login_leaves_on_a_connection_is_nobodys,
    c10_no_shared_cache_may_keep_what_a_session_was_made_for,
];

async fn c9_what_is_left_on_a_connection_is_nobodys(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let carol = world.carol_signed_in().await;
    for (name, bytes) in leftovers() {
        for path in ["/app/broken", "/public/broken"] {
            world.portal.answer(path, broken(name, &bytes));
        }
        for path in ["/app/broken", "/public/broken"] {
            let _ = anna.try_get(path).await;
            let next = ask_all(
                &carol,
                &["/app/secret", "/public/ping", "/app/other", "/static/x.css"],
            )
            .await;
            for answer in next {
                assert!(!answer.holds(LEFT), "{name}: {}", answer.shown());
                assert_eq!(answer.status, 200, "{name}: {}", answer.shown());
                assert!(!answer.holds(ANNA), "{name}: {}", answer.shown());
            }
        }
    }
    for seen in world.portal.seen() {
        assert_ne!(seen.cookie("sid").as_deref(), Some(LEFT), "{seen:?}");
    }
}

async fn c9_what_a_login_leaves_on_a_connection_is_nobodys(kind: StoreKind) {
    let mut world = World::with(kind, Default::default(), |settings| {
        settings.limits =
            "failed_passwords_per_login = \"1000/10m\"\nfailed_passwords_per_address = \"1000/10m\"\n".into();
    })
    .await;
    let carol = world.carol_signed_in().await;
    for (name, bytes) in leftovers() {
        let stranger = world.browser();
        stranger.get("/login").await.expect(200);
        world.portal.answer("/login", broken(name, &bytes));
        let fields = [("email", ANNA), ("password", "anna-password")];
        let first = stranger.try_post("/login", &fields).await;
        world.portal.forget("/login");
        assert!(
            first.is_err() || first.is_ok_and(|answer| answer.status != 101),
            "{name}"
        );
        // the next login, and the next person's page
        let next = world.browser();
        let answer = next.type_password(ANNA, "wrong").await;
        assert!(
            !answer.holds(LEFT) && answer.holds("That is not right."),
            "{name}: {}",
            answer.shown()
        );
        let page = carol.get("/app/secret").await.expect(200);
        assert!(
            !page.holds(LEFT) && page.holds(SECRET),
            "{name}: {}",
            page.shown()
        );
    }
    let browser = world.browser();
    browser.sign_in(ANNA, &mut world.anna).await;
    assert!(browser.get("/app/secret").await.expect(200).holds(ANNA));
    assert!(carol.get("/app/secret").await.expect(200).holds(CAROL));
}

/// The portal lets caches keep its public pages. An answer from which a cookie was taken, or to which a session's
/// cookie was added, is for one person all the same.
async fn c10_no_shared_cache_may_keep_what_a_session_was_made_for(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let cached = Reply::page("cached").header("Cache-Control", "public, max-age=600, s-maxage=600");
    world.portal.answer("/public/plain", cached.clone());
    world
        .portal
        .answer("/public/cookie", cached.clone().cookie("seen=1; Path=/"));
    world
        .portal
        .answer("/public/passed", cached.cookie("theme=dark; Path=/"));
    let shared = |answer: &Answer| {
        let control = answer.header("cache-control");
        control.contains("public") || control.contains("s-maxage") || !control.contains("private")
    };
    let stranger = world.browser();
    assert!(
        shared(&stranger.get("/public/plain").await.expect(200)),
        "what is for all stays so"
    );
    for path in ["/public/cookie", "/public/passed"] {
        let stranger = world.browser();
        let answer = stranger.get(path).await.expect(200);
        assert!(!shared(&answer), "{}", answer.shown());
    }
    let anna = world.anna_signed_in().await;
    let answer = anna.get("/public/cookie").await.expect(200);
    assert!(!shared(&answer), "{}", answer.shown());
    // what the gate itself says is kept by nobody
    for browser in [world.browser(), anna] {
        for path in [
            "/app/x.css",
            "/.doorstep/challenge",
            "/.doorstep/account",
            "/.doorstep/nothing",
        ] {
            let answer = browser.get(path).await;
            if answer.status != 200 || path.starts_with("/.doorstep") {
                assert!(
                    answer.header("cache-control").contains("no-store"),
                    "{}",
                    answer.shown()
                );
            }
        }
    }
}
