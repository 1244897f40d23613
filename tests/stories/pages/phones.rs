//! A phone in a browser of its own: enrolled by a link, asked when a password is accepted, answered.

use crate::support::browser::CHALLENGE;
use crate::support::portal::password_of;
use crate::support::webdriver::Chromium;
use crate::support::world::ANNA;
use crate::support::{PATIENCE, StoreKind, World, until};

const DEEP_LINK: &str = "/app/secret";
const SIGN_IN: &str = "form[action$='challenge/verify'] button";
const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";

pub(super) struct Desk {
    pub(super) world: World,
    pub(super) desk: Chromium,
    pub(super) phone: Chromium,
}

impl Desk {
    /// Anna signs in by her key at the desk, and adds a phone by the link that her account page shows.
    pub(super) async fn open() -> Self {
        let mut world = World::new(StoreKind::Memory).await;
        let desk = Chromium::open().await;
        let phone = Chromium::open().await;
        password(&world, &desk).await;
        let key = world.anna.fresh().await;
        desk.fill(TOKEN, &key).await;
        desk.click(SIGN_IN).await;
        desk.until_at("the deep link", |url| url.ends_with(DEEP_LINK))
            .await;
        desk.go(&at(&world, "/.doorstep/account")).await;
        desk.click("a[href$='enroll/push']").await;
        let key = world.anna.fresh().await;
        desk.fill("#proof", &key).await;
        desk.click("form[action$='enroll/push'] button:not([name])").await;
        let link = desk.text("#phone-link").await;
        phone.go(&link).await;
        phone.until_shown("Add this phone").await;
        phone.fill("#phone-name", "Anna's Pixel").await;
        phone.click("#enrol-form button").await;
        phone.until_shown("Nothing to approve").await;
        phone.picture("phone-empty", 360, 740).await;
        desk.until_at("the account", |url| url.ends_with("/.doorstep/account"))
            .await;
        desk.until_shown("Anna's Pixel").await;
        desk.picture("account-phones", 1280, 900).await;
        Self { world, desk, phone }
    }

    /// Signs in again, from nothing; the digits that the page shows.
    pub(super) async fn sign_in_again(&self) -> String {
        self.desk.go(&at(&self.world, "/logout")).await;
        password(&self.world, &self.desk).await;
        self.desk.until_shown("Anna's Pixel").await;
        self.desk.text(".digits").await
    }

    /// Challenges stay open for so long from now on.
    async fn ttl(&mut self, ttl: &str) {
        let gateway = &mut self.world.gateway;
        gateway.settings.factors = format!("challenge_ttl = \"{ttl}\"\n");
        gateway.write_config();
        gateway.reload("reloaded").await;
    }

    /// The desk has come to where it wanted to be.
    async fn arrived(&self) {
        self.desk
            .until_at("the deep link", |url| url.ends_with(DEEP_LINK))
            .await;
    }

    pub(super) async fn close(self) {
        self.desk.close().await;
        self.phone.close().await;
    }
}

fn at(world: &World, path: &str) -> String {
    format!("{}{path}", world.gateway.origin)
}

