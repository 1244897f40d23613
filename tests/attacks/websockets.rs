//! WebSocket conformance (RFC 6455): the same cases, frame by frame, with and without doorstep between; what comes
//! back must be the same to the byte. The cases follow the chapters of the RFC: sizes, fragments, control frames,
//! reserved bits, opcodes, masks, UTF-8, closing.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::world::OLGA;
use crate::support::{StoreKind, World};

/// Opens a WebSocket; the stream behind the answer's head.
async fn open(address: SocketAddr, host: &str, cookie: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /app/socket HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 101"), "{text}");
    assert!(
        text.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{text}"
    );
    stream
}

/// One frame from a client.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask = u8::from(masked) << 7;
    match payload.len() {
        short @ ..126 => bytes.push(mask | u8::try_from(short).unwrap()),
        middle @ ..65_536 => {
            bytes.push(mask | 126);
            bytes.extend(u16::try_from(middle).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(mask | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    let key = [0x37, 0xfa, 0x21, 0x3d];
    if masked {
        bytes.extend(key);
        bytes.extend(
            payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
    } else {
        bytes.extend(payload);
    }
    bytes
}

fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(0x81, payload.as_ref(), true)
}

fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, payload, true)
}

fn control(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(0x80 | opcode, payload, true)
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    control(8, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Name, and the pieces in which the bytes are sent.
fn cases() -> Vec<(String, Vec<Vec<u8>>)> {
    let mut cases: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    let mut case = |name: &str, pieces: Vec<Vec<u8>>| cases.push((name.to_owned(), pieces));
    let filled = |length: usize| "*".repeat(length);
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 131_072, 1_000_000] {
        case(&format!("1.1 text of {length}"), vec![text(filled(length))]);
        case(
            &format!("1.2 binary of {length}"),
            vec![binary(filled(length).as_bytes())],
        );
    }
    for at_once in [1, 997] {
        let pieces = text(filled(3000)).chunks(at_once).map(<[u8]>::to_vec).collect();
        case(&format!("1.1 text in pieces of {at_once}"), pieces);
    }
    for length in [0, 5, 125] {
        case(
            &format!("2 ping of {length}"),
            vec![control(9, filled(length).as_bytes())],
        );
    }
    case("2 ping of 126", vec![control(9, filled(126).as_bytes())]);
    case(
        "2 ping in pieces",
        control(9, &[0, 0xff, 0xfe])
            .into_iter()
            .map(|byte| vec![byte])
            .collect(),
    );
    case("2 pong unasked", vec![control(10, b"x"), control(9, b"y")]);
    case(
        "2 ten pings",
        (0..10).map(|number| control(9, &[number])).collect(),
    );
    for bits in [0x40, 0x20, 0x10, 0x70] {
        case(
            &format!("3 reserved bits {bits:#x}"),
            vec![text("a"), frame(0x81 | bits, b"b", true), text("c")],
        );
        case(
            &format!("3 reserved bits {bits:#x} in a ping"),
            vec![frame(0x89 | bits, b"b", true)],
        );
    }
    for opcode in [3, 4, 7, 11, 12, 15] {
        case(
            &format!("4 opcode {opcode}"),
            vec![text("a"), control(opcode, b"x"), control(9, b"")],
        );
    }
    case(
        "5 fragments of text",
        vec![frame(0x01, b"one ", true), frame(0x80, b"two", true)],
    );
    case(
        "5 fragments of nothing",
        vec![
            frame(0x01, b"", true),
            frame(0x00, b"", true),
            frame(0x80, b"", true),
        ],
    );
    case(
        "5 ping between fragments",
        vec![
            frame(0x01, b"one", true),
            control(9, b"p"),
            frame(0x80, b"two", true),
        ],
    );
    case(
        "5 a ping in fragments",
        vec![frame(0x09, b"p", true), frame(0x80, b"q", true)],
    );
    case(
        "5 nothing to go on with",
        vec![frame(0x80, b"x", true), text("a")],
    );
    case(
        "5 a message within a message",
        vec![frame(0x01, b"one", true), text("two")],
    );
    case("5 fifty fragments", {
        let mut pieces = vec![frame(0x01, b"0", true)];
        pieces.extend((1..50).map(|number| frame(0x00, format!(" {number}").as_bytes(), true)));
        pieces.push(frame(0x80, b".", true));
        pieces
    });
    for (name, bytes) in [
        ("valid", "k\u{f6}sme \u{1f600}".as_bytes()),
        ("cut off", &[0xce, 0xba, 0xe1, 0xbd][..]),
        ("a surrogate", &[0xed, 0xa0, 0x80]),
        ("overlong", &[0xc0, 0xaf]),
        ("beyond Unicode", &[0xf4, 0x90, 0x80, 0x80]),
        ("0xff", &[0x61, 0xff]),
        ("NUL", &[0]),
    ] {
        case(&format!("6 UTF-8, {name}"), vec![text(bytes)]);
        case(&format!("6 binary, {name}"), vec![binary(bytes)]);
    }
    case(
        "6 a character cut by fragments",
        vec![frame(0x01, &[0xce], true), frame(0x80, &[0xba], true)],
    );
    case("7 close and more", vec![close(1000, "bye"), text("late")]);
    case("7 close with nothing", vec![control(8, b"")]);
    case("7 close with one byte", vec![control(8, &[3])]);
    case(
        "7 close with a reason that is no text",
        vec![control(8, &[3, 232, 0xff])],
    );
    case("7 close with a long reason", vec![close(1000, &filled(123))]);
    case("7 close with too long a reason", vec![close(1000, &filled(124))]);
    for code in [
        999, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1015, 1016, 2999, 3000, 4999, 5000,
    ] {
        case(&format!("7 close {code}"), vec![close(code, "")]);
    }
    case("5.1 a frame without a mask", vec![frame(0x81, b"bare", false)]);
    case(
        "5.2 a length with its highest bit",
        vec![{
            let mut bytes = vec![0x82, 0xff];
            bytes.extend([0x80, 0, 0, 0, 0, 0, 0, 1]);
            bytes.extend([0; 5]);
            bytes
        }],
    );
    case(
        "5.2 a length longer than needed",
        vec![{
            let mut bytes = vec![0x81, 0xfe, 0, 1];
            bytes.extend([0, 0, 0, 0, b'x']);
            bytes
        }],
    );
    cases
}

/// What comes back before a while of silence or the end, and which of them it was.
async fn play(stream: &mut TcpStream, pieces: &[Vec<u8>]) -> (Vec<u8>, bool) {
    let (mut reads, mut writes) = stream.split();
    let sending = async {
        for piece in pieces {
            if writes.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let reading = async {
        let mut got = Vec::new();
        let mut chunk = [0; 64 * 1024];
        loop {
            match tokio::time::timeout(Duration::from_millis(400), reads.read(&mut chunk)).await {
                Ok(Ok(0) | Err(_)) => return (got, true),
                Ok(Ok(length)) => got.extend_from_slice(&chunk[..length]),
                Err(_) => return (got, false),
            }
        }
    };
    futures_util::join!(sending, reading).1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websockets_behave_through_doorstep_as_they_do_without() {
    let world = World::new(StoreKind::Memory).await;
    let olga = world.olga_signed_in().await;
    let through = olga.cookie_header("/app/socket");
    let bare = format!("sid={}", world.portal.session_for(OLGA));
    let door = world.gateway.address;
    let portal = world.portal.address;
    let (mut answered, mut closed) = (0, 0);
    for batch in cases().chunks(8) {
        let played = batch.iter().map(|(name, pieces)| {
            let (through, bare) = (through.clone(), bare.clone());
            async move {
                let mut with = open(door, &door.to_string(), &through).await;
                let mut without = open(portal, &portal.to_string(), &bare).await;
                let (with, without) =
                    futures_util::join!(play(&mut with, pieces), play(&mut without, pieces));
                (name, with, without)
            }
        });
        for (name, with, without) in futures_util::future::join_all(played).await {
            assert_eq!(with.1, without.1, "{name}: closed with and without");
            assert!(
                with.0 == without.0,
                "{name}: {:?} with, {:?} without",
                start(&with.0),
                start(&without.0)
            );
            answered += usize::from(!with.0.is_empty());
            closed += usize::from(with.1);
        }
    }
    assert!(
        answered > 40 && closed > 20,
        "{answered} answered, {closed} closed"
    );
}

fn start(bytes: &[u8]) -> (usize, &[u8]) {
    (bytes.len(), &bytes[..bytes.len().min(40)])
}
