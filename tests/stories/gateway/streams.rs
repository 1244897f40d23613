//! Bodies stream both ways in constant memory. `DOORSTEP_LARGE=1` makes them 1 GiB.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::portal::Knobs;
use crate::support::world::ANNA;
use crate::support::{Browser, PATIENCE, StoreKind, World, until};

/// A gateway may grow so much while a large body passes (KiB).
const GROWTH: u64 = 24 * 1024;

fn large() -> u64 {
    if std::env::var_os("DOORSTEP_LARGE").is_some() {
        1 << 30
    } else {
        64 << 20
    }
}

fn head(world: &World, browser: &Browser, line: &str, more: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\nOrigin: {}\r\n\
         Cookie: {}\r\nConnection: close\r\n{more}\r\n",
        world.gateway.address,
        world.gateway.origin,
        browser.cookie_header("/app/x")
    )
}

async fn signed_in() -> (World, Browser) {
    let mut world = World::new(StoreKind::Memory).await;
    let anna = world.anna_signed_in().await;
    for _ in 0..20 {
        anna.get("/app/secret").await.expect(200);
    }
    (world, anna)
}

fn assert_flat(what: &str, before: u64, peak: u64) {
    println!(
        "{what} of {} MiB: resident {before} KiB before, {peak} KiB at most",
        large() >> 20
    );
    assert!(
        peak < before + GROWTH,
        "{what}: {before} KiB before, {peak} KiB at most"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_download_passes_in_constant_memory() {
    let (mut world, anna) = signed_in().await;
    let before = world.gateway.process().resident_kib();
    let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
    let request = head(&world, &anna, &format!("GET /app/download?size={}", large()), "");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut got, mut peak, mut reads) = (0, before, 0_u64);
    let mut chunk = vec![0; 256 * 1024];
    loop {
        let length = tokio::time::timeout(PATIENCE, stream.read(&mut chunk))
            .await
            .unwrap()
            .unwrap();
        if length == 0 {
            break;
        }
        got += length as u64;
        reads += 1;
        if reads % 64 == 0 {
            peak = peak.max(world.gateway.process().resident_kib());
        }
    }
    assert!(got > large() && got < large() + 4096, "{got} bytes");
    assert_flat("a download", before, peak);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_passes_in_constant_memory() {
    let (mut world, anna) = signed_in().await;
    let before = world.gateway.process().resident_kib();
    let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
    let length = format!(
        "Content-Length: {}\r\nContent-Type: application/octet-stream\r\n",
        large()
    );
    let request = head(&world, &anna, "POST /app/upload", &length);
    stream.write_all(request.as_bytes()).await.unwrap();
    let chunk = vec![b'u'; 256 * 1024];
    let (mut left, mut peak, mut writes) = (large(), before, 0_u64);
    while left > 0 {
        let length = chunk.len().min(left as usize);
        tokio::time::timeout(PATIENCE, stream.write_all(&chunk[..length]))
            .await
            .unwrap()
            .unwrap();
        left -= length as u64;
        writes += 1;
        if writes % 64 == 0 {
            peak = peak.max(world.gateway.process().resident_kib());
        }
    }
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(world.portal.uploaded(), large());
    assert_flat("an upload", before, peak);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_passes_where_the_logout_is_a_field_of_its_path() {
    // MediaWiki's api.php takes uploads and action=logout alike
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        let logout =
            "logout = [{ path = \"/app/upload\", methods = [\"POST\"], form = { action = \"logout\" } }]\n";
        settings.portal = settings.portal.replace("logout = [\"/logout\"]\n", logout);
    })
    .await;
    let kind = "application/x-www-form-urlencoded";
    let body = format!("action=upload&file={}", "x".repeat(200_000)).into_bytes();
    let sent = body.len() as u64;
    let anna = world.browser();
    anna.password(ANNA).await;
    let refused = anna.post_bytes("/app/upload", kind, body.clone()).await;
    assert_ne!(refused.status, 200, "{}", refused.shown());
    assert_eq!(world.portal.uploaded(), 0);

    let anna = world.anna_signed_in().await;
    anna.post_bytes("/app/upload", kind, body).await.expect(200);
    assert_eq!(world.portal.uploaded(), sent);
    anna.get("/app/secret").await.expect(200);
    // The field that is looked for ends the session, as ever.
    anna.post("/app/upload", &[("action", "logout")]).await;
    anna.get("/app/secret").await.expect(303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_upload_arrives_whole() {
    let (world, anna) = signed_in().await;
    let mut request = head(
        &world,
        &anna,
        "POST /app/upload",
        "Transfer-Encoding: chunked\r\n",
    )
    .into_bytes();
    for _ in 0..10 {
        request.extend_from_slice(b"5\r\nhello\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = crate::support::raw::raw(world.gateway.address, &request).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(world.portal.last("/app/upload").body, b"hello".repeat(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_and_head_pass() {
    let (world, anna) = signed_in().await;
    let part = crate::support::Reply::new(206)
        .header("Content-Range", "bytes 0-3/10")
        .body("part");
    world.portal.answer("/app/file", part);
    let ranged = anna.via(&world.gateway).with("range", "bytes=0-3");
    let answer = ranged.get("/app/file").await.expect(206);
    assert_eq!(answer.header("content-range"), "bytes 0-3/10");
    assert_eq!(world.portal.last("/app/file").header("range"), "bytes=0-3");
    let answer = anna.ask("HEAD", "/app/secret").await.expect(200);
    assert!(answer.body.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_says_back_what_it_is_told() {
    let (world, anna) = signed_in().await;
    let mut request = format!("ws://{}/app/socket", world.gateway.address)
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("origin", world.gateway.origin.parse().unwrap());
    headers.insert("cookie", anna.cookie_header("/app/socket").parse().unwrap());
    let stream = TcpStream::connect(world.gateway.address).await.unwrap();
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    for size in [1, 125, 126, 65_536, 1 << 20] {
        let message = Message::binary(vec![7; size]);
        socket.send(message.clone()).await.unwrap();
        let back = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        assert_eq!(back.unwrap().unwrap(), message, "{size} bytes");
    }
    socket.close(None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_arrive_as_they_are_sent() {
    let (world, anna) = signed_in().await;
    let mut stream = TcpStream::connect(world.gateway.address).await.unwrap();
    let request = head(&world, &anna, "GET /app/events", "Accept: text/event-stream\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let stream = std::sync::Arc::new(tokio::sync::Mutex::new((stream, String::new())));
    until("the third event", PATIENCE, || {
        let stream = stream.clone();
        async move {
            let mut guard = stream.lock().await;
            let (socket, got) = &mut *guard;
            let mut chunk = [0; 1024];
            let length = socket.read(&mut chunk).await.unwrap();
            got.push_str(&String::from_utf8_lossy(&chunk[..length]));
            got.contains("data: 2").then_some(())
        }
    })
    .await;
}
