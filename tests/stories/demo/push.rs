//! The demo in Chromium: a phone added by a click approves a sign-in.

use super::command::{BOB, Demo};
use crate::support::browser::CHALLENGE;
use crate::support::webdriver::Chromium;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_of_the_demo_is_added_by_a_click_in_chromium_and_lets_in() {
    let demo = Demo::start().await;
    demo.switch("corp-b", true).await;
    let phones = Chromium::open().await;
    phones.go(demo.told["phones"].as_str().unwrap()).await;
    phones
        .click(&format!("form[action='/people/{BOB}/phone'] button"))
        .await;
    phones.newest_window().await;
    phones.until_shown("Add this phone").await;
    phones.click("#enrol-form button").await;
    phones.until_shown("Nothing to approve").await;
    phones.until_shown(BOB).await;

    let desk = Chromium::open().await;
    let portal = demo.told["portal"].as_str().unwrap();
    desk.go(&format!("{portal}/devices")).await;
    desk.fill("input[name=email]", BOB).await;
    desk.fill("input[name=password]", demo.password(BOB)).await;
    desk.click("form button").await;
    desk.until_at("the challenge", |url| url.ends_with(CHALLENGE))
        .await;
    let digits = desk.text(".digits").await;
    phones.until_shown("Is this you?").await;
    phones.fill("#digits", &digits).await;
    phones.drag("#slide", 1.0).await;
    phones.until_shown("Approved").await;
    desk.until_at("the devices", |url| url.ends_with("/devices"))
        .await;
    desk.picture("demo-portal", 1280, 900).await;
    desk.close().await;
    phones.close().await;
}
