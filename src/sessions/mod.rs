//! The session store: sessions with their vaults, open challenges, limits. Everything in it may be lost
//! without letting anybody in (I15); everything has an expiry that is checked on reading.

mod challenge;
mod limit;
mod record;
mod store;

pub use challenge::{Challenge, ChallengeId, ChallengeState, SentToken};
pub use limit::{Allowance, Limit, LimitKey, Ticket};
pub use record::{Holder, Level, SessionRecord};
pub use store::{
    DirectoryMark, SessionFilter, SessionStore, Slot, StoreUnknown, StoredSession, VaultWrite, Versioned,
};
