use std::net::{IpAddr, Ipv4Addr};

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
