//! Ways in beside the front door, and ways to somebody else's pages from within.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::app::{ANNA, BEN, password_of};
use super::super::same::directly;
use super::super::site::{Site, pass_challenge};
use super::{
    DEEP_LINK, INSIDE, LOGIN, arrives_at_the_deep_link, open, password, post_login, protected_requests,
};
use crate::support::Browser;
use crate::support::browser::CHALLENGE;
use crate::support::webdriver::Chromium;

/// On each page of somebody signed in.
fn greeting(user: &str) -> String {
    format!("<strong>{}</strong>", user.to_uppercase())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_password_alone_never_sees_a_protected_byte() {
    let mut site = open(true).await;
    let chromium = Chromium::open().await;
    password(&site, &chromium).await;
    pass_challenge(&chromium, &mut site.anna).await;
    arrives_at_the_deep_link(&chromium).await;
    // a browser asks for its favicon whenever it likes
    chromium.close().await;
    let before = protected_requests(&site).await.len();

    let thief = Chromium::open().await;
    password(&site, &thief).await;
    thief
        .until_at("the challenge", |url| url.contains(CHALLENGE))
        .await;
    for path in [
        "/admin/",
        DEEP_LINK,
        "/admin/auth/user/1/change/",
        "/admin/auth/group/",
        "/admin/jsi18n/",
        "/admin/password_change/",
        "/admin/login/../auth/user/",
        "/static/../admin/",
    ] {
        thief.go(&site.at(path)).await;
        let source = thief.source().await;
        assert!(
            !source.contains(INSIDE) && !source.contains("ben@django.example"),
            "{path}:\n{source}"
        );
    }
    thief.close().await;
    other_doors(&site).await;
    let after = protected_requests(&site).await;
    assert_eq!(after.len(), before, "{after:?}");
}

/// By HTTP alone: other credentials, other spellings, a session made elsewhere.
async fn other_doors(site: &Site) {
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("{ANNA}:{}", password_of(ANNA)))
    );
    let elsewhere = directly(&site.app);
    post_login(&elsewhere, LOGIN, ANNA, password_of(ANNA))
        .await
        .expect(302);
    let session = elsewhere.cookie("sessionid").expect("a session");
    for owes in [false, true] {
        let thief = Browser::at(&site.gateway);
        if owes {
            post_login(&thief, LOGIN, ANNA, password_of(ANNA))
                .await
                .expect(303)
                .expect_to(CHALLENGE);
        }
        thief.set_cookie(&format!("sessionid={session}; Path=/"));
        for browser in [&thief, &thief.also("authorization", &basic)] {
            for path in [
                "/admin/",
                DEEP_LINK,
                "/admin/?sessionid=1",
                "/admin/login/?next=/admin/",
            ] {
                let answer = browser.go(path).await;
                assert!(!answer.holds(INSIDE), "{}", answer.shown());
            }
        }
        for path in [
            "/admin/login",
            "/admin/",
            "/admin/login/x",
            "//admin/login/",
            "/admin/./login/",
        ] {
            let answer = post_login(&thief, path, ANNA, password_of(ANNA)).await;
            assert!(
                !answer.holds(INSIDE) && !answer.holds("sessionid"),
                "{}",
                answer.shown()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_nobody_becomes_somebody_else_inside_a_session() {
    let mut site = open(true).await;
    let elsewhere = directly(&site.app);
    post_login(&elsewhere, LOGIN, BEN, password_of(BEN))
        .await
        .expect(302);
    let stolen = elsewhere.cookie("sessionid").expect("a session");
    let basic = format!("Basic {}", STANDARD.encode(format!("{BEN}:{}", password_of(BEN))));
    let anna = Browser::at(&site.gateway);
    post_login(&anna, LOGIN, ANNA, password_of(ANNA))
        .await
        .expect(303);
    anna.type_token(&site.anna.fresh().await).await.expect(303);
    assert!(anna.get("/admin/").await.expect(200).holds(&greeting(ANNA)));

    anna.set_cookie(&format!("sessionid={stolen}; Path=/"));
    for browser in [&anna, &anna.also("authorization", &basic)] {
        let page = browser.get("/admin/").await.expect(200);
        assert!(
            page.holds(&greeting(ANNA)) && !page.holds(&greeting(BEN)),
            "{}",
            page.shown()
        );
    }
    // The second form: Django shows none to somebody signed in, but takes what is posted to it.
    let csrf = anna.cookie("csrftoken").expect("for scripts");
    let fields = [
        ("csrfmiddlewaretoken", csrf.as_str()),
        ("username", BEN),
        ("password", password_of(BEN)),
    ];
    for path in [
        "/admin/login",
        "/admin/login/../login/",
        "/admin/login/?username=anna",
    ] {
        let answer = anna.post(path, &fields).await;
        assert!(answer.status.is_client_error(), "{}", answer.shown());
    }
    assert!(anna.get("/admin/").await.expect(200).holds(&greeting(ANNA)));
    anna.post("/admin/login/?next=/admin/", &fields)
        .await
        .expect(303)
        .expect_to("/admin/login/?next=%2F");
    let ended = anna.get("/admin/").await.expect(303);
    assert!(!ended.holds(INSIDE), "{}", ended.shown());
    let logins = site.app.requests().await;
    let sent = logins
        .iter()
        .filter(|line| line.starts_with("POST /admin/login/"))
        .count();
    assert_eq!(sent, 2, "the login of another was sent: {logins:?}");
}
