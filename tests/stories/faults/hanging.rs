//! I9: a portal that takes a request and says nothing. Whoever waits is told (504) and stays signed in, the request is
//! not sent a second time; what moves, or has begun, is not cut.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::portal::{Knobs, Portal, SECRET};
use crate::support::tls::h2;
use crate::support::{Answer, Reply, StoreKind, World};

/// How long the portal may take, in these stories: an honest answer is there sooner on any machine.
const PATIENT: Duration = Duration::from_secs(8);

async fn world(tls: bool) -> World {
    World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.tls = tls;
        settings.limits = "answer_timeout = \"8s\"\n".into();
        settings.portal = settings.portal.replace(
            "\"/static/**\"",
            "\"/static/**\", { path = \"/public/post\", methods = [\"POST\"] }",
        );
    })
    .await
}

/// For ever, as far as a story goes.
fn never() -> Reply {
    Reply::new(200).after(Duration::from_secs(600))
}

fn times(portal: &Portal, path: &str) -> usize {
    portal.seen().iter().filter(|seen| seen.path() == path).count()
}

#[track_caller]
fn told(answer: &Answer) {
    assert_eq!(answer.status, 504, "{}", answer.shown());
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    assert!(
        answer.header("cache-control").contains("no-store"),
        "{}",
        answer.shown()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_portal_that_hangs_is_told_and_signs_nobody_out() {
    let mut world = world(false).await;
    let anna = world.anna_signed_in().await;
    for path in [
        "/app/page",
        "/app/script",
        "/app/post",
        "/public/post",
        "/public/page",
    ] {
        world.portal.answer(path, never());
    }
    let stranger = world.browser();
    let (page, script, post, read, public) = tokio::join!(
        anna.get("/app/page"),
        anna.fetch("GET", "/app/script"),
        anna.post("/app/post", &[("a", "b")]),
        stranger.post("/public/post", &[("a", "b")]),
        stranger.get("/public/page"),
    );
    for answer in [&page, &script, &post, &read, &public] {
        told(answer);
    }
    assert!(
        page.header("content-type").starts_with("text/html"),
        "{}",
        page.shown()
    );
    assert!(script.json()["error"].is_string(), "{}", script.shown());
    // It may have been done: nothing is sent again, over a used connection either.
    for path in [
        "/app/page",
        "/app/script",
        "/app/post",
        "/public/post",
        "/public/page",
    ] {
        assert_eq!(times(&world.portal, path), 1, "{path}");
    }
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
    let metrics = world.gateway.ask_ops("/metrics").await.expect(200).text();
    assert!(metrics.contains("portal"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_portal_that_hangs_is_told_over_http2_too() {
    let mut world = world(true).await;
    let anna = world.anna_signed_in().await;
    world.portal.answer("/app/page", never());
    let request = Request::builder()
        .uri(format!("{}/app/page", world.gateway.origin))
        .header("accept", "text/html")
        .header("sec-fetch-mode", "navigate")
        .header("cookie", anna.cookie_header("/app"))
        .body(Bytes::new())
        .unwrap();
    let answer = h2(world.gateway.address, request).await.unwrap();
    told(&answer);
    assert!(
        answer.header("content-type").starts_with("text/html"),
        "{}",
        answer.shown()
    );
    assert_eq!(times(&world.portal, "/app/page"), 1);
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
}

/// A stream that is silent for longer, an upload that goes on for longer, a portal that says that it is at work: none
/// of them is a portal that hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_or_has_begun_is_not_cut() {
    let mut world = world(false).await;
    let anna = world.anna_signed_in().await;
    let host = world.gateway.address;
    let begin = |line: &str, more: &str| {
        format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {}\r\n{more}\r\n",
            anna.cookie_header("/app")
        )
    };
    let silent =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    world.portal.answer("/app/silent", Reply::raw(silent));
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream
        .write_all(begin("GET /app/silent", "").as_bytes())
        .await
        .unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    socket
        .write_all(begin("GET /app/socket", upgrade).as_bytes())
        .await
        .unwrap();
    let mut upload = TcpStream::connect(host).await.unwrap();
    let length = "Content-Type: application/octet-stream\r\nContent-Length: 48\r\n";
    upload
        .write_all(begin("POST /app/upload", length).as_bytes())
        .await
        .unwrap();
    for _ in 0..24 {
        tokio::time::sleep(PATIENT / 16).await;
        upload.write_all(b"xx").await.unwrap();
    }
    let mut head = vec![0; 12];
    upload.read_exact(&mut head).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 200");
    for (what, stream) in [("a silent stream", &mut stream), ("a silent socket", &mut socket)] {
        let mut got = Vec::new();
        let mut chunk = [0; 4096];
        // what has come so far, and then neither more nor an end
        while let Ok(read) = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut chunk)).await {
            let read = read.unwrap();
            assert_ne!(read, 0, "{what} was cut: {}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&chunk[..read]);
        }
        let text = String::from_utf8_lossy(&got).into_owned();
        assert!(text.contains("first") || text.contains(" 101 "), "{what}: {text}");
    }
}
