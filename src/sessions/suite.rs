//! What every store promises, run against memory and a real Redis.

mod challenges;
mod limits;
mod sessions;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::gate::{FactorKind, FirmId, Login};
use crate::secret::SessionToken;

/// Far from the real time, so that a store that asks its own clock is found out.
pub(super) const NOW: Timestamp = Timestamp(1_000_000_000_000);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) type Store = Arc<dyn SessionStore>;

/// Runs each function against each store.
macro_rules! for_each_store {
    ($($promise:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(std::sync::Arc::new($crate::sessions::MemoryStore::new())).await;
            })*
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let server = $crate::sessions::redis::server::Server::start().await;
                super::$promise(std::sync::Arc::new(server.store().await)).await;
            })*
        }
    };
}
pub(super) use challenges::challenge;
use for_each_store;

pub(super) fn anonymous() -> SessionRecord {
    SessionRecord {
        id: SessionToken::random().id(),
        level: Level::Anonymous { tried: None },
        since: NOW,
        last_seen: NOW,
        idle_until: NOW.plus(30 * MINUTE),
        ends: NOW.plus(720 * MINUTE),
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    }
}

pub(super) fn held_by(login: &str, firm: Option<&str>) -> SessionRecord {
    SessionRecord {
        level: Level::SecondFactor {
            holder: Holder {
                login: Login::parse(login).unwrap(),
                firm: firm.map(|firm| FirmId::parse(firm).unwrap()),
                employee_epoch: 3,
            },
            factor: FactorKind::Totp,
            verified: NOW,
            firm_epoch: 5,
        },
        ..anonymous()
    }
}

pub(super) async fn live(store: &Store, record: &SessionRecord) -> StoredSession {
    match store.session(&record.id, NOW).await.unwrap() {
        Slot::Live(stored) => *stored,
        other => panic!("{other:?}"),
    }
}

/// Runs `count` tasks at once and collects what they return.
pub(super) async fn at_once<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|n| tokio::spawn(task(n))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

async fn the_directory_is_noted_and_never_falls_back(store: Store) {
    let mark = |id: &str, counter| DirectoryMark {
        id: id.into(),
        counter,
    };
    assert_eq!(store.directory_mark().await.unwrap(), None);
    for (noted, accept, kept) in [
        (mark("a", 5), false, mark("a", 5)),
        (mark("a", 4), false, mark("a", 5)),
        (mark("a", 10), false, mark("a", 10)),
        (mark("b", 99), false, mark("a", 10)),
        (mark("b", 2), true, mark("b", 2)),
        (mark("b", 1), true, mark("b", 1)),
        (
            mark("b", i64::from(i32::MAX) * 1000),
            false,
            mark("b", i64::from(i32::MAX) * 1000),
        ),
    ] {
        store.note_directory(&noted, accept).await.unwrap();
        assert_eq!(store.directory_mark().await.unwrap(), Some(kept), "{noted:?}");
    }
    store.clear().await.unwrap();
    assert!(store.directory_mark().await.unwrap().is_some());
    store.ping().await.unwrap();
}

for_each_store!(the_directory_is_noted_and_never_falls_back);
