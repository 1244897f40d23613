//! HTTP/2 conformance of the public listener (RFC 9113), sent as raw frames: what a peer must not do ends the
//! stream or the connection with the error that the RFC names, and what it may do is served.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::portal::Knobs;
use crate::support::tls::{block, connect};
use crate::support::{StoreKind, World};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;

/// A frame of any stream.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A frame that came back.
#[derive(Debug)]
struct Back {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

fn read_frames(mut bytes: &[u8]) -> Vec<Back> {
    let mut frames = Vec::new();
    while let [a, b, c, kind, flags, s, t, u, v, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        frames.push(Back {
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes([*s & 0x7f, *t, *u, *v]),
            payload: rest.get(..length).unwrap_or(rest).to_vec(),
        });
        bytes = rest.get(length..).unwrap_or_default();
    }
    frames
}

/// Sends `bytes` as they are; what comes back before a while of silence, and whether the other side closed.
async fn send(address: SocketAddr, bytes: &[u8]) -> (Vec<Back>, bool) {
    let mut stream = connect(address, "h2").await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut got = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        match tokio::time::timeout(Duration::from_millis(700), stream.read(&mut chunk)).await {
            Ok(Ok(length @ 1..)) => got.extend_from_slice(&chunk[..length]),
            Ok(_) => return (read_frames(&got), true),
            Err(_) => return (read_frames(&got), false),
        }
    }
}

