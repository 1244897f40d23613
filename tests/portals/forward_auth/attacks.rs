//! THREATS B1 and its kin: who asks, about which request, and in whose name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Kind, Site};
use crate::support::portal::{SECRET, password_of};
use crate::support::world::{ANNA, BEN, OLGA};
use crate::support::{Answer, Browser};

const AUTH: &str = "/.doorstep/auth";

/// As a proxy of Traefik's and Caddy's kind asks.
fn asking(site: &Site, method: &str, uri: &str) -> Browser {
    site.beside()
        .with("x-forwarded-method", method)
        .with("x-forwarded-uri", uri)
        .with(
            "x-forwarded-host",
            site.gateway.origin.strip_prefix("http://").unwrap(),
        )
}

async fn asked(site: &Site, headers: &[(&str, &str)]) -> Answer {
    let mut browser = site.beside();
    for (name, value) in headers {
        browser = browser.with(name, value);
    }
    browser.get(AUTH).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_only_a_trusted_proxy_is_answered() {
    let site = Site::with(Kind::Caddy, |_| {}).await;
    let mut elsewhere = site.gateway.settings.clone();
    elsewhere.listen = "trusted_proxies = [\"192.0.2.0/24\"]\n".into();
    let mut stranger = crate::support::Gateway::prepare(elsewhere);
    stranger.run().await;
    let browser = Browser::at(&stranger)
        .with("x-forwarded-method", "GET")
        .with("x-forwarded-uri", "/public/ping");
    let answer = browser.get(AUTH).await.expect(403);
    assert_eq!(answer.header("x-doorstep-user"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_headers_that_name_two_requests_are_refused() {
    let site = Site::open(Kind::Caddy).await;
    let (get, public, secret) = ("GET", "/public/ping", "/app/secret");
    let forwarded = [("x-forwarded-method", get), ("x-forwarded-uri", public)];
    asked(&site, &forwarded).await.expect(200);
    for more in [
        vec![("x-original-method", get), ("x-original-uri", secret)],
        vec![("x-original-uri", public)],
        vec![("x-original-method", get)],
        vec![("x-original-method", "POST"), ("x-original-uri", public)],
        vec![("x-forwarded-uri", secret)],
        vec![("x-forwarded-uri", public)],
        vec![("x-forwarded-method", get)],
    ] {
        let headers = [&forwarded[..], &more].concat();
        asked(&site, &headers).await.expect(400);
    }
    for half in [
        vec![],
        vec![("x-forwarded-uri", public)],
        vec![("x-original-uri", public)],
        vec![("x-forwarded-method", get), ("x-original-uri", public)],
        vec![("x-forwarded-method", "get"), ("x-forwarded-uri", public)],
        vec![
            ("x-forwarded-method", get),
            ("x-forwarded-uri", "http://evil.example/public/ping"),
        ],
        vec![("x-forwarded-method", get), ("x-forwarded-uri", "")],
        vec![
            ("x-forwarded-method", get),
            ("x-forwarded-uri", "/public/ping#/app/secret"),
        ],
    ] {
        asked(&site, &half).await.expect(400);
    }
    // another host than ours
    let foreign = [&forwarded[..], &[("x-forwarded-host", "evil.example")]].concat();
    asked(&site, &foreign).await.expect(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_the_browsers_own_headers_open_nothing_behind_either_proxy() {
    for kind in [Kind::Nginx, Kind::Caddy] {
        let site = Site::open(kind).await;
        let anna = site.browser();
        anna.password(ANNA).await.expect(302);
        site.portal.take_seen();
        for (method, uri) in [("GET", "/public/ping"), ("GET", "/login"), ("POST", "/login")] {
            for families in [&["forwarded"][..], &["original"], &["forwarded", "original"]] {
                let mut spoofing = Browser::to(&site.gateway.origin, site.front.address)
                    .with("cookie", &anna.cookie_header("/app/secret"));
                for family in families {
                    spoofing = spoofing
                        .with(&format!("x-{family}-method"), method)
                        .with(&format!("x-{family}-uri"), uri);
                }
                let answer = spoofing.get("/app/secret").await;
                assert!(!answer.holds(SECRET), "{kind:?} {families:?}: {}", answer.shown());
                // asking doorstep by themselves tells a browser nothing
                let direct = spoofing.get(AUTH).await;
                assert!(
                    direct.status == 404 || direct.status == 403,
                    "{kind:?}: {}",
                    direct.shown()
                );
            }
        }
        let seen = site.portal.take_seen();
        assert!(
            seen.iter().all(|seen| seen.path() == "/api/me"),
            "{kind:?}: {seen:?}"
        );
        // a name of the browser's own reaches the portal nowhere
        let named = site.browser().with("x-doorstep-user", "root");
        named.get("/public/ping").await.expect(200);
        assert_eq!(
            site.portal.last("/public/ping").header("x-doorstep-user"),
            "",
            "{kind:?}"
        );
        let olga = site.browser();
        olga.password(OLGA).await.expect(302);
        let named = site
            .browser()
            .with("cookie", &olga.cookie_header("/app/secret"))
            .with("x-doorstep-user", "root");
        named.get("/app/secret").await.expect(200);
        assert_eq!(
            site.portal.last("/app/secret").header("x-doorstep-user"),
            OLGA,
            "{kind:?}"
        );
    }
}

/// The portal's cookies are in the browser in this mode, so that a path that is open must be the one that is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_a_header_that_leads_the_portal_to_another_path_or_method_opens_nothing() {
    let site = Site::open(Kind::Caddy).await;
    let anna = site.browser();
    anna.password(ANNA).await.expect(302);
    site.portal.take_seen();
    let cookies = anna.cookie_header("/app/secret");
    for (name, value) in [
        ("x-original-url", "/app/secret"),
        ("x_original_url", "/app/secret"),
        ("x-rewrite-url", "http://portal.example/app/secret"),
        ("x-script-name", "/public"),
        ("script_name", "/public"),
        ("x-http-method-override", "DELETE"),
        ("x_http_method_override", "DELETE"),
    ] {
        let spoofing = Browser::to(&site.gateway.origin, site.front.address)
            .with("cookie", &cookies)
            .with(name, value);
        let answer = spoofing.get("/public/ping").await;
        assert_ne!(answer.status, 200, "{name}: {}", answer.shown());
    }
    let seen = site.portal.take_seen();
    assert!(seen.iter().all(|seen| seen.path() == "/api/me"), "{seen:?}");
    // a proxy that says the path once more
    let origin = &site.gateway.origin;
    for same in ["/public/ping", &format!("{origin}/public/ping")] {
        let agreeing = asking(&site, "GET", "/public/ping").with("x-original-url", same);
        agreeing.get(AUTH).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_session_in_the_address_and_foreign_credentials_pass_for_nobody() {
    let mut site = Site::open(Kind::Caddy).await;
    let anna = site.anna_signed_in().await;
    let ben = site.portal.session_for(crate::support::world::BEN);
    for path in [
        format!("/app/secret?sid={ben}"),
        format!("/app/secret?access_token={ben}"),
        format!("/app/secret;jsessionid={ben}"),
        format!("/app/secret%3BJSESSIONID={ben}"),
    ] {
        let answer = anna.get(&path).await;
        assert!(
            answer.status == 403 || answer.status == 400,
            "{path}: {}",
            answer.shown()
        );
    }
    // who-am-I is asked with them too
    let basic = "Basic b2xnYUBvcGVuLmV4YW1wbGU6b2xnYS1wYXNzd29yZA==";
    let mixed = site
        .browser()
        .with("cookie", &anna.cookie_header("/"))
        .with("authorization", basic);
    mixed.get("/app/secret").await.expect(403);
    let probes: Vec<_> = site.portal.take_seen();
    let asks_with = |cookie: bool, authorization: bool| {
        probes.iter().any(|probe| {
            probe.path() == "/api/me"
                && probe.header("cookie").contains("sid=") == cookie
                && (probe.header("authorization") == basic) == authorization
        })
    };
    assert!(asks_with(true, true) && asks_with(true, false) && asks_with(false, true));
    assert!(
        probes
            .iter()
            .all(|probe| !probe.header("cookie").contains("doorstep"))
    );
}

/// Which of the two a page heeds is the page's affair: who-am-I may heed the other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_two_credentials_have_to_be_one_persons() {
    let mut site = Site::open(Kind::Caddy).await;
    let anna = site.anna_signed_in().await;
    let basic = |login: &str| {
        let pair = format!("{login}:{}", password_of(login));
        format!("Basic {}", STANDARD.encode(pair))
    };
    let cookies = anna.cookie_header("/app/secret");
    for (authorization, status) in [
        (basic(OLGA), 403),
        (basic(BEN), 403),
        ("Bearer nobody-here-knows-it".to_owned(), 403),
        ("Basic bm90OmFuIGFjY291bnQ=".to_owned(), 403),
        (basic(ANNA), 200),
    ] {
        let mixed = site
            .browser()
            .with("cookie", &cookies)
            .with("authorization", &authorization);
        let answer = mixed.get("/app/secret").await;
        assert_eq!(answer.status, status, "{authorization}: {}", answer.shown());
    }
    // a script's token may have run out
    let script = site
        .browser()
        .with("cookie", &cookies)
        .with("authorization", "Bearer has-run-out");
    script.fetch("GET", "/app/data").await.expect(401);
    // nobody's session was ended by that
    anna.get("/app/secret").await.expect(200);
}

/// Strangers are forwarded here: with credentials that who-am-I does not know, they may be none elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_what_who_am_i_does_not_know_is_not_forwarded_for_strangers() {
    let site = Site::with(Kind::Caddy, |settings| {
        settings.portal += "anonymous = \"forward\"\n"
    })
    .await;
    let stranger = site.browser();
    stranger.get("/app/list").await;
    assert_eq!(site.portal.last("/app/list").path(), "/app/list");
    site.portal.take_seen();
    let token = site.browser().with("authorization", "Bearer known-elsewhere");
    token.get("/login").await.expect(200);
    site.portal.take_seen();
    let answer = token.get("/app/list").await;
    assert!(answer.status == 303 || answer.status == 401, "{}", answer.shown());
    let seen = site.portal.take_seen();
    assert!(seen.iter().all(|seen| seen.path() == "/api/me"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoys_and_traefiks_ways_of_asking_are_understood() {
    let mut site = Site::open(Kind::Caddy).await;
    let anna = site.anna_signed_in().await;
    let cookies = anna.cookie_header("/app/secret");
    // Envoy: the request's own method and path, behind a prefix; 200 alone means yes
    let envoy = site.beside().with("cookie", &cookies);
    let answer = envoy.get("/.doorstep/auth/app/secret?a=b").await.expect(200);
    assert_eq!(answer.header("x-doorstep-user"), ANNA);
    site.beside()
        .get("/.doorstep/auth/app/secret")
        .await
        .expect(303)
        .expect_to("/login");
    site.beside().get("/.doorstep/auth/public/ping").await.expect(200);
    site.beside()
        .ask("POST", "/.doorstep/auth/public/ping")
        .await
        .expect(303);
    site.beside()
        .get("/.doorstep/auth/public/../app/secret")
        .await
        .expect(303)
        .expect_to("/login");
    site.beside()
        .get("/.doorstep/auth/public/%2e%2e/app/secret")
        .await
        .expect(303);
    // Traefik: its own address as Host
    let traefik = asking(&site, "GET", "/app/secret").with("cookie", &cookies);
    traefik.get(AUTH).await.expect(200);
    // what is not asked about is not served here
    site.beside().get("/app/secret").await.expect(404);
    // a socket of another site's page
    let socket = asking(&site, "GET", "/app/socket")
        .with("cookie", &cookies)
        .with("sec-websocket-version", "13")
        .with("origin", "http://evil.example");
    socket.get(AUTH).await.expect(403);
}
