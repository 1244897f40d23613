//! The store's trait. Two implementations, one shared test suite.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Allowance, Challenge, ChallengeId, Limit, LimitKey, SessionRecord, StoreBounds, Ticket};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login};
use crate::secret::SessionId;

/// The store could not answer: neither found nor absent (I9). The reason is for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("session store: {0}")]
pub struct StoreUnknown(pub String);

/// What the store has under a session id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Nothing, or something that is over.
    Absent,
    /// A session that another took the place of, less than 60 s ago.
    Replaced,
    /// A session.
    Live(Box<StoredSession>),
}

/// A session with its sealed vault and the versions that compare-and-set needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// What is kept in the clear.
    pub record: SessionRecord,
    /// Rises with each change of the record.
    pub record_version: u64,
    /// The vault, sealed under the session's token. Empty: nothing was ever kept.
    pub vault: Vec<u8>,
    /// Rises with each change of the vault.
    pub vault_version: u64,
}

/// A value with the version that a compare-and-set of it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// Its version.
    pub version: u64,
}

/// How a write of a vault went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultWrite {
    /// Written; the new version.
    Written(u64),
    /// Somebody else wrote in between: read anew, apply the changes, try again.
    Conflict,
    /// The session is not there any more. Nothing was written.
    Gone,
}

/// Which sessions a listing wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only this employee's.
    pub login: Option<Login>,
    /// Only this firm's.
    pub firm: Option<FirmId>,
}

impl SessionFilter {
    /// Whether a listing shows this session: it has a holder, and all that is asked for fits.
    pub(super) fn wants(&self, record: &SessionRecord) -> bool {
        record.level.holder().is_some_and(|holder| {
            self.login.as_ref().is_none_or(|login| *login == holder.login)
                && (self.firm.is_none() || self.firm == holder.firm)
        })
    }
}

/// Which directory a store belongs to, and the highest change counter seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryMark {
    /// The directory's id.
    pub id: String,
    /// The highest counter seen.
    pub counter: i64,
}

/// Where sessions live. Every answer is found, absent, or unknown (the error).
///
/// `now` decides what is over, not the store's own clock. A write never makes a record that is not there,
/// `create` aside.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Looks a session up.
    async fn session(&self, id: &SessionId, now: Timestamp) -> Result<Slot, StoreUnknown>;

    /// A session with a holder that ended by the clock alone, less than an hour ago. It opens nothing any more: it
    /// tells whose request was interrupted.
    async fn ran_out(&self, id: &SessionId, now: Timestamp) -> Result<Option<SessionRecord>, StoreUnknown>;

    /// Keeps a new session, at version 1 of record and vault. A taken id is an error: ids are random, and
    /// what is there, a replaced session too, is never overwritten.
    async fn create(&self, record: &SessionRecord, vault: &[u8], now: Timestamp) -> Result<(), StoreUnknown>;

    /// Changes a session's record where its version is still `expected`; `false` where it is not, or the
    /// session is gone. A use that `touch` noted after the record's `last_seen` stays noted.
    async fn update(
        &self,
        record: &SessionRecord,
        expected: u64,
        now: Timestamp,
    ) -> Result<bool, StoreUnknown>;

    /// Moves `last_seen` and `idle_until` on, never back, whatever the version; nothing where the session is
    /// gone or was over at `last_seen`, which is this method's `now`.
    async fn touch(
        &self,
        id: &SessionId,
        last_seen: Timestamp,
        idle_until: Timestamp,
    ) -> Result<(), StoreUnknown>;

    /// Writes a sealed vault where its version is still `expected`.
    async fn write_vault(
        &self,
        id: &SessionId,
        vault: &[u8],
        expected: u64,
        now: Timestamp,
    ) -> Result<VaultWrite, StoreUnknown>;

    /// Takes a session out in one atomic step, leaving word for 60 s that it was replaced. Of two callers
    /// at once exactly one gets it; `None` where it is not there (any more).
    async fn retire(&self, id: &SessionId, now: Timestamp) -> Result<Option<StoredSession>, StoreUnknown>;

    /// Ends a session without a trace.
    async fn remove(&self, id: &SessionId) -> Result<(), StoreUnknown>;

    /// Lists live sessions that have a holder.
    async fn list(&self, filter: &SessionFilter, now: Timestamp) -> Result<Vec<SessionRecord>, StoreUnknown>;

    /// Looks a challenge up; kept until ten minutes after it expires, so that "ran out" can be told.
    async fn challenge(
        &self,
        id: &ChallengeId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Challenge>>, StoreUnknown>;

    /// Keeps a new challenge, at version 1.
    async fn create_challenge(&self, challenge: &Challenge, now: Timestamp) -> Result<(), StoreUnknown>;

    /// Changes a challenge where its version is still `expected`; `false` where it is not, or it is gone.
    async fn update_challenge(
        &self,
        challenge: &Challenge,
        expected: u64,
        now: Timestamp,
    ) -> Result<bool, StoreUnknown>;

    /// Counts one event where the limit allows it, in one atomic step.
    async fn take(&self, key: &LimitKey, limit: Limit, now: Timestamp) -> Result<Allowance, StoreUnknown>;

    /// Takes a counted event back.
    async fn give_back(&self, ticket: &Ticket) -> Result<(), StoreUnknown>;

    /// Which directory this store belongs to, if any was noted.
    async fn directory_mark(&self) -> Result<Option<DirectoryMark>, StoreUnknown>;

    /// Notes the directory. A lower counter of the same id, and another id, are written only with `accept`
    /// (`directory accept`), or where none was noted.
    async fn note_directory(&self, mark: &DirectoryMark, accept: bool) -> Result<(), StoreUnknown>;

    /// Ends every session and challenge (`directory accept`).
    async fn clear(&self) -> Result<(), StoreUnknown>;

    /// How much it may keep of what strangers bring, from now on. A store outside of this process forgets by
    /// expiry alone.
    fn bound(&self, _bounds: StoreBounds) {}

    /// Whether the store answers at all, for `/readyz`.
    async fn ping(&self) -> Result<(), StoreUnknown>;
}
