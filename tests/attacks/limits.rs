//! What strangers can hold of the gateway: slow heads and bodies, many connections, large heads, many sessions.
//! Each flood prints the memory it cost.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::portal::{Knobs, SECRET};
use crate::support::raw::raw_for;
use crate::support::world::{ANNA, CAROL};
use crate::support::{PATIENCE, Reply, StoreKind, World, until};

async fn world(kind: StoreKind, limits: &str) -> World {
    World::with(kind, Knobs::default(), |settings| settings.limits = limits.into()).await
}

/// Sends a byte every 50 ms until the other side closes; what it said, and after how long.
async fn trickle(stream: &mut TcpStream, byte: &[u8]) -> (String, Duration) {
    let began = Instant::now();
    let mut said = Vec::new();
    let mut chunk = [0; 4096];
    while began.elapsed() < PATIENCE {
        if stream.write_all(byte).await.is_err() {
            break;
        }
        match tokio::time::timeout(Duration::from_millis(50), stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => return (text(&said), began.elapsed()),
            Ok(Ok(length)) => said.extend_from_slice(&chunk[..length]),
            Err(_) => {}
        }
    }
    assert!(
        began.elapsed() < PATIENCE,
        "it was never cut off; it said {:?}",
        text(&said)
    );
    (text(&said), began.elapsed())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asks for `path` over a connection that stays; the whole answer must come with a Content-Length.
async fn ask(stream: &mut TcpStream, host: SocketAddr, path: &str) -> String {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let length = stream.read(&mut chunk).await.unwrap();
        assert!(length > 0, "closed after {:?}", text(&said));
        said.extend_from_slice(&chunk[..length]);
        let so_far = text(&said);
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| body.len() >= length.trim().parse().unwrap()) {
            return so_far;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_trickles_in_is_cut_off_and_others_are_served() {
    let world = world(StoreKind::Memory, "header_timeout = \"1s\"").await;
    let host = world.gateway.address;
    for used_before in [false, true] {
        let mut slow = TcpStream::connect(host).await.unwrap();
        if used_before {
            assert!(ask(&mut slow, host, "/public/ping").await.contains("200"));
        }
        let begin = format!("GET /public/ping HTTP/1.1\r\nHost: {host}\r\nX: ");
        slow.write_all(begin.as_bytes()).await.unwrap();
        let others = async {
            let browser = world.browser();
            browser.get("/public/ping").await.expect(200);
        };
        let ((said, after), ()) = futures_util::join!(trickle(&mut slow, b"x"), others);
        assert!(!said.contains("200"), "{said}");
        assert!(after < Duration::from_secs(5), "cut off after {after:?} only");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_trickles_in_is_cut_off_and_an_honest_one_is_not() {
    let limits = "body_timeout = \"1s\"\nslowest_body = \"400/2s\"";
    let mut world = world(StoreKind::Memory, limits).await;
    let host = world.gateway.address;
    let post = |path: &str, more: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n{more}\r\nemail="
        )
    };
    for path in ["/login", "/.doorstep/challenge/verify"] {
        let mut slow = TcpStream::connect(host).await.unwrap();
        slow.write_all(post(path, "").as_bytes()).await.unwrap();
        let (said, after) = trickle(&mut slow, b"x").await;
        assert!(said.starts_with("HTTP/1.1 408"), "{path}: {said}");
        assert!(after < Duration::from_secs(5), "{path}: {after:?}");
    }
    assert_eq!(world.portal.logins_sent(), 0);
    // an upload that is streamed: ten times too slow
    let anna = world.anna_signed_in().await;
    let cookie = format!("Cookie: {}\r\n", anna.cookie_header("/"));
    let mut slow = TcpStream::connect(host).await.unwrap();
    slow.write_all(post("/app/upload", &cookie).as_bytes())
        .await
        .unwrap();
    let (said, after) = trickle(&mut slow, b"x").await;
    assert!(!said.contains(" 200 "), "{said}");
    assert!(after < Duration::from_secs(9), "{after:?}");
    // an honest one whose answer takes longer than the window goes on
    let answer = Reply::new(200).body("at last").after(Duration::from_secs(5));
    world.portal.answer("/app/slow", answer);
    let answer = anna
        .post_bytes("/app/slow", "application/octet-stream", vec![b'x'; 5000])
        .await;
    assert!(answer.expect(200).holds("at last"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_closed_and_a_closed_one_makes_room() {
    let world = world(StoreKind::Memory, "connections = 20").await;
    let host = world.gateway.address;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(host).await.unwrap();
        // those of the story's own start may still be closing
        let served = async {
            let request = format!("GET /public/ping HTTP/1.1\r\nHost: {host}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut first = [0; 12];
            stream.read_exact(&mut first).await.ok()?;
            Some(())
        };
        if served.await.is_some() {
            open.push(stream);
        }
    }
    assert!(open.len() >= 15, "{} of 20 were served", open.len());
    until("the place is full", PATIENCE, || async {
        let answer = raw_for(host, b"", Duration::from_millis(300)).await;
        (answer.closed && answer.bytes.is_empty()).then_some(())
    })
    .await;
    open.truncate(5);
    let browser = world.browser();
    until("there is room again", PATIENCE, || async {
        browser
            .try_get("/public/ping")
            .await
            .is_ok_and(|answer| answer.status == 200)
            .then_some(())
    })
    .await;
    let metrics = world.gateway.ask_ops("/metrics").await;
    assert!(metrics.holds("reason=\"connections\""), "{}", metrics.shown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_head_too_large_is_431_and_opens_nothing() {
    let mut world = world(StoreKind::Memory, "header_bytes = 20000\nheader_lines = 40").await;
    let anna = world.anna_signed_in().await;
    let own = anna.cookie_header("/");
    world.portal.take_seen();
    let host = world.gateway.address;
    let cookies: Vec<String> = (0..180)
        .map(|number| format!("c{number}={}", "x".repeat(350)))
        .collect();
    let many: String = (0..60).map(|number| format!("X-{number}: 1\r\n")).collect();
    for (what, cookie, lines) in [
        ("cookies", format!("{own}; {}", cookies.join("; ")), String::new()),
        (
            "cookies before",
            format!("{}; {own}", cookies.join("; ")),
            String::new(),
        ),
        ("lines", own.clone(), many),
        ("a line", own.clone(), format!("X: {}\r\n", "x".repeat(30_000))),
    ] {
        for path in ["/app/secret", "/public/ping"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nCookie: {cookie}\r\n{lines}\r\n"
            );
            let answer = raw_for(host, request.as_bytes(), Duration::from_secs(1)).await;
            assert_eq!(answer.statuses(), [431], "{what}: {}", answer.text());
            assert!(answer.closed, "{what}");
        }
    }
    let seen = world.portal.seen();
    assert!(seen.is_empty(), "{seen:?}");
    anna.get("/app/secret").await.expect(200);
}

/// More lines, or a longer head, than pingora reads: 431 all the same, and closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_head_of_which_nobody_reads_more_is_431_too() {
    for tls in [false, true] {
        let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
            settings.limits = "header_lines = 256\n".into();
            settings.tls = tls;
        })
        .await;
        let anna = world.anna_signed_in().await;
        let own = anna.cookie_header("/");
        world.portal.take_seen();
        let host = world.gateway.address;
        let lines = |count: usize| {
            (0..count)
                .map(|number| format!("X-{number}: 1\r\n"))
                .collect::<String>()
        };
        // beside Host and Cookie
        for (what, more, status) in [
            ("a head of 256 lines", lines(254), 200),
            ("a head of 257 lines", lines(255), 431),
            ("a head of 400 lines", lines(398), 431),
            ("a head of 5000 lines", lines(4998), 431),
            (
                "a head with a bad line, and too many",
                format!("bad line\r\n{}", lines(400)),
                400,
            ),
            (
                "a head of more than a mebibyte",
                format!("X: {}\r\n", "x".repeat(1_100_000)),
                431,
            ),
        ] {
            let request = format!("GET /app/secret HTTP/1.1\r\nHost: {host}\r\nCookie: {own}\r\n{more}\r\n");
            let got = match tls {
                false => raw_for(host, request.as_bytes(), Duration::from_secs(5))
                    .await
                    .text(),
                true => over_tls(host, request.as_bytes()).await,
            };
            // (what nobody reads is answered before all of it is sent: the answer may be lost with the connection)
            let lost = got.is_empty() && more.len() > 100_000;
            let right = got.starts_with(&format!("HTTP/1.1 {status}"));
            let refused =
                status != 200 && (got.starts_with("HTTP/1.1 431") || got.starts_with("HTTP/1.1 400"));
            assert!(
                right || lost || (status == 400 && refused),
                "{what}, TLS {tls}: {got}"
            );
            assert_eq!(got.contains(SECRET), status == 200, "{what}: {got}");
        }
        assert_eq!(
            world.portal.protected_seen().len(),
            1,
            "{:?}",
            world.portal.seen()
        );
    }
}

async fn over_tls(host: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = crate::support::tls::connect(host, "http/1.1").await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut got = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(Ok(length @ 1..)) =
        tokio::time::timeout(Duration::from_secs(5), stream.read(&mut chunk)).await
    {
        got.extend_from_slice(&chunk[..length]);
    }
    text(&got)
}

/// An address of this machine's that is not its loopback.
fn other_address(there: &str, any: &str) -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect(there).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// So many connections of one address, and not one more; others, and loopback, are not concerned; closing makes room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_so_many_connections_and_no_more() {
    let mut settings = crate::support::gateway::Settings::new("127.0.0.1:9".parse().unwrap());
    settings.limits = "connections_per_address = 6\n".into();
    let mut gateway = crate::support::Gateway::prepare(settings);
    let text = std::fs::read_to_string(gateway.config()).unwrap();
    let own = format!("[listen]\naddress = \"{}\"", gateway.address);
    let port = gateway.address.port();
    assert!(text.contains(&own), "{text}");
    std::fs::write(
        gateway.config(),
        text.replace(&own, &format!("[listen]\naddress = \"[::]:{port}\"")),
    )
    .unwrap();
    gateway.run().await;
    let addresses: Vec<_> = [
        ("192.0.2.1:9", "0.0.0.0:0"),
        ("[2001:db8::1]:9", "[::]:0"),
        ("[fd00::1]:9", "[::]:0"),
    ]
    .into_iter()
    .filter_map(|(there, any)| other_address(there, any))
    .collect();
    if addresses.is_empty() {
        eprintln!("this machine has no address but its loopback: the test beside the code has to do");
    }
    let host = gateway.address;
    for ip in addresses {
        let there = SocketAddr::new(ip, port);
        let mut open = Vec::new();
        for number in 0..6 {
            let mut stream = TcpStream::connect(there).await.unwrap();
            let answer = ask(&mut stream, host, "/.doorstep/challenge").await;
            assert!(answer.contains("401"), "{number} of {ip}: {answer}");
            open.push(stream);
        }
        for _ in 0..3 {
            let answer = raw_for(there, b"", Duration::from_secs(5)).await;
            assert!(
                answer.closed && answer.bytes.is_empty(),
                "{ip}: one too many: {}",
                answer.text()
            );
        }
        let mut near = TcpStream::connect(SocketAddr::new([127, 0, 0, 1].into(), port))
            .await
            .unwrap();
        assert!(
            ask(&mut near, host, "/.doorstep/challenge").await.contains("401"),
            "loopback"
        );
        // those that are open are still served
        for stream in &mut open {
            assert!(
                ask(stream, host, "/.doorstep/challenge").await.contains("401"),
                "{ip}"
            );
        }
        open.truncate(3);
        until("there is room again", PATIENCE, || async {
            let mut stream = TcpStream::connect(there).await.ok()?;
            let request = format!("GET /.doorstep/challenge HTTP/1.1\r\nHost: {host}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut first = [0; 12];
            stream.read_exact(&mut first).await.ok().map(drop)
        })
        .await;
        let metrics = gateway.ask_ops("/metrics").await;
        assert!(metrics.holds("reason=\"connections\""), "{}", metrics.shown());
    }
}

over_each_store![a_flood_of_newcomers_gets_no_sessions_and_takes_nobodys,];

async fn a_flood_of_newcomers_gets_no_sessions_and_takes_nobodys(kind: StoreKind) {
    let mut world = world(kind, "new_sessions_per_address = \"8/10m\"").await;
    let anna = world.anna_signed_in().await;
    let mut given = 0;
    for number in 0..30 {
        let stranger = world.browser();
        let answer = stranger
            .get(&format!("/app/{number}"))
            .await
            .expect(303)
            .expect_to("/login");
        // the login page sets a cookie of the portal's, which would begin one too
        let page = stranger.get("/login").await.expect(200);
        let lines = [answer.set_cookies(), page.set_cookies()].concat();
        given += lines.iter().filter(|line| line.starts_with("doorstep=")).count();
    }
    assert!((1..=8).contains(&given), "{given} sessions began");
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
    // somebody new can still sign in
    let carol = world.browser();
    carol.password(CAROL).await.expect(303);
    carol.type_token(&world.carol.fresh().await).await.expect(303);
    assert!(carol.get("/app/secret").await.expect(200).holds(SECRET));
}

/// The gateway's memory, once it has settled.
pub(super) async fn settled(world: &mut World) -> u64 {
    let mut last = world.gateway.process().resident_kib();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = world.gateway.process().resident_kib();
        if now <= last {
            return now;
        }
        last = now;
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_under_a_flood_of_newcomers() {
    let limits = "anonymous_sessions = 1000\nanonymous_sessions_per_address = 1000\n\
                  new_sessions_per_address = \"100000/10m\"";
    let mut world = world(StoreKind::Memory, limits).await;
    let anna = world.anna_signed_in().await;
    let host = world.gateway.address;
    let flood = |requests: usize| async move {
        let lines = (0..4).map(|_| async move {
            let mut stream = TcpStream::connect(host).await.unwrap();
            for number in 0..requests / 4 {
                let answer = ask(&mut stream, host, &format!("/app/{number}/{}", "x".repeat(600))).await;
                assert!(answer.contains("303"), "{answer}");
            }
        });
        futures_util::future::join_all(lines).await;
    };
    // fills what may be filled, and warms what is warmed once
    flood(1600).await;
    // What is kept for each would grow by at least a KiB and a half with each of them, in every round.
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let before = settled(&mut world).await;
        flood(4000).await;
        let after = settled(&mut world).await;
        println!("4000 newcomers beyond the bound of 1000: {before} -> {after} KiB");
        rounds.push((before, after));
        if after < before + 3 * 1024 {
            break;
        }
    }
    let (before, after) = rounds[rounds.len() - 1];
    assert!(after < before + 3 * 1024, "it grows and grows: {rounds:?} KiB");
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_under_half_heads_and_large_heads() {
    let mut world = world(StoreKind::Memory, "header_timeout = \"30s\"").await;
    let host = world.gateway.address;
    let before = settled(&mut world).await;
    let begin = format!("GET /public/ping HTTP/1.1\r\nHost: {host}\r\nX: ");
    let mut open = Vec::new();
    for bytes in [60_000, 900_000] {
        for _ in 0..150 {
            let mut stream = TcpStream::connect(host).await.unwrap();
            let head = format!("{begin}{}", "x".repeat(bytes));
            let sent = stream.write_all(head.as_bytes());
            // those that are cut off take no more of it
            let _ = tokio::time::timeout(Duration::from_secs(2), sent).await;
            open.push(stream);
        }
        let after = settled(&mut world).await;
        println!("150 half heads of {bytes} bytes: {before} -> {after} KiB");
    }
    let after = settled(&mut world).await;
    // 150 of 64 KiB, 32 of a mebibyte, and what buffers grow by
    assert!(after < before + 96 * 1024, "{before} -> {after} KiB");
    world.browser().get("/public/ping").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_under_guesses_from_nowhere() {
    let limits = "counted = 100\nfailed_passwords_per_address = \"100000/10m\"";
    let mut world = world(StoreKind::Memory, limits).await;
    let host = world.gateway.address;
    let guess = |from: usize, to: usize| async move {
        for number in from..to {
            let body = format!(
                "email=stranger-{number}-{}%40nowhere.example&password=x",
                "x".repeat(300)
            );
            let request = format!(
                "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            raw_for(host, request.as_bytes(), Duration::from_secs(2)).await;
        }
    };
    guess(0, 200).await;
    let before = settled(&mut world).await;
    guess(200, 800).await;
    let after = settled(&mut world).await;
    println!("600 guesses at as many names: {before} -> {after} KiB");
    assert!(after < before + 6 * 1024, "{before} -> {after} KiB");
    world.browser().password(ANNA).await.expect(303);
}
