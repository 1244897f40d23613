//! The session store in Redis, for several gateways. Redis 6 or newer (it is spoken to in RESP3).
//!
//! | key | type | what |
//! | --- | --- | --- |
//! | `ds:s:{ID}` | hash | a session: `record` (JSON), `version`, `ends`, `idle`, `seen`, `vault`, `vault_version`; or, for 60 s, `replaced` alone |
//! | `ds:c:{ID}` | hash | a challenge: `challenge` (JSON), `version`, `until` |
//! | `ds:l:{SUBJECT}:NAME` | sorted set | the counted events of a limit, by time |
//! | `ds:directory` | hash | the directory's `id` and highest `counter`; the only key without an expiry |
//!
//! Whatever reads and writes is one script on one key, so it is one step, in a cluster too. What is over is
//! decided by the gateway's `now` and the times inside the record; Redis' own expiry only clears away.

mod fields;
mod link;
mod scripts;
#[cfg(test)]
pub(super) mod server;

use std::collections::HashSet;
use std::fmt;

use ::redis::{Cmd, FromRedisValue, Pipeline, ScriptInvocation, Value, cmd};
use async_trait::async_trait;

use self::fields::{
    Fields, Found, LISTED_FIELDS, SESSION_FIELDS, challenge_key, fill_in, from_json, from_text, limit_key,
    read_listed, session_key, take_fields, to_json, unreadable,
};
use self::link::Link;
use self::scripts::Scripts;
use super::{
    Allowance, CHALLENGE_KEPT_FOR, Challenge, ChallengeId, DirectoryMark, ENDED_KEPT_FOR, Limit, LimitKey,
    REPLACED_FOR, SessionFilter, SessionRecord, SessionStore, Slot, StoreUnknown, StoredSession, Ticket,
    VaultWrite, Versioned,
};
use crate::clock::Timestamp;
use crate::secret::{SessionId, random_id};

const DIRECTORY: &str = "ds:directory";
/// How many keys Redis looks at for one step of a listing: it answers nobody else meanwhile.
const SCANNED_AT_ONCE: usize = 200;

/// Sessions, challenges and limits in Redis.
pub struct RedisStore {
    link: Link,
    scripts: Scripts,
}

impl RedisStore {
    /// Connects to `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. Once connected, it
    /// comes back by itself after Redis was away.
    ///
    /// # Errors
    /// Where the URL cannot be read, or Redis does not answer within half a second. The text never holds
    /// the URL.
    pub async fn connect(url: &str) -> Result<Self, StoreUnknown> {
        let store = Self {
            link: Link::new(url)?,
            scripts: Scripts::new(),
        };
        store.ping().await?;
        Ok(store)
    }

    /// Runs a script on one key.
    async fn run<T: FromRedisValue>(
        &self,
        mut call: ScriptInvocation<'_>,
        key: &str,
    ) -> Result<T, StoreUnknown> {
        call.key(key);
        let mut connection = self.link.connection();
        self.link.ask(call.invoke_async(&mut connection)).await
    }

    /// Sends one command.
    async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreUnknown> {
        let mut connection = self.link.connection();
        self.link.ask(command.query_async(&mut connection)).await
    }

    /// Sends several commands at once, for as many answers.
    async fn send_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<Vec<T>, StoreUnknown> {
        let mut connection = self.link.connection();
        self.link.ask(commands.query_async(&mut connection)).await
    }

    /// One step through the keys that match; the cursor of the next step, 0 after the last.
    async fn scan(&self, cursor: u64, pattern: &str) -> Result<(u64, Vec<String>), StoreUnknown> {
        let mut command = cmd("SCAN");
        command
            .arg(cursor)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(SCANNED_AT_ONCE);
        self.send(&command).await
    }

