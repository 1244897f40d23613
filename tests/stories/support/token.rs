//! What an employee's phone shows: keys from an app, tokens from an SMS.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use totp_rs::Totp;

/// An authenticator app with one key. It never shows the key of a step twice, as each counts once.
pub struct TotpKey {
    key: Totp,
    last: u64,
}

const PERIOD: u64 = 30;

impl TotpKey {
    /// From what `enroll-totp` printed.
    pub fn new(uri: &str) -> Self {
        let key = Totp::from_url(uri).unwrap_or_else(|error| panic!("{uri:?} is no key: {error:?}"));
        Self { key, last: 0 }
    }

    /// What the app shows in a step.
    pub fn at_step(&self, step: u64) -> String {
        self.key.generate(step * PERIOD).to_string()
    }

    /// A key that no earlier call gave out, waiting for the next step where it must: within the skew of
    /// one step that the gateway allows, never on the edge of it.
    pub async fn fresh(&mut self) -> String {
        loop {
            let seconds = unix_seconds();
            let now = seconds / PERIOD;
            let settled = seconds % PERIOD < PERIOD - 4;
            let first = if settled { now - 1 } else { now };
            let step = first.max(self.last + 1);
            if step <= now + 1 {
                self.last = step;
                return self.at_step(step);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Six digits that are right in none of the steps around now.
    pub fn wrong(&self) -> String {
        let now = current_step();
        let near: Vec<String> = (now - 3..=now + 3).map(|step| self.at_step(step)).collect();
        (0..)
            .map(|number| format!("{number:06}"))
            .find(|candidate| !near.contains(candidate))
            .unwrap()
    }
}

/// The step that the app's clock is in.
pub fn current_step() -> u64 {
    unix_seconds() / PERIOD
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// All messages that the `file` provider has sent, oldest first.
pub fn messages(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The newest message sent to a number: its token.
pub fn last_sms(path: &Path, to: &str) -> Option<String> {
    let messages = messages(path);
    let newest = messages.iter().rev().find(|message| message["to"] == to)?;
    Some(newest["token"].as_str()?.to_owned())
}
