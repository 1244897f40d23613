//! Live sessions: listed from Redis or the running gateway, ended in the directory.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::place::{CONFIG, Place};

#[test]
fn sessions_are_revoked_in_the_directory() {
    let place = Place::new();
    place.with_anna();
    for words in [
        &["session", "revoke", "0123456789abcdef0123456789abcdef"] as &[&str],
        &["session", "revoke", "--login", "Anna"],
        &["session", "revoke", "--firm", "corp-a"],
        &["session", "revoke", "--all"],
    ] {
        assert_eq!(place.json(words)["revoked"], true, "{words:?}");
    }
    assert_eq!(
        place
            .ok(&["audit", "list", "--event", "session.revoked"])
            .lines()
            .count(),
        4
    );
    assert!(
        place
            .refused(1, &["session", "revoke", "--login", "nobody"])
            .contains("nobody")
    );
    let accepted = place.json(&["directory", "accept"]);
    assert_eq!(accepted["review"]["two_factor_off"], json!(["corp-a"]));
    assert_eq!(place.json(&["report", "passed-without-2fa"]), json!([]));
}

/// A Redis of the test's own; gone afterwards.
struct Redis {
    process: std::process::Child,
    port: u16,
}

impl Redis {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let begun = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed().as_secs() < 20, "redis-server did not start");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self { process, port }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn with_redis_sessions_are_listed_without_a_gateway_and_accepting_a_directory_ends_them() {
    use doorstep::clock::{Clock as _, SystemClock};
    use doorstep::gate::{FirmId, Login};
    use doorstep::secret::SessionToken;
    use doorstep::sessions::{Holder, Level, RedisStore, SessionRecord, SessionStore as _};

    let redis = Redis::start();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let place = Place::new();
    place.with_anna();
    place.write(
        "doorstep.toml",
        format!("{CONFIG}[sessions]\nstore = \"{url}\"\n"),
    );
    let now = SystemClock.now();
    let later = now.plus(std::time::Duration::from_secs(600));
    let id = SessionToken::random().id();
    let holder = Holder {
        login: Login::parse("anna").unwrap(),
        firm: Some(FirmId::parse("corp-a").unwrap()),
        employee_epoch: 0,
    };
    let record = SessionRecord {
        id: id.clone(),
        level: Level::SecondFactor {
            holder,
            factor: doorstep::gate::FactorKind::Totp,
            verified: now,
            firm_epoch: 0,
        },
        since: now,
        last_seen: now,
        idle_until: later,
        ends: later,
        address: "192.0.2.7".parse().unwrap(),
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = RedisStore::connect(&url).await.unwrap();
        store.create(&record, b"", now).await.unwrap();
    });
    assert_eq!(
        place.json(&["session", "list", "--login", "anna"]),
        json!([{
            "id": id.public(), "login": "anna", "firm": "corp-a", "level": "second_factor", "address": "192.0.2.7",
            "since": now.to_string(), "last_seen": now.to_string(),
        }])
    );
    assert_eq!(place.ok(&["session", "list", "--firm", "corp-b"]), "");
    place.ok(&["directory", "accept"]);
    assert_eq!(place.ok(&["session", "list"]), "");
    drop(redis);
    assert!(
        place
            .refused(1, &["session", "list"])
            .contains("[sessions] store")
    );
}

/// Answers two pages of sessions, then stops; what it was asked.
fn fake_gateway(listener: TcpListener) -> std::thread::JoinHandle<Vec<String>> {
    let item = |id: &str, login: &str, firm: &str| {
        format!(
            r#"{{"id":"{id}","login":"{login}","firm":{firm},"level":"password","address":"::1","since":"s","last_seen":"l"}}"#
        )
    };
    let pages = [
        format!(
            r#"{{"items":[{}],"next":"p 2"}}"#,
            item("a", "anna", r#""corp-a""#)
        ),
        format!(r#"{{"items":[{}]}}"#, item("b", "ben", "null")),
    ];
    std::thread::spawn(move || {
        let answer = |page: &String| {
            let (mut peer, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0; 1];
            while !request.ends_with(b"\r\n\r\n") && peer.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            let length = page.len();
            write!(
                peer,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
            )
            .unwrap();
            String::from_utf8(request).unwrap()
        };
        pages.iter().map(answer).collect()
    })
}

#[test]
fn with_the_store_in_memory_the_running_gateway_is_asked_for_its_sessions() {
    let place = Place::new();
    assert!(place.refused(1, &["session", "list"]).contains("ops.token"));
    place.write("ops.token", "a-token\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ops = listener.local_addr().unwrap().to_string();
    place.write(
        "doorstep.toml",
        CONFIG.replace("127.0.0.1:1\"", &format!("{ops}\"")),
    );
    let gateway = fake_gateway(listener);
    let listed = place.ok(&["session", "list", "--firm", "corp-a"]);
    assert_eq!(
        listed,
        "a\tanna\tcorp-a\tpassword\t::1\ts\tl\nb\tben\t\tpassword\t::1\ts\tl\n"
    );
    let asked = gateway.join().unwrap();
    assert!(
        asked[0].starts_with("GET /v1/sessions?firm=corp-a HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(
        asked[0]
            .to_lowercase()
            .contains("authorization: bearer a-token\r\n"),
        "{}",
        asked[0]
    );
    assert!(asked[1].contains("cursor=p+2"), "{}", asked[1]);
    assert!(place.refused(1, &["session", "list"]).contains("doorstep run"));
}
