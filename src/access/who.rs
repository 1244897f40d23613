//! Who is there: a token, looked up in the store, and its holder, looked up in the copies of the directory.

use std::time::Duration;

use super::{Doorstep, LiveSession, Unknown, Who};
use crate::clock::Timestamp;
use crate::config::UnknownEmployee;
use crate::gate::EmployeeStanding;
use crate::gate::decide::still_stands;
use crate::secret::SessionToken;
use crate::sessions::{SessionRecord, Slot};

/// How often a session's last use is written down, at most.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

impl Doorstep {
    /// Looks a browser's token up. `Unknown` where the store or the directory cannot tell (I9).
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn who(&self, token: Option<SessionToken>, now: Timestamp) -> Result<Who, Unknown> {
        let Some(token) = token else {
            return Ok(Who::Nobody);
        };
        let id = token.id();
        let stored = match self.store.session(&id, now).await? {
            Slot::Absent => return Ok(Who::Nobody),
            Slot::Replaced => return Ok(Who::Replaced),
            Slot::Live(stored) => *stored,
        };
        if !stored.record.is_current(now) || self.copies.is_ended(id.public())? {
            return Ok(Who::Nobody);
        }
        let standing = match stored.record.level.holder() {
            None => None,
            Some(holder) => self.copies.standing(&holder.login).await?,
        };
        if !self.holder_may_stay(&stored.record, standing.as_deref(), now) {
            return Ok(Who::Nobody);
        }
        self.touch(&stored.record, standing.as_deref(), now).await?;
        Ok(Who::Session(Box::new(LiveSession {
            token,
            stored,
            standing,
        })))
    }

    /// Whether a session's holder still stands as they did, and the firm's own time limits are kept.
    pub fn holder_may_stay(
        &self,
        record: &SessionRecord,
        standing: Option<&EmployeeStanding>,
        now: Timestamp,
    ) -> bool {
        let Some(holder) = record.level.holder() else {
            return true;
        };
        let settings = self.settings.load();
        let Some(standing) = standing else {
            let pass = settings.config.directory.unknown_employee == UnknownEmployee::Pass;
            return pass && holder.firm.is_none();
        };
        if !still_stands(&record.level, Some(standing)) {
            return false;
        }
        let sessions = &settings.config.sessions;
        let policy = &standing.firm.policy;
        now < record.since.plus(policy.absolute(sessions.absolute_timeout))
            && now < record.last_seen.plus(policy.idle(sessions.idle_timeout))
    }

    /// Writes the last use down, at most once a minute and often enough for short idle limits.
    async fn touch(
        &self,
        record: &SessionRecord,
        standing: Option<&EmployeeStanding>,
        now: Timestamp,
    ) -> Result<(), Unknown> {
        let idle = {
            let settings = self.settings.load();
            let configured = settings.config.sessions.idle_timeout;
            standing.map_or(configured, |standing| standing.firm.policy.idle(configured))
        };
        if now.since(record.last_seen) < TOUCH_EVERY.min(idle / 10) {
            return Ok(());
        }
        self.store.touch(&record.id, now, now.plus(idle)).await?;
        Ok(())
    }
}
