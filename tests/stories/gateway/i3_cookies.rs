//! I3: the portal's cookies live in the vault.

use crate::support::portal::{Knobs, SECRET};
use crate::support::world::ANNA;
use crate::support::{Reply, StoreKind, World};

over_each_store![
    i3_only_what_configuration_names_reaches_the_browser,
    i3_nobody_brings_along_a_portal_session,
    i3_the_vault_honours_path_domain_expiry_and_deletion,
    i3_doorsteps_own_names_are_never_the_portals,
    i3_the_vault_follows_a_cookie_that_rotates,
    i3_parallel_rotation_loses_no_other_cookie,
];

async fn i3_only_what_configuration_names_reaches_the_browser(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser.get("/login").await.expect(200);
    assert_eq!(browser.cookie_names(), ["csrftoken", "doorstep"]);
    browser.sign_in(ANNA, &mut world.anna).await;
    browser.go("/app/secret").await.expect(200);
    assert_eq!(browser.cookie_names(), ["csrftoken", "doorstep", "theme"]);
    let seen = world.portal.last("/app/secret");
    assert_eq!(seen.cookie("hidden").as_deref(), Some("kept-in-the-vault"));
    assert_eq!(seen.cookie("theme").as_deref(), Some("dark"));
    assert!(
        seen.cookie("sid")
            .is_some_and(|sid| world.portal.signed_in().contains(&sid))
    );
    assert!(
        seen.cookie("doorstep").is_none(),
        "doorstep's own cookie went up: {seen:?}"
    );
}

async fn i3_nobody_brings_along_a_portal_session(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let stolen = world.portal.session_for(ANNA);
    let nobody = world.browser();
    nobody.set_cookie(&format!("sid={stolen}; Path=/"));
    nobody.get("/app/secret").await.expect(303).expect_to("/login");
    nobody.get("/public/ping").await.expect(200);
    assert!(world.portal.last("/public/ping").cookie("sid").is_none());
    let waiting = world.browser();
    waiting.password(ANNA).await.expect(303);
    waiting.set_cookie(&format!("sid={stolen}; Path=/"));
    assert!(!waiting.go("/app/secret").await.holds(SECRET));
    let carol = world.carol_signed_in().await;
    carol.set_cookie(&format!("sid={stolen}; Path=/"));
    carol.set_cookie("extra=mine; Path=/");
    let page = carol.get("/app/secret").await.expect(200);
    assert!(
        page.holds("carol@acme.example") && !page.holds(ANNA),
        "{}",
        page.shown()
    );
    let seen = world.portal.last("/app/secret");
    assert_eq!(
        seen.all("cookie").join(";").matches("sid=").count(),
        1,
        "{seen:?}"
    );
    assert_ne!(seen.cookie("extra").as_deref(), Some("mine"));
    assert!(
        world
            .portal
            .seen()
            .iter()
            .all(|seen| seen.cookie("sid") != Some(stolen.clone()))
    );
}

async fn i3_the_vault_honours_path_domain_expiry_and_deletion(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let host = world.gateway.address.ip().to_string();
    world.portal.answer(
        "/app/set",
        Reply::page("set")
            .cookie("narrow=1; Path=/app/deep")
            .cookie("wide=1; Path=/")
            .cookie("gone=1; Path=/; Max-Age=0")
            .cookie("past=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
            .cookie(format!("named=1; Path=/; Domain={host}"))
            .cookie("foreign=1; Path=/; Domain=evil.example")
            .cookie("odd=a%2Fb==\"q\"; Path=/"),
    );
    world.portal.answer(
        "/app/clear",
        Reply::page("cleared").cookie("wide=; Path=/; Max-Age=0"),
    );
    let anna = world.anna_signed_in().await;
    let answer = anna.get("/app/set").await.expect(200);
    assert!(
        answer
            .set_cookies()
            .iter()
            .all(|line| line.starts_with("doorstep")),
        "{}",
        answer.shown()
    );
    anna.get("/app/secret").await.expect(200);
    let seen = world.portal.last("/app/secret");
    assert_eq!(seen.cookie("wide").as_deref(), Some("1"));
    assert_eq!(
        seen.cookie("odd").as_deref(),
        Some("a%2Fb==\"q\""),
        "not byte for byte"
    );
    for name in ["narrow", "gone", "past", "foreign"] {
        assert!(seen.cookie(name).is_none(), "{name}: {seen:?}");
    }
    anna.get("/app/deep/x").await.expect(200);
    assert_eq!(
        world.portal.last("/app/deep/x").cookie("narrow").as_deref(),
        Some("1")
    );
    anna.get("/app/clear").await.expect(200);
    anna.get("/app/secret").await.expect(200);
    assert!(world.portal.last("/app/secret").cookie("wide").is_none());
}

async fn i3_doorsteps_own_names_are_never_the_portals(kind: StoreKind) {
    let mut world = World::with(kind, Knobs::default(), |settings| {
        settings.portal = settings
            .portal
            .replace("\"theme\"", "\"d*\"")
            .replace(", \"csrftoken\"", "");
    })
    .await;
    let own = Reply::page("mine")
        .cookie("doorstep=forged; Path=/")
        .cookie("doorstep-device=forged; Path=/");
    world.portal.answer("/app/forge", own);
    let anna = world.anna_signed_in().await;
    let before = anna.session();
    anna.get("/app/forge").await.expect(200);
    assert_eq!(anna.session(), before);
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
    assert!(
        world
            .portal
            .seen()
            .iter()
            .all(|seen| seen.cookie("doorstep").is_none())
    );
}

async fn i3_the_vault_follows_a_cookie_that_rotates(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    world.portal.set(|knobs| knobs.rotates = true);
    let mut used = Vec::new();
    for step in 0..5 {
        let path = format!("/app/step{step}");
        anna.get(&path).await.expect(200);
        used.push(world.portal.last(&path).cookie("sid").unwrap());
    }
    used.dedup();
    assert_eq!(used.len(), 5, "a rotated cookie was not followed: {used:?}");
}

async fn i3_parallel_rotation_loses_no_other_cookie(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    for number in 0..12 {
        let reply = Reply::page("one").cookie(format!("part{number}=kept; Path=/"));
        world.portal.answer(&format!("/app/part{number}"), reply);
    }
    let paths: Vec<String> = (0..12).map(|number| format!("/app/part{number}")).collect();
    let all = paths.iter().map(|path| anna.get(path));
    for answer in futures_util::future::join_all(all).await {
        answer.expect(200);
    }
    anna.get("/app/secret").await.expect(200);
    let seen = world.portal.last("/app/secret");
    let lost: Vec<usize> = (0..12)
        .filter(|number| seen.cookie(&format!("part{number}")).is_none())
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?} in {seen:?}");
}
