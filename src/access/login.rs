//! A portal's login: what is checked before it is sent, and what an accepted one makes of the session.

use std::net::IpAddr;
use std::time::Duration;

use super::belongings::{TRIES, open};
use super::{DeviceCookie, Doorstep, Ending, LiveSession, Unknown, Who};
use crate::clock::Timestamp;
use crate::config::UnknownEmployee;
use crate::directory::{Actor, AuditEvent, Employee};
use crate::gate::policy::PasswordSuffices;
use crate::gate::{EmployeeStanding, Exception, FactorKind, Login};
use crate::secret::{SessionId, SessionToken};
use crate::sessions::{ChallengeId, Holder, Level, SessionRecord, Slot, StoreUnknown};
use crate::vault::{Vault, Waiting};

/// A script's withheld login sent again within this time gets its answer whatever the policy says
/// (DESIGN section 3, "Signing in again").
const SCRIPT_SIGNS_IN_AGAIN: Duration = Duration::from_secs(5 * 60);

/// Whether a login may be sent with a session's cookies (I4, "whose vault").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginCheck {
    /// It may; the ticket that tells afterwards whether it was the only one on its way.
    Send(Alone),
    /// It names somebody else: the session ends, and the login is not sent.
    SomebodyElse,
    /// The session was replaced or ended meanwhile.
    Gone,
}

/// Whether a login began under a jar that no other was on its way with: the version of the session's record
/// since. Every other login changes that, so that a jar is free for another name only once nothing that was
/// sent with it can still sign somebody in at the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alone(Option<u64>);

/// A login that the portal accepted.
pub struct Accepted<'a> {
    /// Who signed in: as the portal says, else as was typed (I4).
    pub typed: &'a Login,
    /// Whether the portal itself said so.
    pub said: bool,
    /// The session that it was sent under.
    pub under: &'a Who,
    /// What the portal set, for the vault: applied to the newest jar.
    pub keep: &'a (dyn Fn(&mut Vault) + Send + Sync),
    /// What waits for the second factor, should one be owed.
    pub waiting: Waiting,
    /// The device that its browser holds.
    pub device: Option<&'a DeviceCookie>,
    /// The password, where the rule's field for it was there once.
    pub password: Option<&'a str>,
    /// Whether a script sent it.
    pub script: bool,
    /// From which address.
    pub client: IpAddr,
    /// When.
    pub now: Timestamp,
}

/// What became of it.
#[derive(Debug)]
pub enum LoginOutcome {
    /// The portal's own answer passes, under this token. The deep link, if one was kept.
    LetIn {
        /// The browser's new token.
        token: SessionToken,
        /// Where the browser wanted to go.
        deep_link: Option<String>,
        /// The remembered device's next cookie, as a Set-Cookie value.
        device: Option<String>,
    },
    /// A second factor is owed, under this token.
    Challenge {
        /// The browser's new token.
        token: SessionToken,
    },
    /// The directory does not know them, or they are deactivated: the jar is gone, the session ended.
    NotKnown,
    /// It was somebody else than the session's owner: the jar is gone, the session ended.
    SomebodyElse,
    /// Another request was faster with the same session: answer 409.
    Overtaken,
}

/// What of the session before goes on in the one after an accepted login.
struct Before {
    token: SessionToken,
    id: SessionId,
}

