//! THREATS F7 and what else scripts and frames could do with doorstep's own pages: nothing that was sent stands in
//! them, no frame holds them, no cache keeps them, no worker script covers them.

use crate::support::portal::{Knobs, Reply};
use crate::support::world::BEN;
use crate::support::{Browser, StoreKind, World};

const CANARY: &str = "reflected-canary";

fn pages() -> Vec<String> {
    let paths = [
        "challenge",
        "challenge/status",
        "challenge/verify",
        "challenge/sms",
        "enroll/totp",
        "enroll/push",
        "enroll/recovery",
        "lost-phone",
        "account",
        "admin/",
        "admin/employees",
        "admin/two-factor",
        "admin/audit",
        "phone/",
        "logout",
        "callbacks/authy",
        "nothing-of-that-name",
    ];
    let tails = [
        String::new(),
        format!("?q=%3Cscript%3E{CANARY}%3C/script%3E"),
        format!("?next=//{CANARY}.example/&location=https://{CANARY}.example&error={CANARY}&msg={CANARY}"),
        format!("/{CANARY}"),
        format!("/%22%3E%3Cimg%20src=x%20onerror={CANARY}%3E"),
    ];
    paths
        .iter()
        .flat_map(|path| tails.iter().map(move |tail| format!("/.doorstep/{path}{tail}")))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_own_pages_reflect_nothing_and_stand_in_no_frame_or_cache() {
    let mut world = World::new(StoreKind::Memory).await;
    let waiting = world.browser();
    waiting.password(BEN).await.expect(303);
    let anna = world.anna_signed_in().await;
    let strange = |browser: Browser| browser.with("referer", &format!("https://{CANARY}.example/"));
    let browsers = [strange(world.browser()), strange(waiting), strange(anna)];
    for (number, browser) in browsers.iter().enumerate() {
        for path in pages() {
            let answer = browser.get(&path).await;
            let what = format!("{number} {path}: {}", answer.shown());
            let said = answer.text();
            let reflected = said.contains(CANARY) || answer.location().contains(CANARY);
            // where somebody wanted to go may be kept, inside the portal only
            assert!(!reflected || answer.location().starts_with("/."), "{what}");
            assert!(
                answer.set_cookies().iter().all(|line| !line.contains(CANARY)),
                "{what}"
            );
            assert!(answer.header("cache-control").contains("no-store"), "{what}");
            if !answer.header("content-type").starts_with("text/html") {
                continue;
            }
            let policy = answer.header("content-security-policy");
            for needed in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action",
            ] {
                assert!(policy.contains(needed), "{needed} is missing: {what}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
            assert!(
                !said.contains("<script>") && !said.contains(" onclick="),
                "{what}"
            );
        }
    }
}

/// What is refused before it is classed says why in words of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_refusals_reflect_nothing() {
    let world = World::new(StoreKind::Memory).await;
    let host = world.gateway.address;
    for head in [
        format!("GET /<script>{CANARY}</script> HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /%00{CANARY} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {CANARY}.example\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n{CANARY} : x\r\n\r\n"),
        format!("{CANARY} / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("TRACE /{CANARY} HTTP/1.1\r\nHost: {host}\r\nX: {CANARY}\r\n\r\n"),
        format!(
            "POST /login?{CANARY} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nX-{CANARY}: 1\r\n\r\n"
        ),
    ] {
        let answer = crate::support::raw::raw(host, head.as_bytes()).await;
        assert!(!answer.text().contains(CANARY), "{head}: {}", answer.text());
    }
    let logs = world.gateway.logs();
    assert!(!logs.contains("<script>"), "{logs}");
}

/// A worker script at the root would see every request of own pages too; a portal's answer may not widen one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_no_worker_script_covers_own_pages() {
    let world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.portal = settings
            .portal
            .replace("\"/public/**\"", "\"/public/**\", \"/sw.js\"");
    })
    .await;
    let script = || {
        Reply::new(200)
            .header("content-type", "text/javascript")
            .header("service-worker-allowed", "/")
            .body("self.onfetch = 1")
    };
    for path in ["/sw.js", "/app/sw.js", "/public/sw.js"] {
        world.portal.answer(path, script());
    }
    let olga = world.olga_signed_in().await;
    for browser in [world.browser(), olga] {
        let worker = browser
            .with("service-worker", "script")
            .with("sec-fetch-dest", "serviceworker");
        world.portal.take_seen();
        for path in ["/sw.js", "/sw.js?v=/deep/path", "/sw.js?x=1"] {
            let answer = worker.fetch("GET", path).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.shown());
        }
        assert!(world.portal.seen().is_empty(), "{:?}", world.portal.seen());
        for path in ["/app/sw.js", "/public/sw.js"] {
            let answer = worker.fetch("GET", path).await;
            assert_eq!(
                answer.header("service-worker-allowed"),
                "",
                "{path}: {}",
                answer.shown()
            );
        }
    }
}
