//! A phone is asked as soon as a password is accepted, by whichever door it came, and once.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::vendor::Vendor;
use crate::support::browser::CHALLENGE;
use crate::support::portal::{Knobs, password_of};
use crate::support::world::{ANNA, OLGA};
use crate::support::{PATIENCE, StoreKind, World, never, until};

const FORM: &str = crate::support::gateway::FORM_LOGIN;

const JSON: &str = r#"
[[portal.login]]
path = "/api/login"
username = { json = "/user/name" }
success = { status = [200], sets_cookie = "sid" }
failure = { status = [401] }
"#;

const BASIC: &str = r#"
[[portal.login]]
path = "/basic/probe"
username = { basic = true }
success = { status = [200] }
failure = { status = [401] }
"#;

const WHO_AM_I: &str = r#"
[portal.who_am_i]
path = "/api/me"
username = { json = "/user/email" }
"#;

async fn site(rules: &str) -> (World, Vendor) {
    let vendor = Vendor::open().await;
    let push = vendor.as_push();
    let world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.factors = push;
        settings.rules = rules.to_owned();
        if !rules.contains("form =") {
            settings.portal = settings.portal.replace("login_page = \"/login\"\n", "");
        }
    })
    .await;
    (world, vendor)
}

async fn alerted_once(vendor: &Vendor) {
    let asked = || async { (vendor.alerts() > 0).then_some(()) };
    until("the phone is asked", PATIENCE, asked).await;
    let again = || async { vendor.alerts() > 1 };
    never("the phone is asked twice", Duration::from_millis(300), again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_alerts_once_and_no_get_sends_anything() {
    let (world, vendor) = site(FORM).await;
    let browser = world.browser();
    browser.type_password(ANNA, "wrong").await;
    assert_eq!(vendor.alerts(), 0, "asked before an accepted password");
    browser.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    for _ in 0..3 {
        browser.get(CHALLENGE).await.expect(200);
        browser
            .fetch("GET", "/.doorstep/challenge/status")
            .await
            .expect(200);
        browser.get("/app/secret").await.expect(303);
    }
    alerted_once(&vendor).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scripts_login_alerts_too() {
    let (world, vendor) = site(&format!("{FORM}{JSON}")).await;
    let body = json!({"user": {"name": ANNA}, "password": password_of(ANNA)}).to_string();
    let browser = world.browser();
    let withheld = browser.fetch_with("/api/login", "application/json", &body).await;
    withheld.expect(401);
    alerted_once(&vendor).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn basic_credentials_alert_too() {
    let (world, vendor) = site(BASIC).await;
    let of =
        |login: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{login}:{password}")));
    let wrong = world.browser().with("authorization", &of(ANNA, "wrong"));
    wrong.get("/basic/page").await.expect(401);
    assert_eq!(vendor.alerts(), 0);
    let right = world
        .browser()
        .with("authorization", &of(ANNA, password_of(ANNA)));
    for _ in 0..3 {
        right.get("/basic/page").await.expect(303).expect_to(CHALLENGE);
    }
    alerted_once(&vendor).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_no_rule_names_alerts_too() {
    let (world, vendor) = site(&format!("{FORM}{WHO_AM_I}")).await;
    world
        .browser()
        .get(&format!("/public/sso?as={OLGA}"))
        .await
        .expect(302);
    let browser = world.browser();
    let owed = browser.get(&format!("/public/sso?as={ANNA}")).await.expect(303);
    owed.expect_to(CHALLENGE);
    alerted_once(&vendor).await;
}
