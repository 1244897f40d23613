//! What HTTP/2 lets a peer ask for and not wait for (CVE-2023-44487, CVE-2024-27316, CVE-2025-8671, CVE-2019-9512 to
//! -9518): one connection costs neither the others nor the portal anything, and a bounded piece of memory.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::h2_rules::frame;
use super::limits::settled;
use crate::support::portal::Knobs;
use crate::support::tls::{block, connect};
use crate::support::{StoreKind, World};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// Sends all of it, as fast as it is taken, and reads what comes meanwhile; until the other side closes, or has nothing
/// more to say.
async fn pour(address: SocketAddr, frames: impl Iterator<Item = Vec<u8>>) {
    let stream = connect(address, "h2").await.unwrap();
    let (mut reads, mut writes) = tokio::io::split(stream);
    let listening = tokio::spawn(async move {
        let mut chunk = [0; 16 * 1024];
        while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_secs(2), reads.read(&mut chunk)).await {}
    });
    let sent = async {
        writes.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        writes.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
        for bytes in frames {
            writes.write_all(&bytes).await?;
        }
        writes.flush().await
    };
    // What is no longer taken is not sent: the other side has had enough.
    let _ = tokio::time::timeout(Duration::from_secs(10), sent).await;
    let _ = listening.await;
}

/// What it is, and its piece of each number.
type Flood<'a> = (&'a str, Box<dyn Fn(u32) -> Vec<u8> + 'a>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_under_floods_of_http2_frames() {
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.tls = true
    })
    .await;
    let address = world.gateway.address;
    let host = address.to_string();
    let get = |method: &str, path: &str| {
        block(&[
            (":method", method),
            (":scheme", "https"),
            (":authority", &host),
            (":path", path),
        ])
    };
    let (page, post) = (get("GET", "/public/ping"), get("POST", "/login"));
    let stream = |number: u32| 2 * number + 1;
    let floods: Vec<Flood<'_>> = vec![
        (
            "streams that are reset at once",
            Box::new(|number| {
                [
                    frame(HEADERS, 5, stream(number), &page),
                    frame(RST_STREAM, 0, stream(number), &[0, 0, 0, 8]),
                ]
                .concat()
            }),
        ),
        (
            "streams that the server is made to reset",
            Box::new(|number| {
                [
                    frame(HEADERS, 4, stream(number), &post),
                    frame(WINDOW_UPDATE, 0, stream(number), &[0; 4]),
                ]
                .concat()
            }),
        ),
        (
            "a head that never ends",
            Box::new(|number| match number {
                0 => frame(HEADERS, 1, 1, &page),
                _ => frame(
                    CONTINUATION,
                    0,
                    1,
                    &block(&[("x-filler", &"x".repeat(120))]).repeat(8),
                ),
            }),
        ),
        (
            "empty pieces of a head",
            Box::new(|number| match number {
                0 => frame(HEADERS, 1, 1, &page),
                _ => frame(CONTINUATION, 0, 1, &[]),
            }),
        ),
        ("pings", Box::new(|_| frame(PING, 0, 0, b"12345678"))),
        (
            "settings",
            Box::new(|_| frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ),
        (
            "priorities",
            Box::new(|number| frame(PRIORITY, 0, stream(number), &[0, 0, 0, 0, 9])),
        ),
        (
            "empty pieces of a body",
            Box::new(|number| match number {
                0 => frame(HEADERS, 4, 1, &post),
                _ => frame(DATA, 0, 1, &[]),
            }),
        ),
        (
            "bodies that nobody reads",
            Box::new(|number| {
                [
                    frame(HEADERS, 4, stream(number), &post),
                    frame(DATA, 0, stream(number), &[b'x'; 512]),
                ]
                .concat()
            }),
        ),
    ];
    // what is warmed once
    for _ in 0..4 {
        world.browser().get("/public/ping").await.expect(200);
    }
    for (what, piece) in floods {
        let before = settled(&mut world).await;
        pour(address, (0..20_000).map(&*piece)).await;
        world.browser().get("/public/ping").await.expect(200);
        let after = settled(&mut world).await;
        println!("{what}: {before} -> {after} KiB");
        assert!(after < before + 24 * 1024, "{what}: {before} -> {after} KiB");
    }
    // the portal is asked for what was waited for, and for little more
    let asked = world.portal.take_seen().len();
    println!("the portal was asked {asked} times");
    assert!(asked < 2_000, "the portal was asked {asked} times");
    assert_eq!(world.portal.logins_sent(), 0);
}
