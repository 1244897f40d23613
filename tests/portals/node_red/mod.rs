//! Node-RED (npm `node-red`): a single-page editor, a bearer token, a WebSocket.

mod doors;
pub mod start;

use self::start::{SECRET, TICK};
use super::app::{ANNA, password_of};
use super::same::{Both, without_gateway};
use super::site::{Site, pass_challenge};
use crate::support::browser::CHALLENGE;
use crate::support::webdriver::Chromium;
use crate::support::{Answer, Browser, PATIENCE, until};

async fn open(two_factor: bool) -> Site {
    Site::open(start::start().await, two_factor).await
}

/// Posts what the editor's login dialog posts.
async fn post_login(browser: &Browser, user: &str, password: &str) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", "node-red-editor")
        .append_pair("grant_type", "password")
        .append_pair("scope", "")
        .append_pair("username", user)
        .append_pair("password", password)
        .finish();
    let kind = "application/x-www-form-urlencoded; charset=UTF-8";
    browser.fetch_with("/auth/token", kind, &body).await
}

fn token_of(answer: &Answer) -> String {
    answer.json()["access_token"]
        .as_str()
        .unwrap_or_else(|| panic!("no token: {}", answer.shown()))
        .to_owned()
}

/// Requests that were neither for the login nor for the editor's shell.
async fn protected_requests(site: &Site) -> Vec<String> {
    let mut requests = site.app.requests().await;
    requests.retain(|line| {
        let target = line.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let open = ["/", "/favicon.ico", "/auth/login", "/auth/token", "/theme"];
        let below = ["/locales/", "/red/", "/vendor/", "/types/"];
        !open.contains(&path) && !below.iter().any(|prefix| path.starts_with(prefix))
    });
    requests
}

/// Types name and password into the editor's dialog.
async fn password(chromium: &Chromium) {
    chromium.fill("#node-dialog-login-username", ANNA).await;
    chromium
        .fill("#node-dialog-login-password", password_of(ANNA))
        .await;
    chromium.click("#node-dialog-login-submit").await;
}

/// The editor shows the flow, and its WebSocket brings what the flow says each second.
async fn is_alive(chromium: &Chromium) {
    until("the flow is shown", PATIENCE, || async {
        let shown = chromium
            .script(
                "return !!(window.RED && RED.nodes && RED.nodes.workspace && RED.nodes.workspace('works'))",
            )
            .await;
        (shown == true).then_some(())
    })
    .await;
    chromium
        .script(
            "window.ticks = []; RED.comms.subscribe('debug', (topic, said) => window.ticks.push(said.msg))",
        )
        .await;
    until("the flow ticks over the WebSocket", PATIENCE, || async {
        let ticks = chromium.script("return window.ticks").await;
        let ticks = ticks.as_array()?;
        (ticks.len() > 1 && ticks.iter().any(|tick| tick == TICK)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firm_that_asks_for_nothing_works_as_without_a_gateway() {
    let site = open(false).await;
    let chromium = Chromium::open().await;
    chromium.go(&site.at("/")).await;
    password(&chromium).await;
    is_alive(&chromium).await;
    assert!(
        !chromium.url().await.contains("/.doorstep/"),
        "{}",
        chromium.url().await
    );
    chromium.close().await;

    let (direct, through) = (without_gateway(&site), Browser::at(&site.gateway));
    let theirs = token_of(&post_login(&direct, ANNA, password_of(ANNA)).await.expect(200));
    let ours = token_of(&post_login(&through, ANNA, password_of(ANNA)).await.expect(200));
    let both = Both {
        direct: direct.also("authorization", &format!("Bearer {theirs}")),
        through: through.also("authorization", &format!("Bearer {ours}")),
        by_script: true,
        settle: str::to_owned,
    };
    for path in [
        "/flows",
        "/settings",
        "/settings/user",
        "/nodes",
        "/icons",
        "/theme",
        "/auth/login",
        "/red/red.min.js",
        "/vendor/vendor.js",
        "/favicon.ico",
        "/locales/editor?lng=en-US",
        "/nothing",
    ] {
        both.same(path, &[]).await;
    }
    let json = [("accept", "application/json")];
    assert!(both.same("/flows", &json).await.holds(SECRET));
    let part = [("range", "bytes=10-99")];
    assert_eq!(both.same("/vendor/vendor.js", &part).await.status, 206);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firm_that_asks_steps_up_and_signs_in_again_with_its_factor() {
    let mut site = open(true).await;
    let chromium = Chromium::open().await;
    chromium.go(&site.at("/")).await;
    password(&chromium).await;
    chromium
        .until_at("the challenge", |url| url.contains(CHALLENGE))
        .await;
    let seen = protected_requests(&site).await;
    // who-am-I, and nothing else
    assert!(seen.iter().all(|line| line == "GET /settings"), "{seen:?}");
    let kept = chromium.script("return JSON.stringify(localStorage)").await;
    assert!(!kept.to_string().contains("access_token"), "{kept}");
    pass_challenge(&chromium, &mut site.anna).await;
    chromium
        .until_at("the editor", |url| !url.contains("/.doorstep/"))
        .await;
    password(&chromium).await;
    is_alive(&chromium).await;
    // out again, by the editor's own way
    chromium
        .script("return fetch('auth/revoke', {method: 'POST', headers: {'Content-Type': 'application/x-www-form-urlencoded', 'Authorization': 'Bearer ' + RED.settings.get('auth-tokens').access_token}, body: 'token=' + encodeURIComponent(RED.settings.get('auth-tokens').access_token)}).then(a => a.status)")
        .await;
    let answer = chromium.script("return fetch('flows').then(a => a.status)").await;
    assert_eq!(answer, 401);
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_gets_node_reds_own_answer() {
    let site = open(true).await;
    let browser = Browser::at(&site.gateway);
    let answer = post_login(&browser, ANNA, "wrong").await.expect(403);
    assert_eq!(answer.json()["error"], "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_canary_sings_until_the_rules_no_longer_fit() {
    Site::the_canary_sings_until_the_rules_no_longer_fit(
        start::start().await,
        "client_id = \"node-red-editor\", grant_type = \"password\", scope = \"\"",
    )
    .await;
}
