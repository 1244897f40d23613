//! What a phone answers: signed by its key over this one request, checked here, used once (I7).

use std::time::Duration;

use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::confirm::session_of_confirmation;
use super::waiting::{TRIES, too_busy};
use crate::access::{Doorstep, Unknown};
use crate::clock::Timestamp;
use crate::directory::{Actor, AuditEvent, Device, Employee, PushOutcome, Spent};
use crate::gate::FactorKind;
use crate::sessions::{
    Challenge, ChallengeId, ChallengeState, Level, PushPurpose, PushState, SessionFilter, SessionRecord,
    Versioned,
};

/// An answer is worth nothing after so long; a longer promise is none.
const LONGEST: Duration = Duration::from_secs(600);
/// What is approved is collected at least so long.
const COLLECTED: Duration = Duration::from_secs(60);
/// An approval that was used is remembered for so long after it ran out.
pub(super) const REMEMBERED: Duration = Duration::from_secs(3600);
/// So many wrong numbers decline the request.
const WRONG: u32 = 2;

/// What a phone's owner says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is me.
    Approve,
    /// No.
    Deny,
    /// It was not me who signs in there.
    Report,
}

/// What a phone signs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    v: u32,
    origin: String,
    challenge: String,
    nonce: String,
    decision: Decision,
    digits: String,
    exp: i64,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Approved.
    Approved,
    /// Declined.
    Denied,
    /// Declined and told.
    Reported,
    /// The number is not the one that the login page shows; so many tries are left.
    WrongNumber {
        /// Tries left; with none the request counts as declined.
        left: u32,
    },
    /// There is no such request (any more): it ran out, was answered, or is another's.
    Over,
    /// The answer is not this phone's, or cannot be read.
    Forged,
}

impl Answered {
    /// The word for scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Reported => "reported",
            Self::WrongNumber { .. } => "wrong_number",
            Self::Over => "over",
            Self::Forged => "forged",
        }
    }
}

/// Whether `signature` (raw r and s, 64 bytes) is the device's over `message`.
pub fn signed_by(device: &Device, message: &[u8], signature: &[u8]) -> bool {
    signed_by_key(&device.key, message, signature)
}

/// The same, by a public key that no device has yet.
pub fn signed_by_key(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
        .verify(message, signature)
        .is_ok()
}

impl Said {
    fn read(payload: &[u8], origin: &str, now: Timestamp) -> Option<Self> {
        let said: Self = serde_json::from_slice(payload).ok()?;
        let exp = Timestamp(said.exp);
        let holds = said.v == 1 && said.origin == origin && now < exp && exp <= now.plus(LONGEST);
        holds.then_some(said)
    }
}

impl Doorstep {
    /// Judges a phone's answer, which must be the very bytes that it signed.
    ///
    /// # Errors
    /// Where store or directory cannot answer: nothing is approved.
    pub async fn answer_push(
        &self,
        device: &Device,
        payload: &[u8],
        signature: &[u8],
        from: &str,
        now: Timestamp,
    ) -> Result<Answered, Unknown> {
        let origin = self.settings.load().config.listen.own_origin().to_string();
        if !signed_by(device, payload, signature) {
            return Ok(Answered::Forged);
        }
        let Some(said) = Said::read(payload, &origin, now) else {
            return Ok(Answered::Forged);
        };
        // What was removed, reset or deactivated a moment ago approves nothing.
        let Some(employee) = self.directory.employee(&device.login).await? else {
            return Ok(Answered::Over);
        };
        let is_enrolled = employee.factors.iter().any(|factor| factor.id == device.id);
        let allowed = employee.standing.active && employee.standing.firm.policy.allows(FactorKind::Push);
        if !is_enrolled || !allowed {
            return Ok(Answered::Over);
        }
        let answering = Answering {
            door: self,
            device: &device.id,
            employee: &employee,
            from,
            now,
        };
        let id = ChallengeId(said.challenge.clone());
        match said.decision {
            Decision::Approve => answering.approve(&id, &said).await,
            Decision::Deny => answering.deny(&id, &said.nonce).await,
            Decision::Report => answering.report(&id, &said.nonce).await,
        }
    }
}

/// A phone, or a provider for it, that answers.
pub(super) struct Answering<'a> {
    pub(super) door: &'a Doorstep,
    pub(super) device: &'a str,
    pub(super) employee: &'a Employee,
    pub(super) from: &'a str,
    pub(super) now: Timestamp,
}

