use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

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

proptest! {
    /// Whenever one is granted, the window that ends there holds no more than the limit; whenever one is
    /// refused, it is granted at the moment that was named, and not before.
    #[test]
    fn i8_no_window_exceeds_its_limit(
        steps in prop::collection::vec(0_i64..30, 1..60),
        count in 1_u32..5,
        window in 1_u64..50,
    ) {
        let key = LimitKey { name: "a", subject: "x".into() };
        let limit = Limit { count, window: Duration::from_millis(window) };
        let mut log = Log { events: VecDeque::new(), window: limit.window };
        let (mut now, mut granted) = (Timestamp(0), Vec::new());
        for step in steps {
            now = Timestamp(now.0 + step);
            let until = match log.take(&key, limit, now) {
                Allowance::Granted(_) => now,
                Allowance::Refused { until } => {
                    let before = Timestamp(until.0 - 1);
                    let is_refused = matches!(log.take(&key, limit, before), Allowance::Refused { .. });
                    prop_assert!(until > now && is_refused);
                    prop_assert!(matches!(log.take(&key, limit, until), Allowance::Granted(_)));
                    until
                }
            };
            now = until;
            granted.push(now);
            let begin = now.minus(limit.window);
            let inside = granted.iter().filter(|at| **at > begin).count();
            prop_assert!(inside <= usize::try_from(count).unwrap());
        }
    }
}

#[test]
fn i12_debug_shows_no_content() {
    assert_eq!(
        format!("{:?}", MemoryStore::new()),
        "MemoryStore { sessions: 0, challenges: 0, limits: 0 }"
    );
}
