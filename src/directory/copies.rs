//! A gateway's copies of what `decide` needs (I10).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use sqlx::AnyConnection;
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior};

use super::news::News;
use super::unknown::{ANSWER, within};
use super::{Directory, DirectoryUnknown};
use crate::gate::{EmployeeStanding, Login};
use crate::sessions::DirectoryMark;

/// How often the change counter is read.
const EVERY: Duration = Duration::from_millis(200);
/// For how long copies serve after the beginning of the last read that was answered. With a change that the
/// next read would have shown, nothing older than this is ever served (I10).
const LEASE: Duration = Duration::from_secs(1);
/// How many employees' copies are kept; above that all are forgotten.
const MOST: usize = 100_000;

/// A gateway's copies of what `decide` needs (I10): filled on use, forgotten when the change counter
/// says so, and *unknown* when the directory has not answered for a second, or is not the one it was.
pub struct Copies {
    directory: Directory,
    /// The connection on which the counter is read; one read at a time.
    line: Mutex<Option<AnyConnection>>,
    held: RwLock<Held>,
}

/// What is held of the directory.
#[derive(Default)]
struct Held {
    /// When the last answered read began.
    read: Option<Instant>,
    /// The counter up to which copies are right; `None`: nothing was read, or not from this directory.
    seen: Option<i64>,
    /// Rises with everything forgotten.
    generation: u64,
    standings: HashMap<String, Option<Arc<EmployeeStanding>>>,
    ended: HashSet<String>,
    /// The highest mark seen, here or by the session store.
    highest: Option<DirectoryMark>,
    /// The directory is not the one that `highest` marks, or older.
    foreign: bool,
}

impl Copies {
    /// Copies of `directory`. Nothing is known before [`Self::watch`] or [`Self::refresh`] has read once.
    pub fn new(directory: Directory) -> Arc<Self> {
        Arc::new(Self {
            directory,
            line: Mutex::new(None),
            held: RwLock::default(),
        })
    }

