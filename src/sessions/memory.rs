//! The session store in the gateway's own memory: the embedded default. What strangers can make it keep is
//! bounded: see [`StoreBounds`].

mod counts;
mod crowd;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use self::counts::Counts;
use self::crowd::Crowd;
use super::{
    Allowance, CHALLENGE_KEPT_FOR, Challenge, ChallengeId, DirectoryMark, ENDED_KEPT_FOR, Limit, LimitKey,
    REPLACED_FOR, SessionFilter, SessionRecord, SessionStore, Slot, StoreBounds, StoreUnknown, StoredSession,
    Ticket, VaultWrite, Versioned,
};
use crate::clock::Timestamp;
use crate::secret::SessionId;

/// How many keys that may be over a write looks at. It adds two at most, so what is over never piles up.
const SWEPT_PER_WRITE: usize = 8;
/// So many moments may outlast what they belonged to.
const LEFT_BEHIND: usize = 4096;

/// Sessions, challenges and limits in memory; lost with the process.
#[derive(Default)]
pub struct MemoryStore {
    /// Never held across an await: every method locks once and answers.
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    sessions: HashMap<SessionId, Kept>,
    challenges: HashMap<ChallengeId, Versioned<Challenge>>,
    limits: Counts,
    /// Sessions in which nobody has signed in.
    crowd: Crowd,
    bounds: StoreBounds,
    mark: Option<DirectoryMark>,
    /// When to look whether a key is over; each is in here at least once, the earliest on top.
    due: BinaryHeap<Reverse<(Timestamp, Key)>>,
}

