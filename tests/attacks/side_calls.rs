//! THREATS B6 and I9: what doorstep asks of others on its own carries nothing of the browser's, and whatever they
//! answer lets nobody in.

use crate::support::meddler::{Meddler, Mood};
use crate::support::portal::SECRET;
use crate::support::world::{ANNA, BEN, BEN_PHONE};
use crate::support::{Reply, StoreKind, World};

/// Tokens go out by an HTTP provider: the recorder itself, or somebody in between.
async fn with_provider(world: &mut World, address: std::net::SocketAddr) {
    let file = world.gateway.config().to_owned();
    let text = std::fs::read_to_string(&file).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("sms = "))
        .unwrap()
        .to_owned();
    let provider = format!(
        "sms = {{ provider = \"http\", url = \"http://{address}/public/sms\", \
         body = '{{\"to\":\"{{to}}\",\"token\":\"{{token}}\"}}', headers = {{ Content-Type = \"application/json\" }} }}"
    );
    std::fs::write(&file, text.replace(&line, &provider)).unwrap();
    world.gateway.reload("reloaded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b6_a_side_call_carries_nothing_of_the_browsers() {
    let mut world = World::new(StoreKind::Memory).await;
    let address = world.portal.address;
    with_provider(&mut world, address).await;
    world.portal.answer("/public/sms", Reply::new(200).body("ok"));
    let ben = world
        .browser()
        .with("authorization", "Basic YnJvd3NlcjpjYW5hcnk=")
        .with("x-browser", "browser-canary");
    ben.password(BEN).await.expect(303);
    ben.ask_for_sms().await.expect(303);
    let seen = world.portal.last("/public/sms");
    for name in [
        "cookie",
        "authorization",
        "x-browser",
        "origin",
        "referer",
        "x-forwarded-for",
        "x-doorstep-user",
    ] {
        assert!(seen.all(name).is_empty(), "{name}: {seen:?}");
    }
    let token = serde_json::from_slice::<serde_json::Value>(&seen.body).unwrap();
    assert_eq!(token["to"], BEN_PHONE);
    ben.type_token(token["token"].as_str().unwrap()).await.expect(303);
    assert!(ben.get("/app/secret").await.expect(200).holds(SECRET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_provider_in_any_fault_shuts_its_own_factor_only() {
    let mut world = World::new(StoreKind::Memory).await;
    let middle = Meddler::before(world.portal.address).await;
    with_provider(&mut world, middle.address).await;
    world.portal.answer("/public/sms", Reply::new(500).body("broken"));
    for mood in [Mood::Honest, Mood::Refusing, Mood::Rubbish, Mood::Silent] {
        middle.be(mood);
        let anna = world.browser();
        anna.password(ANNA).await.expect(303);
        let answer = anna.ask_for_sms().await;
        assert!(
            answer.status.as_u16() < 500 || answer.status == 503,
            "{mood:?}: {}",
            answer.shown()
        );
        let page = anna.get("/.doorstep/challenge").await.expect(200);
        assert!(!page.holds(SECRET), "{mood:?}");
        anna.get("/app/secret").await.expect(303);
        for empty in ["", "000000"] {
            let answer = anna.type_token(empty).await;
            assert!(
                matches!(answer.status.as_u16(), 422 | 429),
                "{mood:?}: {}",
                answer.shown()
            );
        }
        // her app goes on, in the same challenge
        anna.type_token(&world.anna.fresh().await).await.expect(303);
        assert!(
            anna.get("/app/secret").await.expect(200).holds(SECRET),
            "{mood:?}"
        );
    }
}
