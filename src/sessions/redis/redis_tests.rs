use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::server::Server;
use super::*;
use crate::secret::SessionToken;
use crate::sessions::suite::{MINUTE, NOW, challenge, held_by};
use crate::vault::Vault;

const LIMIT: Limit = Limit {
    count: 3,
    window: MINUTE,
};

fn limit_key_of(subject: &str) -> LimitKey {
    LimitKey {
        name: "sms_per_number",
        subject: subject.into(),
    }
}

/// What each question of the trait answers: `None` where it is unknown, which must come within two seconds.
async fn ask_all(
    store: &RedisStore,
    record: &SessionRecord,
    challenge: &Challenge,
) -> Vec<(&'static str, bool)> {
    let mut answers = Vec::new();
    macro_rules! ask {
        ($($method:ident($($argument:expr),*)),* $(,)?) => {
            $(let begun = Instant::now();
            let answer = store.$method($($argument),*).await;
            assert!(begun.elapsed() < Duration::from_secs(2), stringify!($method));
            if let Err(StoreUnknown(text)) = &answer {
                assert!(!text.contains(&record.id.0) && !text.contains("secret"), "{text}");
            }
            answers.push((stringify!($method), answer.is_ok()));)*
        };
    }
    let ticket = Ticket {
        key: limit_key_of("x"),
        event: "e".into(),
    };
    let mark = DirectoryMark {
        id: "d".into(),
        counter: 1,
    };
    ask!(
        session(&record.id, NOW),
        update(record, 1, NOW),
        touch(&record.id, NOW, NOW),
        write_vault(&record.id, b"v", 1, NOW),
        retire(&record.id, NOW),
        list(&SessionFilter::default(), NOW),
        challenge(&challenge.id, NOW),
        update_challenge(challenge, 1, NOW),
        take(&ticket.key, LIMIT, NOW),
        give_back(&ticket),
        directory_mark(),
        note_directory(&mark, false),
        remove(&record.id),
        create(record, b"v", NOW),
        create_challenge(challenge, NOW),
        clear(),
        ping(),
    );
    answers
}

fn assert_all(answers: &[(&str, bool)], known: bool) {
    for (method, is_known) in answers {
        assert_eq!(*is_known, known, "{method}");
    }
}