    /// Deletes the keys that match, a few at a time.
    async fn delete_all(&self, pattern: &str) -> Result<(), StoreUnknown> {
        let mut cursor = 0;
        loop {
            let (next, keys) = self.scan(cursor, pattern).await?;
            if !keys.is_empty() {
                let mut commands = Pipeline::new();
                for key in &keys {
                    commands.cmd("DEL").arg(key);
                }
                self.send_all::<u64>(&commands).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn session(&self, id: &SessionId, now: Timestamp) -> Result<Slot, StoreUnknown> {
        let mut command = cmd("HMGET");
        command.arg(session_key(id)).arg(&SESSION_FIELDS);
        Ok(match Found::read(self.send(&command).await?)? {
            Found::Live(stored) if stored.record.id != *id => return Err(unreadable()),
            Found::Live(stored) if !stored.record.is_over(now) => Slot::Live(stored),
            Found::ReplacedAt(at) if now < at.plus(REPLACED_FOR) => Slot::Replaced,
            _ => Slot::Absent,
        })
    }

    async fn ran_out(&self, id: &SessionId, now: Timestamp) -> Result<Option<SessionRecord>, StoreUnknown> {
        let mut command = cmd("HMGET");
        command.arg(session_key(id)).arg(&SESSION_FIELDS);
        Ok(match Found::read(self.send(&command).await?)? {
            Found::Live(stored) if stored.record.id == *id => Some(stored.record).filter(|record| {
                let is_remembered = now < record.expires().plus(ENDED_KEPT_FOR);
                record.is_over(now) && is_remembered && record.level.holder().is_some()
            }),
            _ => None,
        })
    }

    async fn create(&self, record: &SessionRecord, vault: &[u8], now: Timestamp) -> Result<(), StoreUnknown> {
        let mut call = self.scripts.create.prepare_invoke();
        fill_in(&mut call, record)?;
        call.arg(vault).arg(now.0);
        let created: i64 = self.run(call, &session_key(&record.id)).await?;
        if created == 1 {
            Ok(())
        } else {
            Err(already_there())
        }
    }

    async fn update(
        &self,
        record: &SessionRecord,
        expected: u64,
        now: Timestamp,
    ) -> Result<bool, StoreUnknown> {
        let mut call = self.scripts.update.prepare_invoke();
        fill_in(&mut call, record)?;
        call.arg(expected).arg(now.0);
        let changed: i64 = self.run(call, &session_key(&record.id)).await?;
        Ok(changed == 1)
    }

    async fn touch(
        &self,
        id: &SessionId,
        last_seen: Timestamp,
        idle_until: Timestamp,
    ) -> Result<(), StoreUnknown> {
        let mut call = self.scripts.touch.prepare_invoke();
        call.arg(last_seen.0).arg(idle_until.0);
        self.run::<i64>(call, &session_key(id)).await.map(drop)
    }

    async fn write_vault(
        &self,
        id: &SessionId,
        vault: &[u8],
        expected: u64,
        now: Timestamp,
    ) -> Result<VaultWrite, StoreUnknown> {
        let mut call = self.scripts.write_vault.prepare_invoke();
        call.arg(vault).arg(expected).arg(now.0);
        let written: i64 = self.run(call, &session_key(id)).await?;
        match u64::try_from(written) {
            Ok(0) => Ok(VaultWrite::Conflict),
            Ok(version) => Ok(VaultWrite::Written(version)),
            Err(_) => Ok(VaultWrite::Gone),
        }
    }

    async fn retire(&self, id: &SessionId, now: Timestamp) -> Result<Option<StoredSession>, StoreUnknown> {
        let mut call = self.scripts.retire.prepare_invoke();
        call.arg(now.0);
        let Some(fields) = self.run::<Option<Fields>>(call, &session_key(id)).await? else {
            return Ok(None);
        };
        match Found::read(fields)? {
            Found::Live(stored) if stored.record.id == *id => Ok(Some(*stored)),
            _ => Err(unreadable()),
        }
    }

    async fn remove(&self, id: &SessionId) -> Result<(), StoreUnknown> {
        self.send::<i64>(cmd("DEL").arg(session_key(id))).await.map(drop)
    }

    async fn list(&self, filter: &SessionFilter, now: Timestamp) -> Result<Vec<SessionRecord>, StoreUnknown> {
        let mut found = Vec::new();
        // A step may return a key again.
        let mut seen = HashSet::new();
        let mut cursor = 0;
        loop {
            let (next, keys) = self.scan(cursor, "ds:s:*").await?;
            let keys: Vec<String> = keys.into_iter().filter(|key| seen.insert(key.clone())).collect();
            let mut commands = Pipeline::new();
            for key in &keys {
                commands.cmd("HMGET").arg(key).arg(&LISTED_FIELDS);
            }
            let answers = match keys.is_empty() {
                true => Vec::new(),
                false => self.send_all::<Fields>(&commands).await?,
            };
            for (key, fields) in keys.iter().zip(answers) {
                let Some(record) = read_listed(fields)? else {
                    continue;
                };
                if *key != session_key(&record.id) {
                    return Err(unreadable());
                }
                if !record.is_over(now) && filter.wants(&record) {
                    found.push(record);
                }
            }
            if next == 0 {
                return Ok(found);
            }
            cursor = next;
        }
    }

    async fn challenge(
        &self,
        id: &ChallengeId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Challenge>>, StoreUnknown> {
        let mut command = cmd("HMGET");
        command.arg(challenge_key(id)).arg(&["challenge", "version"]);
        let fields: Fields = self.send(&command).await?;
        let [challenge, version] = take_fields(fields)?;
        if challenge.is_none() && version.is_none() {
            return Ok(None);
        }
        let value: Challenge = from_json(challenge)?;
        let version = from_text(version)?;
        if value.id != *id {
            return Err(unreadable());
        }
        let is_kept = now < value.expires.plus(CHALLENGE_KEPT_FOR);
        Ok(is_kept.then_some(Versioned { value, version }))
    }

    async fn create_challenge(&self, challenge: &Challenge, now: Timestamp) -> Result<(), StoreUnknown> {
        let mut call = self.scripts.create_challenge.prepare_invoke();
        call.arg(to_json(challenge)?)
            .arg(challenge.expires.plus(CHALLENGE_KEPT_FOR).0)
            .arg(now.0);
        let created: i64 = self.run(call, &challenge_key(&challenge.id)).await?;
        if created == 1 {
            Ok(())
        } else {
            Err(already_there())
        }
    }

    async fn update_challenge(
        &self,
        challenge: &Challenge,
        expected: u64,
        now: Timestamp,
    ) -> Result<bool, StoreUnknown> {
        let mut call = self.scripts.update_challenge.prepare_invoke();
        call.arg(to_json(challenge)?)
            .arg(challenge.expires.plus(CHALLENGE_KEPT_FOR).0)
            .arg(expected)
            .arg(now.0);
        let changed: i64 = self.run(call, &challenge_key(&challenge.id)).await?;
        Ok(changed == 1)
    }

    async fn take(&self, key: &LimitKey, limit: Limit, now: Timestamp) -> Result<Allowance, StoreUnknown> {
        let event = random_id();
        let window = i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX);
        let mut call = self.scripts.take.prepare_invoke();
        call.arg(now.0).arg(window).arg(limit.count).arg(&event);
        let leaving: Option<String> = self.run(call, &limit_key(key)).await?;
        let Some(leaving) = leaving else {
            return Ok(Allowance::Granted(Ticket {
                key: key.clone(),
                event,
            }));
        };
        let leaving = leaving.parse().map_err(|_| unreadable())?;
        Ok(Allowance::Refused {
            until: Timestamp(leaving).plus(limit.window),
        })
    }

    async fn give_back(&self, ticket: &Ticket) -> Result<(), StoreUnknown> {
        let mut command = cmd("ZREM");
        command.arg(limit_key(&ticket.key)).arg(&ticket.event);
        self.send::<i64>(&command).await.map(drop)
    }

    async fn directory_mark(&self) -> Result<Option<DirectoryMark>, StoreUnknown> {
        let mut command = cmd("HMGET");
        command.arg(DIRECTORY).arg(&["id", "counter"]);
        let fields: Fields = self.send(&command).await?;
        let [id, counter] = take_fields(fields)?;
        if id.is_none() && counter.is_none() {
            return Ok(None);
        }
        Ok(Some(DirectoryMark {
            id: from_text(id)?,
            counter: from_text(counter)?,
        }))
    }

    async fn note_directory(&self, mark: &DirectoryMark, accept: bool) -> Result<(), StoreUnknown> {
        let mut call = self.scripts.note_directory.prepare_invoke();
        call.arg(&mark.id).arg(mark.counter).arg(i64::from(accept));
        self.run::<i64>(call, DIRECTORY).await.map(drop)
    }

    async fn clear(&self) -> Result<(), StoreUnknown> {
        self.delete_all("ds:s:*").await?;
        self.delete_all("ds:c:*").await
    }

    async fn ping(&self) -> Result<(), StoreUnknown> {
        let answer: String = self.send(&cmd("PING")).await?;
        if answer != "PONG" {
            return Err(unreadable());
        }
        // A replica answers with what was, so nothing may be decided on it. A server that may not say what
        // it is, such as a proxy, is taken for a primary: writes tell.
        let role: Result<Vec<Value>, _> = self.send(&cmd("ROLE")).await;
        match role.as_deref() {
            Ok([Value::BulkString(role), ..]) if role != b"master" => {
                self.link.renew();
                Err(StoreUnknown("Redis at this address is no primary".into()))
            }
            _ => Ok(()),
        }
    }
}

/// Ids are random: one that is there already is a fault, never a reason to overwrite.
fn already_there() -> StoreUnknown {
    StoreUnknown("the new id is taken".into())
}

/// The URL may hold a password (I12).
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisStore")
    }
}

#[cfg(test)]
#[path = "redis/redis_tests.rs"]
mod tests;
