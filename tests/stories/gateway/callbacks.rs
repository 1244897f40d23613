//! What providers call back, through the real gateway: no session, no page of ours, only a signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request};
use ring::hmac;

use crate::support::{StoreKind, World, client};

const PATH: &str = "/.doorstep/callbacks/authy";

/// Signed for `origin` as Authy signs a flat body.
fn callback(world: &World, origin: &str, nonce: &str, uuid: &str) -> Request<Bytes> {
    let key = std::env::var("PATH").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signed = format!("{nonce}|POST|{origin}{PATH}|status=approved&uuid={uuid}");
    let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()).as_ref());
    Request::builder()
        .method(Method::POST)
        .uri(PATH)
        .header("host", world.gateway.address.to_string())
        .header("content-type", "application/json")
        .header("x-authy-signature", signature)
        .header("x-authy-signature-nonce", nonce)
        .body(format!("{{\"uuid\":\"{uuid}\",\"status\":\"approved\"}}").into())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_is_answered_by_its_signature_alone_and_lets_nobody_in() {
    let world = World::with(StoreKind::Memory, Default::default(), |settings| {
        settings.factors =
            "push = { provider = \"authy\", api_key_env = \"PATH\", base_url = \"http://127.0.0.1:1\" }"
                .into();
    })
    .await;
    let (address, origin) = (world.gateway.address, world.gateway.origin.clone());
    let waiting = world.browser();
    waiting.password(crate::support::world::BEN).await.expect(303);
    world.portal.take_seen();
    let send = async |request| client::send(address, request).await.unwrap();
    send(callback(&world, &origin, "n1", "u1")).await.expect(200);
    send(callback(&world, &origin, "n1", "u1")).await.expect(401);
    send(callback(&world, "https://evil.example", "n2", "u1"))
        .await
        .expect(401);
    let mut forged = callback(&world, &origin, "n3", "u1");
    *forged.body_mut() = "{\"uuid\":\"u2\",\"status\":\"approved\"}".into();
    send(forged).await.expect(401);
    let mut unsigned = callback(&world, &origin, "n4", "u1");
    unsigned.headers_mut().remove("x-authy-signature");
    let answer = send(unsigned).await.expect(401);
    assert!(answer.set_cookies().is_empty());
    assert!(world.portal.take_seen().is_empty(), "nothing was forwarded");
    waiting.get("/app/secret").await.expect(303);
}
