use std::time::Duration;

use serde_json::json;

use super::world::{ALL, Sent, World};

fn keyed(target: &str, key: &str, body: &serde_json::Value) -> Sent {
    Sent::to("POST", target)
        .by(ALL)
        .json(body)
        .with("idempotency-key", key)
}

#[tokio::test]
async fn a_post_sent_again_with_its_key_is_answered_again_and_not_done_again() {
    let world = World::new().await;
    let body = json!({"id": "corp-a", "name": "Corp A"});
    let first = world.send(keyed("/v1/firms", "k1", &body)).await.is(201);
    let again = world.send(keyed("/v1/firms", "k1", &body)).await.is(201);
    assert_eq!(
        (&first.body, first.header("location")),
        (&again.body, again.header("location"))
    );
    assert_eq!(again.header("content-type"), "application/json");
    assert_eq!(again.header("idempotency-replayed"), "true");
    // Another body, another route, another token, another key, and no key.
    world
        .send(keyed("/v1/firms", "k1", &json!({"id": "b", "name": "b"})))
        .await
        .is(422);
    world.send(keyed("/v1/employees", "k1", &body)).await.is(422);
    world.send(keyed("/v1/firms", "k2", &body)).await.is(409);
    world.post("/v1/firms", body.clone()).await.is(409);
    let (_, other) = world.token("other", &["firms:write"]).await;
    let sent = Sent::to("POST", "/v1/firms").by(&other).json(&body);
    world.send(sent.with("idempotency-key", "k1")).await.is(409);
    // A refusal is kept alike, for a day.
    world.send(keyed("/v1/firms", "k2", &body)).await.is(409);
    world.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    world.send(keyed("/v1/firms", "k1", &body)).await.is(409);
    for key in ["", &"k".repeat(256), "ä"] {
        let sent = Sent::to("POST", "/v1/firms").by(ALL).json(&body);
        world.send(sent.with("idempotency-key", key)).await.is(422);
    }
}

#[tokio::test]
async fn a_passcode_is_made_once_for_a_key_and_kept_sealed() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", "+14155550102")]).await;
    let reset = || {
        let sent = Sent::to("POST", "/v1/employees/anna/reset").by(ALL);
        world.send(sent.with("idempotency-key", "reset-1"))
    };
    let (first, again) = (reset().await.is(200).json(), reset().await.is(200).json());
    assert_eq!(first, again);
    let rows = world.get("/v1/audit?event=employee.reset").await;
    assert_eq!(rows["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_at_once_with_one_key_one_is_carried_out() {
    let world = World::new().await;
    let body = json!({"name": "ci", "scopes": ["firms:read"]});
    let sends = (0..6).map(|_| world.send(keyed("/v1/tokens", "k", &body)));
    let answers = futures_util::future::join_all(sends).await;
    let mut bodies: Vec<&String> = answers
        .iter()
        .filter(|one| one.status == 201)
        .map(|one| &one.body)
        .collect();
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|one| one.status == 201 || one.status == 409),
        "{answers:?}"
    );
    assert_eq!(
        world.get("/v1/tokens").await["items"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn i9_what_could_not_be_answered_is_not_kept() {
    let world = World::new().await;
    let (_, reader) = world.token("reader", &["firms:read"]).await;
    let body = json!({"id": "corp-a", "name": "Corp A"});
    let refused = Sent::to("POST", "/v1/firms").by(&reader).json(&body);
    world.send(refused.with("idempotency-key", "k")).await.is(403);
    world.lose("firms").await;
    world.send(keyed("/v1/firms", "k", &body)).await.is(503);
    world.lose("kept_answers").await;
    world.send(keyed("/v1/firms", "k3", &body)).await.is(503);
}

#[tokio::test]
async fn what_was_refused_for_its_kind_of_body_may_come_again() {
    let world = World::new().await;
    let body = json!({"id": "corp-a", "name": "Corp A"}).to_string();
    let sent = |kind: &str| {
        let sent = Sent::to("POST", "/v1/firms").by(ALL).text(&body);
        world.send(sent.with("content-type", kind).with("idempotency-key", "k"))
    };
    sent("text/plain").await.is(415);
    let made = sent("application/json").await.is(201);
    assert_eq!(made.header("idempotency-replayed"), "");
}
