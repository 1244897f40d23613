//! `challenge/status` and `challenge/events`.

use std::time::Duration;

use futures_util::StreamExt as _;
use http::{StatusCode, header};

use super::world::MINUTE;
use super::{Sent, World};
use crate::secret::SessionToken;

const CHALLENGE: &str = "/.doorstep/challenge";
const STATUS: &str = "/.doorstep/challenge/status";
const EVENTS: &str = "/.doorstep/challenge/events";

async fn status(world: &World, token: &SessionToken) -> serde_json::Value {
    let answer = world.send(Sent::get(STATUS).by(token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn the_status_is_one_word_and_where_to_go() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert_eq!(
        status(&world, &token).await,
        serde_json::json!({"status": "pending"})
    );
    world.clock.advance(6 * MINUTE);
    assert_eq!(
        status(&world, &token).await,
        serde_json::json!({"status": "expired"})
    );
    world.send(Sent::form(CHALLENGE, &token, "")).await;
    for _ in 0..5 {
        world
            .send(Sent::json("/.doorstep/challenge/verify", &token, &world.wrong()))
            .await;
    }
    assert_eq!(
        status(&world, &token).await,
        serde_json::json!({"status": "locked"})
    );
    world.two_factor(false).await;
    let verified = serde_json::json!({"status": "verified", "location": "/devices?page=2"});
    assert_eq!(status(&world, &token).await, verified);
}

#[tokio::test]
async fn events_tell_how_it_stands_and_end_when_that_changes() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    let answer = world.request(Sent::get(EVENTS).by(&token)).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let mut frames = answer.into_body().into_data_stream();
    let first = frames.next().await.unwrap().unwrap();
    assert!(
        first.starts_with(b"retry:") || first.starts_with(b"data:"),
        "{first:?}"
    );
    assert!(String::from_utf8_lossy(&first).contains(r#"data: {"status":"pending"}"#));
    world.two_factor(false).await;
    let rest = async {
        let mut text = String::new();
        while let Some(frame) = frames.next().await {
            text.push_str(&String::from_utf8_lossy(&frame.unwrap()));
        }
        text
    };
    let rest = tokio::time::timeout(Duration::from_secs(10), rest).await.unwrap();
    assert!(rest.contains(r#""status":"verified""#), "{rest}");
}

#[tokio::test]
async fn events_of_a_session_that_has_crossed_say_so_at_once() {
    let world = World::new().await;
    let token = world.verified("anna").await;
    let answer = world.send(Sent::get(EVENTS).by(&token)).await;
    assert!(
        answer
            .body
            .contains(r#"data: {"status":"verified","location":"/"}"#),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn i13_events_end_when_the_session_does() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    let answer = world.request(Sent::get(EVENTS).by(&token)).await;
    let mut frames = answer.into_body().into_data_stream();
    frames.next().await.unwrap().unwrap();
    world.send(Sent::form("/.doorstep/logout", &token, "")).await;
    let end = tokio::time::timeout(Duration::from_secs(10), frames.next())
        .await
        .unwrap();
    assert!(end.is_none());
}