impl Doorstep {
    /// Checks that a login may be sent under a session, and notes the name in an anonymous one (I4). Where only
    /// the answer will tell who it was (`None`), that is judged then.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn check_login(
        &self,
        who: &Who,
        typed: Option<&Login>,
        now: Timestamp,
    ) -> Result<LoginCheck, Unknown> {
        let (Who::Session(session), Some(typed)) = (who, typed) else {
            return Ok(LoginCheck::Send(Alone(None)));
        };
        match &session.stored.record.level {
            Level::Anonymous { .. } => self.note_tried(session, typed, now).await,
            Level::Password { holder, .. } | Level::SecondFactor { holder, .. } => {
                let is_owner = self.names_holder(typed, holder).await?;
                Ok(if is_owner {
                    LoginCheck::Send(Alone(None))
                } else {
                    LoginCheck::SomebodyElse
                })
            }
        }
    }

    /// Whether a name (a login or an alias) is the holder's.
    ///
    /// # Errors
    /// Where the directory cannot answer.
    pub async fn names_holder(&self, name: &Login, holder: &Holder) -> Result<bool, Unknown> {
        Ok(match self.directory.employee(name).await? {
            Some(employee) => employee.standing.login == holder.login,
            None => holder.firm.is_none() && *name == holder.login,
        })
    }

    async fn note_tried(
        &self,
        session: &LiveSession,
        typed: &Login,
        now: Timestamp,
    ) -> Result<LoginCheck, Unknown> {
        let mut record = session.stored.record.clone();
        let mut version = session.stored.record_version;
        for _ in 0..TRIES {
            let Level::Anonymous { tried } = &record.level else {
                return Ok(LoginCheck::Gone);
            };
            if tried.as_ref().is_some_and(|name| name != typed.folded()) {
                return Ok(LoginCheck::SomebodyElse);
            }
            let is_first = tried.is_none();
            record.level = Level::Anonymous {
                tried: Some(typed.folded().to_owned()),
            };
            // Also where the name stays: whoever came before must see that others did since.
            if self.store.update(&record, version, now).await? {
                return Ok(LoginCheck::Send(Alone(is_first.then_some(version + 1))));
            }
            // Another login under the same session was faster: it decides whose the jar is.
            let Slot::Live(stored) = self.store.session(&record.id, now).await? else {
                return Ok(LoginCheck::Gone);
            };
            record = stored.record;
            version = stored.record_version;
        }
        Err(StoreUnknown("a session changed too often to be written".into()).into())
    }

    /// A login fitted the rule's `failure`: the next one in the same jar may name somebody else, unless another
    /// one may still be on its way.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn forget_tried(
        &self,
        session: &LiveSession,
        alone: Alone,
        now: Timestamp,
    ) -> Result<(), Unknown> {
        let (Alone(Some(version)), Level::Anonymous { .. }) = (alone, &session.stored.record.level) else {
            return Ok(());
        };
        let mut record = session.stored.record.clone();
        record.level = Level::Anonymous { tried: None };
        // Where it changed meanwhile, the name stays: that only asks for another try.
        self.store.update(&record, version, now).await?;
        Ok(())
    }

    /// Makes of an accepted login what policy says, read from the directory itself (I10).
    ///
    /// # Errors
    /// Where store or directory cannot answer: nothing is released.
    pub async fn login_accepted(&self, accepted: Accepted<'_>) -> Result<LoginOutcome, Unknown> {
        let employee = self.directory.employee(accepted.typed).await?;
        let employee = match employee {
            None if accepted.said => {
                self.register(accepted.typed, accepted.client, accepted.now)
                    .await?
            }
            known => known,
        };
        let known = employee.filter(|employee| employee.standing.active);
        let (login, standing) = match known {
            Some(Employee { standing, .. }) => (standing.login.clone(), Some(standing)),
            None if self.lets_unknown_pass(accepted.typed).await? => (accepted.typed.clone(), None),
            None => return self.refuse_unknown(&accepted).await,
        };
        if let Who::Session(session) = accepted.under
            && session
                .stored
                .record
                .level
                .holder()
                .is_some_and(|holder| holder.login != login)
        {
            let _: Ending = self.end_session(session).await?;
            return Ok(LoginOutcome::SomebodyElse);
        }
        self.accept(accepted, login, standing).await
    }

    /// `unknown_employee = "pass"` lets in whom the directory has never heard of, not whom it deactivated.
    async fn lets_unknown_pass(&self, typed: &Login) -> Result<bool, Unknown> {
        let passes = self.settings.load().config.directory.unknown_employee == UnknownEmployee::Pass;
        Ok(passes && self.directory.employee(typed).await?.is_none())
    }

    async fn refuse_unknown(&self, accepted: &Accepted<'_>) -> Result<LoginOutcome, Unknown> {
        if let Who::Session(session) = accepted.under {
            // Whoever was faster under it is refused as well: it was the same name's.
            let _: Ending = self.end_session(session).await?;
        }
        let event = AuditEvent {
            event: "login.unknown_employee",
            actor: Actor {
                name: "gateway".into(),
                from: accepted.client.to_string(),
            },
            firm: None,
            login: Some(accepted.typed.clone()),
            details: serde_json::json!({}),
        };
        self.directory.audit(&event, accepted.now).await?;
        Ok(LoginOutcome::NotKnown)
    }

    async fn accept(
        &self,
        accepted: Accepted<'_>,
        login: Login,
        standing: Option<EmployeeStanding>,
    ) -> Result<LoginOutcome, Unknown> {
        let now = accepted.now;
        let (before, old) = match accepted.under {
            Who::Session(session) => {
                let id = session.stored.record.id.clone();
                let Some(old) = self.store.retire(&id, now).await? else {
                    return Ok(LoginOutcome::Overtaken);
                };
                if self.was_ended(&old.record).await? {
                    return Ok(LoginOutcome::Overtaken);
                }
                (
                    Some(Before {
                        token: session.token.clone(),
                        id,
                    }),
                    Some(old),
                )
            }
            Who::Nobody | Who::Replaced => (None, None),
        };
        let mut vault = match (&before, &old) {
            (Some(before), Some(old)) => open(&before.token, &old.vault)?,
            _ => Vault::default(),
        };
        let old_level = old.as_ref().map(|old| &old.record.level);
        // Another person's jar is never gone on with, whatever happened between check and answer.
        let is_theirs = match old_level {
            None => true,
            Some(Level::Anonymous { tried }) => tried.as_deref() == Some(accepted.typed.folded()),
            Some(level) => level.holder().is_some_and(|holder| holder.login == login),
        };
        if !is_theirs {
            return Ok(LoginOutcome::Overtaken);
        }
        vault.public = crate::vault::Jar::default();
        (accepted.keep)(&mut vault);
        let holder = Holder {
            firm: standing.as_ref().map(|standing| standing.firm.id.clone()),
            employee_epoch: standing.as_ref().map_or(0, |standing| standing.epoch),
            login,
        };
        vault.before = None;
        // Another's form is never seen by whoever signs in after them.
        if vault
            .interrupted
            .as_ref()
            .is_some_and(|waiting| !waiting.is_for(&holder.login, now))
        {
            vault.interrupted = None;
            vault.deep_link.take_if(|place| place == super::INTERRUPTED);
        }
        let hash = accepted
            .password
            .and_then(|password| self.password_hashes(&holder.login, password).into_iter().next());
        let mut settled = self.settle(&accepted, holder, standing.as_ref(), old_level);
        let mut next_device = None;
        if let (false, Some(standing)) = (settled.let_in, &standing)
            && let Some((id, cookie)) = self.recognise(&accepted, standing).await?
            && let Level::Password { device, .. } = &mut settled.level
        {
            *device = Some(id);
            settled.let_in = true;
            settled.audit = Some(Exception::RememberedDevice.as_str());
            next_device = Some(cookie);
        }
        let record = self.record_after(
            &accepted,
            standing.as_ref(),
            settled.level,
            old.as_ref().map(|o| &o.record),
        );
        let mut deep_link = None;
        if settled.let_in {
            vault.waiting = None;
            vault.password = None;
            deep_link = vault.deep_link.take();
        } else {
            vault.waiting = Some(accepted.waiting.clone());
            vault.password = hash;
        }
        if let Some(reason) = settled.audit {
            let holder = record.level.holder();
            let firm = holder.and_then(|holder| holder.firm.as_ref());
            let login = holder.map_or(accepted.typed, |holder| &holder.login);
            self.audit_passed(login, firm, reason, accepted.client, now)
                .await?;
        }
        if let (Some(before), Some(old)) = (&before, &old)
            && old.record.level.holder().is_some()
        {
            self.directory
                .end_session(before.id.public(), old.record.ends)
                .await?;
        }
        let token = SessionToken::random();
        let record = SessionRecord {
            id: token.id(),
            ..record
        };
        self.store.create(&record, &vault.seal(&token), now).await?;
        Ok(if settled.let_in {
            LoginOutcome::LetIn {
                token,
                deep_link,
                device: next_device,
            }
        } else {
            LoginOutcome::Challenge { token }
        })
    }

    /// What level the session gets, whether the answer passes, and what the audit is told.
    fn settle(
        &self,
        accepted: &Accepted<'_>,
        holder: Holder,
        standing: Option<&EmployeeStanding>,
        old: Option<&Level>,
    ) -> Settled {
        let Some(standing) = standing else {
            let level = Level::Password {
                holder,
                since: accepted.now,
                challenge: None,
                may_enrol_until: None,
                device: None,
            };
            return Settled {
                level,
                let_in: true,
                audit: Some("unknown_employee"),
            };
        };
        if let Some((factor, verified)) = carried_over(accepted, &holder, standing, old) {
            let level = Level::SecondFactor {
                holder,
                factor,
                verified,
                firm_epoch: standing.firm.epoch,
            };
            return Settled {
                level,
                let_in: true,
                audit: None,
            };
        }
        let challenge = open_challenge(old);
        let level = Level::Password {
            holder,
            since: accepted.now,
            challenge,
            may_enrol_until: None,
            device: None,
        };
        match standing.firm.password_suffices(accepted.client, accepted.now) {
            PasswordSuffices::PolicyOff => Settled {
                level,
                let_in: true,
                audit: Some("policy_off"),
            },
            PasswordSuffices::Exception(exception) => Settled {
                level,
                let_in: true,
                audit: Some(exception.as_str()),
            },
            PasswordSuffices::No => Settled {
                level,
                let_in: false,
                audit: None,
            },
        }
    }

    fn record_after(
        &self,
        accepted: &Accepted<'_>,
        standing: Option<&EmployeeStanding>,
        level: Level,
        old: Option<&SessionRecord>,
    ) -> SessionRecord {
        let now = accepted.now;
        let settings = self.settings.load();
        let sessions = &settings.config.sessions;
        let (idle, absolute) =
            standing.map_or((sessions.idle_timeout, sessions.absolute_timeout), |standing| {
                let policy = &standing.firm.policy;
                (
                    policy.idle(sessions.idle_timeout),
                    policy.absolute(sessions.absolute_timeout),
                )
            });
        // A carried factor keeps its time: the absolute limit goes on counting.
        let since = match (&level, old) {
            (Level::SecondFactor { .. }, Some(old)) => old.since,
            _ => now,
        };
        SessionRecord {
            id: SessionId(String::new()),
            level,
            since,
            last_seen: now,
            idle_until: now.plus(idle),
            ends: since.plus(absolute),
            address: accepted.client,
        }
    }
}

struct Settled {
    level: Level,
    let_in: bool,
    audit: Option<&'static str>,
}

/// The factor of the session before, where it still holds and may be carried over.
fn carried_over(
    accepted: &Accepted<'_>,
    holder: &Holder,
    standing: &EmployeeStanding,
    old: Option<&Level>,
) -> Option<(FactorKind, Timestamp)> {
    let Some(Level::SecondFactor {
        holder: before,
        factor,
        verified,
        firm_epoch,
    }) = old
    else {
        return None;
    };
    let holds =
        before == holder && *firm_epoch == standing.firm.epoch && standing.firm.policy.allows(*factor);
    let again = accepted.script && accepted.now.since(*verified) < SCRIPT_SIGNS_IN_AGAIN;
    let allowed = standing.firm.policy.carry_over.unwrap_or(true) || again;
    (holds && allowed).then_some((*factor, *verified))
}

/// The challenge that is open in the session before: the same employee goes on with it.
fn open_challenge(old: Option<&Level>) -> Option<ChallengeId> {
    match old {
        Some(Level::Password { challenge, .. }) => challenge.clone(),
        _ => None,
    }
}
