//! I11: what only the gateway may say, nobody else says.

use crate::support::portal::SECRET;
use crate::support::world::ANNA;
use crate::support::{StoreKind, World};

const SPOOFS: [&str; 27] = [
    "x-doorstep-user",
    "x_doorstep_user",
    "x-doorstep_user",
    "X-DOORSTEP-LEVEL",
    "x-identity",
    "x_identity",
    "x-forwarded-for",
    "x_forwarded_for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-forwarded-prefix",
    "x-original-url",
    "x-rewrite-url",
    "forwarded",
    "x-real-ip",
    "x-original-uri",
    "x-original-method",
    "x-script-name",
    "X-Script_Name",
    "script-name",
    "SCRIPT_NAME",
    "client-ip",
    "true_client_ip",
    "CF-Connecting-IP",
    "x-client-ip",
    "x-cluster-client-ip",
];

over_each_store![
    i11_spoofed_headers_are_gone_on_every_route,
    i11_a_header_opens_no_path,
    i11_the_portal_is_told_who_asks_and_from_where,
    i11_a_trusted_proxys_word_counts_up_to_the_last_untrusted_address,
];

async fn i11_spoofed_headers_are_gone_on_every_route(kind: StoreKind) {
    let mut world = World::with(kind, Default::default(), |settings| {
        settings.portal += "identity_header = \"X-Identity\"\n";
    })
    .await;
    let anna = world.anna_signed_in().await;
    let mut spoofing = anna.via(&world.gateway);
    for name in SPOOFS {
        spoofing = spoofing.with(name, "spoof-canary");
    }
    world.portal.take_seen();
    spoofing.get("/app/secret").await.expect(200);
    spoofing.get("/public/ping").await.expect(200);
    spoofing.forget();
    spoofing.get("/public/ping").await.expect(200);
    spoofing.type_password(ANNA, "wrong").await;
    let seen = world.portal.take_seen();
    assert!(seen.len() >= 4);
    for request in &seen {
        let spoofed: Vec<_> = request
            .headers
            .iter()
            .filter(|(_, value)| value.contains("spoof-canary"))
            .collect();
        assert!(
            spoofed.is_empty(),
            "{} {}: {spoofed:?}",
            request.method,
            request.target
        );
    }
    let inside = seen
        .iter()
        .find(|request| request.path() == "/app/secret")
        .unwrap();
    assert_eq!(inside.all("x-identity"), [ANNA]);
    assert!(
        seen.iter()
            .filter(|request| request.path() == "/public/ping")
            .all(|request| { request.all("x-identity").iter().all(|value| *value == ANNA) })
    );
}

async fn i11_a_header_opens_no_path(kind: StoreKind) {
    let world = World::new(kind).await;
    for name in SPOOFS {
        let browser = world.browser().with(name, "/public/ping");
        let answer = browser.get("/app/secret").await;
        assert!(
            !answer.holds(SECRET) && !answer.status.is_success(),
            "{name}: {}",
            answer.shown()
        );
    }
    for (name, value) in [
        ("user-agent", "kube-probe/1.30"),
        ("x-skip-2fa", "1"),
        ("x-http-method-override", "GET"),
    ] {
        let browser = world.browser().with(name, value);
        assert!(!browser.get("/app/secret").await.status.is_success(), "{name}");
    }
    assert!(world.portal.seen().is_empty(), "{:?}", world.portal.seen());
}

async fn i11_the_portal_is_told_who_asks_and_from_where(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    anna.get("/app/secret").await.expect(200);
    let seen = world.portal.last("/app/secret");
    assert_eq!(seen.all("host"), [world.gateway.address.to_string()]);
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"], "{seen:?}");
    assert_eq!(seen.all("x-forwarded-proto"), ["http"]);
}

async fn i11_a_trusted_proxys_word_counts_up_to_the_last_untrusted_address(kind: StoreKind) {
    let mut world = World::with(kind, Default::default(), |settings| {
        settings.listen = "trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n".into();
    })
    .await;
    let anna = world
        .anna_signed_in()
        .await
        .with("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.1.1.1");
    anna.get("/app/secret").await.expect(200);
    let seen = world.portal.last("/app/secret");
    assert!(!seen.header("x-forwarded-for").contains("1.1.1.1,"), "{seen:?}");
    assert!(seen.header("x-forwarded-for").contains("203.0.113.9"), "{seen:?}");
}
