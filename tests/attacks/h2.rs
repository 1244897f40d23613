//! TLS and HTTP/2 on the public listener: THREATS C8, D1, F2.

use bytes::Bytes;
use http::Request;

use crate::support::browser::CHALLENGE;
use crate::support::portal::{Knobs, SECRET};
use crate::support::tls::{block, connect, frame, h2, h2_frames, kinds};
use crate::support::world::{ANNA, OLGA};
use crate::support::{Browser, StoreKind, World};

async fn world_over_tls() -> World {
    World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.tls = true
    })
    .await
}

/// A request as a browser would send it over HTTP/2.
fn ask(origin: &str, method: &str, path: &str, cookies: &str) -> http::request::Builder {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{origin}{path}"))
        .header("accept", "text/html")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-site", "same-origin")
        .header("origin", origin);
    for pair in cookies.split("; ").filter(|pair| !pair.is_empty()) {
        request = request.header("cookie", pair);
    }
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_cookie_is_bound_to_the_host_over_tls() {
    let mut world = world_over_tls().await;
    let browser = world.browser();
    let answer = browser.get("/app/devices").await.expect(303).expect_to("/login");
    let lines = answer.set_cookies();
    let line = lines
        .iter()
        .find(|line| line.starts_with("__Host-doorstep="))
        .unwrap();
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(line.contains(attribute), "{line}");
    }
    assert!(!line.contains("Domain"), "{line}");
    browser
        .sign_in(ANNA, &mut world.anna)
        .await
        .expect_to("/app/devices");
    assert!(browser.get("/app/secret").await.expect(200).holds(SECRET));
    assert_eq!(browser.cookie_names(), ["__Host-doorstep", "csrftoken", "theme"]);
    let token = browser.session().unwrap();
    for name in [
        "doorstep",
        "__host-doorstep",
        "__Host-Doorstep",
        "__Secure-doorstep",
    ] {
        let tossed = world.browser().with("cookie", &format!("{name}={token}"));
        tossed.get("/app/secret").await.expect(303);
    }
    let left = browser.get("/logout").await.expect(302);
    let cleared = left.set_cookies();
    assert!(
        cleared
            .iter()
            .any(|line| line.starts_with("__Host-doorstep=;") && line.contains("Secure")),
        "a browser takes no other: {cleared:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_sign_in_works_over_http2() {
    let mut world = world_over_tls().await;
    let (address, origin) = (world.gateway.address, world.gateway.origin.clone());
    let get = |cookies: String, path: &'static str| {
        let request = ask(&origin, "GET", path, &cookies).body(Bytes::new()).unwrap();
        async move { h2(address, request).await.unwrap() }
    };
    let answer = get(String::new(), "/app/devices?page=2").await.expect(303);
    let cookie = token_of(&answer.set_cookies()).unwrap();
    let login = ask(&origin, "POST", "/login", &cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from("email=anna%40acme.example&password=anna-password"))
        .unwrap();
    let answer = h2(address, login).await.unwrap().expect(303).expect_to(CHALLENGE);
    assert!(
        !answer.holds("login-canary") && !answer.holds("portalsession"),
        "{}",
        answer.shown()
    );
    let cookie = token_of(&answer.set_cookies()).unwrap();
    get(cookie.clone(), "/app/secret")
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    let page = get(cookie.clone(), CHALLENGE).await.expect(200);
    let form = crate::support::page::form(&page.text(), "challenge/verify");
    let key = world.anna.fresh().await;
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &form.fields {
        if name != "remember" {
            fields.append_pair(name, if name == "token" { &key } else { value });
        }
    }
    let verify = ask(&origin, "POST", "/.doorstep/challenge/verify", &cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(fields.finish()))
        .unwrap();
    let answer = h2(address, verify).await.unwrap().expect(303);
    let answer = answer.expect_to("/app/devices?page=2");
    let cookie = token_of(&answer.set_cookies()).unwrap();
    let page = get(cookie.clone(), "/app/devices?page=2").await.expect(200);
    assert!(page.holds(SECRET) && page.holds(ANNA), "{}", page.shown());
    let seen = world.portal.last("/app/devices");
    assert_eq!(seen.all("host"), [address.to_string()]);
    assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
    // crumbs of one cookie header are one header; the session's name twice is none
    let twice = format!("{cookie}; {cookie}");
    get(twice, "/app/secret").await.expect(303);
    // and answers that were read whole or in chunks come through
    let wrong = ask(&origin, "POST", "/login", "")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from("email=anna%40acme.example&password=wrong"))
        .unwrap();
    assert!(
        h2(address, wrong)
            .await
            .unwrap()
            .expect(200)
            .holds("That is not right.")
    );
}