/// What a case must come to.
#[derive(Clone, Copy, Debug)]
enum Must {
    /// The request on this stream is answered.
    Serve(u32),
    /// A PING is answered, with the same eight bytes.
    Pong,
    /// The connection ends; a GOAWAY names one of these errors, or PROTOCOL_ERROR, which can stand for each (5.4).
    End(&'static [u32]),
    /// The stream is reset with one of these errors, or the connection ends so.
    Reset(&'static [u32]),
}

fn fits(must: Must, back: &[Back], closed: bool) -> bool {
    let code = |payload: &[u8], at: usize| {
        payload
            .get(at..at + 4)
            .map(|code| u32::from_be_bytes(code.try_into().unwrap()))
    };
    let gone = |codes: &[u32]| {
        let mut aways = back.iter().filter(|frame| frame.kind == GOAWAY).peekable();
        let named = aways.peek().is_some();
        // an end without a word is allowed (RFC 9113 5.4.1), a wrong word is not
        let right = |code: u32| codes.contains(&code) || code == PROTOCOL_ERROR;
        aways.any(|frame| code(&frame.payload, 4).is_some_and(right)) || !named && closed
    };
    match must {
        Must::Serve(stream) => back
            .iter()
            .any(|frame| frame.kind == HEADERS && frame.stream == stream),
        Must::Pong => back
            .iter()
            .any(|frame| frame.kind == PING && frame.flags & 1 == 1 && frame.payload == b"12345678"),
        Must::End(codes) => gone(codes),
        Must::Reset(codes) => {
            let reset = |frame: &Back| {
                frame.kind == RST_STREAM
                    && code(&frame.payload, 0)
                        .is_some_and(|code| codes.contains(&code) || code == PROTOCOL_ERROR)
            };
            back.iter().any(reset) || gone(codes)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c8_the_listener_keeps_the_rules_of_http2() {
    let world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.tls = true
    })
    .await;
    let address = world.gateway.address;
    let host = address.to_string();
    let fields = |method: &str| {
        block(&[
            (":method", method),
            (":scheme", "https"),
            (":authority", &host),
            (":path", "/public/ping"),
        ])
    };
    let get = fields("GET");
    let post = fields("POST");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let begin = [preface.clone(), frame(SETTINGS, 0, 0, b"")].concat();
    let after = |frames: &[Vec<u8>]| [begin.clone(), frames.concat()].concat();
    let ask = |stream: u32| frame(HEADERS, 5, stream, &get);
    let setting = |id: u16, value: u32| [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat();
    let cut = get.len() / 2;
    let cases: Vec<(&str, Vec<u8>, Must)> = vec![
        ("3.4 a plain request", after(&[ask(1)]), Must::Serve(1)),
        (
            "3.4 a wrong preface",
            b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            // what must be refused, and the h2 crate serves: nothing of ours rests on a client's settings
            "3.4 no settings first",
            [preface, ask(1)].concat(),
            Must::Serve(1),
        ),
        (
            "4.1 an unknown frame",
            after(&[frame(0x16, 0, 0, b"12345678"), frame(PING, 0, 0, b"12345678")]),
            Must::Pong,
        ),
        (
            "4.1 unknown flags",
            after(&[frame(PING, 0xfe, 0, b"12345678")]),
            Must::Pong,
        ),
        (
            "4.1 a reserved bit",
            after(&[frame(PING, 0, 1 << 31, b"12345678")]),
            Must::Pong,
        ),
        (
            "4.2 a frame too large",
            after(&[frame(HEADERS, 4, 1, &post), frame(DATA, 1, 1, &vec![0; 17_000])]),
            Must::Reset(&[FRAME_SIZE_ERROR]),
        ),
        (
            "4.3 nonsense for a header block",
            after(&[frame(HEADERS, 5, 1, &[0xff; 40])]),
            Must::End(&[COMPRESSION_ERROR]),
        ),
        (
            "4.3 a block cut by another frame",
            after(&[
                frame(HEADERS, 1, 1, &get[..cut]),
                frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]),
            ]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "4.3 a block cut by another stream",
            after(&[
                frame(HEADERS, 1, 1, &get[..cut]),
                frame(CONTINUATION, 4, 3, &get[cut..]),
            ]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "4.3 a block in two frames",
            after(&[
                frame(HEADERS, 1, 1, &get[..cut]),
                frame(CONTINUATION, 4, 1, &get[cut..]),
            ]),
            Must::Serve(1),
        ),
        (
            "5.1 data on an idle stream",
            after(&[frame(DATA, 1, 1, b"x")]),
            Must::End(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
        (
            "5.1 a reset of an idle stream",
            after(&[frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "5.1 a window of an idle stream",
            after(&[frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 100])]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "5.1 a continuation of nothing",
            after(&[frame(CONTINUATION, 4, 1, &get)]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "5.1 data behind the end",
            after(&[frame(HEADERS, 5, 1, &post), frame(DATA, 1, 1, b"x")]),
            Must::Reset(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        (
            "5.1.1 an even stream",
            after(&[ask(2)]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "5.1.1 a stream that goes back",
            after(&[ask(5), ask(3)]),
            Must::End(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
        (
            "5.3.1 a stream that hangs on itself",
            after(&[frame(HEADERS, 0x25, 1, &[&[0, 0, 0, 1, 16][..], &get].concat())]),
            Must::Reset(&[PROTOCOL_ERROR]),
        ),
        (
            "6.1 data on stream 0",
            after(&[frame(DATA, 1, 0, b"x")]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.1 more padding than data",
            after(&[frame(HEADERS, 4, 1, &post), frame(DATA, 9, 1, &[9, 0, 0])]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.2 headers on stream 0",
            after(&[frame(HEADERS, 5, 0, &get)]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.2 padded headers",
            after(&[frame(HEADERS, 0xd, 1, &[&[4][..], &get, &[0; 4]].concat())]),
            Must::Serve(1),
        ),
        (
            "6.3 a priority on stream 0",
            after(&[frame(PRIORITY, 0, 0, &[0, 0, 0, 1, 1])]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.3 a priority of four bytes",
            after(&[frame(HEADERS, 4, 1, &post), frame(PRIORITY, 0, 1, &[0; 4])]),
            Must::Reset(&[FRAME_SIZE_ERROR]),
        ),
        (
            "6.4 a reset on stream 0",
            after(&[frame(RST_STREAM, 0, 0, &[0, 0, 0, 8])]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.4 a reset of three bytes",
            after(&[frame(HEADERS, 4, 1, &post), frame(RST_STREAM, 0, 1, &[0; 3])]),
            Must::End(&[FRAME_SIZE_ERROR]),
        ),
        (
            "6.5 settings on a stream",
            after(&[frame(SETTINGS, 0, 1, b"")]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.5 an acknowledgement that says something",
            after(&[frame(SETTINGS, 1, 0, &setting(1, 1))]),
            Must::End(&[FRAME_SIZE_ERROR]),
        ),
        (
            "6.5 settings of five bytes",
            after(&[frame(SETTINGS, 0, 0, &[0; 5])]),
            Must::End(&[FRAME_SIZE_ERROR]),
        ),
        (
            "6.5.2 push neither on nor off",
            after(&[frame(SETTINGS, 0, 0, &setting(2, 2))]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.5.2 a window too large",
            after(&[frame(SETTINGS, 0, 0, &setting(4, 1 << 31))]),
            Must::End(&[FLOW_CONTROL_ERROR]),
        ),
        (
            "6.5.2 a frame size too small",
            after(&[frame(SETTINGS, 0, 0, &setting(5, 100))]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.5.2 a frame size too large",
            after(&[frame(SETTINGS, 0, 0, &setting(5, 1 << 24))]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.5.2 a setting nobody knows",
            after(&[frame(SETTINGS, 0, 0, &setting(0xff, 1)), ask(1)]),
            Must::Serve(1),
        ),
        (
            "6.6 a push from a client",
            after(&[
                frame(HEADERS, 4, 1, &post),
                frame(PUSH_PROMISE, 4, 1, &[&[0, 0, 0, 2][..], &get].concat()),
            ]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        ("6.7 a ping", after(&[frame(PING, 0, 0, b"12345678")]), Must::Pong),
        (
            "6.7 a ping on a stream",
            after(&[frame(PING, 0, 1, b"12345678")]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.7 a ping of six bytes",
            after(&[frame(PING, 0, 0, b"123456")]),
            Must::End(&[FRAME_SIZE_ERROR]),
        ),
        (
            "6.8 a goaway on a stream",
            after(&[frame(GOAWAY, 0, 1, &[0; 8])]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.9 a window of nothing",
            after(&[frame(WINDOW_UPDATE, 0, 0, &[0; 4])]),
            Must::End(&[PROTOCOL_ERROR]),
        ),
        (
            "6.9 a window of nothing on a stream",
            after(&[frame(HEADERS, 4, 1, &post), frame(WINDOW_UPDATE, 0, 1, &[0; 4])]),
            Must::Reset(&[PROTOCOL_ERROR]),
        ),
        (
            "6.9 a window of three bytes",
            after(&[frame(WINDOW_UPDATE, 0, 0, &[0; 3])]),
            Must::End(&[FRAME_SIZE_ERROR]),
        ),
        (
            "6.9.1 a window that overflows",
            after(&[
                frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
                frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            ]),
            Must::End(&[FLOW_CONTROL_ERROR]),
        ),
        (
            "8.3.1 no method",
            after(&[frame(
                HEADERS,
                5,
                1,
                &block(&[
                    (":scheme", "https"),
                    (":authority", &host),
                    (":path", "/public/ping"),
                ]),
            )]),
            Must::Reset(&[PROTOCOL_ERROR]),
        ),
        (
            "8.3.1 no path",
            after(&[frame(
                HEADERS,
                5,
                1,
                &block(&[(":method", "GET"), (":scheme", "https"), (":authority", &host)]),
            )]),
            Must::Reset(&[PROTOCOL_ERROR]),
        ),
        (
            "8.3 an answer's pseudo-header",
            after(&[frame(
                HEADERS,
                5,
                1,
                &[block(&[(":status", "200")]), get.clone()].concat(),
            )]),
            Must::Reset(&[PROTOCOL_ERROR]),
        ),
    ];
    let all: Vec<String> = {
        let mut wrong = Vec::new();
        for batch in cases.chunks(6) {
            let sent = batch
                .iter()
                .map(|(name, bytes, must)| async move { (name, must, send(address, bytes).await) });
            for (name, must, (back, closed)) in futures_util::future::join_all(sent).await {
                if !fits(*must, &back, closed) {
                    wrong.push(format!("{name}: {must:?}, closed {closed}: {back:?}"));
                }
            }
        }
        wrong
    };
    assert!(all.is_empty(), "{}", all.join("\n"));
    // none of it reached the portal as anything but what it may be
    for seen in world.portal.seen() {
        assert_eq!(
            (seen.path(), seen.method.as_str()),
            ("/public/ping", "GET"),
            "{seen:?}"
        );
    }
}