impl Answering<'_> {
    /// The challenge, where this request of it went to this phone.
    async fn challenge(&self, id: &ChallengeId, push: &str) -> Result<Option<Versioned<Challenge>>, Unknown> {
        let found = self.door.store.challenge(id, self.now).await?;
        Ok(found.filter(|found| {
            found.value.login == self.employee.standing.login
                && found.value.push.as_ref().is_some_and(|one| {
                    one.id == push && one.devices.iter().any(|device| device.id == self.device)
                })
        }))
    }

    /// Approves where the number is the one that the login page shows.
    async fn approve(&self, id: &ChallengeId, said: &Said) -> Result<Answered, Unknown> {
        let Some(found) = self.pending(id, &said.nonce).await? else {
            return Ok(Answered::Over);
        };
        let push = found.value.push.as_ref();
        if push.is_none_or(|push| push.purpose != PushPurpose::SignIn) {
            return Ok(Answered::Over);
        }
        let digits = found.value.push.as_ref().map_or("", |push| push.digits.as_str());
        let fits: bool = digits.as_bytes().ct_eq(said.digits.as_bytes()).into();
        if digits.is_empty() || !fits {
            return self.wrong_number(id, &said.nonce).await;
        }
        self.used_up(found).await
    }

    /// A provider says that it was approved: it has compared what there was to compare.
    pub(super) async fn approve_as_told(&self, id: &ChallengeId, push: &str) -> Result<Answered, Unknown> {
        match self.pending(id, push).await? {
            Some(found) => self.used_up(found).await,
            None => Ok(Answered::Over),
        }
    }

    /// The challenge, where this request of it waits for this phone's answer.
    pub(super) async fn pending(
        &self,
        id: &ChallengeId,
        push: &str,
    ) -> Result<Option<Versioned<Challenge>>, Unknown> {
        let found = self.challenge(id, push).await?;
        Ok(found.filter(|found| {
            let challenge = &found.value;
            let waits = challenge
                .push
                .as_ref()
                .is_some_and(|push| push.is_pending(self.now));
            challenge.state == ChallengeState::Open && self.now < challenge.expires && waits
        }))
    }

    /// Spent in the directory first, then the challenge closes: whoever is second gets nothing (I7).
    async fn used_up(&self, found: Versioned<Challenge>) -> Result<Answered, Unknown> {
        let Some((id, expires)) = found
            .value
            .push
            .as_ref()
            .map(|push| (push.id.clone(), push.expires))
        else {
            return Ok(Answered::Over);
        };
        let directory = &self.door.directory;
        let keep_until = expires.plus(REMEMBERED);
        if !directory.spend(Spent::PushApproval, &id, keep_until).await? {
            return Ok(Answered::Over);
        }
        if !self.close(found, expires).await? {
            return Ok(Answered::Over);
        }
        directory
            .note_verified(&self.employee.standing.login, self.now)
            .await?;
        let details = json!({"factor": FactorKind::Push.as_str(), "device": self.device});
        self.audit("factor.verified", details).await?;
        self.settle(&id, PushOutcome::Approved).await?;
        Ok(Answered::Approved)
    }

    /// The first factor that verifies closes the challenge; `false` where another has.
    async fn close(&self, mut found: Versioned<Challenge>, expires: Timestamp) -> Result<bool, Unknown> {
        let push_id = found.value.push.as_ref().map(|push| push.id.clone());
        for _ in 0..TRIES {
            let challenge = &mut found.value;
            let Some(push) = challenge.push.as_mut() else {
                return Ok(false);
            };
            push.state = PushState::Approved {
                device: self.device.to_owned(),
                at: self.now,
            };
            push.reached = Some(true);
            challenge.state = ChallengeState::Verified {
                factor: FactorKind::Push,
                at: self.now,
            };
            challenge.expires = expires.max(self.now.plus(COLLECTED));
            let store = &self.door.store;
            if store.update_challenge(challenge, found.version, self.now).await? {
                return Ok(true);
            }
            // An SMS that was sent meanwhile changes it too, and stands in nobody's way.
            match store.challenge(&found.value.id, self.now).await? {
                Some(newer)
                    if newer.value.state == ChallengeState::Open
                        && newer.value.push.as_ref().is_some_and(|push| {
                            Some(&push.id) == push_id.as_ref() && push.is_pending(self.now)
                        }) =>
                {
                    found = newer;
                }
                _ => return Ok(false),
            }
        }
        Err(too_busy())
    }

    async fn wrong_number(&self, id: &ChallengeId, push: &str) -> Result<Answered, Unknown> {
        let counted = self.door.change_push(id, push, self.now, |push| {
            let pending = push.is_pending(self.now);
            if pending {
                push.wrong += 1;
                push.reached = Some(true);
                if push.wrong >= WRONG {
                    push.state = PushState::Denied;
                }
            }
            pending
        });
        if !counted.await? {
            return Ok(Answered::Over);
        }
        let now = self.door.store.challenge(id, self.now).await?;
        let wrong = now
            .and_then(|now| now.value.push)
            .map_or(WRONG, |push| push.wrong);
        let left = WRONG.saturating_sub(wrong);
        self.audit("push.wrong_number", json!({"device": self.device, "left": left}))
            .await?;
        if left == 0 {
            self.settle(push, PushOutcome::Denied).await?;
        }
        Ok(Answered::WrongNumber { left })
    }

    pub(super) async fn deny(&self, id: &ChallengeId, push: &str) -> Result<Answered, Unknown> {
        if self.challenge(id, push).await?.is_none() {
            return Ok(Answered::Over);
        }
        let denied = self.door.change_push(id, push, self.now, |push| {
            let pending = push.is_pending(self.now);
            if pending {
                push.state = PushState::Denied;
                push.reached = Some(true);
            }
            pending
        });
        if !denied.await? {
            return Ok(Answered::Over);
        }
        self.audit("push.denied", json!({"device": self.device})).await?;
        self.settle(push, PushOutcome::Denied).await?;
        Ok(Answered::Denied)
    }

    /// Declined, if it was not yet; and whoever waits with this challenge is put out.
    pub(super) async fn report(&self, id: &ChallengeId, push: &str) -> Result<Answered, Unknown> {
        let Some(found) = self.challenge(id, push).await? else {
            return Ok(Answered::Over);
        };
        if found.value.state != ChallengeState::Open {
            return Ok(Answered::Over);
        }
        self.deny(id, push).await?;
        let ended = self.end_waiting(id).await?;
        let address = found.value.push.as_ref().map(|push| push.browser.clone());
        let details = json!({"device": self.device, "browser": address, "sessions_ended": ended});
        self.audit("push.reported", details).await?;
        self.settle(push, PushOutcome::Reported).await?;
        Ok(Answered::Reported)
    }

    /// Ends every session that waits with this challenge; how many.
    async fn end_waiting(&self, id: &ChallengeId) -> Result<usize, Unknown> {
        let filter = SessionFilter {
            login: Some(self.employee.standing.login.clone()),
            firm: None,
        };
        let changes = |record: &SessionRecord| session_of_confirmation(id) == Some(record.id.public());
        let signs_in = |record: &SessionRecord| matches!(&record.level, Level::Password { challenge: Some(named), .. } if named == id);
        let waits = |record: &SessionRecord| signs_in(record) || changes(record);
        let mut ended = 0;
        let door = self.door;
        for record in door
            .store
            .list(&filter, self.now)
            .await?
            .into_iter()
            .filter(waits)
        {
            door.directory
                .end_session(record.id.public(), record.ends)
                .await?;
            door.store.remove(&record.id).await?;
            ended += 1;
        }
        door.copies.changed_here().await?;
        Ok(ended)
    }

    pub(super) async fn settle(&self, push: &str, outcome: PushOutcome) -> Result<(), Unknown> {
        let directory = &self.door.directory;
        directory.settle_push(push, outcome, Some(self.device)).await?;
        directory.note_device_used(self.device, self.now).await?;
        Ok(())
    }

    pub(super) async fn audit(&self, event: &'static str, details: serde_json::Value) -> Result<(), Unknown> {
        let standing = &self.employee.standing;
        let event = AuditEvent {
            event,
            actor: Actor {
                name: standing.login.to_string(),
                from: self.from.to_owned(),
            },
            firm: Some(standing.firm.id.clone()),
            login: Some(standing.login.clone()),
            details,
        };
        self.door.directory.audit(&event, self.now).await?;
        Ok(())
    }
}
