//! The session store: sessions with their vaults, open challenges, limits. Everything in it may be lost
//! without letting anybody in (I15); everything has an expiry that is checked on reading.

mod challenge;
mod limit;
mod memory;
mod record;
mod redis;
mod store;
#[cfg(test)]
mod suite;

use std::time::Duration;

pub use challenge::{
    AskedPasskey, Challenge, ChallengeId, ChallengeState, PushDevice, PushPurpose, PushState, SentPush,
    SentToken,
};
pub use limit::{Allowance, Limit, LimitKey, StoreBounds, Ticket, limited_network};
pub use memory::MemoryStore;
pub use record::{Holder, Level, SessionRecord};
pub use redis::RedisStore;
pub use store::{
    DirectoryMark, SessionFilter, SessionStore, Slot, StoreUnknown, StoredSession, VaultWrite, Versioned,
};

/// How long a store remembers that a session was replaced.
const REPLACED_FOR: Duration = Duration::from_secs(60);
/// How long a session that ended by the clock is remembered, where somebody had signed in: it says whose request was
/// interrupted by that, and nothing else.
const ENDED_KEPT_FOR: Duration = Duration::from_secs(3600);
/// How long a challenge is kept after it expired, so that "ran out" can be told.
const CHALLENGE_KEPT_FOR: Duration = Duration::from_secs(600);
#[cfg(test)]
pub(crate) use redis::server::Server as RedisServer;
