//! The harness against what exists without a gateway: an oracle that does not see is no oracle.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::support::django::{self, Django};
use crate::support::portal::{Accepted, CANARY, Knobs, SECRET};
use crate::support::raw::{raw, raw_for};
use crate::support::webdriver::Chromium;
use crate::support::{Portal, Postgres, Redis, Reply, client, page};

fn login() -> Vec<u8> {
    let body = "email=anna%40acme.example&password=anna-password";
    let head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_lets_in_by_password_and_records_all() {
    let portal = Portal::open(Knobs::default()).await;
    let answer = raw(portal.address, &login()).await.text();
    assert!(
        answer.contains(" 302 ") && answer.contains(&format!("{CANARY}-location")),
        "{answer}"
    );
    let sid = portal.signed_in().pop().unwrap();
    let inside = format!("GET /app/secret?x=1 HTTP/1.1\r\nHost: x\r\nCookie: a=b; sid={sid}\r\n\r\n");
    assert!(
        raw(portal.address, inside.as_bytes())
            .await
            .text()
            .contains(SECRET)
    );
    let outside = client::get(portal.address, "/app/secret").await.unwrap();
    assert!(outside.status == 302 && !outside.holds(SECRET));
    assert_eq!(portal.protected_seen().len(), 2);
    assert_eq!(
        portal.last("/login").field("email").as_deref(),
        Some("anna@acme.example")
    );
    assert_eq!(portal.logins_sent(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_answers_an_accepted_login_in_every_way() {
    for (how, sign) in [
        (Accepted::Page, "200"),
        (Accepted::ChunkedPage, "X-Trailer"),
        (Accepted::GzipPage, "Content-Encoding: gzip"),
        (Accepted::EarlyHints, "103 Early Hints"),
        (Accepted::Slow, "302"),
        (Accepted::Oversized, "Content-Length: 1572864"),
    ] {
        let portal = Portal::open(Knobs {
            accepted: how,
            ..Knobs::default()
        })
        .await;
        let quiet = Duration::from_millis(if how == Accepted::Slow { 3000 } else { 300 });
        let answer = raw_for(portal.address, &login(), quiet).await;
        assert!(answer.text().contains(sign), "{how:?}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_streams_and_speaks_websocket() {
    let portal = Portal::open(Knobs::default()).await;
    let sid = portal.session_for("anna@acme.example");
    let mut request = tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(
        format!("ws://{}/app/socket", portal.address),
    )
    .unwrap();
    request
        .headers_mut()
        .insert("cookie", format!("sid={sid}").parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    let events = format!("GET /app/events HTTP/1.1\r\nHost: x\r\nCookie: sid={sid}\r\n\r\n");
    let read = raw_for(portal.address, events.as_bytes(), Duration::from_millis(150)).await;
    assert!(read.text().contains("data: 0"));
    portal.answer("/public/odd", Reply::new(418).body("short and stout"));
    assert_eq!(
        client::get(portal.address, "/public/odd").await.unwrap().status,
        418
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_and_postgres_freeze_and_die_on_request() {
    let mut redis = Redis::start().await;
    redis.command(&["SET", "key", "a-value"]).await;
    assert!(String::from_utf8_lossy(&redis.carried_off().await).contains("a-value"));
    redis.restart().await;
    assert!(!String::from_utf8_lossy(&redis.carried_off().await).contains("a-value"));
    redis.freeze();
    redis.thaw();
    assert!(redis.command(&["PING"]).await.starts_with(b"+PONG"));
    drop(Postgres::start().await);
}

#[test]
fn a_page_gives_up_its_forms_and_words() {
    let html = "<!doctype html><main><h1>Confirm &amp; go</h1><form action='/a/verify' method=post>\
        <input type=hidden name=csrf value=\"a&#34;b\"><label>Key <input name=token></label></form></main>";
    let form = page::form(html, "verify");
    assert_eq!(form.fields[0], ("csrf".into(), "a\"b".into()));
    assert!(page::words(html).contains("Key"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_signs_in_to_django_itself() {
    let django = Django::start("http://127.0.0.1:1").await;
    let chromium = Chromium::open().await;
    chromium
        .go(&format!("http://{}/admin/auth/user/", django.address))
        .await;
    chromium.fill("#id_username", django::USERS[0]).await;
    chromium.fill("#id_password", django::PASSWORD).await;
    chromium.click("input[type=submit]").await;
    chromium
        .until_at("the users", |url| url.ends_with("/admin/auth/user/"))
        .await;
    assert!(
        chromium.text("#content h1").await.contains("Select user"),
        "{}",
        chromium.title().await
    );
    assert!(chromium.picture("harness", 360, 740).await.exists());
    assert!(chromium.cookie_names().await.contains(&"sessionid".to_owned()));
    assert!(
        django
            .protected_requests()
            .iter()
            .any(|line| line.contains("/admin/auth/user/"))
    );
    chromium.close().await;
}
