//! The place that a trusted proxy names stands on the phone, and nobody else's does.

use super::phone::Phone;
use crate::support::browser::CHALLENGE;
use crate::support::portal::Knobs;
use crate::support::world::ANNA;
use crate::support::{PATIENCE, StoreKind, World, until};

async fn shown_from(trusted: &str) -> String {
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.listen = format!("trusted_proxies = [\"{trusted}\"]\nplace_header = \"X-Geo-Place\"\n");
    })
    .await;
    let browser = world.anna_signed_in().await;
    let proof = world.anna.fresh().await;
    let phone = Phone::added_by(&browser, &world.gateway, &proof).await;
    let there = world
        .browser()
        .with("x-forwarded-for", "198.51.100.7")
        .with("x-geo-place", "Berlin <b>");
    there.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    let request = until("a request waits", PATIENCE, || async {
        phone.pending().await.pop()
    })
    .await;
    request["address"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i11_only_a_trusted_proxy_says_where_somebody_is() {
    // The page shows it as text.
    assert_eq!(shown_from("127.0.0.1").await, "198.51.100.7 (Berlin <b>)");
    assert_eq!(shown_from("10.0.0.0/8").await, "127.0.0.1");
}