/// Polls until the store answers again.
async fn until_it_answers(store: &RedisStore) {
    let begun = Instant::now();
    while store.ping().await.is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the store does not come back"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn i9_a_frozen_redis_is_unknown_and_comes_back() {
    let server = Server::start().await;
    let store = server.store().await;
    let (record, challenge) = (held_by("ada", None), challenge());
    store.create(&record, b"v", NOW).await.unwrap();
    server.freeze();
    let begun = Instant::now();
    assert!(store.session(&record.id, NOW).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_all(&ask_all(&store, &record, &challenge).await, false);
    assert!(RedisStore::connect(&server.url()).await.is_err());
    server.thaw();
    until_it_answers(&store).await;
    // What was asked while it was frozen may have been done since: unknown means either.
    assert!(store.session(&record.id, NOW).await.is_ok());
}

#[tokio::test]
async fn i9_a_killed_redis_is_unknown_and_a_new_one_is_used() {
    let mut server = Server::start().await;
    let store = server.store().await;
    let (record, challenge) = (held_by("ada", None), challenge());
    store.create(&record, b"v", NOW).await.unwrap();
    server.kill();
    for _ in 0..5 {
        assert_all(&ask_all(&store, &record, &challenge).await, false);
    }
    server.restart().await;
    until_it_answers(&store).await;
    assert_eq!(store.session(&record.id, NOW).await.unwrap(), Slot::Absent);
    assert_all(&ask_all(&store, &record, &challenge).await, true);
}

#[tokio::test]
async fn a_flushed_redis_holds_nothing_and_is_known() {
    let server = Server::start().await;
    let store = server.store().await;
    let (record, challenge) = (held_by("ada", None), challenge());
    store.create(&record, b"v", NOW).await.unwrap();
    store.create_challenge(&challenge, NOW).await.unwrap();
    server.run(&["FLUSHALL"]).await;
    server.run(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(store.session(&record.id, NOW).await.unwrap(), Slot::Absent);
    assert_eq!(store.challenge(&challenge.id, NOW).await.unwrap(), None);
    assert_eq!(
        store.write_vault(&record.id, b"v", 1, NOW).await.unwrap(),
        VaultWrite::Gone
    );
    assert_all(&ask_all(&store, &record, &challenge).await, true);
}

#[tokio::test]
async fn a_connection_that_the_server_cuts_is_replaced() {
    let server = Server::start().await;
    let store = server.store().await;
    for _ in 0..3 {
        server.run(&["CLIENT", "KILL", "TYPE", "normal"]).await;
        until_it_answers(&store).await;
    }
}

/// Carries connections to the server; those made before it falls silent carry nothing from then on.
async fn carrier(to: String, silent: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(&to).await.unwrap();
            let silent = if silent.load(Ordering::SeqCst) {
                None
            } else {
                Some(silent.clone())
            };
            tokio::spawn(async move {
                let (mut up, mut down) = ([0; 4096], [0; 4096]);
                loop {
                    let (bytes, is_up) = tokio::select! {
                        read = near.read(&mut up) => (read.unwrap_or(0), true),
                        read = far.read(&mut down) => (read.unwrap_or(0), false),
                    };
                    if silent
                        .as_ref()
                        .is_some_and(|silent| silent.load(Ordering::SeqCst))
                    {
                        std::future::pending::<()>().await;
                    }
                    let written = match is_up {
                        true => far.write_all(&up[..bytes]).await,
                        false => near.write_all(&down[..bytes]).await,
                    };
                    if bytes == 0 || written.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_link_that_falls_silent_is_replaced() {
    let server = Server::start().await;
    let silent = Arc::new(AtomicBool::new(false));
    let address = server.url().trim_start_matches("redis://").to_owned();
    let port = carrier(address, silent.clone()).await;
    let store = RedisStore::connect(&format!("redis://127.0.0.1:{port}"))
        .await
        .unwrap();
    silent.store(true, Ordering::SeqCst);
    assert!(store.ping().await.is_err());
    until_it_answers(&store).await;
}

#[test]
fn a_store_outlives_the_runtime_that_connected_it() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (server, store) = runtime().block_on(async {
        let server = Server::start().await;
        let store = server.store().await;
        (server, store)
    });
    runtime().block_on(until_it_answers(&store));
    drop(server);
}

#[tokio::test]
async fn i9_another_type_under_a_key_is_unknown() {
    let server = Server::start().await;
    let store = server.store().await;
    let (record, challenge) = (held_by("ada", None), challenge());
    for key in [
        session_key(&record.id),
        challenge_key(&challenge.id),
        limit_key(&limit_key_of("x")),
        DIRECTORY.to_owned(),
    ] {
        server.run(&["SET", &key, "secret"]).await;
    }
    let answers = ask_all(&store, &record, &challenge).await;
    // Deleting and asking whether it is there do not look at the type; after `remove` a session may begin.
    let (known, unknown): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|(method, _)| ["remove", "create", "clear", "ping"].contains(method));
    assert_all(&known, true);
    assert_all(&unknown, false);
    server.run(&["SET", &session_key(&record.id), "secret"]).await;
    assert!(store.create(&record, b"", NOW).await.is_err());
}

#[tokio::test]
async fn i9_a_garbled_session_is_unknown_not_absent() {
    let server = Server::start().await;
    let store = server.store().await;
    let json = |record: &SessionRecord| String::from_utf8(to_json(record).unwrap()).unwrap();
    let other = json(&held_by("eve", None));
    for (field, value) in [
        ("record", ""),
        ("record", "secret"),
        ("record", "{}"),
        ("record", &other),
        ("version", "x"),
        ("version", "-1"),
        ("vault_version", ""),
        ("idle", "secret"),
        ("seen", "1e5"),
    ] {
        let record = held_by("ada", None);
        store.create(&record, b"v", NOW).await.unwrap();
        server
            .run(&["HSET", &session_key(&record.id), field, value])
            .await;
        let case = format!("{field} {value}");
        assert!(store.session(&record.id, NOW).await.is_err(), "{case}");
        if !field.ends_with("version") {
            assert!(
                store.list(&SessionFilter::default(), NOW).await.is_err(),
                "{case}"
            );
        }
        assert!(store.retire(&record.id, NOW).await.is_err(), "{case}");
        store.remove(&record.id).await.unwrap();
    }
    for field in ["record", "version", "idle", "seen", "vault", "vault_version"] {
        let record = held_by("ada", None);
        store.create(&record, b"v", NOW).await.unwrap();
        server.run(&["HDEL", &session_key(&record.id), field]).await;
        assert!(store.session(&record.id, NOW).await.is_err(), "{field}");
        assert!(store.retire(&record.id, NOW).await.is_err(), "{field}");
    }
}

#[tokio::test]
async fn i9_a_garbled_challenge_or_mark_is_unknown_not_absent() {
    let server = Server::start().await;
    let store = server.store().await;
    let other = String::from_utf8(to_json(&challenge()).unwrap()).unwrap();
    for (field, value) in [("challenge", "secret"), ("challenge", &other), ("version", "x")] {
        let challenge = challenge();
        store.create_challenge(&challenge, NOW).await.unwrap();
        server
            .run(&["HSET", &challenge_key(&challenge.id), field, value])
            .await;
        assert!(
            store.challenge(&challenge.id, NOW).await.is_err(),
            "{field} {value}"
        );
    }
    server.run(&["HSET", DIRECTORY, "id", "d"]).await;
    assert!(store.directory_mark().await.is_err());
}

#[tokio::test]
async fn every_key_but_the_directorys_has_an_expiry() {
    let server = Server::start().await;
    let store = server.store().await;
    let (used, retired, changed) = (held_by("a", None), held_by("b", None), held_by("c", None));
    let challenge = challenge();
    for record in [&used, &retired, &changed] {
        store.create(record, b"v", NOW).await.unwrap();
    }
    store.touch(&used.id, NOW, NOW.plus(60 * MINUTE)).await.unwrap();
    store.retire(&retired.id, NOW).await.unwrap();
    store.update(&changed, 1, NOW).await.unwrap();
    store.write_vault(&changed.id, b"w", 1, NOW).await.unwrap();
    store.create_challenge(&challenge, NOW).await.unwrap();
    store.update_challenge(&challenge, 1, NOW).await.unwrap();
    store.take(&limit_key_of("x"), LIMIT, NOW).await.unwrap();
    let mut connection = server.client().await;
    for (key, minutes) in [
        (session_key(&used.id), 120),
        (session_key(&retired.id), 1),
        (session_key(&changed.id), 90),
        (challenge_key(&challenge.id), 16),
        (limit_key(&limit_key_of("x")), 2),
    ] {
        let left: i64 = cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
        assert!(
            (minutes * 60_000 - 10_000..=minutes * 60_000).contains(&left),
            "{key} {left}"
        );
    }
    let forever = SessionRecord {
        idle_until: Timestamp(i64::MAX),
        ends: Timestamp(i64::MAX),
        ..held_by("d", None)
    };
    store.create(&forever, b"", NOW).await.unwrap();
    let left: i64 = cmd("PTTL")
        .arg(session_key(&forever.id))
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!(left > 0);
}

#[tokio::test]
async fn i9_a_full_redis_takes_no_write_and_still_answers() {
    let server = Server::start().await;
    let store = server.store().await;
    let (record, challenge) = (held_by("ada", None), challenge());
    store.create(&record, b"v", NOW).await.unwrap();
    server
        .run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await;
    server.run(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(matches!(
        store.session(&record.id, NOW).await.unwrap(),
        Slot::Live(_)
    ));
    assert!(store.take(&limit_key_of("x"), LIMIT, NOW).await.is_err());
    assert!(store.create(&held_by("eve", None), b"", NOW).await.is_err());
    assert!(store.create_challenge(&challenge, NOW).await.is_err());
    assert!(store.write_vault(&record.id, b"w", 1, NOW).await.is_err());
    server.run(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let written = store.write_vault(&record.id, b"w", 1, NOW).await.unwrap();
    assert_eq!(written, VaultWrite::Written(2));
}

#[tokio::test]
async fn i9_a_replica_is_no_store() {
    let server = Server::start().await;
    let store = server.store().await;
    let record = held_by("ada", None);
    store.create(&record, b"v", NOW).await.unwrap();
    server.run(&["REPLICAOF", "127.0.0.1", "1"]).await;
    assert!(store.ping().await.is_err());
    assert!(store.retire(&record.id, NOW).await.is_err());
    assert!(RedisStore::connect(&server.url()).await.is_err());
    server.run(&["REPLICAOF", "NO", "ONE"]).await;
    until_it_answers(&store).await;
    assert!(store.retire(&record.id, NOW).await.unwrap().is_some());
}

#[tokio::test]
async fn i6_redis_holds_neither_token_nor_cookie() {
    let server = Server::start().await;
    let store = server.store().await;
    let token = SessionToken::random();
    let mut vault = Vault::default();
    vault
        .main
        .store(&["sessionid=portalsecret".into()], "/", &["portal.example.com"]);
    let record = SessionRecord {
        id: token.id(),
        ..held_by("ada", None)
    };
    store.create(&record, &vault.seal(&token), NOW).await.unwrap();
    let mut command = cmd("HGETALL");
    command.arg(session_key(&record.id));
    let held: Vec<(Vec<u8>, Vec<u8>)> = command.query_async(&mut server.client().await).await.unwrap();
    assert_eq!(held.len(), 7);
    for (field, value) in held {
        let value = String::from_utf8_lossy(&value);
        for secret in ["portalsecret", "sessionid", &token.cookie_value()] {
            assert!(!value.contains(secret), "{}", String::from_utf8_lossy(&field));
        }
    }
}

#[tokio::test]
async fn i12_no_error_shows_the_url() {
    let server = Server::start().await;
    server.run(&["CONFIG", "SET", "requirepass", "right"]).await;
    let address = server.url().trim_start_matches("redis://").to_owned();
    for url in [
        format!("redis://:secret@{address}"),
        format!("redis://user:secret@{address}/0"),
        format!("redis://{address}"),
        format!("rediss://:secret@{address}"),
        "redis://:secret@127.0.0.1:1".to_owned(),
        "redis://:secret@[bad".to_owned(),
        "http://:secret@127.0.0.1".to_owned(),
        "redis://:secret@host.invalid/notanumber".to_owned(),
        String::new(),
    ] {
        let begun = Instant::now();
        let error = RedisStore::connect(&url).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(2), "{url}");
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("secret") && !text.contains("127.0.0.1"),
            "{url}: {text}"
        );
    }
    let store = RedisStore::connect(&format!("redis://:right@{address}/3"))
        .await
        .unwrap();
    assert!(!format!("{store:?}").contains("right"));
}
