//! Limits of so many events in so long a time.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// At most `count` events in any `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// How many.
    pub count: u32,
    /// In how long.
    pub window: Duration,
}

/// What a store that lives in this process's memory keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreBounds {
    /// Sessions in which nobody has signed in.
    pub anonymous: usize,
    /// Those of one network ([`limited_network`]).
    pub anonymous_per_address: usize,
    /// Subjects of limits.
    pub counted: usize,
}

/// As a configuration that says nothing has it.
impl Default for StoreBounds {
    fn default() -> Self {
        Self {
            anonymous: 20_000,
            anonymous_per_address: 2_000,
            counted: 65_536,
        }
    }
}

/// What is counted; the subject is hashed under the key file before it gets here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LimitKey {
    /// Which limit, such as `sms_per_employee`.
    pub name: &'static str,
    /// Keyed hash of whose.
    pub subject: String,
}

/// One counted event, so that it can be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// What was counted.
    pub key: LimitKey,
    /// This event among them.
    pub event: String,
}

/// Whether one more event is allowed. An allowed one is counted in the same step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// It is, and it was counted.
    Granted(Ticket),
    /// It is not, before this moment.
    Refused {
        /// When the oldest counted event leaves the window.
        until: Timestamp,
    },
}

/// The address as limits count it: IPv6 by its /64, since one customer holds a whole one (THREATS B5).
pub fn limited_network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
