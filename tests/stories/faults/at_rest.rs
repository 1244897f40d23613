//! I6, I15: what is carried off without the key file is of no use: dumps of the store and of the directory, and
//! what an onlooker at the store sees pass by.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::gateway::OPS_TOKEN;
use crate::support::portal::{CANARY, Knobs};
use crate::support::world::{ANNA, ANNA_PHONE, BEN, BEN_PHONE, CAROL};
use crate::support::{PATIENCE, Postgres, StoreKind, TotpKey, World, client, last_sms, until};

/// Everything that must not be found, by what it is.
type Secrets = BTreeMap<String, String>;

/// A day in which every kind of secret is made and used.
async fn a_day(world: &mut World) -> Secrets {
    let mut secrets = Secrets::new();
    let mut keep = |what: &str, secret: &str| {
        assert!(secret.len() >= 6, "{what} is {secret:?}");
        secrets.insert(what.to_owned(), secret.to_owned());
    };
    let uri = world.gateway.json(&["employee", "enroll-totp", ANNA])["uri"]
        .as_str()
        .unwrap()
        .to_owned();
    let seed = uri
        .split("secret=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    keep("a TOTP seed", &seed);
    world.anna = TotpKey::new(&uri);
    let anna = world.browser();
    anna.password(ANNA).await.expect(303);
    keep("a session's token before the factor", &anna.session().unwrap());
    let key = world.anna.fresh().await;
    keep("a key that was typed", &key);
    anna.type_token(&key).await.expect(303);
    keep("a session's token", &anna.session().unwrap());
    anna.get("/app/secret").await.expect(200);
    let ben = world.browser();
    ben.password(BEN).await.expect(303);
    ben.ask_for_sms().await.expect(303);
    let sms = last_sms(&world.gateway.sms_file(), BEN_PHONE).unwrap();
    keep("an SMS token", &sms);
    keep("the token of somebody who waits", &ben.session().unwrap());
    let passcode = world.gateway.json(&["employee", "reset", CAROL])["passcode"]
        .as_str()
        .unwrap()
        .to_owned();
    keep("a passcode", &passcode);
    keep("a passcode, bare", &passcode.replace('-', ""));
    let client = world.gateway.json(&["client-token", "add", "exporter"]);
    keep("a machine client's token", client["token"].as_str().unwrap());
    let made = http::Request::builder()
        .method("POST")
        .uri("/v1/tokens")
        .header("host", world.gateway.ops.to_string())
        .header("authorization", format!("Bearer {OPS_TOKEN}"))
        .header("content-type", "application/json")
        .header("idempotency-key", "once")
        .body(bytes::Bytes::from(r#"{"name":"siem","scopes":["audit:read"]}"#))
        .unwrap();
    let made = client::send(world.gateway.ops, made).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.shown());
    keep("an API token", made.json()["token"].as_str().unwrap());
    // recovery codes, with the key of the next step
    let page = anna.get("/.doorstep/enroll/recovery").await.expect(200);
    let form = crate::support::page::form(&page.text(), "enroll/recovery");
    let key = world.anna.fresh().await;
    let mut fields: Vec<(&str, &str)> = vec![];
    for (name, value) in &form.fields {
        fields.push((name, if name == "proof" { &key } else { value }));
    }
    let codes = anna
        .post("/.doorstep/enroll/recovery", &fields)
        .await
        .expect(200)
        .text();
    let shape = regex::Regex::new(r"\b[A-Z0-9]{4}(-[A-Z0-9]{4}){3}\b").unwrap();
    let found: Vec<&str> = shape.find_iter(&codes).map(|found| found.as_str()).collect();
    assert!(found.len() >= 8, "{codes}");
    for (number, code) in found.iter().enumerate() {
        keep(&format!("recovery code {number}"), code);
        keep(&format!("recovery code {number}, bare"), &code.replace('-', ""));
    }
    for (what, secret) in [
        ("a phone", ANNA_PHONE),
        ("a phone without its plus", &ANNA_PHONE[1..]),
        ("another phone", &BEN_PHONE[1..]),
        ("a password", "anna-password"),
        ("another password", "ben-password"),
        ("a withheld answer", CANARY),
        ("a cookie in the vault", "kept-in-the-vault"),
        ("the ops token", OPS_TOKEN),
    ] {
        keep(what, secret);
    }
    for (number, sid) in world.portal.signed_in().iter().enumerate() {
        keep(&format!("portal session {number}"), sid);
    }
    let key_file = std::fs::read_to_string(world.gateway.file("doorstep.key")).unwrap();
    for (number, line) in key_file.lines().enumerate() {
        let longest = line
            .split([' ', ':', '='])
            .max_by_key(|word| word.len())
            .unwrap_or_default();
        if longest.len() > 20 && !line.starts_with('#') {
            keep(&format!("line {number} of the key file"), longest);
        }
    }
    secrets
}

/// Looks for each secret as it is, in hexadecimal and in base64.
#[track_caller]
fn assert_holds_none(place: &str, dump: &[u8], secrets: &Secrets) {
    use base64::Engine as _;
    assert!(dump.len() > 500, "{place} is empty: this story sees nothing");
    let text = String::from_utf8_lossy(dump);
    let lower = text.to_ascii_lowercase();
    for (what, secret) in secrets {
        let bytes = secret.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
        // all but the last characters, which depend on what follows
        let base64 = &base64[..base64.len() - 2];
        assert!(!holds_word(&text, secret), "{what} ({secret}) in {place}");
        assert!(!lower.contains(&hex), "{what}, in hexadecimal, in {place}");
        assert!(
            bytes.len() < 12 || !text.contains(base64),
            "{what}, in base64, in {place}"
        );
    }
}

/// A secret of six digits may stand in a longer number by chance.
fn holds_word(text: &str, secret: &str) -> bool {
    text.match_indices(secret).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + secret.len()..].chars().next();
        let apart = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
        secret.len() > 10 || apart(before) && apart(after)
    })
}

