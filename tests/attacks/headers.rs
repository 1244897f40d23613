//! THREATS B2, B3, D2: headers in other spellings, and headers that `Connection` names.

use crate::support::portal::password_of;
use crate::support::raw::raw;
use crate::support::world::{ANNA, OLGA};
use crate::support::{StoreKind, World};

const FORM: &str = "application/x-www-form-urlencoded";

async fn world() -> World {
    World::with(StoreKind::Memory, Default::default(), |settings| {
        settings.portal += "identity_header = \"X-Identity\"\n";
        settings.portal = settings.portal.replace(
            "\"/static/**\"",
            "\"/static/**\", { path = \"/public/post\", methods = [\"POST\"] }",
        );
    })
    .await
}

/// B2: servers that follow CGI take `_` for `-`; a body is read by its type and length.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b2_a_body_has_no_second_type_or_length_in_another_spelling() {
    let world = world().await;
    let body = "email=anna%40acme.example&password=anna-password";
    for line in [
        "Content_Type: application/json",
        "content_type: multipart/form-data; boundary=x",
        "Content.Type: text/plain",
        "Content_Encoding: gzip",
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
    ] {
        for path in ["/login", "/public/post", "/app/secret"] {
            let host = world.gateway.address;
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: {FORM}\r\n\
                 {line}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = raw(host, request.as_bytes()).await;
            assert_eq!(answer.status(), 400, "{line} {path}: {}", answer.text());
        }
    }
    assert!(world.portal.seen().is_empty(), "{:?}", world.portal.seen());
}

/// D2: what a rule opened for one method is not used with another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_the_method_is_the_one_that_was_classed_in_every_spelling() {
    let world = world().await;
    for name in [
        "X-HTTP-Method-Override",
        "X_HTTP_Method_Override",
        "x.http-method_override",
        "X-HTTP-Method",
        "X_HTTP_METHOD",
        "X-Method-Override",
        "X_Method_Override",
    ] {
        let stranger = world.browser().with(name, "DELETE");
        stranger.post("/public/post", &[("a", "b")]).await;
        stranger.get("/public/ping").await;
        stranger.type_password(ANNA, "wrong").await;
    }
    let seen = world.portal.take_seen();
    assert!(seen.len() > 20, "{}", seen.len());
    for request in seen {
        let tells = |(name, _): &(String, String)| name.to_lowercase().contains("method");
        assert!(!request.headers.iter().any(tells), "{request:?}");
    }
}

/// I3: a cookie comes in by no other door, and nobody is told of a way around the gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_trailers_and_alternative_services_end_here() {
    let mut world = world().await;
    let anna = world.anna_signed_in().await;
    let bytes = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nAlt-Svc: h2=\":1\"\r\nTrailer: Set-Cookie, X-Sum\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: sid=trailer-canary; Path=/\r\nX-Sum: kept\r\n\r\n";
    let host = world.gateway.address;
    for path in ["/app/trailer", "/public/trailer"] {
        world.portal.answer(path, crate::support::Reply::raw(bytes));
        let cookie = anna.cookie_header(path);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nTE: trailers\r\nCookie: {cookie}\r\n\r\n");
        let answer = raw(host, request.as_bytes()).await.text();
        assert!(answer.contains("ok"), "{path}: {answer}");
        let lower = answer.to_lowercase();
        assert!(
            !lower.contains("trailer-canary") && !lower.contains("alt-svc"),
            "{path}: {answer}"
        );
    }
}

/// B3: each alone, by both ways to the portal: forwarded by pingora, and by the gateway's own exchange.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_a_header_that_doorstep_sets_is_there_whatever_connection_names() {
    let mut world = world().await;
    let anna = world.anna_signed_in().await;
    for name in [
        "X-Identity",
        "Cookie",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "Host",
    ] {
        let tricky = anna
            .via(&world.gateway)
            .with("connection", &format!("close, {name}"));
        for (path, is_post) in [
            ("/app/secret", false),
            ("/app/post", true),
            ("/public/post", true),
        ] {
            world.portal.take_seen();
            let answer = if is_post {
                tricky.post(path, &[("a", "b")]).await
            } else {
                tricky.get(path).await
            };
            let seen = world.portal.take_seen();
            let Some(request) = seen.first() else {
                assert_eq!(answer.status, 400, "{name} {path}: {}", answer.shown());
                continue;
            };
            assert_eq!(request.all("x-identity"), [ANNA], "{name} {path}: {request:?}");
            assert!(request.cookie("sid").is_some(), "{name} {path}: {request:?}");
            for ours in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "host"] {
                assert_eq!(request.all(ours).len(), 1, "{name} {path}: {request:?}");
            }
        }
    }
    // the login itself, by somebody who is in already
    let olga = world.olga_signed_in().await;
    let tricky = olga.via(&world.gateway).with("connection", "close, X-Identity");
    world.portal.take_seen();
    tricky
        .post("/login", &[("email", OLGA), ("password", password_of(OLGA))])
        .await;
    for request in world.portal.take_seen() {
        assert_eq!(request.all("x-identity"), [OLGA], "{request:?}");
    }
}