fn token_of(lines: &[String]) -> Option<String> {
    let line = lines.iter().find(|line| line.starts_with("__Host-doorstep="))?;
    Some(line.split(';').next()?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_another_authority_is_misdirected_over_http2() {
    let world = world_over_tls().await;
    let (address, origin) = (world.gateway.address, world.gateway.origin.clone());
    let port = address.port();
    for path in ["/public/ping", "/login", "/app/secret", CHALLENGE] {
        for authority in [
            "evil.example".to_owned(),
            format!("evil.example:{port}"),
            "127.0.0.1:1".into(),
        ] {
            let request = Request::builder()
                .uri(format!("https://{authority}{path}"))
                .body(Bytes::new())
                .unwrap();
            let answer = h2(address, request).await.unwrap().expect(421);
            assert!(!answer.holds("evil.example"), "{}", answer.shown());
        }
        // a Host beside it that says something else
        let request = ask(&origin, "GET", path, "").header("host", "evil.example");
        let answer = h2(address, request.body(Bytes::new()).unwrap()).await.unwrap();
        assert!(matches!(answer.status.as_u16(), 400 | 421), "{}", answer.shown());
    }
    assert!(world.portal.seen().is_empty(), "{:?}", world.portal.seen());
}

/// Each of these in a session that may pass, so that nothing but its own oddity stops it: the portal must see
/// either nothing, or one clean request without any of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c8_what_http2_forbids_ends_at_the_gateway() {
    let world = world_over_tls().await;
    let olga: Browser = world.olga_signed_in().await;
    let cookie = olga.cookie_header("/app");
    let host = world.gateway.address.to_string();
    let address = world.gateway.address;
    world.portal.take_seen();
    let head = |extra: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", host.as_str()),
            (":path", "/app/secret"),
            ("cookie", cookie.as_str()),
        ];
        for (name, value) in extra {
            if let Some(field) = name
                .starts_with(':')
                .then(|| fields.iter_mut().find(|(given, _)| given == name))
                .flatten()
            {
                field.1 = value;
            } else {
                fields.push((name, value));
            }
        }
        block(&fields)
    };
    let whole = |block: &[u8]| vec![frame(1, 0x5, block)];
    // it works at all
    let got = h2_frames(address, &whole(&head(&[]))).await;
    assert!(kinds(&got).contains(&1), "{:?}", kinds(&got));
    assert_eq!(world.portal.take_seen().len(), 1);

    let pieces: Vec<(&str, Vec<Vec<u8>>)> = vec![
        (
            "transfer-encoding",
            whole(&head(&[("transfer-encoding", "chunked")])),
        ),
        ("connection", whole(&head(&[("connection", "close, cookie")]))),
        ("keep-alive", whole(&head(&[("keep-alive", "5")]))),
        ("proxy-connection", whole(&head(&[("proxy-connection", "close")]))),
        ("upgrade", whole(&head(&[("upgrade", "websocket")]))),
        ("te", whole(&head(&[("te", "chunked")]))),
        ("CR LF in a value", whole(&head(&[("x-a", "b\r\nx-smuggled: 1")]))),
        ("LF in a value", whole(&head(&[("x-a", "b\nx-smuggled: 1")]))),
        ("NUL in a value", whole(&head(&[("x-a", "b\0c")]))),
        ("CR LF in a name", whole(&head(&[("x-a: b\r\nx-smuggled", "1")]))),
        ("colon in a name", whole(&head(&[("x-a:b", "1")]))),
        ("capitals in a name", whole(&head(&[("X-Smuggled", "1")]))),
        ("space in a name", whole(&head(&[("x-smuggled ", "1")]))),
        (
            "CR LF in the path",
            whole(&head(&[(":path", "/app/secret HTTP/1.1\r\nX-Smuggled: 1")])),
        ),
        ("space in the path", whole(&head(&[(":path", "/app/secret x")]))),
        ("no slash", whole(&head(&[(":path", "app/secret")]))),
        (
            "absolute path",
            whole(&head(&[(":path", "https://evil.example/app/secret")])),
        ),
        ("empty path", whole(&head(&[(":path", "")]))),
        (
            "space in the method",
            whole(&head(&[(":method", "GET /app/x HTTP/1.1")])),
        ),
        (
            "CR LF in the method",
            whole(&head(&[(":method", "GET\r\nX-Smuggled: 1")])),
        ),
        ("two paths", {
            let mut fields = block(&[(":path", "/public/ping")]);
            fields.extend_from_slice(&head(&[]));
            whole(&fields)
        }),
        ("a pseudo-header behind", {
            let mut fields = head(&[("x-a", "b")]);
            fields.extend_from_slice(&block(&[(":path", "/public/ping")]));
            whole(&fields)
        }),
        (
            "an unknown pseudo-header",
            whole(&{
                let mut fields = block(&[(":protocol", "websocket")]);
                fields.extend_from_slice(&head(&[(":method", "CONNECT")]));
                fields
            }),
        ),
        ("CONNECT", whole(&head(&[(":method", "CONNECT")]))),
        (
            "more data than its length",
            vec![
                frame(1, 0x4, &head(&[("content-length", "1"), (":method", "POST")])),
                frame(0, 0x1, b"GET /app/smuggled HTTP/1.1\r\n\r\n"),
            ],
        ),
        (
            "less data than its length",
            vec![
                frame(1, 0x4, &head(&[("content-length", "50"), (":method", "POST")])),
                frame(0, 0x1, b"x"),
            ],
        ),
        ("a length and no data", whole(&head(&[("content-length", "50")]))),
        (
            "two lengths",
            whole(&head(&[("content-length", "0"), ("content-length", "7")])),
        ),
        ("an odd length", whole(&head(&[("content-length", "+0")]))),
        (
            "a length with an underscore",
            whole(&head(&[("content_length", "50")])),
        ),
        (
            "a coding with an underscore",
            whole(&head(&[("transfer_encoding", "chunked")])),
        ),
        (
            "two credentials",
            whole(&head(&[
                ("authorization", "Basic YTpi"),
                ("authorization", "Basic YTpj"),
            ])),
        ),
    ];
    for (name, frames) in pieces {
        let got = h2_frames(address, &frames).await;
        let seen = world.portal.take_seen();
        for request in &seen {
            let odd = [
                "transfer-encoding",
                "transfer_encoding",
                "content_length",
                "upgrade",
                "keep-alive",
                "proxy-connection",
                "te",
                "x-smuggled",
                "authorization",
            ];
            assert!(
                request.target == "/app/secret"
                    && odd.iter().all(|odd| request.all(odd).is_empty())
                    && request.all("content-length").len() <= 1
                    && request.method.chars().all(|c| c.is_ascii_uppercase()),
                "{name}: {request:?}"
            );
        }
        assert!(seen.len() <= 1, "{name}: {seen:?}");
        assert!(!kinds(&got).is_empty(), "{name}: neither answered nor reset");
        let text = String::from_utf8_lossy(&got);
        assert!(!text.contains("smuggled"), "{name}: {text}");
    }
    // the gateway is still there
    olga.get("/app/secret").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c7_the_preface_of_http2_on_plain_http_is_no_request() {
    let world = World::new(StoreKind::Memory).await;
    let address = world.gateway.address;
    let bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let answer = crate::support::raw::raw(address, bytes).await;
    assert!(answer.closed || answer.status() == 400, "{}", answer.text());
    assert!(world.portal.seen().is_empty());
    // and plain text on the TLS port is answered by nobody
    let tls = world_over_tls().await;
    let host = tls.gateway.address;
    let request = format!("GET /public/ping HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let answer = crate::support::raw::raw(host, request.as_bytes()).await;
    assert!(!answer.text().contains("pong") && tls.portal.seen().is_empty());
    drop(connect(host, "http/1.1").await.unwrap());
    let olga = tls.browser();
    olga.password(OLGA).await.expect(302);
}
