//! A token typed into the form of a change (I14): it is judged and spent like any other, but raises nothing.

use serde_json::json;

use super::challenge::SmsOutcome;
use super::guards::sends_to;
use super::normalise::Typed;
use super::verify::{Fault, Judged, PasskeyFault, Verdict};
use super::waiting::{TRIES, Waiting, too_busy};
use crate::access::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::directory::Attempt;
use crate::gate::FactorKind;
use crate::sessions::{Challenge, ChallengeId, ChallengeState, Level, Slot, Versioned};

/// How the ids of challenges begin that confirm changes.
const CONFIRM: &str = "confirm-";

/// What became of a token that confirms a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It is right, and spent: this one change may be made.
    Confirmed(FactorKind),
    /// It is not right; so many tries are left before the lock.
    Wrong {
        /// Tries left.
        left: u32,
    },
    /// It was right once, and ran out.
    Expired,
    /// It was used before.
    Used,
    /// Too many tries.
    Locked {
        /// Until then.
        until: Timestamp,
    },
    /// Nothing is enrolled that could judge it.
    NothingEnrolled,
    /// The provider that would have to judge it does not answer. No failure.
    Unavailable,
    /// The session is over.
    Ended,
    /// What a passkey signed does not count.
    NotByPasskey(PasskeyFault),
}

/// How a holder can confirm a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Means {
    /// A TOTP key is enrolled and allowed.
    pub totp: bool,
    /// A passkey is enrolled and allowed.
    pub passkey: bool,
    /// A phone is enrolled that can show a token.
    pub phone: bool,
    /// The number that an SMS may go to, masked.
    pub sms_number: Option<String>,
}

impl Means {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        !self.totp && !self.passkey && !self.phone && self.sms_number.is_none()
    }
}

impl Doorstep {
    /// Judges a token that was typed to confirm a change. What is right is spent in the directory before
    /// this says so; the session stays as it is. A recovery code does, a one-time passcode confirms nothing.
    ///
    /// # Errors
    /// Where store or directory cannot answer. What could not be judged is no failure.
    pub async fn confirm_token(
        &self,
        session: &LiveSession,
        typed: &str,
        now: Timestamp,
    ) -> Result<Confirmation, Unknown> {
        self.copies.changed_here().await?;
        let Some(waiting) = self.confirming(session, now).await? else {
            return Ok(Confirmation::Ended);
        };
        let challenge = match self.store.challenge(&own_challenge(session), now).await? {
            Some(found) if found.value.login == *waiting.login() => found.value,
            _ => new_challenge(session, &waiting, now, now),
        };
        let typed = Typed::parse(typed);
        let is_code = matches!(typed, Some(Typed::Passcode(_)));
        if !is_code && !self.could_judge(&waiting, &challenge) {
            return Ok(Confirmation::NothingEnrolled);
        }
        let (left, locks_until) = match self.directory.reserve_attempt(waiting.login(), now).await? {
            Attempt::Granted { left, locks_until } => (left, locks_until),
            Attempt::Locked { until } => return Ok(Confirmation::Locked { until }),
        };
        let judged = match typed {
            Some(Typed::Passcode(code)) => self.judge_recovery_code(&waiting, &code, now).await,
            other => self.judge_confirming(&waiting, &challenge, other, now).await,
        };
        let fault = match judged {
            Ok(judged @ (Judged::Right(factor) | Judged::RightElsewhere(factor))) => {
                // A provider may have taken its time.
                let waited = matches!(judged, Judged::RightElsewhere(_));
                if waited && !self.may_still_confirm(session, factor, now).await? {
                    return Ok(Confirmation::Ended);
                }
                self.directory.note_verified(waiting.login(), now).await?;
                let details = json!({"factor": factor.as_str(), "for": "change"});
                let event = waiting.event("factor.verified", details);
                self.directory.audit(&event, now).await?;
                return Ok(Confirmation::Confirmed(factor));
            }
            Ok(Judged::Unjudged) => {
                self.release(&waiting, now).await;
                return Ok(Confirmation::Unavailable);
            }
            Ok(Judged::Passcode | Judged::Enrolment) => Fault::Wrong,
            Ok(Judged::Not(fault)) => fault,
            Err(unknown) => {
                self.release(&waiting, now).await;
                return Err(unknown);
            }
        };
        let verdict = self.refuse(&waiting, fault, left, locks_until, now).await?;
        Ok(match verdict {
            Verdict::Locked { until } => Confirmation::Locked { until },
            Verdict::Expired => Confirmation::Expired,
            Verdict::Used => Confirmation::Used,
            _ => Confirmation::Wrong { left },
        })
    }

    /// What a phone shows is judged before everything else that digits may be.
    async fn judge_confirming(
        &self,
        waiting: &Waiting,
        challenge: &Challenge,
        typed: Option<Typed>,
        now: Timestamp,
    ) -> Result<Judged, Unknown> {
        if let Some(Typed::Digits(token)) = &typed
            && let Some(judged) = self.judge_phone_token(waiting, challenge, token, now).await?
        {
            return Ok(judged);
        }
        self.judge(waiting, challenge, typed, now).await
    }

