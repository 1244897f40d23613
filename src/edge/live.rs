//! Connections that are open: what ends a session ends them too (I13), and a stop waits for them.

use std::net::IpAddr;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::lines::Lines;
use crate::access::{Doorstep, LiveSession};
use crate::gate::{Ask, Presence, Route, Verdict, decide};
use crate::sessions::Limit;

/// How often an open connection's right to be open is looked at; well below the promised second.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How many looks in a row may find nobody who can tell before the connection closes.
const UNKNOWN_LOOKS: u32 = 10;

tokio::task_local! {
    /// The slot of the request that this task serves.
    pub static SLOT: Arc<Slot>;
}

/// What is known of the request that a connection serves.
#[derive(Default)]
pub struct Slot {
    watched: Mutex<Option<Watched>>,
    serving: Mutex<Option<Serving>>,
    streams: AtomicBool,
    upload: Mutex<Option<Upload>>,
    awaited: Mutex<Option<Awaited>>,
    /// The portal took too long to begin its answer.
    late: AtomicBool,
}

/// The portal's answer, which has not begun.
struct Awaited {
    /// The connection that it must come by.
    line: RawFd,
    /// When the browser or the portal last said anything.
    since: Instant,
}

/// A request's body on its way to the portal.
struct Upload {
    /// So many bytes must come in so long.
    slowest: Limit,
    since: Instant,
    bytes: usize,
}

/// A session under which something was forwarded.
#[derive(Clone)]
pub struct Watched {
    /// The session as it was when the request came.
    pub session: Arc<LiveSession>,
    /// The request's class.
    pub route: Route,
    /// From which address it came.
    pub client: IpAddr,
}

impl Slot {
    /// Notes under whose session the request is forwarded.
    pub fn watch(&self, watched: Watched) {
        if let Ok(mut slot) = self.watched.lock() {
            *slot = Some(watched);
        }
    }

    /// Notes that the answer may never end by itself: a WebSocket, an event stream.
    pub fn note_stream(&self) {
        self.streams.store(true, Ordering::Relaxed);
    }

    /// Notes that a body is to come, and how slow it may be.
    pub fn expect_body(&self, slowest: Limit) {
        if let Ok(mut upload) = self.upload.lock() {
            *upload = Some(Upload {
                slowest,
                since: Instant::now(),
                bytes: 0,
            });
        }
    }

    /// Notes that the portal's answer must come by a connection, or that it has begun.
    pub fn await_answer(&self, line: Option<RawFd>) {
        if let Ok(mut awaited) = self.awaited.lock() {
            let since = Instant::now();
            *awaited = line.map(|line| Awaited { line, since });
        }
    }

    /// Notes that the portal has said that it is at work (1xx), or that more of the request has come.
    pub fn note_work(&self) {
        if let Ok(mut awaited) = self.awaited.lock()
            && let Some(awaited) = awaited.as_mut()
        {
            awaited.since = Instant::now();
        }
    }

    /// The connection by which an answer was waited for too long.
    fn late_line(&self, most: Duration) -> Option<RawFd> {
        let mut slot = self.awaited.lock().ok()?;
        let awaited = slot.as_ref().filter(|awaited| awaited.since.elapsed() >= most)?;
        let line = awaited.line;
        *slot = None;
        self.late.store(true, Ordering::Relaxed);
        Some(line)
    }

    /// Whether the portal took too long to begin its answer.
    pub fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    /// Notes that so much of it came.
    pub fn note_body(&self, bytes: usize, end: bool) {
        self.note_work();
        if let Ok(mut upload) = self.upload.lock() {
            if end {
                *upload = None;
            } else if let Some(upload) = upload.as_mut() {
                upload.bytes = upload.bytes.saturating_add(bytes);
            }
        }
    }

    /// Whether a body trickles in too slowly to be honest.
    fn is_body_too_slow(&self) -> bool {
        let Ok(mut upload) = self.upload.lock() else {
            return false;
        };
        let Some(upload) = upload.as_mut() else {
            return false;
        };
        if upload.since.elapsed() < upload.slowest.window {
            return false;
        }
        let is_slow = upload.bytes < upload.slowest.count as usize;
        upload.bytes = 0;
        upload.since = Instant::now();
        is_slow
    }

    /// Notes that a request is being served, until the slot is dropped.
    pub fn serve(&self, serving: Serving) {
        if let Ok(mut slot) = self.serving.lock() {
            *slot = Some(serving);
        }
    }

    fn watched(&self) -> Option<Watched> {
        self.watched.lock().ok().and_then(|slot| slot.clone())
    }

    fn is_serving(&self) -> bool {
        self.serving.lock().is_ok_and(|slot| slot.is_some())
    }

    /// Resolves when the connection must close; never where nothing is forwarded under a session.
    pub async fn must_close(&self, door: &Doorstep, stop: &Stop, lines: &Lines) {
        // Polled again with each step of the request that it stands beside, so no waker is needed.
        std::future::poll_fn(|_| {
            if self.is_serving() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        let mut unknown = 0;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if stop.is_stopping() && self.streams.load(Ordering::Relaxed) {
                return;
            }
            let most = door.settings.load().config.limits.bounds.answer_timeout;
            if let Some(line) = self.late_line(most) {
                // Whoever waits for the answer now reads the end of it, and says so to the browser.
                lines.cut(line);
            }
            if self.is_body_too_slow() {
                door.metrics.refused("slow_body");
                return;
            }
            let Some(watched) = self.watched() else {
                continue;
            };
            match watched.may_stay(door).await {
                Some(true) => unknown = 0,
                Some(false) => return,
                None => unknown += 1,
            }
            if unknown >= UNKNOWN_LOOKS {
                return;
            }
        }
    }
}

impl Watched {
    /// Whether the session would still be forwarded; `None` where nobody can tell.
    async fn may_stay(&self, door: &Doorstep) -> Option<bool> {
        let record = &self.session.stored.record;
        let now = door.now();
        if door.copies.is_ended(record.id.public()).ok()? {
            return Some(false);
        }
        let holder = record.level.holder()?;
        let standing = door.copies.standing(&holder.login).await.ok()?;
        // Idle limits are for what the browser sends; a running transfer is not cut by them.
        let mut used = record.clone();
        used.last_seen = now;
        if now >= record.ends || !door.holder_may_stay(&used, standing.as_deref(), now) {
            return Some(false);
        }
        let (anonymous, pass_unknown) = {
            let settings = door.settings.load();
            (
                settings.config.portal.rules.anonymous,
                super::door::passes_unknown(&settings.config),
            )
        };
        let ask = Ask {
            route: self.route,
            presence: Presence::Session {
                level: &record.level,
                standing: standing.as_deref(),
            },
            client: self.client,
            now,
            anonymous,
            pass_unknown,
        };
        Some(matches!(
            decide(&ask),
            Verdict::Forward(..) | Verdict::Login(_) | Verdict::Logout
        ))
    }
}

/// Whether the gateway is stopping, and how many requests are being served.
#[derive(Debug, Default)]
pub struct Stop {
    stopping: AtomicBool,
    open: AtomicUsize,
}

impl Stop {
    /// From now on streams are closed, and connections are not used again.
    pub fn begin(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether it has begun.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// How many requests are being served.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// One request that is being served.
pub struct Serving(Arc<Stop>);

impl Serving {
    /// Counts one.
    pub fn begin(stop: &Arc<Stop>) -> Self {
        stop.open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(stop))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