    /// Reads the change counter every 200 ms on a connection of its own, for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut well = true;
        loop {
            ticks.tick().await;
            let outcome = self.refresh().await;
            match &outcome {
                Ok(()) if !well => tracing::info!("the directory answers again"),
                Err(error) if well => tracing::error!(%error, "what the directory holds is unknown"),
                _ => {}
            }
            well = outcome.is_ok();
        }
    }

    /// Reads the counter once; for `run` before the listener opens, and for tests.
    ///
    /// # Errors
    /// Where the directory does not answer, or is not the one it was.
    pub async fn refresh(&self) -> Result<(), DirectoryUnknown> {
        let asked = Instant::now();
        within(ANSWER, async {
            let mut line = self.line.lock().await;
            let (seen, highest) = {
                let held = self.held();
                // Somebody else's read began after this was asked for: it will do.
                if held.read.is_some_and(|read| read > asked) {
                    return held.known();
                }
                (held.seen, held.highest.clone())
            };
            let began = Instant::now();
            self.directory.0.place.is_in_place()?;
            // Taken out, so that a connection on which a read failed or was given up is not used again.
            let mut open = match line.take() {
                Some(open) => open,
                None => self.directory.0.place.connect().await?,
            };
            let news = News::read(&mut open, seen).await?;
            *line = Some(open);
            self.held_mut().apply(news, highest.as_ref(), began)
        })
        .await
    }

    /// Reads the counter at once: what this gateway itself has just changed is seen by its next request.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub async fn changed_here(&self) -> Result<(), DirectoryUnknown> {
        self.refresh().await
    }

    /// Where the employee stands; `Ok(None)`: nobody of that name (or not any more).
    ///
    /// # Errors
    /// Where that is not known.
    pub async fn standing(&self, login: &Login) -> Result<Option<Arc<EmployeeStanding>>, DirectoryUnknown> {
        let generation = {
            let held = self.held();
            held.known()?;
            if let Some(copy) = held.standings.get(login.folded()) {
                return Ok(copy.clone());
            }
            held.generation
        };
        let standing = self.directory.standing(login).await?.map(Arc::new);
        let mut held = self.held_mut();
        held.known()?;
        held.fill(generation, login, standing.clone());
        Ok(standing)
    }

    /// Whether this session was ended before its time.
    ///
    /// # Errors
    /// Where that is not known.
    pub fn is_ended(&self, public_id: &str) -> Result<bool, DirectoryUnknown> {
        let held = self.held();
        held.known()?;
        Ok(held.ended.contains(public_id))
    }

    /// The directory's id and the highest counter seen of it, for the session store to note.
    pub fn highest_seen(&self) -> Option<DirectoryMark> {
        self.held().highest.clone()
    }

    /// What the session store remembers: counts from the next read on. Another id, or a counter higher than
    /// the directory's, makes everything unknown until [`Self::accept`].
    pub fn remember(&self, mark: DirectoryMark) {
        let mut held = self.held_mut();
        let lower = |highest: &DirectoryMark| highest.id != mark.id || highest.counter < mark.counter;
        if held.highest.as_ref().is_none_or(lower) {
            held.highest = Some(mark);
        }
    }

    /// Somebody accepted the directory that this marks (`directory accept`): counts from the next read on.
    pub fn accept(&self, mark: DirectoryMark) {
        let mut held = self.held_mut();
        held.highest = Some(mark);
        held.foreign = false;
        held.read = None;
        held.forget_all();
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_mut(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Whether what is held may be used.
    fn known(&self) -> Result<(), DirectoryUnknown> {
        if self.foreign {
            return Err(DirectoryUnknown(
                "it is not the one that was seen before, or an older copy of it; \
                 look at it, then: doorstep directory accept"
                    .into(),
            ));
        }
        match self.read {
            Some(read) if read.elapsed() < LEASE => Ok(()),
            Some(_) => Err(DirectoryUnknown("no answer for a second".into())),
            None => Err(DirectoryUnknown("it was not read yet".into())),
        }
    }

    /// Takes a reading in. `expected` is the highest mark from before the read began: a read that was under way
    /// while the store told of a newer one is no older directory.
    fn apply(
        &mut self,
        news: News,
        expected: Option<&DirectoryMark>,
        began: Instant,
    ) -> Result<(), DirectoryUnknown> {
        let foreign = |mark: &DirectoryMark| {
            let older = mark.counter > news.counter;
            // Once older, it stays so however many changes are made to it, until somebody accepts it.
            let unaccepted = self.foreign && news.accepted < mark.counter;
            mark.id != news.id || older || unaccepted
        };
        let foreign = expected.is_some_and(foreign);
        if foreign && self.highest.as_ref() != expected {
            // Told of another mark meanwhile: the next read decides.
            return self.known();
        }
        self.foreign = foreign;
        if self.foreign {
            self.forget_all();
            return self.known();
        }
        self.read = Some(began);
        self.seen = Some(news.counter);
        let raised = |highest: &DirectoryMark| highest.id == news.id && highest.counter < news.counter;
        if self.highest.as_ref().is_none_or(raised) {
            self.highest = Some(DirectoryMark {
                id: news.id,
                counter: news.counter,
            });
        }
        if news.everybody || !news.names.is_empty() || !news.firms.is_empty() {
            self.generation += 1;
        }
        if news.everybody {
            self.standings.clear();
        }
        for name in &news.names {
            self.standings.remove(name);
        }
        if !news.firms.is_empty() {
            let stays = |copy: &EmployeeStanding| !news.firms.contains(copy.firm.id.as_str());
            self.standings.retain(|_, copy| copy.as_deref().is_none_or(stays));
        }
        if let Some(all) = news.all_ended {
            self.ended = all;
        }
        self.ended.extend(news.ended);
        Ok(())
    }

    /// Keeps a copy, unless something was forgotten since the read of it began: it might be older than that.
    fn fill(&mut self, generation: u64, login: &Login, standing: Option<Arc<EmployeeStanding>>) {
        if self.generation != generation {
            return;
        }
        if self.standings.len() >= MOST {
            self.standings.clear();
        }
        self.standings.insert(login.folded().to_owned(), standing);
    }

    fn forget_all(&mut self) {
        self.seen = None;
        self.generation += 1;
        self.standings.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(counter: i64, names: &[&str]) -> News {
        News {
            id: "d".into(),
            counter,
            accepted: 0,
            everybody: false,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            firms: HashSet::new(),
            ended: Vec::new(),
            all_ended: None,
        }
    }

    #[test]
    fn i10_a_read_that_a_change_overtook_leaves_no_copy() {
        let anna = Login::parse("anna").unwrap();
        let mut held = Held::default();
        held.apply(news(5, &[]), None, Instant::now()).unwrap();
        let generation = held.generation;
        held.apply(news(6, &["anna"]), None, Instant::now()).unwrap();
        held.fill(generation, &anna, None);
        assert!(held.standings.is_empty());
        held.fill(held.generation, &anna, None);
        held.apply(news(7, &[]), None, Instant::now()).unwrap();
        assert!(held.standings.contains_key("anna"), "nothing of hers changed");
    }

    #[test]
    fn i10_copies_are_bounded() {
        let mut held = Held::default();
        for row in 0..=MOST {
            held.fill(0, &Login::parse(&format!("tech{row}")).unwrap(), None);
        }
        assert!(held.standings.len() <= MOST);
    }

    #[test]
    fn i15_a_read_that_was_under_way_when_a_newer_mark_came_is_no_older_directory() {
        let mut held = Held::default();
        let mark = |counter| DirectoryMark {
            id: "d".into(),
            counter,
        };
        held.highest = Some(mark(9));
        assert!(held.apply(news(8, &[]), Some(&mark(8)), Instant::now()).is_ok());
        assert_eq!(held.highest, Some(mark(9)));
        assert!(held.apply(news(8, &[]), Some(&mark(9)), Instant::now()).is_err());
        assert!(held.known().is_err());
        assert!(
            held.apply(news(10, &[]), Some(&mark(9)), Instant::now()).is_err(),
            "nobody accepted it"
        );
    }
}