async fn password(world: &World, desk: &Chromium) {
    desk.go(&at(world, DEEP_LINK)).await;
    desk.fill("input[name=email]", ANNA).await;
    desk.fill("input[name=password]", password_of(ANNA)).await;
    desk.click("form button").await;
    desk.until_at("the challenge", |url| url.ends_with(CHALLENGE))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_asked_by_itself_and_the_page_goes_on_when_it_approves() {
    let site = Desk::open().await;
    let digits = site.sign_in_again().await;
    site.desk.picture("challenge-push", 1280, 900).await;
    site.desk.picture("challenge-push", 360, 740).await;
    site.phone.until_shown("Is this you?").await;
    site.phone.until_shown(ANNA).await;
    site.phone.until_shown("on Linux").await;
    site.phone.picture("phone-request", 360, 740).await;

    // A wrong number first.
    let wrong = if digits == "11" { "12" } else { "11" };
    site.phone.fill("#digits", wrong).await;
    site.phone.click("#approve").await;
    site.phone.until_shown("One try is left").await;
    site.phone.fill("#digits", &digits).await;
    site.phone.click("#approve").await;
    site.phone.until_shown("Approved").await;
    site.phone.picture("phone-approved", 360, 740).await;
    site.desk
        .until_at("the deep link", |url| url.ends_with(DEEP_LINK))
        .await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decline_is_shown_and_a_report_puts_out_whoever_waits() {
    let site = Desk::open().await;
    site.sign_in_again().await;
    site.phone.until_shown("Is this you?").await;
    site.phone.click("#deny").await;
    site.phone.until_shown("Denied").await;
    site.desk.until_shown("declined on your phone").await;
    site.desk.picture("challenge-declined", 360, 740).await;

    // Sent again on a click, and approved by holding the slider with the keyboard.
    site.desk.click("form[action$='challenge/push'] button").await;
    site.desk.until_shown("We sent a request").await;
    site.phone.until_shown("Is this you?").await;
    site.phone.click("#deny").await;
    site.phone.until_shown("It was not me").await;
    site.phone.click("#report").await;
    site.phone.until_shown("Thank you").await;
    site.desk.go(&at(&site.world, CHALLENGE)).await;
    site.desk.until_shown("You were signed out").await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_was_removed_is_asked_nothing_more() {
    let mut site = Desk::open().await;
    site.desk.click("a[aria-label*=Pixel]").await;
    let key = site.world.anna.fresh().await;
    site.desk.fill("#proof", &key).await;
    site.desk
        .click("form[action$='account/remove'] button:not([name])")
        .await;
    site.phone.until_shown("Not added yet").await;
    password(&site.world, &site.desk).await;
    site.desk.until_shown("Token or Security Key").await;
    assert!(!site.desk.has(".digits").await);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swipe_approves_and_half_a_swipe_does_not() {
    let site = Desk::open().await;
    let digits = site.sign_in_again().await;
    site.phone.until_shown("Is this you?").await;
    site.phone.fill("#digits", &digits).await;
    site.phone.drag("#slide", 0.5).await;
    site.phone.until_shown("Is this you?").await;
    assert!(site.desk.url().await.ends_with(CHALLENGE));
    site.phone.drag("#slide", 1.0).await;
    site.phone.until_shown("Approved").await;
    site.arrived().await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_held_on_the_slider_approves_and_an_empty_number_does_not() {
    let site = Desk::open().await;
    let digits = site.sign_in_again().await;
    site.phone.until_shown("Is this you?").await;
    site.phone.hold("#slide", "\u{e007}").await;
    site.phone.until_shown("Type the two digits").await;
    site.phone.let_go().await;
    site.phone.fill("#digits", &digits).await;
    site.phone.hold("#slide", " ").await;
    site.phone.until_shown("Approved").await;
    site.phone.let_go().await;
    site.arrived().await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_wrong_numbers_are_a_decline_that_a_token_overrides() {
    let mut site = Desk::open().await;
    let digits = site.sign_in_again().await;
    let wrong = if digits == "11" { "12" } else { "11" };
    for said in ["One try is left", "wrong twice"] {
        site.phone.until_shown("Is this you?").await;
        site.phone.fill("#digits", wrong).await;
        site.phone.click("#approve").await;
        site.phone.until_shown(said).await;
    }
    site.desk.until_shown("declined on your phone").await;
    let key = site.world.anna.fresh().await;
    site.desk.fill(TOKEN, &key).await;
    site.desk.click(SIGN_IN).await;
    site.arrived().await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_nobody_answers_runs_out_on_both_sides() {
    let mut site = Desk::open().await;
    site.ttl("4s").await;
    site.sign_in_again().await;
    site.phone.until_shown("Is this you?").await;
    site.desk.until_shown("That took too long").await;
    site.phone.until_shown("Nothing to approve").await;
    // A click brings a new one.
    site.ttl("5m").await;
    site.desk.click("form[action$='challenge'] button").await;
    site.desk.until_shown("We sent a request").await;
    let digits = site.desk.text(".digits").await;
    site.phone.until_shown("Is this you?").await;
    site.phone.fill("#digits", &digits).await;
    site.phone.click("#approve").await;
    site.arrived().await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_events_are_cut_the_page_goes_on_by_asking() {
    let site = Desk::open().await;
    site.desk.block("*/challenge/events*").await;
    site.sign_in_again().await;
    site.phone.until_shown("Is this you?").await;
    site.phone.click("#deny").await;
    site.desk.until_shown("declined on your phone").await;
    site.desk.click("form[action$='challenge/push'] button").await;
    site.desk.until_shown("We sent a request").await;
    let digits = site.desk.text(".digits").await;
    site.phone.until_shown("Is this you?").await;
    site.phone.fill("#digits", &digits).await;
    site.phone.click("#approve").await;
    site.arrived().await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_without_a_connection_says_so_and_goes_on_by_itself() {
    let site = Desk::open().await;
    site.phone.offline(true).await;
    site.phone.until_shown("No connection").await;
    let digits = site.sign_in_again().await;
    site.phone.picture("phone-offline", 360, 740).await;
    site.phone.offline(false).await;
    site.phone.until_shown("Is this you?").await;
    let back = || async {
        let shown = site.phone.text("body").await;
        (!shown.contains("No connection")).then_some(())
    };
    until("the phone has its connection back", PATIENCE, back).await;
    site.phone.fill("#digits", &digits).await;
    site.phone.click("#approve").await;
    site.arrived().await;
    site.close().await;
}
