//! The way in after a verified factor, and where it leads.

use url::Url;

use super::belongings::open;
use super::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::config::Origin;
use crate::config::Portal;
use crate::gate::path::Target;
use crate::gate::{EmployeeStanding, FactorKind};
use crate::secret::SessionToken;
use crate::sessions::{Level, SessionRecord};
use crate::vault::Vault;

/// The way in, after a factor was verified.
#[derive(Debug)]
pub struct Entry {
    /// The browser's new token; [`Doorstep::session_cookie`] makes its cookie.
    pub token: SessionToken,
    /// Where to: a path (and query) of the portal.
    pub location: String,
    /// The portal's `pass_cookies` that were withheld, as Set-Cookie values.
    pub cookies: Vec<String>,
    /// A keyed hash of the password that was accepted, for [`Doorstep::remember`].
    pub password: Option<String>,
}

impl Doorstep {
    /// Raises a session to level `second_factor` under a new token: the session before it ends. `None` where
    /// another request did so first, or the employee may not stand there any more (answer 409, try again).
    ///
    /// # Errors
    /// Where store or directory cannot answer: nobody gets in.
    pub async fn raise(
        &self,
        session: &LiveSession,
        factor: FactorKind,
        now: Timestamp,
    ) -> Result<Option<Entry>, Unknown> {
        let Some(holder) = session.stored.record.level.holder().cloned() else {
            return Ok(None);
        };
        let Some(employee) = self.directory.employee(&holder.login).await? else {
            return Ok(None);
        };
        let standing = employee.standing;
        let stands = standing.active
            && standing.epoch == holder.employee_epoch
            && holder.firm.as_ref() == Some(&standing.firm.id)
            && standing.firm.policy.allows(factor);
        if !stands {
            return Ok(None);
        }
        let Some(before) = self.store.retire(&session.stored.record.id, now).await? else {
            return Ok(None);
        };
        if self.was_ended(&before.record).await? {
            return Ok(None);
        }
        let mut vault = open(&session.token, &before.vault)?;
        let waiting = vault.waiting.take().unwrap_or_default();
        let password = vault.password.take();
        let location = vault
            .deep_link
            .take()
            .or(waiting.location)
            .unwrap_or_else(|| "/".to_owned());
        let level = Level::SecondFactor {
            holder,
            factor,
            verified: now,
            firm_epoch: standing.firm.epoch,
        };
        let record = SessionRecord {
            level,
            last_seen: now,
            ..before.record
        };
        let token = self.succeed(record, &vault, &standing, now).await?;
        self.end_superfluous_sessions(&token, &standing, now).await?;
        Ok(Some(Entry {
            token,
            location,
            cookies: waiting.cookies,
            password,
        }))
    }

    /// Whether a session that was just retired was ended meanwhile, as the directory has it now: then nothing may
    /// take its place (I10).
    pub(super) async fn was_ended(&self, retired: &SessionRecord) -> Result<bool, Unknown> {
        if retired.level.holder().is_none() {
            return Ok(false);
        }
        self.copies.changed_here().await?;
        let ended = self.copies.is_ended(retired.id.public())?;
        if ended {
            // It was not replaced after all.
            self.store.remove(&retired.id).await?;
        }
        Ok(ended)
    }

    /// Keeps a session that takes the place of one that was just retired, under a new token. The directory
    /// is told that the one before has ended, so that no failover of the store revives it (I15).
    pub(super) async fn succeed(
        &self,
        before: SessionRecord,
        vault: &Vault,
        standing: &EmployeeStanding,
        now: Timestamp,
    ) -> Result<SessionToken, Unknown> {
        let token = SessionToken::random();
        let idle = {
            let settings = self.settings.load();
            standing.firm.policy.idle(settings.config.sessions.idle_timeout)
        };
        if before.level.holder().is_some() {
            self.directory
                .end_session(before.id.public(), before.ends)
                .await?;
        }
        let record = SessionRecord {
            id: token.id(),
            last_seen: now,
            idle_until: now.plus(idle),
            ..before
        };
        self.store.create(&record, &vault.seal(&token), now).await?;
        Ok(token)
    }

    /// Where the firm limits verified sessions per employee, the oldest beyond the limit end.
    async fn end_superfluous_sessions(
        &self,
        newest: &SessionToken,
        standing: &EmployeeStanding,
        now: Timestamp,
    ) -> Result<(), Unknown> {
        let Some(limit) = standing.firm.policy.sessions_per_employee else {
            return Ok(());
        };
        let filter = crate::sessions::SessionFilter {
            login: Some(standing.login.clone()),
            firm: None,
        };
        let mut verified: Vec<SessionRecord> = self
            .store
            .list(&filter, now)
            .await?
            .into_iter()
            .filter(|record| matches!(record.level, Level::SecondFactor { .. }))
            .filter(|record| record.id != newest.id())
            .collect();
        verified.sort_by_key(|record| std::cmp::Reverse(record.since));
        let others = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(1);
        for record in verified.into_iter().skip(others) {
            self.directory
                .end_session(record.id.public(), record.ends)
                .await?;
            self.store.remove(&record.id).await?;
        }
        Ok(())
    }

    /// Where a session that may pass wanted to go, without changing anything: the deep link, else what the
    /// withheld answer named, else `/`.
    ///
    /// # Errors
    /// Where the vault does not open.
    pub fn onward(&self, session: &LiveSession) -> Result<String, Unknown> {
        let vault = session.vault()?;
        let waiting = vault.waiting.and_then(|waiting| waiting.location);
        Ok(vault.deep_link.or(waiting).unwrap_or_else(|| "/".to_owned()))
    }
}

/// Where a portal's Location leads within the portal: path and query. `None` where it leads out of it, to
/// an own address, or is not a plain path (sessions in the path are dropped that way).
pub fn onward(location: &str, requested: &Target, public: &Origin, portal: &Portal) -> Option<String> {
    let base = Url::parse(&format!("{public}{}", requested.path_and_query())).ok()?;
    let url = base.join(location).ok()?;
    if !public.is_meant_by(&url) && !portal.upstream.origin.is_meant_by(&url) {
        return None;
    }
    let path_and_query = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let target = Target::parse(path_and_query.as_bytes()).ok()?;
    (target.is_plain() && !target.looks_own()).then_some(path_and_query)
}
