//! Django's admin (PyPI `django`): a form, a session cookie beside a CSRF cookie, logout by POST.

mod doors;
pub mod start;

use super::app::{ANNA, password_of};
use super::same::{Both, without_gateway};
use super::site::{Site, pass_challenge};
use crate::support::webdriver::Chromium;
use crate::support::world::ANNA_PHONE;
use crate::support::{Answer, Browser, PATIENCE, last_sms, page, until};

const LOGIN: &str = "/admin/login/";
const DEEP_LINK: &str = "/admin/auth/user/";
/// Stands on every page of the admin that somebody signed in sees, and on no other.
const INSIDE: &str = "user-tools";
const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";
const SIGN_IN: &str = "form[action$='challenge/verify'] button";
const SMS: &str = "form[action$='challenge/sms'] button";

async fn open(two_factor: bool) -> Site {
    Site::open(start::start().await, two_factor).await
}

/// Requests that were neither for the login page nor for what it is made of.
async fn protected_requests(site: &Site) -> Vec<String> {
    let mut requests = site.app.requests().await;
    requests.retain(|line| !line.contains(" /admin/login/") && !line.contains(" /static/"));
    requests
}

/// Sends Django's form, as its page has it.
async fn post_login(browser: &Browser, path: &str, user: &str, password: &str) -> Answer {
    let form = page::forms(&browser.get(LOGIN).await.text()).into_iter().next();
    let csrf = form
        .and_then(|form| {
            form.fields
                .into_iter()
                .find(|(name, _)| name == "csrfmiddlewaretoken")
        })
        .map_or_else(String::new, |(_, value)| value);
    let fields = [
        ("csrfmiddlewaretoken", csrf.as_str()),
        ("username", user),
        ("password", password),
    ];
    browser.post(path, &fields).await
}

/// Follows the deep link, and types the password into Django's own page.
async fn password(site: &Site, chromium: &Chromium) {
    chromium.go(&site.at(DEEP_LINK)).await;
    chromium
        .until_at("Django's login", |url| url.contains(LOGIN))
        .await;
    chromium.fill("#id_username", ANNA).await;
    chromium.fill("#id_password", password_of(ANNA)).await;
    chromium.click("input[type=submit]").await;
}

async fn arrives_at_the_deep_link(chromium: &Chromium) {
    chromium
        .until_at("the deep link", |url| url.ends_with(DEEP_LINK))
        .await;
    let heading = chromium.text("#content h1").await;
    assert!(heading.contains("Select user"), "{heading}");
    let names = chromium.cookie_names().await;
    assert!(
        !names.contains(&"sessionid".to_owned()),
        "the portal's session is out: {names:?}"
    );
}

/// Django masks its CSRF token anew in each page, and signs in at another second.
fn settle(page: &str) -> String {
    let mut lines: Vec<&str> = page.lines().collect();
    lines.retain(|line| !line.contains("csrfmiddlewaretoken") && !line.contains("Last login"));
    let kept = lines.join("\n");
    // the moment of the last login stands in the list of users' form fields
    kept.split("id_last_login").next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firm_that_asks_for_nothing_works_as_without_a_gateway() {
    let site = open(false).await;
    let chromium = Chromium::open().await;
    password(&site, &chromium).await;
    arrives_at_the_deep_link(&chromium).await;
    // Django's own form, with its CSRF token: another employee's page is changed
    chromium.go(&site.at("/admin/auth/user/2/change/")).await;
    chromium.fill("#id_first_name", "Benjamin").await;
    chromium.click("input[name=_save]").await;
    chromium.until_shown("was changed successfully").await;
    assert!(
        !chromium.source().await.contains("/.doorstep/"),
        "a trace of the gateway"
    );
    chromium.close().await;

    let both = Both {
        direct: without_gateway(&site),
        through: Browser::at(&site.gateway),
        by_script: false,
        settle,
    };
    for browser in [&both.direct, &both.through] {
        post_login(browser, LOGIN, ANNA, password_of(ANNA))
            .await
            .expect(302);
    }
    for path in [
        "/admin/",
        DEEP_LINK,
        "/admin/auth/user/2/change/",
        "/admin/auth/user/2/history/",
        "/admin/auth/group/",
        "/admin/auth/user",
        "/admin/nothing/",
        "/admin/jsi18n/",
        "/static/admin/css/base.css",
        "/static/admin/js/core.js",
        "/static/nothing.css",
    ] {
        both.same(path, &[]).await;
    }
    let css = both.same("/static/admin/css/base.css", &[]).await;
    let since = [("if-modified-since", css.header("last-modified"))];
    assert_eq!(both.same("/static/admin/css/base.css", &since).await.status, 304);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_from_an_app_leads_to_the_deep_link() {
    let mut site = open(true).await;
    let chromium = Chromium::open().await;
    password(&site, &chromium).await;
    chromium
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    chromium.picture("challenge", 1280, 800).await;
    chromium.picture("challenge", 360, 740).await;
    let width = chromium
        .script("return document.documentElement.scrollWidth")
        .await;
    let shown = chromium
        .script("return document.documentElement.clientWidth")
        .await;
    assert!(
        width.as_u64() <= shown.as_u64(),
        "scrolls sideways: {width} > {shown}"
    );
    assert_eq!(chromium.text(SIGN_IN).await, "Sign In");
    assert!(chromium.source().await.contains("Token or Security Key"));
    let seen = protected_requests(&site).await;
    assert!(seen.is_empty(), "{seen:?}");

    chromium.fill(TOKEN, &site.anna.wrong()).await;
    chromium.click(SIGN_IN).await;
    chromium.until_shown("That token is not right").await;
    assert!(chromium.has("[role=alert]").await);
    chromium.picture("challenge-wrong", 360, 740).await;
    pass_challenge(&chromium, &mut site.anna).await;
    arrives_at_the_deep_link(&chromium).await;

    // Django's own forms and its CSRF cookie work behind the gateway
    chromium.click("#logout-form button").await;
    chromium
        .until_at("signed out", |url| !url.ends_with(DEEP_LINK))
        .await;
    chromium.go(&site.at(DEEP_LINK)).await;
    chromium
        .until_at("Django's login", |url| url.contains(LOGIN))
        .await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_from_an_sms_leads_to_the_deep_link() {
    let site = open(true).await;
    let chromium = Chromium::open().await;
    password(&site, &chromium).await;
    chromium
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    let sms = site.gateway.sms_file();
    assert!(last_sms(&sms, ANNA_PHONE).is_none(), "nobody has asked yet");
    chromium.click(SMS).await;
    let token = until("the SMS is out", PATIENCE, || async {
        last_sms(&sms, ANNA_PHONE)
    })
    .await;
    chromium.picture("challenge-sms-sent", 1280, 800).await;
    chromium.fill(TOKEN, &token).await;
    chromium.click(SIGN_IN).await;
    arrives_at_the_deep_link(&chromium).await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_gets_djangos_own_page() {
    let site = open(true).await;
    let browser = Browser::at(&site.gateway);
    let answer = post_login(&browser, LOGIN, ANNA, "wrong").await.expect(200);
    assert!(
        answer.text().contains("Please enter the correct"),
        "{}",
        answer.shown()
    );
    // a stale CSRF token: Django's own answer too
    let stale = [
        ("csrfmiddlewaretoken", "x"),
        ("username", ANNA),
        ("password", "x"),
    ];
    browser.post(LOGIN, &stale).await.expect(403);
    assert!(protected_requests(&site).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_canary_sings_until_the_rules_no_longer_fit() {
    Site::the_canary_sings_until_the_rules_no_longer_fit(start::start().await, "").await;
}