    /// Sends a token by SMS that confirms a change made in this session, to the number of the record only.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn send_confirmation_sms(
        &self,
        session: &LiveSession,
        now: Timestamp,
    ) -> Result<SmsOutcome, Unknown> {
        let Some(waiting) = self.confirming(session, now).await? else {
            return Ok(SmsOutcome::Over);
        };
        let settings = self.settings.load_full();
        if let Some(sender) = &settings.providers.token_sender {
            let id = self.open_confirmation(session, &waiting, now).await?;
            return self.send_by_provider(&settings, sender, &waiting, &id, now).await;
        }
        let Some(phone) = waiting.sms_phone().filter(|phone| sends_to(&settings, phone)) else {
            return Ok(SmsOutcome::NoNumber);
        };
        if let Some(until) = waiting.locked_until(now) {
            return Ok(SmsOutcome::Locked { until });
        }
        let limits = match self.take_all(&settings, &waiting, phone.e164(), now).await? {
            Ok(tickets) => tickets,
            Err(until) => return Ok(SmsOutcome::Limited { until }),
        };
        let challenge = self.open_confirmation(session, &waiting, now).await?;
        self.send_token(&settings, challenge, phone, limits, now).await
    }

    /// How the session's holder can confirm a change; none where the session is over.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn means_to_confirm(&self, session: &LiveSession, now: Timestamp) -> Result<Means, Unknown> {
        let Some(waiting) = self.confirming(session, now).await? else {
            return Ok(Means {
                totp: false,
                passkey: false,
                phone: false,
                sms_number: None,
            });
        };
        let settings = self.settings.load_full();
        let own = waiting.sms_phone().filter(|phone| sends_to(&settings, phone));
        let by_provider = || self.provider_number(&settings, &waiting);
        Ok(Means {
            totp: waiting.has_totp() || self.provider_takes_keys(&settings, &waiting),
            passkey: waiting.has_passkey() && self.passkey_site().is_some(),
            phone: self.phone_shows_tokens(&waiting),
            sms_number: own.map(crate::directory::Phone::masked).or_else(by_provider),
        })
    }

    /// Whether the session and its holder are still who they were, and may use this factor.
    async fn may_still_confirm(
        &self,
        session: &LiveSession,
        factor: FactorKind,
        now: Timestamp,
    ) -> Result<bool, Unknown> {
        self.copies.changed_here().await?;
        let waiting = self.confirming(session, now).await?;
        Ok(waiting.is_some_and(|waiting| waiting.allows(factor)))
    }

    /// Reads a session and its holder anew; `None` where it is over. Unlike [`Self::waiting`] it does not
    /// matter whether a factor is owed.
    pub(super) async fn confirming(
        &self,
        session: &LiveSession,
        now: Timestamp,
    ) -> Result<Option<Waiting>, Unknown> {
        let stored = match self.store.session(&session.stored.record.id, now).await? {
            Slot::Live(stored) if stored.record.is_current(now) => stored,
            Slot::Live(_) | Slot::Absent | Slot::Replaced => return Ok(None),
        };
        let holder = match &stored.record.level {
            Level::Password { holder, .. } | Level::SecondFactor { holder, .. } => holder,
            Level::Anonymous { .. } => return Ok(None),
        };
        if self.copies.is_ended(stored.record.id.public())? {
            return Ok(None);
        }
        let Some(employee) = self.directory.employee(&holder.login).await? else {
            return Ok(None);
        };
        let stays = self.holder_may_stay(&stored.record, Some(&employee.standing), now);
        Ok(stays.then_some(Waiting {
            stored: *stored,
            employee,
            named: None,
        }))
    }

    /// The challenge that this session's confirmations by SMS belong to, open.
    pub(super) async fn open_confirmation(
        &self,
        session: &LiveSession,
        waiting: &Waiting,
        now: Timestamp,
    ) -> Result<ChallengeId, Unknown> {
        let expires = now.plus(self.settings.load().config.factors.challenge_ttl);
        let fresh = new_challenge(session, waiting, now, expires);
        for _ in 0..TRIES {
            let Some(Versioned { value, version }) = self.store.challenge(&fresh.id, now).await? else {
                // Of two at once one makes it, and the other finds it.
                if self.store.create_challenge(&fresh, now).await.is_ok() {
                    return Ok(fresh.id);
                }
                continue;
            };
            if now < value.expires {
                return Ok(fresh.id);
            }
            if self.store.update_challenge(&fresh, version, now).await? {
                return Ok(fresh.id);
            }
        }
        Err(too_busy())
    }
}

/// One for each session, beside the one in which its factor was verified.
pub(super) fn own_challenge(session: &LiveSession) -> ChallengeId {
    ChallengeId(format!("{CONFIRM}{}", session.stored.record.id.public()))
}

/// The session, by its public id, whose changes a challenge confirms.
pub(super) fn session_of_confirmation(id: &ChallengeId) -> Option<&str> {
    id.0.strip_prefix(CONFIRM)
}

fn new_challenge(session: &LiveSession, waiting: &Waiting, now: Timestamp, expires: Timestamp) -> Challenge {
    Challenge {
        id: own_challenge(session),
        login: waiting.login().clone(),
        opened: now,
        expires,
        state: ChallengeState::Open,
        sms: Vec::new(),
        push: None,
        passkey: None,
    }
}
