//! What stands in Redis, keys and fields, written and read. What cannot be read is unknown, not absent (I9).

use std::str::FromStr;

use ::redis::ScriptInvocation;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::{ChallengeId, LimitKey, SessionRecord, StoreUnknown, StoredSession};
use crate::clock::Timestamp;
use crate::secret::SessionId;

/// What [`Found::read`] reads.
pub(super) const SESSION_FIELDS: [&str; 7] = [
    "replaced",
    "record",
    "version",
    "idle",
    "seen",
    "vault",
    "vault_version",
];
/// What [`read_listed`] reads.
pub(super) const LISTED_FIELDS: [&str; 4] = ["replaced", "record", "idle", "seen"];

/// A hash's fields as they came; absent ones are `None`.
pub(super) type Fields = Vec<Option<Vec<u8>>>;

/// What a session's key holds.
pub(super) enum Found {
    Nothing,
    ReplacedAt(Timestamp),
    Live(Box<StoredSession>),
}

impl Found {
    /// Reads [`SESSION_FIELDS`].
    pub fn read(fields: Fields) -> Result<Self, StoreUnknown> {
        if fields.iter().all(Option::is_none) {
            return Ok(Self::Nothing);
        }
        let [replaced, record, version, idle, seen, vault, vault_version] = take_fields(fields)?;
        if replaced.is_some() {
            return Ok(Self::ReplacedAt(Timestamp(from_text(replaced)?)));
        }
        Ok(Self::Live(Box::new(StoredSession {
            record: read_record(record, idle, seen)?,
            record_version: from_text(version)?,
            vault: vault.ok_or_else(unreadable)?,
            vault_version: from_text(vault_version)?,
        })))
    }
}

/// Reads [`LISTED_FIELDS`]; `None` where there is no session (any more).
pub(super) fn read_listed(fields: Fields) -> Result<Option<SessionRecord>, StoreUnknown> {
    let [replaced, record, idle, seen] = take_fields(fields)?;
    if replaced.is_some() || (record.is_none() && idle.is_none() && seen.is_none()) {
        return Ok(None);
    }
    read_record(record, idle, seen).map(Some)
}

/// A record as it was written, with the use that was noted since.
fn read_record(
    record: Option<Vec<u8>>,
    idle: Option<Vec<u8>>,
    seen: Option<Vec<u8>>,
) -> Result<SessionRecord, StoreUnknown> {
    let mut record: SessionRecord = from_json(record)?;
    record.idle_until = Timestamp(from_text(idle)?);
    record.last_seen = Timestamp(from_text(seen)?);
    Ok(record)
}

/// The first arguments of the scripts that write a record.
pub(super) fn fill_in(call: &mut ScriptInvocation<'_>, record: &SessionRecord) -> Result<(), StoreUnknown> {
    call.arg(to_json(record)?)
        .arg(record.ends.0)
        .arg(record.idle_until.0)
        .arg(record.last_seen.0);
    Ok(())
}

pub(super) fn session_key(id: &SessionId) -> String {
    format!("ds:s:{{{}}}", id.0)
}

pub(super) fn challenge_key(id: &ChallengeId) -> String {
    format!("ds:c:{{{}}}", id.0)
}

pub(super) fn limit_key(key: &LimitKey) -> String {
    format!("ds:l:{{{}}}:{}", key.subject, key.name)
}

pub(super) fn take_fields<const N: usize>(fields: Fields) -> Result<[Option<Vec<u8>>; N], StoreUnknown> {
    fields.try_into().map_err(|_| unreadable())
}

pub(super) fn from_json<T: DeserializeOwned>(field: Option<Vec<u8>>) -> Result<T, StoreUnknown> {
    serde_json::from_slice(&field.ok_or_else(unreadable)?).map_err(|_| unreadable())
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreUnknown> {
    serde_json::to_vec(value).map_err(|_| StoreUnknown("a record cannot be written".into()))
}

pub(super) fn from_text<T: FromStr>(field: Option<Vec<u8>>) -> Result<T, StoreUnknown> {
    let field = field.ok_or_else(unreadable)?;
    let text = std::str::from_utf8(&field).map_err(|_| unreadable())?;
    text.parse().map_err(|_| unreadable())
}

/// What a key holds is not shown: not even in the log (I12).
pub(super) fn unreadable() -> StoreUnknown {
    StoreUnknown("Redis holds something else than was written".into())
}
