//! What happens while a login is on its way to a slow portal: switches thrown, people removed, sessions
//! revoked, a store that hangs, a browser that leaves.

use std::time::Duration;

use crate::support::browser::CHALLENGE;
use crate::support::portal::{Accepted, CANARY, Knobs, SECRET, password_of};
use crate::support::raw::raw_for;
use crate::support::world::{ANNA, CAROL, OLGA};
use crate::support::{Answer, Browser, StoreKind, World, until};

async fn slow_world(kind: StoreKind) -> World {
    let world = World::new(kind).await;
    world.portal.set(|knobs| {
        *knobs = Knobs {
            accepted: Accepted::Slow,
            ..Knobs::default()
        }
    });
    world
}

/// Signs in again, and does something as soon as the portal has the login.
async fn login_while(world: &World, browser: &Browser, login: &str, meanwhile: impl FnOnce()) -> Answer {
    let before = world.portal.logins_sent();
    let fields = [("email", login), ("password", password_of(login))];
    let act = async {
        until("the login reaches the portal", Duration::from_secs(5), || async {
            (world.portal.logins_sent() > before).then_some(())
        })
        .await;
        meanwhile();
    };
    let (answer, ()) = futures_util::join!(browser.post("/login", &fields), act);
    answer
}

over_each_store![
    h1_a_switch_thrown_while_a_login_is_on_its_way_counts,
    i10_a_session_revoked_while_its_login_is_on_its_way_has_no_successor,
    i10_somebody_removed_while_their_login_is_on_its_way_is_out,
    c9_a_login_that_its_browser_left_goes_nowhere,
];

async fn h1_a_switch_thrown_while_a_login_is_on_its_way_counts(kind: StoreKind) {
    let world = slow_world(kind).await;
    let olga = world.browser();
    olga.get("/login").await.expect(200);
    let switch = || drop(world.gateway.ok(&["firm", "enable-2fa", "open"]));
    let answer = login_while(&world, &olga, OLGA, switch).await;
    let answer = answer.expect(303).expect_to(CHALLENGE);
    assert!(!answer.holds(CANARY), "{}", answer.shown());
    olga.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    let again = world.browser();
    again.get("/login").await.expect(200);
    let switch = || drop(world.gateway.ok(&["firm", "disable-2fa", "open"]));
    login_while(&world, &again, OLGA, switch).await.expect(302);
    assert!(again.get("/app/secret").await.expect(200).holds(OLGA));
}

/// The factor of a session that was revoked is not carried over into another.
async fn i10_a_session_revoked_while_its_login_is_on_its_way_has_no_successor(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let carol = world.carol_signed_in().await;
    world.portal.set(|knobs| knobs.accepted = Accepted::Slow);
    let sessions = world.gateway.json(&["session", "list"]);
    let items = sessions
        .as_array()
        .or_else(|| sessions["items"].as_array())
        .unwrap()
        .clone();
    let row = items.iter().find(|row| row["login"] == CAROL).unwrap();
    let id = row["id"].as_str().unwrap().to_owned();
    let revoke = || drop(world.gateway.ok(&["session", "revoke", &id]));
    let answer = login_while(&world, &carol, CAROL, revoke).await;
    assert!(
        !answer.holds(CANARY),
        "a revoked session went on: {}",
        answer.shown()
    );
    let page = carol.go("/app/secret").await;
    assert!(!page.holds(SECRET), "{}", page.shown());
    // with everybody's sessions revoked likewise
    world.portal.set(|knobs| knobs.accepted = Accepted::Redirect302);
    let anna = world.anna_signed_in().await;
    world.portal.set(|knobs| knobs.accepted = Accepted::Slow);
    let revoke = || drop(world.gateway.ok(&["session", "revoke", "--login", ANNA]));
    let answer = login_while(&world, &anna, ANNA, revoke).await;
    assert!(!answer.holds(CANARY), "{}", answer.shown());
    assert!(!anna.go("/app/secret").await.holds(SECRET));
}

async fn i10_somebody_removed_while_their_login_is_on_its_way_is_out(kind: StoreKind) {
    let world = slow_world(kind).await;
    let olga = world.browser();
    olga.get("/login").await.expect(200);
    let remove = || drop(world.gateway.ok(&["employee", "remove", OLGA]));
    let answer = login_while(&world, &olga, OLGA, remove).await.expect(403);
    assert!(!answer.holds(CANARY), "{}", answer.shown());
    olga.get("/app/secret").await.expect(303).expect_to("/login");
}

/// A browser that is gone before the answer, in the middle of its body or after it.
async fn c9_a_login_that_its_browser_left_goes_nowhere(kind: StoreKind) {
    let mut world = slow_world(kind).await;
    let host = world.gateway.address;
    let body = "email=olga%40open.example&password=olga-password";
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let short = Duration::from_millis(200);
    for sent in [&body[..0], &body[..20]] {
        raw_for(host, format!("{head}{sent}").as_bytes(), short).await;
    }
    assert_eq!(world.portal.logins_sent(), 0, "half a login was sent");
    let chunked = head.replace(
        &format!("Content-Length: {}", body.len()),
        "Transfer-Encoding: chunked",
    );
    raw_for(host, format!("{chunked}30\r\n{body}\r\n").as_bytes(), short).await;
    assert_eq!(world.portal.logins_sent(), 0, "a login without its end was sent");
    raw_for(host, format!("{head}{body}").as_bytes(), short).await;
    world.portal.set(|knobs| knobs.accepted = Accepted::Redirect302);
    let carol = world.carol_signed_in().await;
    for _ in 0..4 {
        let page = carol.get("/app/secret").await.expect(200);
        assert!(
            page.holds(CAROL) && !page.holds(OLGA) && !page.holds(CANARY),
            "{}",
            page.shown()
        );
    }
}

/// The store hangs from the moment that the portal has accepted: nobody is let in, nothing is shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_store_that_hangs_while_a_login_is_on_its_way_lets_nobody_in() {
    let world = slow_world(StoreKind::Redis).await;
    for login in [OLGA, ANNA] {
        let browser = world.browser();
        browser.get("/login").await.expect(200);
        let redis = world.redis.as_ref().unwrap();
        let answer = login_while(&world, &browser, login, || redis.freeze()).await;
        assert_eq!(answer.status, 503, "{}", answer.shown());
        assert!(
            !answer.holds(CANARY) && answer.set_cookies().is_empty(),
            "{}",
            answer.shown()
        );
        redis.thaw();
        until("the store is back", Duration::from_secs(20), || async {
            let answer = browser.get("/app/secret").await;
            assert!(
                !answer.holds(SECRET) && !answer.holds(CANARY),
                "{}",
                answer.shown()
            );
            (answer.status != 503).then_some(())
        })
        .await;
        let fresh = world.browser();
        let answer = fresh.password(login).await;
        assert!(answer.status.is_redirection(), "{}", answer.shown());
    }
}
