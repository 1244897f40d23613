//! A page that stays connected: a WebSocket ticker, and the same figures as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use askama::Template;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::page::{Frame, render};
use super::sessions::SignedIn;

const TICK: Duration = Duration::from_secs(1);

/// What ticks: made-up figures of a hall at work.
#[derive(Debug, Serialize)]
struct Reading {
    tick: u64,
    labels_per_minute: u64,
    queue: u64,
}

impl Reading {
    fn at(tick: u64) -> Self {
        let wave = [0, 3, 5, 6, 5, 3, 0, 2, 7, 4];
        let step = |by: u64| wave[usize::try_from((tick * by) % 10).unwrap_or(0)];
        Self {
            tick,
            labels_per_minute: 112 + step(1) + step(3),
            queue: 4 + step(7),
        }
    }

    fn json(tick: u64) -> String {
        serde_json::json!(Self::at(tick)).to_string()
    }
}

#[derive(Template)]
#[template(path = "demo/portal/live.html")]
struct Page {
    frame: Frame,
}

pub(super) async fn page(SignedIn(account): SignedIn, headers: HeaderMap) -> Response {
    let frame = Frame::new("Live", Some(account), &headers);
    render(StatusCode::OK, &Page { frame })
}

/// A reading each second; what the browser says comes back.
pub(super) async fn socket(SignedIn(_): SignedIn, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(tick)
}

async fn tick(mut socket: WebSocket) {
    let mut clock = interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut count = 0;
    loop {
        let message = tokio::select! {
            _ = clock.tick() => {
                count += 1;
                Message::text(Reading::json(count))
            }
            said = socket.recv() => match said {
                Some(Ok(said @ (Message::Text(_) | Message::Binary(_)))) => said,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        };
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// The same readings as server-sent events.
pub(super) async fn events(SignedIn(_): SignedIn) -> Response {
    let mut clock = interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let readings = stream::unfold((clock, 0), |(mut clock, count)| async move {
        clock.tick().await;
        let count = count + 1;
        let event = Event::default().event("reading").data(Reading::json(count));
        Some((Ok::<_, Infallible>(event), (clock, count)))
    });
    Sse::new(readings).into_response()
}
