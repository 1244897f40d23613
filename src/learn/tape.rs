//! The live recording: exchanges in the order in which their requests came.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::exchange::{Exchange, Recording};
use super::scrub::{Raw, Scrubber};
use crate::clock::Timestamp;

/// So many exchanges are kept: who records a day has made a mistake.
const MOST: usize = 20_000;

/// What a recorder writes on.
pub struct Tape {
    state: Mutex<State>,
    /// Told whenever an exchange is there.
    pub news: Notify,
    upstream: String,
    public: String,
}

struct State {
    scrubber: Scrubber,
    exchanges: Vec<Option<Exchange>>,
    open: usize,
}

impl Tape {
    /// For a portal at `upstream` that takes itself to be at `public`; the browser is at `address`.
    pub fn new(upstream: &str, public: &str) -> Self {
        Self {
            state: Mutex::new(State {
                scrubber: Scrubber::new(public, upstream),
                exchanges: Vec::new(),
                open: 0,
            }),
            news: Notify::new(),
            upstream: upstream.to_owned(),
            public: public.to_owned(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a place for a request that has come; `None` where there are too many.
    pub fn begin(&self) -> Option<usize> {
        let mut state = self.state();
        if state.exchanges.len() >= MOST {
            return None;
        }
        state.exchanges.push(None);
        state.open += 1;
        Some(state.exchanges.len() - 1)
    }

    /// Puts an exchange into its place; `streamed` where [`Self::streams`] was called for it.
    pub fn end(&self, place: usize, raw: Raw, streamed: bool, now: Timestamp) {
        let mut state = self.state();
        if !streamed {
            state.open = state.open.saturating_sub(1);
        }
        let exchange = state.scrubber.take(raw, now);
        if let Some(slot) = state.exchanges.get_mut(place) {
            *slot = Some(exchange);
        }
        drop(state);
        self.news.notify_one();
    }

    /// A request that is not counted as open any more: its answer has begun and may never end.
    pub fn streams(&self) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(1);
    }

    /// Whether a request waits for its answer.
    pub fn is_busy(&self) -> bool {
        self.state().open > 0
    }

    /// Looks at what is there so far.
    pub fn look<T>(&self, look: impl FnOnce(&Recording) -> T) -> T {
        let mut state = self.state();
        let exchanges = std::mem::take(&mut state.exchanges);
        // Those on their way keep their places by number.
        let mut places = Vec::new();
        let mut there = Vec::new();
        let mut holes = 0;
        for (place, slot) in exchanges.into_iter().enumerate() {
            holes = place + 1;
            if let Some(exchange) = slot {
                places.push(place);
                there.push(exchange);
            }
        }
        let recording = Recording {
            upstream: self.upstream.clone(),
            public: self.public.clone(),
            exchanges: there,
            prints: state.scrubber.prints.clone(),
            source: format!("{}, watched live", self.upstream),
            remarks: Vec::new(),
        };
        let seen = look(&recording);
        state.exchanges.resize_with(holes, || None);
        for (place, exchange) in places.into_iter().zip(recording.exchanges) {
            if let Some(slot) = state.exchanges.get_mut(place) {
                *slot = Some(exchange);
            }
        }
        seen
    }
}
