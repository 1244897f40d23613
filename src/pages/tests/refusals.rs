//! Who is refused, in which order, and how it is said.

use http::{Method, StatusCode, header};

use super::{Sent, World};
use crate::access::Visitor;
use crate::secret::SessionToken;
use crate::sessions::Level;

const VERIFY: &str = "/.doorstep/challenge/verify";
const OWN: &str = "https://portal.example.com";
const FORM: &str = "application/x-www-form-urlencoded";
const GETS: [&str; 5] = [
    "/.doorstep/challenge",
    "/.doorstep/challenge/status",
    "/.doorstep/challenge/events",
    "/.doorstep/enroll/totp",
    "/.doorstep/account",
];
const POSTS: [&str; 6] = [
    "/.doorstep/challenge",
    "/.doorstep/challenge/sms",
    VERIFY,
    "/.doorstep/enroll/totp",
    "/.doorstep/account/sign-out",
    "/.doorstep/logout",
];

#[tokio::test]
async fn without_a_live_session_every_own_address_is_401_and_never_a_redirect() {
    let world = World::new().await;
    let anonymous = world.session(Level::Anonymous { tried: None }).await;
    for token in [SessionToken::random(), anonymous] {
        for path in GETS {
            let page = world.send(Sent::get(path).by(&token)).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
            let script = world.send(Sent::get(path).by(&token).script()).await;
            assert_eq!(script.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(
                script.json(),
                serde_json::json!({"error": "sign_in_required", "login": "/login"})
            );
        }
        for path in POSTS.into_iter().filter(|path| *path != "/.doorstep/logout") {
            let answer = world.send(Sent::form(path, &token, "token=1")).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(
                answer.body.contains("Sign in again") && answer.cookies().is_empty(),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn refusals_come_in_the_order_of_the_contract() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    let csrf = format!("csrf={}&token={}", token.form_token(), world.wrong());
    let long = format!("{csrf}&x={}", "x".repeat(17 * 1024));
    for (what, sent, status) in [
        (
            "another site, no session",
            Sent::post(VERIFY).with("origin", "https://evil.example"),
            403,
        ),
        (
            "no word of the site",
            Sent::post(VERIFY)
                .by(&token)
                .with("content-type", FORM)
                .body(&csrf),
            403,
        ),
        ("no session, no body", Sent::post(VERIFY).with("origin", OWN), 401),
        (
            "no content type",
            Sent::post(VERIFY).by(&token).with("origin", OWN).body(&csrf),
            415,
        ),
        (
            "text/plain",
            Sent::post(VERIFY)
                .by(&token)
                .with("origin", OWN)
                .with("content-type", "text/plain")
                .body(&csrf),
            415,
        ),
        (
            "too long",
            Sent::post(VERIFY)
                .by(&token)
                .with("origin", OWN)
                .with("content-type", FORM)
                .body(&long),
            413,
        ),
        (
            "no form token",
            Sent::post(VERIFY)
                .by(&token)
                .with("origin", OWN)
                .with("content-type", FORM)
                .body("token=1"),
            403,
        ),
        (
            "another session's form token",
            Sent::form(VERIFY, &SessionToken::random(), "token=1").by(&token),
            403,
        ),
        (
            "no JSON",
            Sent::post(VERIFY)
                .by(&token)
                .with("origin", OWN)
                .with("content-type", "application/json")
                .body("{"),
            400,
        ),
        ("wrong token", Sent::form(VERIFY, &token, "token=1"), 422),
    ] {
        let answer = world.send(sent).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert!(answer.cookies().is_empty(), "{what}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{what}");
    }
}

#[tokio::test]
async fn f4_every_post_needs_the_proof_and_changes_nothing_without() {
    let world = World::new().await;
    let token = world.signed_in("ben").await;
    world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    for path in POSTS {
        for sent in [
            Sent::form(path, &token, "").with("sec-fetch-site", "cross-site"),
            Sent::post(path)
                .by(&token)
                .with("origin", "null")
                .with("content-type", FORM),
            Sent::form(path, &SessionToken::random(), "").by(&token),
        ] {
            let answer = world.send(sent).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert!(world.phones.tokens.lock().unwrap().is_empty());
    let page = world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    assert_eq!(page.status, StatusCode::OK);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_said_so() {
    let world = World::new().await;
    for path in [
        "/.doorstep/",
        "/.doorstep/nowhere",
        "/.doorstep/challenge/",
        "/.doorstep/assets/x.css",
    ] {
        assert_eq!(
            world.send(Sent::get(path)).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for (method, path, allow) in [
        (Method::DELETE, "/.doorstep/challenge", "GET,HEAD,POST"),
        (Method::GET, VERIFY, "POST"),
        (Method::GET, "/.doorstep/logout", "POST"),
        (Method::POST, "/.doorstep/account", "GET,HEAD"),
    ] {
        let answer = world.send(Sent::get(path).method(method)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.headers[header::ALLOW], allow, "{path}");
    }
}

#[tokio::test]
async fn i9_a_request_that_nobody_looked_up_is_503() {
    use tower::ServiceExt as _;
    let world = World::new().await;
    for path in GETS {
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        assert!(request.extensions().get::<std::sync::Arc<Visitor>>().is_none());
        let Ok(answer) = super::super::router(world.door.clone()).oneshot(request).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

#[tokio::test]
async fn i9_a_directory_that_cannot_tell_is_503_lets_nobody_in_and_touches_no_cookie() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    let fields = format!("token={}", world.key());
    world.break_directory().await;
    for sent in [
        Sent::get("/.doorstep/challenge").by(&token),
        Sent::form(VERIFY, &token, &fields),
        Sent::form("/.doorstep/challenge/sms", &token, ""),
        Sent::json(VERIFY, &token, &world.key()),
        Sent::get("/.doorstep/challenge/status").by(&token),
    ] {
        let answer = world.send(sent).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
        assert_eq!(answer.retry_after(), 10);
        assert!(answer.cookies().is_empty());
    }
    assert!(world.phones.tokens.lock().unwrap().is_empty());
    let page = world.send(Sent::form(VERIFY, &token, &fields)).await;
    assert!(page.body.contains("Nothing is lost"));
    assert!(
        page.body.contains("content=\"10; url=/.doorstep/challenge\""),
        "a POST goes on to the page"
    );
}

#[tokio::test]
async fn the_style_sheet_is_served_to_anybody() {
    let world = World::new().await;
    let page = world.send(Sent::get("/.doorstep/account")).await;
    let path = page
        .body
        .split("href=\"")
        .find(|rest| rest.starts_with("/.doorstep/assets/"))
        .unwrap();
    let path: &'static str = path.split('"').next().unwrap().to_owned().leak();
    let file = world.send(Sent::get(path)).await;
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(file.headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
}
