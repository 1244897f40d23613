//! `resume`: a form that its session's end interrupted is kept for the employee whose session it was.

use std::time::Duration;

use super::{Doorstep, LiveSession, Unknown, Who};
use crate::clock::Timestamp;
use crate::gate::{Login, still_stands};
use crate::secret::{Purpose, SessionToken};
use crate::sessions::{Allowance, Limit, LimitKey};
use crate::vault::{Interrupted, Vault};

/// Where what was interrupted is offered.
pub const INTERRUPTED: &str = "/.doorstep/interrupted";
/// How long it is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 60);
/// So many are kept for one employee in ten minutes.
const PER_EMPLOYEE: Limit = Limit {
    count: 10,
    window: Duration::from_secs(600),
};

impl Doorstep {
    /// Whose a request is that comes when nobody may pass: the session's holder, or whoever held the session that
    /// ran out. `None` where that cannot be told, or they were signed out since.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn owner_of_interrupted(
        &self,
        who: &Who,
        token: Option<&SessionToken>,
        now: Timestamp,
    ) -> Result<Option<Login>, Unknown> {
        if let Who::Session(live) = who {
            return Ok(match live.stored.record.level.holder() {
                Some(holder) => Some(holder.login.clone()),
                None => live.vault()?.before,
            });
        }
        let (Who::Nobody, Some(token)) = (who, token) else {
            return Ok(None);
        };
        let id = token.id();
        let Some(record) = self.store.ran_out(&id, now).await? else {
            return Ok(None);
        };
        let Some(holder) = record.level.holder() else {
            return Ok(None);
        };
        let standing = self.copies.standing(&holder.login).await?;
        let stands =
            still_stands(&record.level, standing.as_deref()) && !self.copies.is_ended(id.public())?;
        Ok(stands.then(|| holder.login.clone()))
    }

    /// Keeps it, in the session or in a new one of nobody's. `None` where there are too many; else the cookie of
    /// the session that began for it, if one did.
    ///
    /// # Errors
    /// Where the store cannot answer.
    #[allow(clippy::option_option)]
    pub async fn keep_interrupted(
        &self,
        who: &Who,
        interrupted: &Interrupted,
        client: std::net::IpAddr,
        now: Timestamp,
    ) -> Result<Option<Option<String>>, Unknown> {
        let subject = interrupted.owner.folded().as_bytes();
        let key = LimitKey {
            name: "interrupted",
            subject: self.keys.keyed_hash(Purpose::Limit, subject),
        };
        if matches!(
            self.store.take(&key, PER_EMPLOYEE, now).await?,
            Allowance::Refused { .. }
        ) {
            return Ok(None);
        }
        let keep = |vault: &mut Vault| {
            vault.interrupted = Some(interrupted.clone());
            // The one after it is theirs as well, and takes its place.
            vault.before = Some(interrupted.owner.clone());
            vault.deep_link = Some(INTERRUPTED.to_owned());
            true
        };
        match who {
            Who::Session(live) => Ok(self.change_vault(live, now, keep).await?.then_some(None)),
            Who::Replaced => Ok(None),
            Who::Nobody => {
                let mut vault = Vault::default();
                keep(&mut vault);
                let token = self.begin_anonymous(&vault, None, client, now).await?;
                Ok(token.map(|token| Some(self.session_cookie(&token))))
            }
        }
    }

    /// What waits for this session's holder.
    ///
    /// # Errors
    /// Where the vault does not open.
    pub fn interrupted(&self, session: &LiveSession, now: Timestamp) -> Result<Option<Interrupted>, Unknown> {
        let Some(holder) = session.stored.record.level.holder() else {
            return Ok(None);
        };
        let waiting = session.vault()?.interrupted;
        Ok(waiting.filter(|waiting| waiting.is_for(&holder.login, now)))
    }

    /// Takes it out: of many who try at once, one gets it.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn take_interrupted(
        &self,
        session: &LiveSession,
        now: Timestamp,
    ) -> Result<Option<Interrupted>, Unknown> {
        let Some(holder) = session.stored.record.level.holder() else {
            return Ok(None);
        };
        let taken = std::sync::Mutex::new(None);
        let take = |vault: &mut Vault| {
            let found = vault.interrupted.take();
            let is_found = found.is_some();
            if let Ok(mut taken) = taken.lock() {
                // Where another was faster, this runs again and finds nothing.
                *taken = found;
            }
            is_found
        };
        let is_kept = self.change_vault(session, now, take).await?;
        let taken = taken.into_inner().unwrap_or_default();
        Ok(taken.filter(|taken| is_kept && taken.is_for(&holder.login, now)))
    }
}