/// Sees every command that passes (MONITOR), as an onlooker would.
async fn onlooker(address: std::net::SocketAddr) -> Arc<Mutex<Vec<u8>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"*1\r\n$7\r\nMONITOR\r\n").await.unwrap();
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut chunk = [0; 64 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut chunk).await {
            shared.lock().unwrap().extend_from_slice(&chunk[..length]);
        }
    });
    until("the onlooker looks", PATIENCE, || async {
        (!seen.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_dumps_of_redis_and_sqlite_hold_no_secret_and_keys_rotate_under_way() {
    let mut world = World::new(StoreKind::Redis).await;
    let seen = onlooker(world.redis().address).await;
    let mut secrets = a_day(&mut world).await;
    let check = async |world: &mut World, secrets: &Secrets, when: &str| {
        let dump = world.redis().carried_off().await;
        assert_holds_none(&format!("Redis {when}"), &dump, secrets);
        let mut files = Vec::new();
        for name in ["doorstep.db", "doorstep.db-wal", "doorstep.db-shm"] {
            files.extend(std::fs::read(world.gateway.file(name)).unwrap_or_default());
        }
        assert_holds_none(&format!("SQLite {when}"), &files, secrets);
    };
    check(&mut world, &secrets, "before a rotation").await;
    // the key is rotated under somebody's feet
    let carol = world.browser();
    let anna = world.browser();
    anna.password(ANNA).await.expect(303);
    let rotated = world.gateway.ok(&["key", "rotate"]);
    assert!(!rotated.is_empty());
    anna.type_token(&world.anna.fresh().await).await.expect(303);
    anna.get("/app/secret").await.expect(200);
    carol.get("/app/secret").await.expect(303);
    secrets.insert("a session after the rotation".into(), anna.session().unwrap());
    check(&mut world, &secrets, "after a rotation").await;
    let slow = world.redis().command(&["SLOWLOG", "GET", "128"]).await;
    assert!(!String::from_utf8_lossy(&slow).contains(CANARY));
    let seen = seen.lock().unwrap().clone();
    assert_holds_none("what an onlooker at Redis sees (LOG-2)", &seen, &secrets);
    let logs = world.gateway.logs();
    assert_holds_none("the log", logs.as_bytes(), &secrets);
    let metrics = world.gateway.ask_ops("/metrics").await.expect(200).text();
    assert_holds_none("the metrics", metrics.as_bytes(), &secrets);
    let audit = world.gateway.json(&["audit", "list"]).to_string();
    assert_holds_none("the audit", audit.as_bytes(), &secrets);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_a_dump_of_postgresql_holds_no_secret() {
    let postgres = Postgres::start().await;
    let url = postgres.url();
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.directory = url
    })
    .await;
    let secrets = a_day(&mut world).await;
    let dump = postgres.dump();
    assert!(
        dump.contains("acme"),
        "the dump is empty: this story sees nothing"
    );
    assert_holds_none("PostgreSQL", dump.as_bytes(), &secrets);
}

/// E9: a vault is bound to its session: two of them that change places in the store open for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e9_two_vaults_that_change_places_open_for_nobody() {
    let mut world = World::new(StoreKind::Redis).await;
    let anna = world.anna_signed_in().await;
    let carol = world.carol_signed_in().await;
    world.portal.take_seen();
    let keys = world.redis().command(&["KEYS", "ds:s:*"]).await;
    let keys: Vec<String> = String::from_utf8_lossy(&keys)
        .split("\r\n")
        .filter(|line| line.starts_with("ds:s:"))
        .map(str::to_owned)
        .collect();
    let swap = "local a = redis.call('HGET', KEYS[1], 'vault') local b = redis.call('HGET', KEYS[2], 'vault') \
                if a and b then redis.call('HSET', KEYS[1], 'vault', b) redis.call('HSET', KEYS[2], 'vault', a) end \
                return 1";
    let live: Vec<&String> = {
        let mut live = Vec::new();
        for key in &keys {
            let found = world
                .redis
                .as_ref()
                .unwrap()
                .command(&["HEXISTS", key, "vault"])
                .await;
            if found.starts_with(b":1") {
                live.push(key);
            }
        }
        live
    };
    assert_eq!(live.len(), 2, "{keys:?}");
    world
        .redis
        .as_ref()
        .unwrap()
        .command(&["EVAL", swap, "2", live[0], live[1]])
        .await;
    for browser in [&anna, &carol] {
        let answer = browser.get("/app/secret").await;
        assert_eq!(answer.status, 503, "{}", answer.shown());
    }
    assert!(
        world.portal.protected_seen().is_empty(),
        "{:?}",
        world.portal.protected_seen()
    );
}
