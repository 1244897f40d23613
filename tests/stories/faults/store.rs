//! THREATS 4, the rows that the table of faults does not hold: a store that evicts, answers that are lost on the way
//! back, and what goes on while a store hangs.

use super::table::Place;
use crate::support::meddler::{Meddler, Mood};
use crate::support::portal::{Knobs, SECRET};
use crate::support::raw::raw_for;
use crate::support::world::{ANNA, BEN};
use crate::support::{Browser, PATIENCE, Portal, Redis, client, until};
use std::time::Duration;

/// Eviction: whatever the store forgets, and whenever, costs a sign-in at most. What was counted and what was spent
/// stays so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i15_a_store_that_evicts_lets_nobody_in() {
    let redis = Redis::start().await;
    let portal = Portal::open(Knobs::default()).await;
    let store = redis.url();
    let mut place = Place::new(portal, |settings| settings.store = store).await;
    redis
        .command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"])
        .await;
    let ben = Browser::at(&place.gateway);
    let mut judged = 0;
    for round in 0..12 {
        let fault = format!("eviction {round}");
        // down to what an empty server needs, so that everything goes; and up again
        redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
        redis.command(&["SET", "filler", "x"]).await;
        redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
        for (what, browser) in [("carol", &place.carol), ("a stranger", &place.stranger)] {
            if let Ok(answer) = browser.try_get("/app/secret").await {
                place.shut(&fault, what, &answer);
            }
        }
        place.only_anna_came_through(&fault);
        // wrong keys, each in a new session: they lock all the same
        let fields = [("email", BEN), ("password", "ben-password")];
        if ben
            .try_post("/login", &fields)
            .await
            .is_ok_and(|answer| answer.status == 303)
        {
            let page = ben.get("/.doorstep/challenge").await;
            if page.status == 200 {
                let form = crate::support::page::form(&page.text(), "challenge/verify");
                let answer = ben.send_challenge_form(&form, &[("token", "000000")]).await;
                assert!(matches!(answer.status.as_u16(), 422 | 429), "{}", answer.shown());
                judged += usize::from(answer.status == 422);
            }
        }
    }
    assert!((1..5).contains(&judged), "{judged} wrong keys were judged");
    place.goes_on("eviction").await;
}

/// The store did what it was asked, and its answer is lost: what may have been granted is not, what may have been
/// spent is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_write_whose_answer_is_lost_grants_nothing_and_spends_the_key() {
    let redis = Redis::start().await;
    let middle = Meddler::before(redis.address).await;
    let portal = Portal::open(Knobs::default()).await;
    let store = format!("redis://{}/", middle.address);
    let mut place = Place::new(portal, |settings| settings.store = store).await;
    let form = place.carol.challenge_form("challenge/verify").await;
    let key = place.carol_key.fresh().await;
    // The requests reach the store; nothing comes back.
    middle.be(Mood::Silent);
    let answer = place.carol.send_challenge_form(&form, &[("token", &key)]).await;
    assert_eq!(answer.status, 503, "{}", answer.shown());
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    middle.lead_to(redis.address);
    until("the store is back", PATIENCE, || async {
        let answer = place.anna.try_get("/app/secret").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    let answer = place.carol.get("/app/secret").await;
    place.shut("a lost answer", "the session", &answer);
    // Where the key was judged it is spent for everybody; where it was not, it works once.
    let (one, two) = (Browser::at(&place.gateway), Browser::at(&place.gateway));
    let mut verified = 0;
    for browser in [&one, &two] {
        browser.password(crate::support::world::CAROL).await.expect(303);
        verified += usize::from(browser.type_token(&key).await.status == 303);
    }
    assert!(verified <= 1, "{verified}");
    place.goes_on("a lost answer").await;
}

/// The store hangs: what needs none of it goes on, at its usual pace; what does is told to come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_open_paths_and_health_go_on_while_the_store_hangs() {
    let redis = Redis::start().await;
    let portal = Portal::open(Knobs::default()).await;
    let store = redis.url();
    let mut place = Place::new(portal, |settings| settings.store = store).await;
    redis.freeze();
    let host = place.gateway.address;
    let asked = (0..24).map(|number| {
        let (anna, cookies) = (&place.anna, place.anna.cookie_header("/"));
        async move {
            // people who wait for the store, and among them people who do not need it
            let cookies = if number % 2 == 0 { cookies } else { String::new() };
            if cookies.is_empty() {
                let request =
                    format!("GET /public/ping HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
                let answer = raw_for(host, request.as_bytes(), Duration::from_secs(20)).await;
                assert_eq!(answer.status(), 200, "{}", answer.text());
            } else {
                let answer = anna.get("/app/secret").await;
                assert_eq!(answer.status, 503, "{}", answer.shown());
                assert!(!answer.header("retry-after").is_empty(), "{}", answer.shown());
                assert!(
                    answer.set_cookies().is_empty() && !answer.holds(SECRET),
                    "{}",
                    answer.shown()
                );
            }
        }
    });
    futures_util::future::join_all(asked).await;
    client::get(place.gateway.ops, "/healthz")
        .await
        .unwrap()
        .expect(200);
    let ready = client::get(place.gateway.ops, "/readyz").await.unwrap();
    assert_ne!(ready.status, 200, "{}", ready.shown());
    redis.thaw();
    place.goes_on("a store that hung").await;
    let again = Browser::at(&place.gateway);
    again.password(ANNA).await.expect(303);
}
