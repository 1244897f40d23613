//! The challenge page: its words, its header, its form.

use std::io::Write as _;

use crate::support::browser::CHALLENGE;
use crate::support::portal::SECRET;
use crate::support::world::{ANNA, BEN, BEN_PHONE, NORA};
use crate::support::{PATIENCE, StoreKind, World, last_sms, page, until};

over_each_store![
    it_asks_one_thing_and_keeps_its_own_house,
    a_wrong_token_is_told_beside_the_field,
    a_token_from_an_sms_signs_in_once_and_the_newest_counts,
    without_a_session_there_is_no_challenge,
    somebody_unknown_here_is_told_so,
    a_form_of_another_site_or_without_its_token_changes_nothing,
];

async fn it_asks_one_thing_and_keeps_its_own_house(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    let answer = browser.get(CHALLENGE).await.expect(200);
    let text = answer.text();
    for words in [
        "Confirm it is you",
        "Token or Security Key",
        "Sign In",
        ANNA,
        "one-time-code",
    ] {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"),
        "{policy}"
    );
    assert!(
        answer.header("cache-control").contains("no-store"),
        "{}",
        answer.shown()
    );
    assert!(
        !text.contains("<script>") && !text.contains(" onclick="),
        "inline script:\n{text}"
    );
    assert!(!answer.holds(SECRET) && !answer.holds("12025550102"));
}

async fn a_wrong_token_is_told_beside_the_field(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    let answer = browser.type_token(&world.anna.wrong()).await.expect(422);
    let text = answer.text();
    assert!(
        text.contains("role=\"alert\"") && text.contains("aria-describedby"),
        "{text}"
    );
    assert!(page::words(&text).contains("That token is not right"), "{text}");
    // the page that says so has its form: the next try needs no other page
    let form = page::form(&text, "challenge/verify");
    let mut anna = world.anna;
    let answer = browser
        .send_challenge_form(&form, &[("token", &anna.fresh().await)])
        .await;
    answer.expect(303);
    assert!(browser.go("/app/secret").await.holds(SECRET));
}

async fn a_token_from_an_sms_signs_in_once_and_the_newest_counts(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    browser.get("/app/deep?link=1").await.expect(303);
    browser.password(BEN).await.expect(303);
    browser.get(CHALLENGE).await.expect(200);
    assert!(
        last_sms(&world.gateway.sms_file(), BEN_PHONE).is_none(),
        "a GET has sent an SMS"
    );
    browser.ask_for_sms().await.expect(303).expect_to(CHALLENGE);
    let file = world.gateway.sms_file();
    let token = until("the SMS", PATIENCE, || async { last_sms(&file, BEN_PHONE) }).await;
    assert!(
        token.len() == 6 && token.bytes().all(|byte| byte.is_ascii_digit()),
        "{token}"
    );
    // within 30 s no second one goes out
    browser.ask_for_sms().await.expect(429);
    browser
        .type_token(&token)
        .await
        .expect(303)
        .expect_to("/app/deep?link=1");
    let other = world.browser();
    other.password(BEN).await.expect(303);
    other.type_token(&token).await.expect(422);
}

async fn without_a_session_there_is_no_challenge(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    let answer = browser.get(CHALLENGE).await.expect(401);
    assert!(answer.text().contains("Sign in again"), "{}", answer.shown());
    let answer = browser
        .fetch("GET", "/.doorstep/challenge/status")
        .await
        .expect(401);
    assert_eq!(answer.json()["error"], "sign_in_required");
}

async fn somebody_unknown_here_is_told_so(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    let answer = browser.password(NORA).await.expect(403);
    assert!(
        page::words(&answer.text()).contains("not known here"),
        "{}",
        answer.shown()
    );
    browser.get("/app/secret").await.expect(303).expect_to("/login");
    assert!(world.portal.protected_seen().is_empty());
}

async fn a_form_of_another_site_or_without_its_token_changes_nothing(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    let form = browser.challenge_form("challenge/verify").await;
    let key = world.anna.fresh().await;
    let foreign = browser
        .via(&world.gateway)
        .with("origin", "http://evil.example")
        .with("sec-fetch-site", "cross-site");
    foreign
        .send_challenge_form(&form, &[("token", &key)])
        .await
        .expect(403);
    let null = browser
        .via(&world.gateway)
        .with("origin", "null")
        .with("sec-fetch-site", "cross-site");
    null.send_challenge_form(&form, &[("token", &key)])
        .await
        .expect(403);
    // no token of the session in the form
    let bare = browser
        .post("/.doorstep/challenge/verify", &[("token", &key)])
        .await;
    assert_eq!(bare.status, 403, "{}", bare.shown());
    browser.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    // the key is not spent by any of it
    browser.type_token(&key).await.expect(303);
}

/// One round trip's worth: HTML, styles and script together at most 14 KB compressed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_visit_is_at_most_14_kb_compressed() {
    let world = World::new(StoreKind::Memory).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303);
    let answer = browser.get(CHALLENGE).await.expect(200);
    let text = answer.text();
    let mut size = packed(text.as_bytes());
    for part in text
        .split(['"', '\''])
        .filter(|part| part.starts_with("/.doorstep/"))
    {
        let named = part.split('?').next().unwrap_or(part);
        if named.ends_with(".css") || named.ends_with(".js") {
            size += packed(&browser.get(part).await.expect(200).body);
        }
    }
    assert!(size <= 14 * 1024, "{size} bytes");
    let outside = text
        .split(['"', '\''])
        .any(|part| part.starts_with("http") && !part.contains("www.w3.org"));
    assert!(!outside, "something comes from another origin:\n{text}");
}

fn packed(bytes: &[u8]) -> usize {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap().len()
}
