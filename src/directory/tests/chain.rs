use serde_json::json;

use super::super::{AuditEvent, AuditFilter, ChainState, Directory};
use super::place::{Place, T0, actor, both, login};
use crate::gate::FirmId;

async fn with_rows(place: &Place, rows: i64) -> Directory {
    let directory = place.open().await;
    for row in 0..rows {
        let event = AuditEvent {
            event: if row % 2 == 0 {
                "login.accepted"
            } else {
                "login.passed_without_second_factor"
            },
            actor: actor(),
            firm: Some(FirmId::parse("corp").unwrap()),
            login: Some(login(if row < 3 { "Anna" } else { "ben" })),
            details: json!({"reason": "network", "row": row, "nul": "\0"}),
        };
        directory.audit(&event, T0).await.unwrap();
    }
    directory
}

fn broken_at(state: ChainState) -> i64 {
    match state {
        ChainState::Broken { at, .. } => at,
        ChainState::Holds { rows } => panic!("it holds, with {rows} rows"),
    }
}

#[tokio::test]
async fn the_chain_shows_rows_changed_removed_moved_and_added() {
    for (meddling, at) in [
        ("UPDATE audit SET details = '{}' WHERE seq = 3", 3),
        ("UPDATE audit SET at = at + 1 WHERE seq = 1", 1),
        ("UPDATE audit SET login_folded = 'eve' WHERE seq = 5", 5),
        ("UPDATE audit SET firm = NULL WHERE seq = 5", 5),
        (
            "UPDATE audit SET actor = 'opsc', origin = 'ommand' WHERE seq = 2",
            2,
        ),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq >= 5", 5),
        ("DELETE FROM audit", 1),
        (
            "UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; \
          UPDATE audit SET seq = 4 WHERE seq = 100",
            3,
        ),
        (
            "DELETE FROM audit WHERE seq = 6; UPDATE meta SET audit_seq = 5",
            5,
        ),
        (
            "INSERT INTO audit SELECT 7, at, event, actor, origin, firm, login, login_folded, details, hash \
          FROM audit WHERE seq = 6",
            7,
        ),
    ] {
        for place in both().await {
            let directory = with_rows(&place, 6).await;
            assert_eq!(
                directory.audit_verify().await.unwrap(),
                ChainState::Holds { rows: 6 }
            );
            place.meddle(meddling).await;
            assert_eq!(
                broken_at(directory.audit_verify().await.unwrap()),
                at,
                "{meddling} ({})",
                place.url
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_chain_holds_when_many_append_at_once() {
    for place in both().await {
        let handles = [place.open().await, place.open().await];
        let tasks: Vec<_> = (0..40)
            .map(|task| {
                let directory = handles[task % 2].clone();
                let event = AuditEvent {
                    event: "login.accepted",
                    actor: actor(),
                    firm: None,
                    login: None,
                    details: json!({"task": task}),
                };
                tokio::spawn(async move { directory.audit(&event, T0).await.unwrap() })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(
            handles[0].audit_verify().await.unwrap(),
            ChainState::Holds { rows: 40 }
        );
    }
}

#[tokio::test]
async fn a_listing_of_the_audit_goes_by_firm_login_event_time_and_place() {
    for place in both().await {
        let directory = with_rows(&place, 6).await;
        let list = async |filter: AuditFilter| -> Vec<i64> {
            directory
                .audit_list(&filter)
                .await
                .unwrap()
                .iter()
                .map(|row| row.seq)
                .collect()
        };
        let all = AuditFilter::default();
        assert_eq!(list(all.clone()).await, [1, 2, 3, 4, 5, 6]);
        assert_eq!(
            list(AuditFilter {
                limit: Some(2),
                ..all.clone()
            })
            .await,
            [5, 6]
        );
        assert_eq!(
            list(AuditFilter {
                after: Some(4),
                ..all.clone()
            })
            .await,
            [5, 6]
        );
        assert_eq!(
            list(AuditFilter {
                login: Some(login("ANNA")),
                ..all.clone()
            })
            .await,
            [1, 2, 3]
        );
        assert_eq!(
            list(AuditFilter {
                event: Some("login.a*".into()),
                ..all.clone()
            })
            .await,
            [1, 3, 5]
        );
        assert!(
            list(AuditFilter {
                event: Some("login.a".into()),
                ..all.clone()
            })
            .await
            .is_empty()
        );
        assert!(
            list(AuditFilter {
                event: Some("login%".into()),
                ..all.clone()
            })
            .await
            .is_empty()
        );
        assert!(
            list(AuditFilter {
                since: Some(crate::clock::Timestamp(T0.0 + 1)),
                ..all.clone()
            })
            .await
            .is_empty()
        );
        assert!(
            list(AuditFilter {
                firm: FirmId::parse("other").ok(),
                ..all.clone()
            })
            .await
            .is_empty()
        );
        let passed = directory.passed_without_second_factor(&all).await.unwrap();
        let who: Vec<_> = passed
            .iter()
            .map(|row| (row.login.as_str(), row.reason.as_str()))
            .collect();
        assert_eq!(
            who,
            [("ben", "network"), ("ben", "network"), ("Anna", "network")],
            "newest first"
        );
    }
}
