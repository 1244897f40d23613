//! DokuWiki (Debian `dokuwiki`): every page takes a login, a cookie that remembers, and a remote API.

mod doors;
pub mod start;

use self::start::{SECRET, secret_of};
use super::app::{ANNA, password_of};
use super::same::{Both, without_gateway};
use super::site::{Site, pass_challenge};
use crate::support::browser::CHALLENGE;
use crate::support::webdriver::Chromium;
use crate::support::{Answer, Browser};

const START: &str = "/doku.php?id=start";
const OWN: &str = "/doku.php?id=private:anna:notes";

async fn open(two_factor: bool) -> Site {
    Site::open(start::start().await, two_factor).await
}

/// Sends the form as its page has it.
async fn post_login(browser: &Browser, user: &str, password: &str) -> Answer {
    browser.get("/doku.php?do=login").await;
    let fields = [
        ("sectok", ""),
        ("id", "start"),
        ("do", "login"),
        ("u", user),
        ("p", password),
    ];
    browser.post(START, &fields).await
}

/// Types the password into the wiki's own page, on the way to a page.
async fn password(site: &Site, chromium: &Chromium, path: &str) {
    chromium.go(&site.at(path)).await;
    chromium.fill("#dw__login input[name=u]", ANNA).await;
    chromium.fill("#dw__login input[name=p]", password_of(ANNA)).await;
    chromium.click("#dw__login input[name=r]").await;
    chromium.click("#dw__login button").await;
}

/// Requests that were neither for the login nor for what its page is made of.
async fn protected_requests(site: &Site) -> Vec<String> {
    let mut requests = site.app.requests().await;
    requests.retain(|line| {
        let open = [
            "/lib/exe/css.php",
            "/lib/exe/js.php",
            "/lib/exe/jquery.php",
            "/lib/exe/manifest.php",
        ];
        let is_open = open.iter().any(|path| line.contains(path))
            || line.contains(" /lib/tpl/")
            || line.contains(" /lib/images/");
        let is_login = line == "GET /doku.php?do=login"
            // as `learn` has it
            || line == "GET /doku.php?id=start&do=login"
            || line == "POST /doku.php?id=start"
            // who-am-I
            || line == "GET /doku.php?do=recent";
        !is_open && !is_login
    });
    requests
}

/// Tokens, and what is counted anew with each sight of a page ("12 seconds ago").
fn settle(page: &str) -> String {
    let mut settled = String::new();
    for line in page.lines() {
        if ![
            "sectok",
            "indexer.php",
            "taskrunner.php",
            "name=\"date\"",
            "<time datetime=",
        ]
        .iter()
        .any(|word| line.contains(word))
        {
            settled.push_str(line);
            settled.push('\n');
        }
    }
    settled
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firm_that_asks_for_nothing_works_as_without_a_gateway() {
    let site = open(false).await;
    let chromium = Chromium::open().await;
    password(&site, &chromium, START).await;
    chromium.until_shown(SECRET).await;
    assert!(
        !chromium.source().await.contains("/.doorstep/"),
        "a trace of the gateway"
    );
    let names = chromium.cookie_names().await;
    assert!(!names.iter().any(|name| name.starts_with("D")), "{names:?}");
    // a page longer than what is read of a login, saved by the wiki's own form
    chromium
        .go(&site.at("/doku.php?id=private:anna:long&do=edit"))
        .await;
    chromium
        .script(
            "document.querySelector('#wiki__text').value = 'words that u=1 fill & a page;\\n'.repeat(9000)",
        )
        .await;
    chromium.click("#edbtn__save").await;
    chromium.until_shown("words that u=1 fill & a page;").await;
    let file = site.app.file("data/pages/private/anna/long.txt");
    assert!(std::fs::metadata(file).unwrap().len() > 250_000);
    chromium.close().await;

    let both = Both {
        direct: without_gateway(&site),
        through: Browser::at(&site.gateway),
        by_script: false,
        settle,
    };
    for browser in [&both.direct, &both.through] {
        post_login(browser, ANNA, password_of(ANNA)).await.expect(302);
    }
    for path in [
        START,
        OWN,
        "/",
        "/doku.php?id=private:ben:notes",
        "/doku.php?id=start&do=edit",
        "/doku.php?id=start&do=export_raw",
        "/doku.php?id=start&do=revisions",
        "/doku.php?do=search&q=clock",
        "/doku.php?id=nothing",
        "/lib/exe/fetch.php?media=plan.png",
        "/lib/exe/css.php?t=dokuwiki",
        "/lib/tpl/dokuwiki/images/favicon.ico",
        "/lib/exe/js.php?t=dokuwiki",
    ] {
        both.same(path, &[]).await;
    }
    let part = both
        .same("/lib/exe/fetch.php?media=plan.png", &[("range", "bytes=5-99")])
        .await;
    assert_eq!(part.status, 206);
    upload(&both.through).await;
    let file = site.app.file("data/media/private/anna/drawing.png");
    assert_eq!(std::fs::metadata(file).unwrap().len(), 200_008);
}

/// A picture, by the form that the media manager has for browsers without scripts.
async fn upload(browser: &Browser) {
    let page = browser
        .get("/doku.php?id=start&do=media&ns=private:anna&tab_files=upload")
        .await
        .expect(200)
        .text();
    let sectok = page
        .split("name=\"sectok\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a token")
        .to_owned();
    let mut body = Vec::new();
    for (name, value) in [
        ("sectok", sectok.as_str()),
        ("ns", "private:anna"),
        ("mediaid", "drawing.png"),
    ] {
        body.extend_from_slice(
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
        );
    }
    body.extend_from_slice(
        b"--xyz\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"drawing.png\"\r\n\
          Content-Type: image/png\r\n\r\n",
    );
    body.extend_from_slice(&[0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a]);
    body.extend((0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]));
    body.extend_from_slice(b"\r\n--xyz--\r\n");
    let path = "/lib/exe/mediamanager.php?ns=private:anna";
    let answer = browser
        .post_bytes(path, "multipart/form-data; boundary=xyz", body)
        .await;
    assert!(answer.status.is_success(), "{}", answer.shown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firm_that_asks_is_challenged_and_lands_where_it_wanted() {
    let mut site = open(true).await;
    let chromium = Chromium::open().await;
    password(&site, &chromium, OWN).await;
    chromium
        .until_at("the challenge", |url| url.contains(CHALLENGE))
        .await;
    let seen = protected_requests(&site).await;
    assert!(seen.is_empty(), "{seen:?}");
    pass_challenge(&chromium, &mut site.anna).await;
    chromium.until_at("the deep link", |url| url.ends_with(OWN)).await;
    chromium.until_shown(&secret_of(ANNA)).await;
    // out again, by the wiki's own link
    chromium.click("li.logout a, a.logout").await;
    chromium.until_shown("Login").await;
    chromium.go(&site.at(OWN)).await;
    chromium.until_shown("Login").await;
    assert!(!chromium.source().await.contains(&secret_of(ANNA)));
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_gets_the_wikis_own_page() {
    let site = open(true).await;
    let browser = Browser::at(&site.gateway);
    let answer = post_login(&browser, ANNA, "wrong").await.expect(403);
    assert!(answer.holds("dw__login"), "{}", answer.shown());
    let again = post_login(&browser, ANNA, password_of(ANNA)).await;
    again.expect(303).expect_to(CHALLENGE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_canary_sings_until_the_rules_no_longer_fit() {
    Site::the_canary_sings_until_the_rules_no_longer_fit(start::start().await, "").await;
}
