//! H1: two admins at once.

use super::world::{World, firm, ops};

/// H1: whatever two admins do at once, the switch is where the last of them put it, both are audited, and the
/// audit tells one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_two_admins_who_toggle_at_once_come_one_after_the_other() {
    let world = World::new().await;
    let now = world.now();
    let toggles = (0..24).map(|number| {
        let directory = world.doors[number % 2].directory.clone();
        tokio::spawn(async move {
            if number % 3 == 0 {
                directory.disable_two_factor(&ops(), &firm(), now).await.unwrap();
            } else {
                let switched = directory
                    .enable_two_factor(&ops(), &firm(), None, true, now)
                    .await;
                switched.unwrap();
            }
        })
    });
    for toggled in futures_util::future::join_all(toggles).await {
        toggled.unwrap();
    }
    let mut events: Vec<(i64, bool)> = Vec::new();
    for (event, on) in [
        ("firm.two_factor_enabled", true),
        ("firm.two_factor_disabled", false),
    ] {
        events.extend(world.audited(event).await.iter().map(|row| (row.seq, on)));
    }
    events.sort_unstable();
    for pair in events.windows(2) {
        assert_ne!(
            pair[0].1, pair[1].1,
            "a switch that changed nothing, or one that is missing: {events:?}"
        );
    }
    let last = events.last().unwrap().1;
    let firm = world.door().directory.firm(&firm()).await.unwrap().unwrap();
    assert_eq!(firm.two_factor.enabled, last, "{events:?}");
}
