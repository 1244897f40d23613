//! `challenge/status` and `challenge/events`: how a challenge stands, for the page's script.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::desk::{Crossing, Desk, may_pass};
use super::hand_over::at_portal;
use super::layout;
use super::refusal::Stop;
use crate::access::{Doorstep, LiveSession, Unknown};
use crate::factors::challenge::Status;
use crate::gate::decide::still_stands;
use crate::sessions::Slot;

/// How often a stream looks.
const EVERY: Duration = Duration::from_secs(1);

/// After so many looks a stream ends; the browser opens the next one by itself. Proxies cut what is silent
/// for a minute.
const LOOKS: u32 = 55;

/// GET `challenge/status`.
pub(super) async fn status(mut desk: Desk) -> Response {
    desk.json = true;
    desk.finish(standing(&desk).await)
}

/// GET `challenge/events`.
pub(super) async fn events(mut desk: Desk) -> Response {
    desk.json = true;
    let session = match desk.stage() {
        Ok(_) => desk.session().cloned(),
        Err(stop) => Err(stop),
    };
    let session = match session {
        Ok(session) => session,
        Err(stop) => return desk.finish(Err(stop)),
    };
    let watch = Watch {
        door: desk.door.clone(),
        session,
        client: desk.visitor.client,
        told: None,
        push: None,
        looks: 0,
    };
    let mut response = Sse::new(watch.stream()).into_response();
    let headers = response.headers_mut();
    layout::guard(headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn standing(desk: &Desk) -> Result<http::Response<Bytes>, Stop> {
    let value = match desk.crossing().await? {
        Crossing::Entered(entry) => return Ok(desk.enter(&entry)),
        Crossing::Open(onward) => verified(&desk.at_portal(&onward)),
        Crossing::Owed(session) => pending(&desk.door.challenge_status(&session, desk.now()).await?),
    };
    Ok(layout::json(StatusCode::OK, &value))
}

fn verified(location: &str) -> Value {
    json!({"status": "verified", "location": location})
}

fn pending(status: &Status) -> Value {
    let word = match status {
        Status::Pending => "pending",
        Status::Denied => "denied",
        // Told by the caller, with where it leads; in between it only waits to be collected.
        Status::Approved => "pending",
        Status::Expired => "expired",
        Status::Locked => "locked",
    };
    json!({"status": word})
}

/// A stream's memory between two looks.
struct Watch {
    door: Arc<Doorstep>,
    session: LiveSession,
    client: IpAddr,
    told: Option<Value>,
    /// How a request to phones stands, as it was told last.
    push: Option<&'static str>,
    looks: u32,
}

impl Watch {
    /// Tells how the challenge stands, and once more when that changes; then, or when the session is over,
    /// it ends.
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(Some(self), |watch| async move {
            let (event, watch) = watch?.next().await?;
            Some((Ok(event), watch))
        })
    }

    /// What is to be told next, and whether there may be more.
    async fn next(mut self) -> Option<(Event, Option<Self>)> {
        while self.looks < LOOKS {
            if self.looks > 0 {
                tokio::time::sleep(EVERY).await;
            }
            self.looks += 1;
            // Whoever cannot be asked says nothing: the stream ends, and the browser asks again (I9).
            let (now, push) = self.look().await.ok()??;
            if self.told.as_ref() == Some(&now) && push.is_some() && self.push != push {
                // Under a name of its own: it changes nothing of how the challenge stands.
                self.push = push;
                let event = Event::default()
                    .event("push")
                    .data(json!({"push": push}).to_string());
                return Some((event, Some(self)));
            }
            if self.told.as_ref() == Some(&now) {
                continue;
            }
            let last = self.told.is_some() || now["status"] != "pending";
            self.told = Some(now.clone());
            let event = Event::default().retry(EVERY).data(now.to_string());
            return Some((event, (!last).then_some(self)));
        }
        None
    }

    fn onward(&self, session: &LiveSession) -> Result<String, Unknown> {
        let onward = self.door.onward(session)?;
        Ok(at_portal(&self.door.settings.load().config.listen, &onward))
    }

    /// How the challenge stands now; `None`: the session is over.
    async fn look(&self) -> Result<Option<(Value, Option<&'static str>)>, Unknown> {
        let now = self.door.now();
        let id = self.session.token.id();
        // Not by `who`: what the browser receives is no use of its session (I13).
        let Slot::Live(stored) = self.door.store.session(&id, now).await? else {
            return Ok(None);
        };
        let Some(holder) = stored.record.level.holder() else {
            return Ok(None);
        };
        let standing = self.door.copies.standing(&holder.login).await?;
        let is_over = stored.record.is_over(now) || self.door.copies.is_ended(id.public())?;
        if is_over || !still_stands(&stored.record.level, standing.as_deref()) {
            return Ok(None);
        }
        let session = LiveSession {
            token: self.session.token.clone(),
            stored: *stored,
            standing,
        };
        if may_pass(&session, self.client, now) {
            return Ok(Some((verified(&self.onward(&session)?), None)));
        }
        let push = self.door.push_word(&session, now).await?;
        let value = match self.door.challenge_status(&session, now).await? {
            Status::Approved => verified(&self.onward(&session)?),
            status => pending(&status),
        };
        Ok(Some((value, push)))
    }
}
