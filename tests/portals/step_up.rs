//! `step_up_script`: a small script in the portal's HTML pages, and in nothing else.

use crate::support::portal::{Knobs, SECRET};
use crate::support::world::ANNA;
use crate::support::{Answer, Browser, Reply, StoreKind, World};

const SCRIPT: &str = "<script src=\"/.doorstep/assets/step-up.";
const PAGE: &str =
    "<!doctype html>\n<html lang=en><head><title>App</title></head><body>caf\u{e9}</body></html>";

async fn world() -> World {
    World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.portal += "step_up_script = true\n";
    })
    .await
}

fn page() -> Reply {
    Reply::new(200)
        .header("Content-Type", "text/html; charset=utf-8")
        .header("ETag", "\"one\"")
        .header("Last-Modified", "Tue, 24 Nov 2026 10:00:00 GMT")
        .header("Accept-Ranges", "bytes")
        .body(PAGE)
}

/// Without the script's element.
fn without_script(answer: &Answer) -> String {
    let text = answer.text();
    let Some((before, rest)) = text.split_once("<script src=\"/.doorstep/") else {
        return text;
    };
    let (_, after) = rest.split_once("</script>").expect("the element ends");
    format!("{before}{after}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stands_first_in_the_head_and_the_rest_is_as_it_was() {
    let mut world = world().await;
    world.portal.answer("/public/app", page());
    world.portal.answer(
        "/app/page",
        page().framed(crate::support::portal::Framing::Chunked),
    );
    let anna = world.anna_signed_in().await;
    for path in ["/public/app", "/app/page"] {
        let answer = anna.get(path).await.expect(200);
        assert!(
            answer.text().contains(&format!("<head>{SCRIPT}")),
            "{path}: {}",
            answer.shown()
        );
        assert_eq!(without_script(&answer), PAGE, "{path}");
        assert_eq!(world.portal.last(path).header("accept-encoding"), "identity");
        for name in ["accept-ranges", "last-modified"] {
            assert_eq!(answer.header(name), "", "{path}: {name}");
        }
    }
    let text = anna.get("/public/app").await.text();
    let address = text
        .split('"')
        .find(|part| part.starts_with("/.doorstep/"))
        .unwrap();
    // to strangers as well: they too meet the challenge by a script of a public page
    let script = world.browser().get(address).await.expect(200);
    assert!(script.header("content-type").starts_with("text/javascript"));
    assert!(script.header("cache-control").contains("immutable"));
    assert_eq!(script.header("x-content-type-options"), "nosniff");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_no_page_passes_untouched() {
    let world = world().await;
    let browser = world.browser();
    let html = "text/html; charset=utf-8";
    let of = |kind: &str| Reply::new(200).header("Content-Type", kind).body(PAGE);
    for (what, reply) in [
        ("plain text", of("text/plain")),
        ("JSON", of("application/json")),
        ("UTF-16", of("text/html; charset=utf-16")),
        ("gzip all the same", of(html).gzip()),
        (
            "a part",
            Reply::new(206)
                .header("Content-Type", html)
                .header("Content-Range", "bytes 0-3/9")
                .body(PAGE),
        ),
        (
            "a download",
            of(html).header("Content-Disposition", "attachment; filename=\"a.html\""),
        ),
        (
            "a strict policy",
            of(html).header("Content-Security-Policy", "script-src 'sha256-abc='"),
        ),
    ] {
        let sent = reply.body.clone();
        world.portal.answer("/public/app", reply);
        let answer = browser.get("/public/app").await;
        assert_eq!(answer.body, sent, "{what}");
        assert_eq!(answer.header("content-length"), sent.len().to_string(), "{what}");
    }
    world.portal.answer("/public/app", page());
    let answer = browser.fetch("GET", "/public/app").await.expect(200);
    assert_eq!(
        (answer.text().as_str(), answer.header("etag")),
        (PAGE, "\"one\""),
        "a script's"
    );
    assert_eq!(world.portal.last("/public/app").header("accept-encoding"), "gzip");
    let answer = browser.ask("HEAD", "/public/app").await.expect(200);
    assert_eq!(answer.header("content-length"), PAGE.len().to_string(), "HEAD");
    world
        .portal
        .answer("/public/app", Reply::redirect(302, "/public/other"));
    browser.get("/public/app").await.expect(302);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_of_the_pages_own_policy_is_taken_over() {
    let world = world().await;
    let policy = "default-src 'self'; script-src 'nonce-b64+/=' 'strict-dynamic'";
    world
        .portal
        .answer("/public/app", page().header("Content-Security-Policy", policy));
    let answer = world.browser().get("/public/app").await.expect(200);
    assert!(
        answer.text().contains(".js\" nonce=\"b64+/=\"></script>"),
        "{}",
        answer.shown()
    );
    assert_eq!(answer.header("content-security-policy"), policy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_revalidates_only_copies_that_have_the_script() {
    let world = world().await;
    world.portal.answer("/public/app", page());
    let browser = world.browser();
    let etag = browser
        .get("/public/app")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    assert!(etag.starts_with("W/\"one--"), "{etag}");
    let asking = |validator: &str| {
        browser
            .via(&world.gateway)
            .with("if-none-match", validator)
            .with("if-modified-since", "Tue, 24 Nov 2026 10:00:00 GMT")
    };
    world
        .portal
        .answer("/public/app", Reply::new(304).header("ETag", "\"one\""));
    let answer = asking(&etag).get("/public/app").await.expect(304);
    assert_eq!(answer.header("etag"), etag);
    let seen = world.portal.last("/public/app");
    assert_eq!(
        (seen.header("if-none-match"), seen.header("if-modified-since")),
        ("W/\"one\"", "")
    );
    asking("\"one\"").get("/public/app").await;
    let seen = world.portal.last("/public/app");
    assert_eq!(
        (seen.header("if-none-match"), seen.header("if-modified-since")),
        ("", "")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_page_passes_in_constant_memory() {
    let mut world = world().await;
    let size = 48 << 20;
    let mut body = PAGE.as_bytes().to_vec();
    body.resize(size, b' ');
    world.portal.answer("/public/app", page().body(body));
    let browser = world.browser();
    browser.get("/public/small").await.expect(200);
    let before = world.gateway.process().resident_kib();
    let answer = browser.get("/public/app").await.expect(200);
    let after = world.gateway.process().resident_kib();
    assert!(answer.body.len() > size && answer.text().contains(SCRIPT));
    assert!(
        after < before + 24 * 1024,
        "{before} KiB before, {after} KiB after"
    );
}

/// The page's place comes with its script's way to the challenge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_comes_back_to_the_place_with_its_fragment() {
    let mut world = world().await;
    let browser = world.browser();
    browser.get("/app/first").await.expect(303);
    browser.password(ANNA).await.expect(303);
    let next = "/.doorstep/challenge?next=%2Fapp%2Fx%3Fid%3D7%23%2Froute";
    browser
        .get(next)
        .await
        .expect(303)
        .expect_to("/.doorstep/challenge");
    let foreign = browser.via(&world.gateway).with("sec-fetch-site", "cross-site");
    foreign
        .get("/.doorstep/challenge?next=/app/elsewhere")
        .await
        .expect(200);
    browser
        .get("/.doorstep/challenge?next=//evil.example/")
        .await
        .expect(200);
    let key = world.anna.fresh().await;
    browser
        .type_token(&key)
        .await
        .expect(303)
        .expect_to("/app/x?id=7#/route");
    assert!(browser.get("/app/x").await.holds(SECRET));
    browser
        .get(next)
        .await
        .expect(303)
        .expect_to("/app/x?id=7#/route");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_key_pages_are_as_the_portal_made_them() {
    let world = World::new(StoreKind::Memory).await;
    world.portal.answer("/public/app", page());
    let browser: Browser = world.browser();
    let answer = browser.get("/public/app").await.expect(200);
    assert_eq!((answer.text().as_str(), answer.header("etag")), (PAGE, "\"one\""));
    assert_eq!(world.portal.last("/public/app").header("accept-encoding"), "gzip");
}
