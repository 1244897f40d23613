//! THREATS F1, H1, I4 with two gateways over one directory and one Redis: what one of them does while the other
//! one does something else under the same token.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::join;

use crate::support::browser::CHALLENGE;
use crate::support::portal::{Knobs, SECRET, password_of};
use crate::support::world::{ANNA, CAROL, OLGA, SOON};
use crate::support::{Browser, Gateway, StoreKind, World, until};

async fn two(knobs: Knobs) -> (World, Gateway) {
    let world = World::with(StoreKind::Redis, knobs, |_| {}).await;
    let mut other = world.gateway.sibling();
    other.run().await;
    (world, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_two_names_on_two_gateways_never_share_a_jar() {
    let knobs = Knobs {
        keeps_cookie: true,
        ..Knobs::default()
    };
    let (world, other) = two(knobs).await;
    for _ in 0..8 {
        let browser = world.browser();
        browser.get("/login").await.expect(200);
        let tabs: Vec<(Browser, &str)> = [
            (&world.gateway, CAROL),
            (&other, OLGA),
            (&world.gateway, OLGA),
            (&other, CAROL),
        ]
        .map(|(gateway, name)| (browser.via(gateway), name))
        .into();
        world.portal.take_seen();
        let fields = |name| [("email", name), ("password", password_of(name))];
        join_all(tabs.iter().map(|(tab, name)| async move {
            let fields = fields(*name);
            tab.post("/login", &fields).await
        }))
        .await;
        let mut sent: Vec<(String, String)> = world
            .portal
            .take_seen()
            .iter()
            .filter_map(|seen| Some((seen.cookie("sid")?, seen.field("email")?)))
            .collect();
        sent.sort();
        sent.dedup();
        assert!(sent.len() <= 1, "one jar was sent with {sent:?}");
        for (tab, name) in &tabs {
            let page = tab.go("/app/secret").await;
            assert!(
                !page.holds(SECRET) || *name == OLGA && page.holds(OLGA),
                "{name}: {}",
                page.shown()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e5_a_logout_here_beside_a_login_there_leaves_nobody_signed_in() {
    let (world, other) = two(Knobs::default()).await;
    for round in 0..10 {
        let browser = world.olga_signed_in().await;
        let (again, leaving) = (browser.via(&world.gateway), browser.via(&other));
        let fields = [("email", OLGA), ("password", password_of(OLGA))];
        let leave = async {
            tokio::time::sleep(Duration::from_millis(round)).await;
            leaving.get("/logout").await
        };
        let (login, left) = join!(again.post("/login", &fields), leave);
        if left.status != 302 {
            assert_eq!(left.status, 409, "{}", left.shown());
            continue;
        }
        for tab in [&again, &leaving] {
            for gateway in [&world.gateway, &other] {
                let page = tab.via(gateway).get("/app/secret").await;
                assert!(
                    !page.holds(SECRET),
                    "{round}: {} then {}",
                    login.shown(),
                    page.shown()
                );
            }
        }
    }
}

/// A login and a verification see on this gateway at once what was done on the other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i10_what_was_done_there_counts_here_at_once_for_logins_and_verifications() {
    let (mut world, other) = two(Knobs::default()).await;
    let anna = world.browser();
    anna.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    let form = anna.challenge_form("challenge/verify").await;
    let key = world.anna.fresh().await;
    // signed out there: no verification here
    let there = anna.via(&other);
    there.get("/logout").await.expect(302);
    let answer = anna.send_challenge_form(&form, &[("token", &key)]).await;
    assert!(answer.status.is_client_error(), "{}", answer.shown());
    assert!(!anna.go("/app/secret").await.holds(SECRET));
    // verified there: the old token is nobody's here
    let carol = world.browser();
    carol.password(CAROL).await.expect(303);
    let before = carol.via(&world.gateway);
    let there = carol.via(&other);
    there.type_token(&world.carol.fresh().await).await.expect(303);
    before.get("/app/secret").await.expect(409);
    let here = there.via(&world.gateway);
    assert!(here.get("/app/secret").await.expect(200).holds(CAROL));
    // a switch thrown by a command is seen by both, and by a login at once
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    for gateway in [&world.gateway, &other] {
        let olga = Browser::at(&world.gateway).via(gateway);
        olga.password(OLGA).await.expect(303).expect_to(CHALLENGE);
    }
    world.gateway.ok(&["firm", "disable-2fa", "open"]);
    let olga = world.olga_signed_in().await;
    let tabs = [olga.via(&world.gateway), olga.via(&other)];
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    for tab in &tabs {
        until("OLGA is asked on both", SOON, || async {
            let answer = tab.get("/app/secret").await;
            (answer.status == 303 && answer.location().ends_with(CHALLENGE)).then_some(())
        })
        .await;
    }
}
