//! A session that owes a factor, as store and directory have it now: never from a copy (I10).

use std::sync::Arc;

use crate::access::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::directory::{Actor, AuditEvent, Employee, Phone};
use crate::gate::{FactorKind, Login};
use crate::secret::Purpose;
use crate::sessions::{
    Challenge, ChallengeId, ChallengeState, Level, LimitKey, Slot, StoreUnknown, StoredSession, Versioned,
};

/// How often a compare-and-set is tried anew before the store counts as unknown.
pub(super) const TRIES: usize = 8;

/// Whether a session still owes a factor.
pub(super) enum Standing {
    /// It does.
    Waiting(Box<Waiting>),
    /// It is over, or its holder is not the one they were when it began.
    Ended,
    /// It was raised meanwhile.
    Overtaken,
}

/// A session that owes a factor.
pub(super) struct Waiting {
    pub(super) stored: StoredSession,
    pub(super) employee: Employee,
    /// The challenge that the session names.
    pub(super) named: Option<ChallengeId>,
}

/// The challenge that a session names.
pub(super) enum Named {
    /// None was opened yet.
    None,
    /// It waits for a factor.
    Open(Box<Versioned<Challenge>>),
    /// A factor was verified.
    Verified,
    /// It ran out, or the store has lost it.
    RanOut,
}

impl Waiting {
    /// The name under which the directory keeps the holder: limits and failures count under it, whichever
    /// alias was typed.
    pub(super) fn login(&self) -> &Login {
        &self.employee.standing.login
    }

    /// The session for [`Doorstep::raise`], with the standing that the factor was judged by.
    pub(super) fn live(&self, session: &LiveSession) -> LiveSession {
        LiveSession {
            token: session.token.clone(),
            stored: self.stored.clone(),
            standing: Some(Arc::new(self.employee.standing.clone())),
        }
    }

    /// An audit event about the holder.
    pub(super) fn event(&self, event: &'static str, details: serde_json::Value) -> AuditEvent {
        AuditEvent {
            event,
            actor: Actor {
                name: self.login().to_string(),
                from: self.stored.record.address.to_string(),
            },
            firm: Some(self.employee.standing.firm.id.clone()),
            login: Some(self.login().clone()),
            details,
        }
    }

    /// Until when the holder is locked.
    pub(super) fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.employee.locked_until.filter(|until| now < *until)
    }

    /// Whether a TOTP key is enrolled and allowed.
    pub(super) fn has_totp(&self) -> bool {
        let mut factors = self.employee.factors.iter();
        self.allows(FactorKind::Totp) && factors.any(|factor| factor.kind == FactorKind::Totp)
    }

    /// The number that a token may go to, and have gone to.
    pub(super) fn sms_phone(&self) -> Option<&Phone> {
        self.employee
            .usable_phone()
            .filter(|_| self.allows(FactorKind::Sms))
    }

    /// The number to which a token may go that only lets its holder enrol: in the firm's enrolment window, where
    /// nothing else is set up and SMS signs nobody in. Numbers are set by an admin, an import or an approved
    /// change, never by a password alone (I14).
    pub(super) fn enrolment_phone(&self, now: Timestamp) -> Option<&Phone> {
        let policy = &self.employee.standing.firm.policy;
        let open = policy.enrolment_window.is_some_and(|until| now < until)
            && !policy.allows(FactorKind::Sms)
            && [FactorKind::Totp, FactorKind::Passkey, FactorKind::Push]
                .iter()
                .any(|factor| policy.allows(*factor))
            && self.employee.factors.is_empty();
        self.employee.usable_phone().filter(|_| open)
    }

    /// The number that a token may go to: to sign in, or to enrol.
    pub(super) fn number(&self, now: Timestamp) -> Option<&Phone> {
        self.sms_phone().or_else(|| self.enrolment_phone(now))
    }

    /// Whether the firm allows this factor.
    pub(super) fn allows(&self, factor: FactorKind) -> bool {
        self.employee.standing.firm.policy.allows(factor)
    }
}

impl Doorstep {
    /// Reads a session and its holder anew.
    pub(super) async fn waiting(&self, session: &LiveSession, now: Timestamp) -> Result<Standing, Unknown> {
        let stored = match self.store.session(&session.stored.record.id, now).await? {
            Slot::Live(stored) if stored.record.is_current(now) => stored,
            Slot::Live(_) | Slot::Absent => return Ok(Standing::Ended),
            Slot::Replaced => return Ok(Standing::Overtaken),
        };
        let Some(holder) = stored.record.level.holder() else {
            return Ok(Standing::Ended);
        };
        if self.copies.is_ended(stored.record.id.public())? {
            return Ok(Standing::Ended);
        }
        let Some(employee) = self.directory.employee(&holder.login).await? else {
            return Ok(Standing::Ended);
        };
        let standing = &employee.standing;
        if !self.holder_may_stay(&stored.record, Some(standing), now) {
            return Ok(Standing::Ended);
        }
        let named = match &stored.record.level {
            Level::SecondFactor { firm_epoch, .. } if *firm_epoch == standing.firm.epoch => {
                return Ok(Standing::Overtaken);
            }
            // The firm's policy took the verification back (I10): owed anew, and no challenge opened yet.
            Level::SecondFactor { .. } | Level::Anonymous { .. } => None,
            Level::Password { challenge, .. } => challenge.clone(),
        };
        Ok(Standing::Waiting(Box::new(Waiting {
            stored: *stored,
            employee,
            named,
        })))
    }

    /// Looks up the challenge that a session names.
    pub(super) async fn named(&self, waiting: &Waiting, now: Timestamp) -> Result<Named, Unknown> {
        let Some(id) = &waiting.named else {
            return Ok(Named::None);
        };
        let found = self.store.challenge(id, now).await?;
        let Some(challenge) = found.filter(|found| found.value.login == *waiting.login()) else {
            return Ok(Named::RanOut);
        };
        Ok(match challenge.value.state {
            _ if now >= challenge.value.expires => Named::RanOut,
            ChallengeState::Verified { .. } => Named::Verified,
            ChallengeState::Open => Named::Open(Box::new(challenge)),
        })
    }

    /// A limit's key; what is limited does not stand in it in the clear.
    pub(super) fn limit_key(&self, name: &'static str, kind: &str, whose: &str) -> LimitKey {
        let subject = format!("{kind}:{whose}");
        LimitKey {
            name,
            subject: self.keys.keyed_hash(Purpose::Limit, subject.as_bytes()),
        }
    }
}

/// A record or challenge that others keep changing.
pub(super) fn too_busy() -> Unknown {
    StoreUnknown("what was to be changed changed each time".into()).into()
}
