//! The time, passed in: nothing that decides anything reads a clock by itself.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment plus `duration`; stops at the end of what an `i64` holds.
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// This moment less `duration`; stops at the beginning of what an `i64` holds.
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// How long after `earlier` this is; zero where it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// RFC 3339 in UTC, to the second: `2026-11-24T14:30:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.seconds()) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} s", self.seconds()),
        }
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, as far as it goes on: within a process it never goes back. Where the machine's is set back,
/// this one goes on from where it was, so that nothing that ends by the clock lasts longer (I9).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        static STEADY: LazyLock<(Instant, Steady)> = LazyLock::new(|| (Instant::now(), Steady::default()));
        let (began, steady) = &*STEADY;
        // In this order: a pause between the two makes it late, never early.
        let machine = jiff::Timestamp::now().as_millisecond();
        let ran = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        steady.now(machine, ran)
    }
}

/// How far a machine's clock must be set back before it is worth a word.
const WORTH_A_WORD: i64 = 60_000;

/// What the machine's clock says, made to go on.
#[derive(Debug)]
struct Steady {
    /// How far the machine's clock ever was ahead of the time that the process has run.
    ahead: AtomicI64,
    said: AtomicBool,
}

impl Default for Steady {
    fn default() -> Self {
        Self {
            ahead: AtomicI64::new(i64::MIN),
            said: AtomicBool::new(false),
        }
    }
}

impl Steady {
    /// All in milliseconds: what the machine's clock says, and for how long the process has run.
    fn now(&self, machine: i64, ran: i64) -> Timestamp {
        let ahead = machine.saturating_sub(ran);
        let most = self.ahead.load(Ordering::Relaxed);
        if ahead >= most {
            self.ahead.fetch_max(ahead, Ordering::Relaxed);
            return Timestamp(machine);
        }
        let now = ran.saturating_add(most);
        if now - machine >= WORTH_A_WORD && !self.said.swap(true, Ordering::Relaxed) {
            tracing::error!(
                by_seconds = (now - machine) / 1000,
                "the machine's clock was set back; time goes on from where it was. If the clock was wrong before \
                 and is right now, restart doorstep: until then keys of apps may be refused"
            );
        }
        Timestamp(now)
    }
}

/// A clock that stands still until it is moved, for tests.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `at`.
    pub fn at(at: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(at.0)))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn i9_a_clock_that_is_set_back_goes_on_from_where_it_was() {
        let steady = Steady::default();
        let start = 1_795_000_000_000;
        // what the machine says, after how long, and what it is taken for
        for (machine, ran, taken) in [
            (start, 0, start),
            (start + 1000, 1000, start + 1000),
            // forward, as after a sleep
            (start + 5 * HOUR, 2000, start + 5 * HOUR),
            // back by six hours: ten minutes are ten minutes all the same
            (start - HOUR, 3000, start + 5 * HOUR + 1000),
            (start - HOUR + 600_000, 603_000, start + 5 * HOUR + 601_000),
            // and from then on as the machine says, once it has caught up
            (start + 6 * HOUR, 604_000, start + 6 * HOUR),
            (start + 6 * HOUR + 5, 604_005, start + 6 * HOUR + 5),
        ] {
            assert_eq!(
                steady.now(machine, ran),
                Timestamp(taken),
                "{machine} after {ran}"
            );
        }
    }

    #[test]
    fn i9_the_clock_never_goes_back_under_many_at_once() {
        let steady = Steady::default();
        std::thread::scope(|scope| {
            for thread in 0..4_i64 {
                let steady = &steady;
                scope.spawn(move || {
                    let mut last = Timestamp(i64::MIN);
                    for ran in 0..5000_i64 {
                        let back = if (ran + thread) % 7 == 0 { HOUR } else { 0 };
                        let now = steady.now(1_795_000_000_000 + ran - back, ran);
                        assert!(now >= last, "{now:?} after {last:?}");
                        last = now;
                    }
                });
            }
        });
        assert!((SystemClock.now().0 - jiff::Timestamp::now().as_millisecond()).abs() < 60_000);
    }
}
