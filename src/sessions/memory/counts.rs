//! Limits that are counted in memory: so many subjects at most, those that were counted longest ago go first.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::secret::random_id;
use crate::sessions::{Allowance, Limit, LimitKey, Ticket};

/// What is counted for each subject.
#[derive(Default)]
pub(super) struct Counts {
    next: u64,
    logs: HashMap<LimitKey, Log>,
    /// By when they were last counted; the longest ago first.
    used: BTreeMap<u64, LimitKey>,
}

/// The events of one limit, oldest first.
struct Log {
    events: VecDeque<(Timestamp, String)>,
    window: Duration,
    used: u64,
}

impl Counts {
    /// Counts one event where the limit allows it. With it, when the subject is over, where it is a new one.
    pub(super) fn take(
        &mut self,
        key: &LimitKey,
        limit: Limit,
        now: Timestamp,
        most: usize,
    ) -> (Allowance, Option<Timestamp>) {
        self.next += 1;
        let place = self.next;
        let log = self.logs.entry(key.clone()).or_insert_with(|| Log {
            events: VecDeque::new(),
            window: limit.window,
            used: place,
        });
        self.used.remove(&log.used);
        log.used = place;
        let is_new = log.events.is_empty();
        let allowance = log.take(key, limit, now);
        let over = (is_new && !log.events.is_empty()).then(|| log.over_at());
        if log.events.is_empty() {
            self.logs.remove(key);
        } else {
            self.used.insert(place, key.clone());
        }
        while self.logs.len() > most.max(1) {
            let Some((_, oldest)) = self.used.pop_first() else {
                break;
            };
            self.logs.remove(&oldest);
        }
        (allowance, over)
    }

    /// Takes a counted event back.
    pub(super) fn give_back(&mut self, ticket: &Ticket) {
        if let Some(log) = self.logs.get_mut(&ticket.key) {
            log.events.retain(|(_, event)| *event != ticket.event);
        }
    }

    /// When a subject is over; `None` where nothing is counted for it.
    pub(super) fn over_at(&self, key: &LimitKey) -> Option<Timestamp> {
        self.logs.get(key).map(Log::over_at)
    }

    /// Forgets a subject.
    pub(super) fn forget(&mut self, key: &LimitKey) {
        if let Some(log) = self.logs.remove(key) {
            self.used.remove(&log.used);
        }
    }

    /// How many subjects there are.
    pub(super) fn len(&self) -> usize {
        self.logs.len()
    }
}

impl Log {
    fn take(&mut self, key: &LimitKey, limit: Limit, now: Timestamp) -> Allowance {
        // What was counted has happened: after the clock was set back, it was now at the latest.
        for (at, _) in &mut self.events {
            *at = (*at).min(now);
        }
        self.window = self.window.max(limit.window);
        let begin = now.minus(limit.window);
        let counted = self.events.iter().filter(|(at, _)| *at > begin).count();
        let most = usize::try_from(limit.count).unwrap_or(usize::MAX);
        if counted < most {
            self.events.retain(|(at, _)| *at > begin);
            let event = random_id();
            self.events.push_back((now, event.clone()));
            return Allowance::Granted(Ticket {
                key: key.clone(),
                event,
            });
        }
        // So many of the newest must be left that one more fits: the first of them leaves last.
        let leaving = self
            .events
            .len()
            .checked_sub(most)
            .and_then(|first| self.events.get(first));
        Allowance::Refused {
            until: leaving.map_or(now, |(at, _)| *at).plus(limit.window),
        }
    }

    fn over_at(&self) -> Timestamp {
        self.events
            .back()
            .map_or(Timestamp(i64::MIN), |(at, _)| at.plus(self.window))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whenever one is granted, the window that ends there holds no more than the limit; whenever one is
        /// refused, it is granted at the moment that was named, and not before.
        #[test]
        fn i8_no_window_exceeds_its_limit(
            steps in prop::collection::vec(0_i64..30, 1..60),
            count in 1_u32..5,
            window in 1_u64..50,
        ) {
            let key = LimitKey { name: "a", subject: "x".into() };
            let limit = Limit { count, window: Duration::from_millis(window) };
            let mut log = Log { events: VecDeque::new(), window: limit.window, used: 0 };
            let (mut now, mut granted) = (Timestamp(0), Vec::new());
            for step in steps {
                now = Timestamp(now.0 + step);
                let until = match log.take(&key, limit, now) {
                    Allowance::Granted(_) => now,
                    Allowance::Refused { until } => {
                        let before = Timestamp(until.0 - 1);
                        let is_refused = matches!(log.take(&key, limit, before), Allowance::Refused { .. });
                        prop_assert!(until > now && is_refused);
                        prop_assert!(matches!(log.take(&key, limit, until), Allowance::Granted(_)));
                        until
                    }
                };
                now = until;
                granted.push(now);
                let begin = now.minus(limit.window);
                let inside = granted.iter().filter(|at| **at > begin).count();
                prop_assert!(inside <= usize::try_from(count).unwrap());
            }
        }
    }
}
