//! A circuit breaker: a service that keeps failing is left alone for a while, so that nobody waits for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Opens after so many failures in a row, and lets one trial through after each pause.
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_a_row: u32,
    shut_until: Option<Instant>,
}

impl Breaker {
    /// Opens after `failures` in a row, for `pause`.
    pub(super) fn new(failures: u32, pause: Duration) -> Self {
        Self {
            failures,
            pause,
            state: Mutex::default(),
        }
    }

    /// Whether the service may be asked at `now`. A granted trial shuts the door again behind it, so that
    /// it stays a single one also where its caller goes away and never reports.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let Some(until) = state.shut_until else {
            return true;
        };
        if now < until {
            return false;
        }
        state.shut_until = Some(now + self.pause);
        true
    }

    /// The service answered.
    pub(super) fn answered(&self) {
        *self.lock() = State::default();
    }

    /// The service failed at `now`.
    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.lock();
        state.in_a_row = state.in_a_row.saturating_add(1);
        if state.in_a_row >= self.failures {
            state.shut_until = Some(now + self.pause);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_trial_through() {
        let breaker = Breaker::new(3, Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..2 {
            breaker.failed(start);
        }
        breaker.answered();
        for _ in 0..2 {
            breaker.failed(start);
            assert!(
                breaker.allows(start),
                "an answer in between starts the count anew"
            );
        }
        breaker.failed(start);
        assert!(!breaker.allows(at(0)) && !breaker.allows(at(9)));
        assert!(breaker.allows(at(10)), "the trial");
        assert!(!breaker.allows(at(10)), "only one");
        breaker.failed(at(11));
        assert!(!breaker.allows(at(20)) && breaker.allows(at(21)));
        breaker.answered();
        assert!(breaker.allows(at(21)) && breaker.allows(at(21)));
    }
}