enum Kept {
    Live(Box<StoredSession>),
    ReplacedAt(Timestamp),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Session(SessionId),
    Challenge(String),
    Limit(&'static str, String),
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing in here panics half-way, so a poisoned lock still guards whole data.
    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn session(&self, id: &SessionId, now: Timestamp) -> Result<Slot, StoreUnknown> {
        Ok(match self.lock().sessions.get(id) {
            Some(Kept::Live(stored)) if !stored.record.is_over(now) => Slot::Live(stored.clone()),
            Some(Kept::ReplacedAt(at)) if now < at.plus(REPLACED_FOR) => Slot::Replaced,
            _ => Slot::Absent,
        })
    }

    async fn ran_out(&self, id: &SessionId, now: Timestamp) -> Result<Option<SessionRecord>, StoreUnknown> {
        Ok(match self.lock().sessions.get(id) {
            Some(kept @ Kept::Live(stored)) if kept.is_over(now) && now < kept.forgotten_at() => {
                Some(stored.record.clone())
            }
            _ => None,
        })
    }

    async fn create(&self, record: &SessionRecord, vault: &[u8], now: Timestamp) -> Result<(), StoreUnknown> {
        let mut all = self.lock();
        all.sweep(now);
        if all
            .sessions
            .get(&record.id)
            .is_some_and(|kept| !kept.is_over(now))
        {
            return Err(already_there());
        }
        let stored = StoredSession {
            record: record.clone(),
            record_version: 1,
            vault: vault.to_vec(),
            vault_version: 1,
        };
        all.sessions
            .insert(record.id.clone(), Kept::Live(Box::new(stored)));
        if record.level.holder().is_none() {
            let bounds = all.bounds;
            for gone in all.crowd.join(&record.id, record.address, bounds) {
                all.sessions.remove(&gone);
            }
        }
        all.due
            .push(Reverse((record.expires(), Key::Session(record.id.clone()))));
        Ok(())
    }

    async fn update(
        &self,
        record: &SessionRecord,
        expected: u64,
        now: Timestamp,
    ) -> Result<bool, StoreUnknown> {
        let mut all = self.lock();
        let Some(stored) = all.live(&record.id, now) else {
            return Ok(false);
        };
        if stored.record_version != expected {
            return Ok(false);
        }
        let touched = (stored.record.last_seen, stored.record.idle_until);
        stored.record = record.clone();
        // A use that was noted since the caller read the record is not forgotten.
        if touched.0 > record.last_seen {
            (stored.record.last_seen, stored.record.idle_until) = touched;
        }
        stored.record_version += 1;
        if record.level.holder().is_some() {
            all.crowd.leave(&record.id);
        }
        Ok(true)
    }

    async fn touch(
        &self,
        id: &SessionId,
        last_seen: Timestamp,
        idle_until: Timestamp,
    ) -> Result<(), StoreUnknown> {
        if let Some(stored) = self.lock().live(id, last_seen) {
            stored.record.last_seen = stored.record.last_seen.max(last_seen);
            stored.record.idle_until = stored.record.idle_until.max(idle_until);
        }
        Ok(())
    }

    async fn write_vault(
        &self,
        id: &SessionId,
        vault: &[u8],
        expected: u64,
        now: Timestamp,
    ) -> Result<VaultWrite, StoreUnknown> {
        let mut all = self.lock();
        let Some(stored) = all.live(id, now) else {
            return Ok(VaultWrite::Gone);
        };
        if stored.vault_version != expected {
            return Ok(VaultWrite::Conflict);
        }
        stored.vault = vault.to_vec();
        stored.vault_version += 1;
        Ok(VaultWrite::Written(stored.vault_version))
    }

    async fn retire(&self, id: &SessionId, now: Timestamp) -> Result<Option<StoredSession>, StoreUnknown> {
        let mut all = self.lock();
        all.sweep(now);
        let Some(kept) = all.sessions.get_mut(id) else {
            return Ok(None);
        };
        if kept.is_over(now) || matches!(kept, Kept::ReplacedAt(_)) {
            return Ok(None);
        }
        let retired = std::mem::replace(kept, Kept::ReplacedAt(now));
        all.crowd.leave(id);
        all.due
            .push(Reverse((now.plus(REPLACED_FOR), Key::Session(id.clone()))));
        Ok(match retired {
            Kept::Live(stored) => Some(*stored),
            Kept::ReplacedAt(_) => None,
        })
    }

    async fn remove(&self, id: &SessionId) -> Result<(), StoreUnknown> {
        let mut all = self.lock();
        all.sessions.remove(id);
        all.crowd.leave(id);
        Ok(())
    }

    async fn list(&self, filter: &SessionFilter, now: Timestamp) -> Result<Vec<SessionRecord>, StoreUnknown> {
        let all = self.lock();
        let live = all.sessions.values().filter_map(|kept| match kept {
            Kept::Live(stored) if !stored.record.is_over(now) => Some(&stored.record),
            _ => None,
        });
        Ok(live.filter(|record| filter.wants(record)).cloned().collect())
    }

    async fn challenge(
        &self,
        id: &ChallengeId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Challenge>>, StoreUnknown> {
        Ok(self.lock().kept_challenge(id, now).cloned())
    }

    async fn create_challenge(&self, challenge: &Challenge, now: Timestamp) -> Result<(), StoreUnknown> {
        let mut all = self.lock();
        all.sweep(now);
        if all.kept_challenge(&challenge.id, now).is_some() {
            return Err(already_there());
        }
        let kept = Versioned {
            value: challenge.clone(),
            version: 1,
        };
        all.due.push(Reverse((
            kept.kept_until(),
            Key::Challenge(challenge.id.0.clone()),
        )));
        all.challenges.insert(challenge.id.clone(), kept);
        Ok(())
    }

    async fn update_challenge(
        &self,
        challenge: &Challenge,
        expected: u64,
        now: Timestamp,
    ) -> Result<bool, StoreUnknown> {
        let mut all = self.lock();
        let Some(kept) = all.kept_challenge(&challenge.id, now) else {
            return Ok(false);
        };
        if kept.version != expected {
            return Ok(false);
        }
        kept.value = challenge.clone();
        kept.version += 1;
        Ok(true)
    }

    async fn take(&self, key: &LimitKey, limit: Limit, now: Timestamp) -> Result<Allowance, StoreUnknown> {
        let mut all = self.lock();
        all.sweep(now);
        let most = all.bounds.counted;
        let (allowance, over) = all.limits.take(key, limit, now, most);
        if let Some(over) = over {
            all.due
                .push(Reverse((over, Key::Limit(key.name, key.subject.clone()))));
        }
        Ok(allowance)
    }

    async fn give_back(&self, ticket: &Ticket) -> Result<(), StoreUnknown> {
        self.lock().limits.give_back(ticket);
        Ok(())
    }

    async fn directory_mark(&self) -> Result<Option<DirectoryMark>, StoreUnknown> {
        Ok(self.lock().mark.clone())
    }

    async fn note_directory(&self, mark: &DirectoryMark, accept: bool) -> Result<(), StoreUnknown> {
        let mut all = self.lock();
        let is_noted = match &all.mark {
            None => true,
            Some(_) if accept => true,
            Some(known) => known.id == mark.id && known.counter < mark.counter,
        };
        if is_noted {
            all.mark = Some(mark.clone());
        }
        Ok(())
    }

    async fn clear(&self) -> Result<(), StoreUnknown> {
        let mut all = self.lock();
        all.sessions.clear();
        all.crowd.clear();
        all.challenges.clear();
        Ok(())
    }

    fn bound(&self, bounds: StoreBounds) {
        self.lock().bounds = bounds;
    }

    async fn ping(&self) -> Result<(), StoreUnknown> {
        Ok(())
    }
}

impl All {
    fn live(&mut self, id: &SessionId, now: Timestamp) -> Option<&mut StoredSession> {
        match self.sessions.get_mut(id) {
            Some(Kept::Live(stored)) if !stored.record.is_over(now) => Some(stored),
            _ => None,
        }
    }

    fn kept_challenge(&mut self, id: &ChallengeId, now: Timestamp) -> Option<&mut Versioned<Challenge>> {
        self.challenges.get_mut(id).filter(|kept| now < kept.kept_until())
    }

    /// Forgets what is over, a few keys at a time.
    fn sweep(&mut self, now: Timestamp) {
        self.drop_what_is_gone();
        for _ in 0..SWEPT_PER_WRITE {
            match self.due.peek() {
                Some(Reverse((due, _))) if *due <= now => {}
                _ => return,
            }
            let Some(Reverse((_, key))) = self.due.pop() else {
                return;
            };
            match self.over_at(&key) {
                None => {}
                Some(over) if now < over => self.due.push(Reverse((over, key))),
                Some(_) => self.forget(key),
            }
        }
    }

    /// What was forgotten before its time leaves its moment behind: they go when they outnumber what is kept.
    fn drop_what_is_gone(&mut self) {
        let kept = self.sessions.len() + self.challenges.len() + self.limits.len();
        if self.due.len() <= 2 * kept + LEFT_BEHIND {
            return;
        }
        let mut seen = HashSet::new();
        let due: Vec<_> = std::mem::take(&mut self.due).into_vec();
        self.due = due
            .into_iter()
            .filter(|Reverse((_, key))| self.over_at(key).is_some() && seen.insert(key.clone()))
            .collect();
    }

    /// When a key can be forgotten; `None` where it is gone.
    fn over_at(&self, key: &Key) -> Option<Timestamp> {
        match key {
            Key::Session(id) => self.sessions.get(id).map(Kept::forgotten_at),
            Key::Challenge(id) => {
                let kept = self.challenges.get(&ChallengeId(id.clone()));
                kept.map(Versioned::kept_until)
            }
            Key::Limit(name, subject) => {
                let subject = subject.clone();
                self.limits.over_at(&LimitKey { name, subject })
            }
        }
    }

    fn forget(&mut self, key: Key) {
        match key {
            Key::Session(id) => {
                self.crowd.leave(&id);
                self.sessions.remove(&id);
            }
            Key::Challenge(id) => drop(self.challenges.remove(&ChallengeId(id))),
            Key::Limit(name, subject) => self.limits.forget(&LimitKey { name, subject }),
        }
    }
}

impl Kept {
    fn over_at(&self) -> Timestamp {
        match self {
            Self::Live(stored) => stored.record.expires(),
            Self::ReplacedAt(at) => at.plus(REPLACED_FOR),
        }
    }

    /// Whose a session was is remembered for a while.
    fn forgotten_at(&self) -> Timestamp {
        match self {
            Self::Live(stored) if stored.record.level.holder().is_some() => {
                self.over_at().plus(ENDED_KEPT_FOR)
            }
            _ => self.over_at(),
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now >= self.over_at()
    }
}

impl Versioned<Challenge> {
    fn kept_until(&self) -> Timestamp {
        self.value.expires.plus(CHALLENGE_KEPT_FOR)
    }
}

/// Ids are random: one that is there already is a fault, never a reason to overwrite.
fn already_there() -> StoreUnknown {
    StoreUnknown("the new id is taken".into())
}

/// Shows how many, never whose (I12).
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.lock();
        f.debug_struct("MemoryStore")
            .field("sessions", &all.sessions.len())
            .field("challenges", &all.challenges.len())
            .field("limits", &all.limits.len())
            .finish()
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
