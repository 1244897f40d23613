//! Debian's nginx with `auth_basic`: credentials with each request, and large files.

pub mod start;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::start::{LARGE, SECRET, large, secret_of};
use super::app::{ANNA, BEN, password_of};
use super::same::{Both, without_gateway};
use super::site::{Site, pass_challenge};
use crate::support::Browser;
use crate::support::browser::CHALLENGE;
use crate::support::webdriver::Chromium;

async fn open(two_factor: bool) -> Site {
    Site::open(start::start().await, two_factor).await
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn basic_of(user: &str) -> String {
    basic(user, password_of(user))
}

/// An address with credentials in it, as people answer the browser's question.
fn address_for(site: &Site, user: &str, path: &str) -> String {
    let at = format!("//{user}:{}@", password_of(user));
    site.at(path).replacen("//", &at, 1)
}

/// What was asked for beside the probe.
async fn protected_requests(site: &Site) -> Vec<String> {
    let mut requests = site.app.requests().await;
    requests.retain(|line| line != "HEAD /");
    // the fixture's own question whether nginx is there
    requests.remove(0);
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firm_that_asks_for_nothing_works_as_without_a_gateway() {
    let site = open(false).await;
    let chromium = Chromium::open().await;
    chromium.go(&address_for(&site, ANNA, "/")).await;
    assert!(
        chromium.text("#secret").await.contains(SECRET),
        "{}",
        chromium.source().await
    );
    let picture = chromium
        .script("return document.images[0].complete && document.images[0].naturalWidth")
        .await;
    assert_eq!(picture, 9);
    // a script's fetch from an address with credentials in it is refused by the browser itself
    chromium.go(&site.at("/")).await;
    let length = chromium
        .script("return fetch('/files/large.bin').then(a => a.arrayBuffer()).then(b => b.byteLength)")
        .await;
    assert_eq!(length, LARGE);
    let names = chromium.cookie_names().await;
    assert_eq!(
        names,
        ["doorstep"],
        "one cookie of ours, and none of the portal's"
    );
    chromium.close().await;

    let both = Both {
        direct: without_gateway(&site).with("authorization", &basic_of(ANNA)),
        through: Browser::at(&site.gateway).with("authorization", &basic_of(ANNA)),
        by_script: false,
        settle: str::to_owned,
    };
    both.same("/", &[]).await;
    let whole = both.same("/files/large.bin", &[]).await;
    assert!(whole.body == large());
    for range in ["bytes=0-99", "bytes=1000000-", "bytes=-7", "bytes=99999999-"] {
        both.same("/files/large.bin", &[("range", range)]).await;
    }
    // several at once: nginx draws a new boundary for each answer
    let several = both
        .through
        .also("range", "bytes=0-1,5-9")
        .get("/files/large.bin")
        .await;
    assert!(
        several.header("content-type").starts_with("multipart/byteranges"),
        "{}",
        several.shown()
    );
    let etag = [("if-none-match", whole.header("etag"))];
    assert_eq!(both.same("/files/large.bin", &etag).await.status, 304);
    assert_eq!(
        both.same("/files/page.txt", &[]).await.header("content-encoding"),
        "gzip"
    );
    let plain = [("accept-encoding", "identity")];
    assert_eq!(
        both.same("/files/page.txt", &plain)
            .await
            .header("content-encoding"),
        ""
    );
    for path in [
        "/static/plan.svg",
        "/home/anna/notes.txt",
        "/files",
        "/nothing",
        "/files/",
    ] {
        both.same(path, &[]).await;
    }
    // what nginx asks of a stranger, doorstep asks in its words
    let (here, there) = (
        Browser::at(&site.gateway).get("/").await,
        without_gateway(&site).get("/").await,
    );
    assert_eq!(here.status, there.status);
    assert_eq!(here.header("www-authenticate"), there.header("www-authenticate"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firm_that_asks_is_challenged_and_lands_where_it_wanted() {
    let mut site = open(true).await;
    let chromium = Chromium::open().await;
    chromium
        .go(&address_for(&site, ANNA, "/home/anna/notes.txt"))
        .await;
    chromium
        .until_at("the challenge", |url| url.contains(CHALLENGE))
        .await;
    let seen = protected_requests(&site).await;
    assert!(seen.is_empty(), "{seen:?}");
    pass_challenge(&chromium, &mut site.anna).await;
    chromium
        .until_at("the deep link", |url| url.ends_with("/home/anna/notes.txt"))
        .await;
    chromium.until_shown(secret_of(ANNA).trim()).await;
    // a script's fetch from an address with credentials in it is refused by the browser itself
    chromium.go(&site.at("/")).await;
    let length = chromium
        .script("return fetch('/files/large.bin').then(a => a.arrayBuffer()).then(b => b.byteLength)")
        .await;
    assert_eq!(length, LARGE);
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_password_alone_never_sees_a_protected_byte() {
    let site = open(true).await;
    let bare = Browser::at(&site.gateway);
    let owes = Browser::at(&site.gateway);
    owes.also("authorization", &basic_of(ANNA))
        .get("/")
        .await
        .expect(303);
    for path in [
        "/",
        "/home/anna/notes.txt",
        "/files/large.bin",
        "/files/page.txt?user=anna",
        "/nothing",
        "/%2e%2e/files/page.txt",
        "/static/plan.svg",
        "//files/page.txt",
    ] {
        for browser in [&bare, &owes] {
            for value in [
                basic_of(ANNA),
                basic_of(ANNA).replace("Basic", "basic"),
                "Bearer x".to_owned(),
            ] {
                let asking = browser.also("authorization", &value);
                for answer in [asking.get(path).await, asking.fetch("GET", path).await] {
                    let shut = [400, 401, 303].contains(&answer.status.as_u16());
                    assert!(shut, "{value} {}", answer.shown());
                    assert!(
                        !answer.holds(SECRET) && !answer.holds("A note of"),
                        "{}",
                        answer.shown()
                    );
                    let ranged = asking.also("range", "bytes=0-3").get(path).await;
                    assert_ne!(ranged.status, 206, "{}", ranged.shown());
                }
            }
        }
    }
    let wrong = bare.also("authorization", &basic(ANNA, "wrong"));
    let asked = wrong.get("/files/page.txt").await.expect(401);
    assert!(
        asked.header("www-authenticate").contains("Works"),
        "{}",
        asked.shown()
    );
    let seen = protected_requests(&site).await;
    assert!(seen.is_empty(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_other_credentials_inside_a_session_are_another_login() {
    let mut site = open(true).await;
    let jar = Browser::at(&site.gateway).with("authorization", &basic_of(ANNA));
    jar.get("/").await.expect(303).expect_to(CHALLENGE);
    jar.type_token(&site.anna.fresh().await).await.expect(303);
    assert!(
        jar.get("/home/anna/notes.txt")
            .await
            .expect(200)
            .holds(&secret_of(ANNA))
    );
    // with none of its own nginx asks again; with another scheme too, for it never goes up
    let without = Browser::to(&site.gateway.origin, site.gateway.address);
    without.set_cookie(&format!("doorstep={}", jar.session().unwrap()));
    without.get("/home/anna/notes.txt").await.expect(401);
    without
        .also("authorization", "Bearer x")
        .get("/")
        .await
        .expect(401);
    for path in ["/home/ben/notes.txt", "/home/anna/notes.txt?user=ben"] {
        let query = jar.get(path).await;
        assert!(!query.holds(&secret_of(BEN)), "{}", query.shown());
    }
    let as_ben = jar.also("authorization", &basic_of(BEN));
    let ended = as_ben.get("/home/ben/notes.txt").await.expect(401);
    assert!(!ended.holds(&secret_of(BEN)), "{}", ended.shown());
    // the session is over, so these are a login of its own, which owes its own factor
    let again = as_ben.get("/home/ben/notes.txt").await.expect(303);
    assert!(again.location().ends_with(CHALLENGE), "{}", again.shown());
    let old = Browser::to(&site.gateway.origin, site.gateway.address).with("authorization", &basic_of(ANNA));
    old.set_cookie(&format!("doorstep={}", jar.session().unwrap()));
    assert!(!old.get("/home/anna/notes.txt").await.holds(&secret_of(ANNA)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_canary_sings_until_the_rules_no_longer_fit() {
    Site::the_canary_sings_until_the_rules_no_longer_fit(start::start().await, "").await;
}
