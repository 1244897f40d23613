//! Whether the portal still signs in as its rules say: what fitted none of them, and how suddenly the share of
//! accepted, refused and unclear logins changed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::gate::login::Judgement;

/// So many logins make a picture of the present.
const RECENT: usize = 20;
/// So many before them make a picture of what is usual.
const USUAL: u32 = 40;
/// The present is another than the usual where so much of it lies elsewhere.
const SUDDEN: f64 = 0.5;
/// How much one more login weighs in what is usual.
const WEIGHT: f64 = 0.02;
/// How long a warning stands after it was last given; also how often it is audited.
const STANDS: Duration = Duration::from_secs(3600);
/// At most so many rules and warnings are kept apart.
const MOST: usize = 256;

/// What one gateway has noticed.
#[derive(Debug, Default)]
pub struct Drift(Mutex<Noticed>);

#[derive(Debug, Default)]
struct Noticed {
    tallies: HashMap<String, Tally>,
    warnings: BTreeMap<(&'static str, String), Warning>,
}

#[derive(Debug)]
struct Warning {
    last: Timestamp,
    audited: Timestamp,
}

/// How one rule's logins were judged.
#[derive(Debug, Default)]
struct Tally {
    recent: VecDeque<usize>,
    usual: [f64; 3],
    counted: u32,
}

impl Drift {
    /// Counts a judged login of the rule with this path. Whether its shares have suddenly changed.
    pub fn judged(&self, rule: &str, judgement: Judgement) -> bool {
        let mut noticed = self.lock();
        if noticed.tallies.len() >= MOST && !noticed.tallies.contains_key(rule) {
            return false;
        }
        noticed.tallies.entry(rule.to_owned()).or_default().add(judgement)
    }

    /// Gives a warning. Whether it is to be audited now: once an hour for each reason and path.
    pub fn warn(&self, reason: &'static str, path: &str, now: Timestamp) -> bool {
        let mut noticed = self.lock();
        noticed
            .warnings
            .retain(|_, warning| now.since(warning.last) < STANDS);
        let key = (reason, path.to_owned());
        if let Some(warning) = noticed.warnings.get_mut(&key) {
            warning.last = now;
            let due = now.since(warning.audited) >= STANDS;
            if due {
                warning.audited = now;
            }
            return due;
        }
        if noticed.warnings.len() >= MOST {
            return false;
        }
        noticed.warnings.insert(
            key,
            Warning {
                last: now,
                audited: now,
            },
        );
        true
    }

    /// The warnings that stand, in words.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let noticed = self.lock();
        let standing = noticed
            .warnings
            .iter()
            .filter(|(_, warning)| now.since(warning.last) < STANDS);
        standing
            .map(|((reason, path), _)| format!("{} ({path})", in_words(reason)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Noticed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_words(reason: &str) -> &'static str {
    match reason {
        "neither" => "a login's answer fitted neither success nor failure",
        "nobody_named" => "the portal accepted a login and who-am-I named nobody",
        "another_name" => "the portal named somebody else than the session's owner",
        "refused_but_signed_in" => "a login that the rule took for refused signed somebody in",
        "session_changed" => "the portal changed its session outside a login",
        "ratio" => "the share of accepted and refused logins has suddenly changed",
        _ => "the portal does not behave as its rules say",
    }
}

impl Tally {
    fn add(&mut self, judgement: Judgement) -> bool {
        let kind = match judgement {
            Judgement::Accepted => 0,
            Judgement::Refused => 1,
            Judgement::Neither => 2,
        };
        self.recent.push_back(kind);
        if self.recent.len() <= RECENT {
            return false;
        }
        if let Some(oldest) = self.recent.pop_front() {
            self.counted = self.counted.saturating_add(1);
            // A plain mean at first, then one that forgets.
            let weight = (1.0 / f64::from(self.counted)).max(WEIGHT);
            for (kind, share) in self.usual.iter_mut().enumerate() {
                let seen = if kind == oldest { 1.0 } else { 0.0 };
                *share += weight * (seen - *share);
            }
        }
        self.counted >= USUAL && self.distance() > SUDDEN
    }

    /// How much of the present lies elsewhere than usual: 0 nothing, 1 all of it.
    fn distance(&self) -> f64 {
        let step = 1.0 / RECENT as f64;
        let mut shares = [0.0; 3];
        for kind in &self.recent {
            if let Some(share) = shares.get_mut(*kind) {
                *share += step;
            }
        }
        shares
            .iter()
            .zip(&self.usual)
            .map(|(now, usual): (&f64, &f64)| (now - usual).abs())
            .sum::<f64>()
            / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn a_sudden_change_of_the_shares_is_noticed_and_an_even_one_is_not() {
        let drift = Drift::default();
        for number in 0..200 {
            let usual = if number % 4 == 0 {
                Judgement::Refused
            } else {
                Judgement::Accepted
            };
            assert!(!drift.judged("/login", usual), "{number}");
        }
        let sudden = (0..20)
            .filter(|_| drift.judged("/login", Judgement::Refused))
            .count();
        assert!(sudden > 0 && sudden < 20);
        assert!(!drift.judged("/other", Judgement::Refused));
    }

    #[test]
    fn a_warning_is_audited_once_an_hour_and_then_forgotten() {
        let drift = Drift::default();
        assert!(drift.warn("neither", "/login", at(0)));
        assert!(!drift.warn("neither", "/login", at(3000)));
        assert!(drift.warn("neither", "/login", at(3601)));
        assert!(drift.warn("neither", "/other", at(3601)));
        assert_eq!(drift.warnings(at(3602)).len(), 2);
        assert!(drift.warnings(at(9000)).is_empty());
    }
}
