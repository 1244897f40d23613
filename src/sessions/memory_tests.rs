use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::*;
use crate::secret::SessionToken;
use crate::sessions::Level;

fn record(now: Timestamp) -> SessionRecord {
    SessionRecord {
        id: SessionToken::random().id(),
        level: Level::Anonymous { tried: None },
        since: now,
        last_seen: now,
        idle_until: now.plus(Duration::from_secs(10)),
        ends: now.plus(Duration::from_secs(100)),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

#[tokio::test]
async fn what_is_over_does_not_pile_up() {
    let store = MemoryStore::new();
    let limit = Limit {
        count: 2,
        window: Duration::from_secs(10),
    };
    for second in 0..3000 {
        let now = Timestamp(second * 1000);
        let record = record(now);
        store.create(&record, b"", now).await.unwrap();
        if second % 2 == 0 {
            store.retire(&record.id, now).await.unwrap();
        }
        let key = LimitKey {
            name: "a",
            subject: second.to_string(),
        };
        store.take(&key, limit, now).await.unwrap();
    }
    let all = store.lock();
    assert!(all.sessions.len() < 100, "{}", all.sessions.len());
    assert!(all.limits.len() < 100, "{}", all.limits.len());
    assert!(all.due.len() < 200, "{}", all.due.len());
}

#[tokio::test]
async fn what_is_used_is_not_swept() {
    let store = MemoryStore::new();
    let kept = record(Timestamp(0));
    store.create(&kept, b"", Timestamp(0)).await.unwrap();
    for second in 0..90 {
        let now = Timestamp(second * 1000);
        store
            .touch(&kept.id, now, now.plus(Duration::from_secs(10)))
            .await
            .unwrap();
        store.create(&record(now), b"", now).await.unwrap();
        assert!(
            matches!(store.session(&kept.id, now).await.unwrap(), Slot::Live(_)),
            "{second}"
        );
    }
}

#[test]
fn i12_debug_shows_no_content() {
    assert_eq!(
        format!("{:?}", MemoryStore::new()),
        "MemoryStore { sessions: 0, challenges: 0, limits: 0 }"
    );
}

fn from(address: IpAddr, now: Timestamp) -> SessionRecord {
    SessionRecord {
        address,
        ..record(now)
    }
}

fn verified(now: Timestamp) -> SessionRecord {
    let holder = crate::sessions::Holder {
        login: crate::gate::Login::parse("anna@acme.example").unwrap(),
        firm: None,
        employee_epoch: 0,
    };
    SessionRecord {
        level: Level::SecondFactor {
            holder,
            factor: crate::gate::FactorKind::Totp,
            verified: now,
            firm_epoch: 0,
        },
        ..record(now)
    }
}

fn bounded(anonymous: usize, anonymous_per_address: usize, counted: usize) -> MemoryStore {
    let store = MemoryStore::new();
    store.bound(StoreBounds {
        anonymous,
        anonymous_per_address,
        counted,
    });
    store
}

async fn is_there(store: &MemoryStore, record: &SessionRecord, now: Timestamp) -> bool {
    matches!(store.session(&record.id, now).await.unwrap(), Slot::Live(_))
}

#[tokio::test]
async fn strangers_push_out_strangers_and_never_somebody_signed_in() {
    let store = bounded(10, 4, 100);
    let now = Timestamp(0);
    let anna = verified(now);
    store.create(&anna, b"", now).await.unwrap();
    let other = from([192, 0, 2, 1].into(), now);
    store.create(&other, b"", now).await.unwrap();
    // one /64 of IPv6 is one address (B5)
    let mut mine = Vec::new();
    for host in 0..20 {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, host, 0, 0, 1);
        mine.push(from(address.into(), now));
        store.create(mine.last().unwrap(), b"", now).await.unwrap();
    }
    for (number, record) in mine.iter().enumerate() {
        assert_eq!(is_there(&store, record, now).await, number >= 16, "{number}");
    }
    assert!(
        is_there(&store, &other, now).await,
        "another address lost its session"
    );
    // and from anywhere, ten in all
    for network in 0..200 {
        let stranger = from([198, 51, 100, network].into(), now);
        store.create(&stranger, b"", now).await.unwrap();
    }
    assert!(
        is_there(&store, &anna, now).await,
        "somebody signed in was pushed out"
    );
    assert!(!is_there(&store, &other, now).await);
    let all = store.lock();
    assert_eq!(all.sessions.len(), 11);
}

#[tokio::test]
async fn a_flood_of_strangers_leaves_no_memory_behind() {
    let store = bounded(50, 50, 100);
    let now = Timestamp(0);
    let limit = Limit {
        count: 1,
        window: Duration::from_secs(600),
    };
    for number in 0..20_000_u32 {
        let stranger = from(number.to_be_bytes().into(), now);
        store.create(&stranger, b"", now).await.unwrap();
        if number % 3 == 0 {
            store.retire(&stranger.id, now).await.unwrap();
            store.remove(&stranger.id).await.unwrap();
        }
        let key = LimitKey {
            name: "a",
            subject: number.to_string(),
        };
        store.take(&key, limit, now).await.unwrap();
    }
    let all = store.lock();
    assert!(all.sessions.len() <= 50, "{}", all.sessions.len());
    assert_eq!(all.limits.len(), 100);
    assert!(all.due.len() <= 2 * 150 + LEFT_BEHIND + 2, "{}", all.due.len());
}

#[tokio::test]
async fn what_is_counted_again_outlasts_what_was_counted_once() {
    let store = bounded(10, 10, 100);
    let limit = Limit {
        count: 2,
        window: Duration::from_secs(600),
    };
    let key = |subject: String| LimitKey { name: "a", subject };
    for number in 0..1000 {
        let now = Timestamp(number);
        store.take(&key(number.to_string()), limit, now).await.unwrap();
        let guessed = store.take(&key("guessed".into()), limit, now).await.unwrap();
        let is_refused = matches!(guessed, Allowance::Refused { .. });
        assert_eq!(is_refused, number >= 2, "{number}");
    }
}
