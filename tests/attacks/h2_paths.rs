//! THREATS A, B, E3, F2, G2 once more, over HTTP/2: no raw head is looked at there, so every spelling is sent again, as
//! frames that no client library would make.

use futures_util::future::join_all;

use crate::support::browser::CHALLENGE;
use crate::support::portal::{Knobs, SECRET};
use crate::support::tls::{block, connect, frame, h2_frames, kinds};
use crate::support::world::ANNA;
use crate::support::{Browser, PATIENCE, StoreKind, World, page};

use bytes::Bytes;

async fn world() -> World {
    World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.tls = true;
        settings.portal += "identity_header = \"X-Identity\"\n";
    })
    .await
}

/// One GET with these header fields beside the usual ones.
fn get(host: &str, path: &str, more: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let mut fields = vec![
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", host),
        (":path", path),
        ("accept", "text/html"),
        ("sec-fetch-mode", "navigate"),
    ];
    fields.extend_from_slice(more);
    vec![frame(1, 0x5, &block(&fields))]
}

async fn nothing_comes_through(world: &World, sent: Vec<(String, Vec<Vec<u8>>)>) {
    let address = world.gateway.address;
    for some in sent.chunks(24) {
        let answers = some
            .iter()
            .map(|(what, frames)| async move { (what, h2_frames(address, frames).await) });
        for (what, got) in join_all(answers).await {
            assert!(!String::from_utf8_lossy(&got).contains(SECRET), "{what}");
            assert!(!kinds(&got).is_empty(), "{what}: neither answered nor reset");
        }
        let seen = world.portal.protected_seen();
        assert!(seen.is_empty(), "reached the portal: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_spelling_over_http2_reaches_the_portal() {
    let world = world().await;
    let waiting = world.browser();
    waiting.password(ANNA).await.expect(303);
    let cookie = waiting.cookie_header("/");
    world.portal.take_seen();
    let host = world.gateway.address.to_string();
    let absolute = format!("https://{host}/app/secret");
    let targets = [
        "/public/%2e%2e%2fapp/secret",
        "/public%5c..%5capp/secret",
        "/app%2Fsecret",
        "/public/../app/secret",
        "/public/.%2e/app/secret",
        "/public../app/secret",
        "/public%2e%2e/app/secret",
        "/./app/secret",
        "/public/%252e%252e%252fapp/secret",
        "/%2561pp/secret",
        "//app/secret",
        "/app//secret",
        "/app///secret",
        "/public/..;/app/secret",
        "/public/..;a=b/app/secret",
        "/app;x/secret",
        "/app/secret;.css",
        "/public/%3b",
        "/public/..\\app/secret",
        "/public/ping%00",
        "/public/\0",
        "/public/%c0%af",
        "/public/%c0%ae%c0%ae/app/secret",
        "/public/%u002f",
        "/public/%ef%bc%8f",
        "/public/\u{ff0f}",
        "/public/%0d%0a",
        "/public/%",
        "/public/%zz",
        "/public#/../app/secret",
        "/app/secret#x",
        "/public%23/../app/secret",
        "/app/secret?/public/ping",
        "/app/secret?x=/public/",
        "/APP/secret",
        "/app/secret/",
        "/app/secret.",
        "/app/secret%20",
        "/app/secret.json",
        "/login.php/app/secret",
        "/login.php_x",
        "app/secret",
        "*",
        "",
        "?",
        "/app/s*cret",
        "/public/ping /app/secret",
        "/public/ping\t",
        "/public/ping\r\nx: y",
        "/public/<ping>",
        "/public/\"",
        absolute.as_str(),
        "http:/app/secret",
        "\\app\\secret",
        "/public/ping?PHPSESSID=1",
        "/public/ping?sid=1",
        "/public/..%c0%afapp/secret",
    ];
    let mut sent = Vec::new();
    for target in targets {
        for cookies in [&[][..], &[("cookie", cookie.as_str())]] {
            sent.push((target.to_owned(), get(&host, target, cookies)));
        }
    }
    nothing_comes_through(&world, sent).await;
    // Not even as a public path: what is not plain is nobody's but a verified tech's.
    let seen = world.portal.seen();
    assert!(seen.is_empty(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_b3_e3_f2_headers_and_cookies_over_http2_open_nothing() {
    let mut world = world().await;
    let anna = world.anna_signed_in().await;
    let stolen = world.portal.session_for(ANNA);
    world.portal.take_seen();
    let host = world.gateway.address.to_string();
    let token = anna.session().unwrap();
    let mut sent = Vec::new();
    for name in [
        "x-forwarded-uri",
        "x-forwarded-prefix",
        "x-forwarded-method",
        "x-forwarded-host",
        "x-original-url",
        "x-rewrite-url",
        "forwarded",
        "x_original_url",
        "x.rewrite.url",
        "x-identity",
        "x_identity",
        "x-doorstep-user",
        "x_doorstep_user",
        "x-skip-2fa",
    ] {
        sent.push((
            name.to_owned(),
            get(&host, "/app/secret", &[(name, "/public/ping")]),
        ));
    }
    let lines = [
        format!("sid={stolen}"),
        format!("sid=\"{stolen}\""),
        format!("a=b; sid={stolen}"),
        format!("=sid={stolen}"),
        format!("$Version=1; sid={stolen}"),
        format!("doorstep={token}"),
        format!("__host-doorstep={token}"),
        format!("__Host-doorstep=\"{token}\""),
        format!("=__Host-doorstep={token}"),
        format!("__Host-doorstep={token}; __Host-doorstep=x"),
        format!("__Host-doorstep=x; __Host-doorstep={token}"),
        format!("\u{2000}__Host-doorstep={token}"),
        format!("a=__Host-doorstep={token}"),
    ];
    for line in &lines {
        for path in ["/app/secret", "/public/ping"] {
            sent.push((format!("{path} {line}"), get(&host, path, &[("cookie", line)])));
        }
        // the same, cut into crumbs of one pair each (RFC 9113 8.2.3)
        let crumbs: Vec<(&str, &str)> = line.split("; ").map(|pair| ("cookie", pair)).collect();
        sent.push((format!("crumbs {line}"), get(&host, "/app/secret", &crumbs)));
    }
    nothing_comes_through(&world, sent).await;
    for seen in world.portal.seen() {
        assert!(
            seen.cookie("sid").is_none() && seen.all("x-identity").is_empty(),
            "{seen:?}"
        );
    }
    // Somebody who may pass gains nothing by such headers either: what goes up is doorstep's word.
    let cookie = anna.cookie_header("/app");
    for (name, value) in [
        ("x-identity", "root"),
        ("x_identity", "root"),
        ("x.identity", "root"),
        ("x-forwarded-for", "1.1.1.1"),
    ] {
        world.portal.take_seen();
        h2_frames(
            world.gateway.address,
            &get(&host, "/app/secret", &[("cookie", &cookie), (name, value)]),
        )
        .await;
        for seen in world.portal.seen() {
            assert_eq!(seen.all("x-identity"), [ANNA], "{name}: {seen:?}");
            assert!(
                seen.all("x_identity").is_empty() && seen.all("x.identity").is_empty(),
                "{seen:?}"
            );
            assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"], "{seen:?}");
        }
    }
}

/// Fifty posts at once on one connection of HTTP/2. Their statuses.
async fn at_once(world: &World, browser: &Browser, keys: &[String]) -> Vec<u16> {
    let text = browser.get(CHALLENGE).await.expect(200).text();
    let form = page::form(&text, "challenge/verify");
    let (sender, connection) = h2::client::handshake(connect(world.gateway.address, "h2").await.unwrap())
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let mut answers = Vec::new();
    for key in keys {
        let mut fields = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &form.fields {
            if name != "remember" {
                fields.append_pair(name, if name == "token" { key } else { value });
            }
        }
        let request = http::Request::builder()
            .method("POST")
            .uri(format!("{}/.doorstep/challenge/verify", world.gateway.origin))
            .header("origin", &world.gateway.origin)
            .header("sec-fetch-site", "same-origin")
            .header("sec-fetch-mode", "navigate")
            .header("accept", "text/html")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", browser.cookie_header("/"))
            .body(())
            .unwrap();
        sender = sender.ready().await.unwrap();
        let (answer, mut body) = sender.send_request(request, false).unwrap();
        body.send_data(Bytes::from(fields.finish()), true).unwrap();
        answers.push(answer);
    }
    let all = async {
        join_all(answers)
            .await
            .into_iter()
            .map(|answer| answer.map_or(0, |answer| answer.status().as_u16()))
            .collect()
    };
    let statuses = tokio::time::timeout(PATIENCE, all).await.unwrap();
    driver.abort();
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g2_fifty_at_once_on_one_connection_are_judged_five_times_and_let_in_once() {
    let mut world = world().await;
    let count = |statuses: &[u16], which: u16| statuses.iter().filter(|status| **status == which).count();
    // Fifty right ones: one lets in.
    let carol = world.browser();
    carol.password(crate::support::world::CAROL).await.expect(303);
    let key = world.carol.fresh().await;
    let right = at_once(&world, &carol, &vec![key; 50]).await;
    assert_eq!(count(&right, 303), 1, "{right:?}");
    // Fifty wrong ones: five are judged at most, the lock included.
    let anna = world.browser();
    anna.password(ANNA).await.expect(303);
    let wrong = world.anna.wrong();
    let judged = at_once(&world, &anna, &vec![wrong; 50]).await;
    assert_eq!(count(&judged, 303), 0, "{judged:?}");
    assert!(count(&judged, 422) <= 4, "{judged:?}");
    anna.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    let key = world.anna.fresh().await;
    anna.type_token(&key).await.expect(429);
    assert!(world.portal.protected_seen().is_empty());
}
