//! A request that a vendor carries outlives the gateway that asked for it.

use std::time::Duration;

use super::vendor::Vendor;
use crate::support::browser::CHALLENGE;
use crate::support::portal::Knobs;
use crate::support::world::BEN;
use crate::support::{Browser, Gateway, PATIENCE, StoreKind, World, never, until};

const DEEP_LINK: &str = "/app/secret";

struct Site {
    world: World,
    other: Gateway,
    vendor: Vendor,
}

impl Site {
    /// Two gateways on one Redis.
    async fn open() -> Self {
        let vendor = Vendor::open().await;
        let push = vendor.as_push();
        let world = World::with(StoreKind::Redis, Knobs::default(), |settings| {
            settings.factors = push;
        })
        .await;
        let mut other = world.gateway.sibling();
        other.run().await;
        Self { world, other, vendor }
    }

    /// Ben's password, accepted at the first gateway; the request is on its way.
    async fn asked(&self) -> Browser {
        let browser = self.world.browser();
        browser.password(BEN).await.expect(303).expect_to(CHALLENGE);
        let looked = || async { (self.vendor.looks() > 0).then_some(()) };
        until("the vendor is looked at", PATIENCE, looked).await;
        browser
    }
}

async fn is_in(browser: &Browser) {
    let entered = || async { (browser.get(DEEP_LINK).await.status == 200).then_some(()) };
    until("the approval lets in", PATIENCE, entered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_takes_over_when_the_one_that_asked_is_killed() {
    let mut site = Site::open().await;
    let browser = site.asked().await;
    site.world.gateway.process().kill();
    let before = site.vendor.looks();
    until("the other one looks", PATIENCE, || async {
        (site.vendor.looks() > before + 2).then_some(())
    })
    .await;
    let (_, longest) = site.vendor.looks_within(Duration::from_secs(60));
    assert!(longest < Duration::from_secs(10), "{longest:?} between two looks");
    site.vendor.answers("approved");
    // The approval is written by a gateway's own task: the browser has asked for nothing.
    is_in(&browser.via(&site.other)).await;
    assert_eq!(site.vendor.alerts(), 1, "nobody was asked twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_two_gateways_look_no_more_often_than_one_and_an_approval_counts_once() {
    let site = Site::open().await;
    let browser = site.asked().await;
    let span = Duration::from_secs(4);
    let begun = site.vendor.looks();
    let too_many = || async { site.vendor.looks() > begun + 6 };
    never("more looks than one a second", span, too_many).await;
    assert!(site.vendor.looks() > begun + 1, "nobody looks");
    site.vendor.answers("approved");
    let (here, there) = (browser.via(&site.world.gateway), browser.via(&site.other));
    until("verified", PATIENCE, || async {
        let audited = site
            .world
            .gateway
            .json(&["audit", "list", "--event", "factor.verified"]);
        let rows = audited.as_array().or_else(|| audited["items"].as_array());
        rows.is_some_and(|rows| !rows.is_empty()).then_some(())
    })
    .await;
    let answers = tokio::join!(here.get(DEEP_LINK), there.get(DEEP_LINK));
    let entered = [&answers.0, &answers.1]
        .iter()
        .filter(|answer| answer.status == 200)
        .count();
    assert_eq!(entered, 1, "{} and {}", answers.0.status, answers.1.status);
    let audited = site
        .world
        .gateway
        .json(&["audit", "list", "--event", "factor.verified"]);
    let rows = audited
        .as_array()
        .or_else(|| audited["items"].as_array())
        .unwrap();
    assert_eq!(rows.len(), 1, "{audited}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_again_goes_on_with_what_it_has_asked() {
    let mut site = Site::open().await;
    let browser = site.asked().await;
    site.other.process().kill();
    site.world.gateway.process().kill();
    site.vendor.answers("approved");
    site.world.gateway.run().await;
    is_in(&browser).await;
    assert_eq!(site.vendor.alerts(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_vendor_that_is_down_is_told_and_everything_else_goes_on() {
    let vendor = Vendor::open().await;
    vendor.goes_down();
    let push = vendor.as_push();
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.factors = push;
    })
    .await;
    let browser = world.browser();
    browser.password(crate::support::world::ANNA).await.expect(303);
    until("the page says so", PATIENCE, || async {
        let page = browser.get(CHALLENGE).await.expect(200).text();
        page.contains("could not reach your phone").then_some(())
    })
    .await;
    let key = world.anna.fresh().await;
    browser.type_token(&key).await.expect(303);
    browser.get(DEEP_LINK).await.expect(200);
    // A token by SMS goes by another provider.
    let ben = world.browser();
    ben.password(BEN).await.expect(303);
    ben.ask_for_sms().await.expect(303);
    assert_eq!(vendor.alerts(), 0);
}
