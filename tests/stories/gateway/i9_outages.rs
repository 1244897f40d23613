//! I9: fail closed, and never by forgetting.

use crate::support::browser::CHALLENGE;
use crate::support::gateway::Settings;
use crate::support::portal::SECRET;
use crate::support::world::{ANNA, ANNA_PHONE};
use crate::support::{Answer, Browser, Gateway, PATIENCE, Portal, Postgres, StoreKind, World, until};

/// 503, a time to try again, and the browser's cookies untouched.
fn assert_cannot_tell(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.shown());
    assert!(!answer.header("retry-after").is_empty(), "{}", answer.shown());
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    assert!(!answer.holds(SECRET));
}

async fn until_it_goes_on(browser: &Browser) {
    until("the session goes on", PATIENCE, || async {
        let answer = browser.get("/app/secret").await;
        assert!(answer.status == 503 || answer.status == 200, "{}", answer.shown());
        answer.holds(SECRET).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_store_that_hangs_signs_nobody_out_and_lets_nobody_in() {
    let mut world = World::new(StoreKind::Redis).await;
    let anna = world.anna_signed_in().await;
    anna.get("/app/secret").await.expect(200);
    let waiting = world.browser();
    waiting.password(ANNA).await.expect(303);
    world.portal.take_seen();
    world.redis().freeze();
    // a copy may serve while the store has answered within the last second
    until("the gateway cannot tell", PATIENCE, || async {
        let answer = anna.get("/app/secret").await;
        (answer.status == 503).then_some(())
    })
    .await;
    world.portal.take_seen();
    for browser in [&anna, &waiting] {
        for path in ["/app/secret", CHALLENGE] {
            assert_cannot_tell(&browser.get(path).await);
        }
        let answer = browser.fetch("GET", "/app/secret").await;
        assert_cannot_tell(&answer);
    }
    assert!(
        world.portal.protected_seen().is_empty(),
        "{:?}",
        world.portal.protected_seen()
    );
    world.redis().thaw();
    until_it_goes_on(&anna).await;
    waiting.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_store_that_died_lets_nobody_in_and_a_new_one_asks_to_sign_in() {
    let mut world = World::new(StoreKind::Redis).await;
    let anna = world.anna_signed_in().await;
    anna.get("/app/secret").await.expect(200);
    world.redis().kill();
    until("the gateway cannot tell", PATIENCE, || async {
        (anna.get("/app/secret").await.status == 503).then_some(())
    })
    .await;
    assert_cannot_tell(&anna.get("/app/secret").await);
    assert!(anna.session().is_some(), "the cookie is gone");
    world.redis().restart().await;
    until("the gateway is back", PATIENCE, || async {
        let answer = anna.get("/app/secret").await;
        assert!(!answer.holds(SECRET), "an empty store let somebody in");
        (answer.status == 303).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_directory_that_hangs_lets_nobody_in() {
    let postgres = Postgres::start().await;
    let portal = Portal::open(Default::default()).await;
    let mut settings = Settings::new(portal.address);
    settings.directory = postgres.url();
    let mut gateway = Gateway::prepare(settings);
    gateway.add_firm("acme", "Acme");
    gateway.add_employee(ANNA, "acme", Some(ANNA_PHONE));
    let mut key = gateway.enrol_totp(ANNA);
    gateway.ok(&["firm", "enable-2fa", "acme"]);
    gateway.run().await;
    let anna = Browser::at(&gateway);
    anna.sign_in(ANNA, &mut key).await;
    let waiting = Browser::at(&gateway);
    waiting.password(ANNA).await.expect(303);
    let form = waiting.challenge_form("challenge/verify").await;
    postgres.freeze();
    let right = key.fresh().await;
    let answer = waiting.send_challenge_form(&form, &[("token", &right)]).await;
    assert_cannot_tell(&answer);
    until("the copies are too old", PATIENCE, || async {
        (anna.get("/app/secret").await.status == 503).then_some(())
    })
    .await;
    let stranger = Browser::at(&gateway);
    let answer = stranger
        .post("/login", &[("email", ANNA), ("password", "anna-password")])
        .await;
    assert_cannot_tell(&answer);
    postgres.thaw();
    until_it_goes_on(&anna).await;
}

over_each_store![i9_a_portal_that_is_down_is_told_and_nobody_is_signed_out,];

async fn i9_a_portal_that_is_down_is_told_and_nobody_is_signed_out(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let address = world.portal.address;
    world.portal = Portal::open(Default::default()).await;
    let answer = until("the portal is gone", PATIENCE, || async {
        let answer = anna.get("/app/secret").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert!(
        matches!(answer.status.as_u16(), 502 | 504),
        "{address}: {}",
        answer.shown()
    );
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
}
