//! I7: tokens are single use, also when two requests race on two gateways.

use futures_util::future::join_all;

use crate::support::browser::CHALLENGE;
use crate::support::gateway::Settings;
use crate::support::token::current_step;
use crate::support::world::{ANNA, ANNA_PHONE, BEN, BEN_PHONE};
use crate::support::{Answer, Browser, Gateway, Portal, Postgres, Redis, StoreKind, World, last_sms};

fn verified(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 303).count()
}

/// As many browsers, each with the password, each with its challenge page open; all send one token.
async fn race(browsers: &[Browser], login: &str, token: &str) -> Vec<Answer> {
    let mut forms = Vec::new();
    for browser in browsers {
        browser.password(login).await.expect(303).expect_to(CHALLENGE);
        forms.push(browser.challenge_form("challenge/verify").await);
    }
    let fill = [("token", token)];
    let sent = browsers
        .iter()
        .zip(&forms)
        .map(|(browser, form)| browser.send_challenge_form(form, &fill));
    join_all(sent).await
}

over_each_store![
    i7_a_step_verifies_once,
    i7_no_step_verifies_after_a_later_one,
    i7_a_step_verifies_once_when_many_race,
    i7_one_form_sent_many_times_at_once_verifies_once,
    i7_an_sms_token_verifies_once_when_many_race,
    i7_seven_digits_and_twenty_seconds_work_too,
];

async fn i7_a_step_verifies_once(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let key = world.anna.fresh().await;
    let first = world.browser();
    first.password(ANNA).await.expect(303);
    first.type_token(&key).await.expect(303);
    let second = world.browser();
    second.password(ANNA).await.expect(303);
    second.type_token(&key).await.expect(422);
    second.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
}

async fn i7_no_step_verifies_after_a_later_one(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    browser
        .type_token(&world.anna.at_step(current_step() + 1))
        .await
        .expect(303);
    let second = world.browser();
    second.password(ANNA).await.expect(303);
    for step in [current_step(), current_step() - 1] {
        second.type_token(&world.anna.at_step(step)).await.expect(422);
    }
}

async fn i7_a_step_verifies_once_when_many_race(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browsers: Vec<Browser> = (0..4).map(|_| world.browser()).collect();
    let key = world.anna.fresh().await;
    let answers = race(&browsers, ANNA, &key).await;
    assert_eq!(verified(&answers), 1, "{answers:#?}");
}

async fn i7_one_form_sent_many_times_at_once_verifies_once(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    let form = browser.challenge_form("challenge/verify").await;
    let key = world.anna.fresh().await;
    let fill = [("token", key.as_str())];
    let copies: Vec<Browser> = (0..4).map(|_| browser.via(&world.gateway)).collect();
    let answers = join_all(copies.iter().map(|copy| copy.send_challenge_form(&form, &fill))).await;
    let new: Vec<_> = answers
        .iter()
        .filter(|answer| !answer.set_cookies().is_empty())
        .collect();
    assert_eq!(new.len(), 1, "{answers:#?}");
}

async fn i7_an_sms_token_verifies_once_when_many_race(kind: StoreKind) {
    let world = World::new(kind).await;
    let browsers: Vec<Browser> = (0..3).map(|_| world.browser()).collect();
    browsers[0].password(BEN).await.expect(303);
    browsers[0].ask_for_sms().await.expect(303);
    let token = last_sms(&world.gateway.sms_file(), BEN_PHONE).unwrap();
    let form = browsers[0].challenge_form("challenge/verify").await;
    let copies: Vec<Browser> = (0..3).map(|_| browsers[0].via(&world.gateway)).collect();
    let fill = [("token", token.as_str())];
    let answers = join_all(copies.iter().map(|copy| copy.send_challenge_form(&form, &fill))).await;
    let new: Vec<_> = answers
        .iter()
        .filter(|answer| !answer.set_cookies().is_empty())
        .collect();
    assert_eq!(new.len(), 1, "{answers:#?}");
}

async fn i7_seven_digits_and_twenty_seconds_work_too(kind: StoreKind) {
    let world = World::with(kind, Default::default(), |settings| {
        settings.factors = "totp = { digits = 7, period = 20, skew = 1 }\n".into();
    })
    .await;
    let made = world.gateway.json(&["employee", "enroll-totp", ANNA]);
    let uri = made["uri"].as_str().unwrap();
    let key = totp_rs::Totp::from_url(uri)
        .unwrap()
        .generate_current()
        .to_string();
    assert_eq!(key.len(), 7, "{uri}");
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    browser.type_token(&key).await.expect(303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_a_step_verifies_once_on_two_gateways() {
    let mut world = World::new(StoreKind::Redis).await;
    let mut sibling = world.gateway.sibling();
    sibling.run().await;
    let browsers: Vec<Browser> = (0..4)
        .map(|number| Browser::at(if number % 2 == 0 { &world.gateway } else { &sibling }))
        .collect();
    let key = world.anna.fresh().await;
    let answers = race(&browsers, ANNA, &key).await;
    assert_eq!(verified(&answers), 1, "{answers:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_a_step_verifies_once_on_two_gateways_over_postgresql() {
    let postgres = Postgres::start().await;
    let redis = Redis::start().await;
    let portal = Portal::open(Default::default()).await;
    let mut settings = Settings::new(portal.address);
    settings.store = redis.url();
    settings.directory = postgres.url();
    let mut gateway = Gateway::prepare(settings);
    gateway.add_firm("acme", "Acme");
    gateway.add_employee(ANNA, "acme", Some(ANNA_PHONE));
    let mut anna = gateway.enrol_totp(ANNA);
    gateway.ok(&["firm", "enable-2fa", "acme"]);
    gateway.run().await;
    let mut sibling = gateway.sibling();
    sibling.run().await;
    let browsers: Vec<Browser> = (0..4)
        .map(|number| Browser::at(if number % 2 == 0 { &gateway } else { &sibling }))
        .collect();
    let key = anna.fresh().await;
    let answers = race(&browsers, ANNA, &key).await;
    assert_eq!(verified(&answers), 1, "{answers:#?}");
    // what one gateway has verified, the other knows
    let winner = answers.iter().position(|answer| answer.status == 303).unwrap();
    for at in [&gateway, &sibling] {
        browsers[winner].via(at).get("/app/secret").await.expect(200);
    }
}
