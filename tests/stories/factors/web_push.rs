//! A real Web Push message, opened with a browser's keys at the other end of a push service.

use http::StatusCode;
use serde_json::{Value, json};

use super::phone::{Phone, digits, now_ms};
use super::push_service::{Message, PushService, Subscriber, vapid_claims};
use crate::support::browser::CHALLENGE;
use crate::support::world::ANNA;
use crate::support::{Browser, PATIENCE, StoreKind, World, until};

struct Site {
    world: World,
    service: PushService,
}

impl Site {
    async fn open() -> Self {
        Self {
            world: World::new(StoreKind::Memory).await,
            service: PushService::open().await,
        }
    }

    /// Anna adds a phone whose browser can be woken.
    async fn phone(&mut self, subscriber: &Subscriber) -> Phone {
        let browser = self.world.browser();
        browser.sign_in(ANNA, &mut self.world.anna).await;
        let proof = self.world.anna.fresh().await;
        let phone = Phone::added_by(&browser, &self.world.gateway, &proof).await;
        let endpoint = format!("http://{}/p/{}", self.service.address, subscriber.name);
        let subscribed = phone.ask("subscribe", &subscriber.subscription(&endpoint)).await;
        subscribed.expect(200);
        phone
    }

    async fn password(&self) -> Browser {
        let browser = self.world.browser();
        browser.password(ANNA).await.expect(303).expect_to(CHALLENGE);
        browser
    }

    async fn message(&self, subscriber: &Subscriber) -> Message {
        until("a message arrives", PATIENCE, || async {
            self.service.take(subscriber.name).pop()
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_a_phone_is_signed_by_rfc_8292_and_opens_by_rfc_8291() {
    let mut site = Site::open().await;
    let subscriber = Subscriber::new("anna");
    let phone = site.phone(&subscriber).await;
    let browser = site.password().await;
    let message = site.message(&subscriber).await;
    assert_eq!(message.headers["content-encoding"], "aes128gcm");
    assert_eq!(message.headers["urgency"], "high");
    let life: i64 = message.headers["ttl"].to_str().unwrap().parse().unwrap();
    assert!((1..=600).contains(&life), "{life}");
    let claims = vapid_claims(&message, &phone.push_key);
    assert_eq!(claims["aud"], format!("http://{}", site.service.address));
    assert_eq!(claims["sub"], site.world.gateway.origin.as_str());
    let expires = claims["exp"].as_i64().unwrap();
    let now = now_ms() / 1000;
    assert!(now < expires && expires <= now + 24 * 3600, "{expires}");
    // It opens with this browser's keys and no other's, and holds no more than which request waits.
    let request = phone.pending().await.pop().expect("it waits");
    let plain = subscriber.opens(&message).expect("it opens");
    assert_eq!(String::from_utf8(plain).unwrap(), request["id"].as_str().unwrap());
    assert!(Subscriber::new("other").opens(&message).is_none());
    // And the phone that was woken lets in.
    phone
        .decide(&request, "approve", &digits(&browser).await)
        .await
        .expect(200);
    browser.get("/app/secret").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_phone_stops_no_other_and_a_subscription_that_is_gone_is_forgotten() {
    let mut site = Site::open().await;
    let (dead, alive) = (Subscriber::new("dead"), Subscriber::new("alive"));
    let gone = site.phone(&dead).await;
    // A service that answers nothing at all.
    let nobody = crate::support::process::free_address();
    let endpoint = format!("http://{nobody}/p/dead");
    gone.ask("subscribe", &dead.subscription(&endpoint))
        .await
        .expect(200);
    site.phone(&alive).await;
    site.password().await;
    site.message(&alive).await;

    let endpoint = format!("http://{}/p/dead", site.service.address);
    gone.ask("subscribe", &dead.subscription(&endpoint))
        .await
        .expect(200);
    site.service.answers(StatusCode::GONE);
    site.password().await;
    site.message(&dead).await;
    let forgotten = || async {
        let told = gone.ask("pending", &json!({})).await.expect(200).json();
        (told["alerted"] == Value::Bool(false)).then_some(())
    };
    until("the subscription is forgotten", PATIENCE, forgotten).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_subscription_leads_a_gateway_into_its_own_network() {
    let mut site = Site::open().await;
    let subscriber = Subscriber::new("anna");
    let phone = site.phone(&subscriber).await;
    for endpoint in [
        "http://push.example.com/p",
        "http://10.0.0.1/p",
        "https://10.0.0.1/p",
        "https://192.168.1.1:8443/p",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/p",
        "https://[fd00::1]/p",
        "https://[::ffff:10.0.0.1]/p",
        "https://redis/p",
        "https://user:secret@push.example.com/p",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "file:///etc/passwd",
        "",
    ] {
        let answer = phone.ask("subscribe", &subscriber.subscription(endpoint)).await;
        assert_eq!(answer.status, 422, "{endpoint}");
    }
    let long = format!("https://push.example.com/{}", "p".repeat(4096));
    let answer = phone.ask("subscribe", &subscriber.subscription(&long)).await;
    assert_eq!(answer.status, 422);
}
