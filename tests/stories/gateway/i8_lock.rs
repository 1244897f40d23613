//! I8: failures are counted, and reserved before they are judged.

use futures_util::future::join_all;

use crate::support::portal::SECRET;
use crate::support::world::{ANNA, SOON};
use crate::support::{Browser, StoreKind, World, page, until};

over_each_store![
    i8_five_wrong_tokens_lock_and_an_admin_unlocks,
    i8_parallel_guesses_cannot_exceed_the_limit,
    i8_a_verified_factor_sets_the_count_to_nothing,
    i8_a_locked_employees_verified_session_goes_on,
    i8_what_has_odd_shape_is_denied,
];

async fn i8_five_wrong_tokens_lock_and_an_admin_unlocks(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    for _ in 0..4 {
        browser.type_token(&world.anna.wrong()).await.expect(422);
    }
    browser.type_token(&world.anna.wrong()).await;
    let form = browser.get("/.doorstep/challenge").await;
    let form = page::form(&form.text(), "challenge/verify");
    let key = world.anna.fresh().await;
    let answer = browser
        .send_challenge_form(&form, &[("token", &key)])
        .await
        .expect(429);
    assert!(!answer.header("retry-after").is_empty(), "{}", answer.shown());
    assert!(
        page::words(&answer.text()).contains("Too many tries"),
        "{}",
        answer.shown()
    );
    // another browser, another session: the same count
    let other = world.browser();
    other.password(ANNA).await.expect(303);
    let form = page::form(
        &other.get("/.doorstep/challenge").await.text(),
        "challenge/verify",
    );
    other
        .send_challenge_form(&form, &[("token", &key)])
        .await
        .expect(429);
    world.gateway.ok(&["employee", "unlock", ANNA]);
    until("the lock is gone", SOON, || async {
        let answer = other.send_challenge_form(&form, &[("token", &key)]).await;
        (answer.status == 303).then_some(())
    })
    .await;
    assert!(other.go("/app/secret").await.holds(SECRET));
}

async fn i8_parallel_guesses_cannot_exceed_the_limit(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    let form = browser.challenge_form("challenge/verify").await;
    let wrong = world.anna.wrong();
    let fill = [("token", wrong.as_str())];
    let copies: Vec<Browser> = (0..24).map(|_| browser.via(&world.gateway)).collect();
    let answers = join_all(copies.iter().map(|copy| copy.send_challenge_form(&form, &fill))).await;
    let judged = answers.iter().filter(|answer| answer.status == 422).count();
    let locked = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!(judged + locked, 24, "{answers:#?}");
    assert!((1..=5).contains(&judged), "{judged} guesses were judged");
}

async fn i8_a_verified_factor_sets_the_count_to_nothing(kind: StoreKind) {
    let mut world = World::new(kind).await;
    for _ in 0..2 {
        let browser = world.browser();
        browser.password(ANNA).await.expect(303);
        for _ in 0..3 {
            browser.type_token(&world.anna.wrong()).await.expect(422);
        }
        let key = world.anna.fresh().await;
        browser.type_token(&key).await.expect(303);
    }
}

async fn i8_a_locked_employees_verified_session_goes_on(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let thief = world.browser();
    thief.password(ANNA).await.expect(303);
    let form = thief.challenge_form("challenge/verify").await;
    for _ in 0..6 {
        thief
            .send_challenge_form(&form, &[("token", &world.anna.wrong())])
            .await;
    }
    anna.get("/app/secret").await.expect(200);
}

async fn i8_what_has_odd_shape_is_denied(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    let form = browser.challenge_form("challenge/verify").await;
    for token in ["", "1234567890123456789", "null", "\u{ff11}23456"] {
        let answer = browser.send_challenge_form(&form, &[("token", token)]).await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 422 | 429),
            "{token:?}: {}",
            answer.shown()
        );
    }
    assert!(world.portal.protected_seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_wrong_passwords_are_slowed_alike_for_known_and_unknown_names() {
    let world = World::with(StoreKind::Memory, Default::default(), |settings| {
        settings.limits = "failed_passwords_per_login = \"3/10m\"\n".into();
    })
    .await;
    for login in [ANNA, "nobody@acme.example"] {
        let browser = world.browser();
        for _ in 0..3 {
            browser.type_password(login, "wrong").await.expect(200);
        }
        let sent = world.portal.logins_sent();
        let answer = browser.type_password(login, "wrong").await.expect(429);
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(
            world.portal.logins_sent(),
            sent,
            "a login past the limit was sent"
        );
    }
}
