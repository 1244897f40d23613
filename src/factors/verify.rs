//! The verdict over a typed token: who judges it, what is spent, and what it grants (I7, I8).

use std::time::Duration;

use serde_json::json;
use zeroize::Zeroizing;

use super::normalise::Typed;
use super::passcode::ENROLMENT;
use super::sms::Binding;
use super::totp;
use super::vendor::ByProviders;
use super::waiting::{Named, Standing, TRIES, Waiting, too_busy};
use crate::access::{Doorstep, Entry, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::directory::{Attempt, PushOutcome, Spent};
use crate::gate::FactorKind;
use crate::sessions::{Challenge, ChallengeState, Level, Versioned};

/// A spent token is remembered for so long after it ran out.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// The verdict over a typed token.
#[derive(Debug)]
pub enum Verdict {
    /// It is right: the way in.
    Verified {
        /// By which factor.
        factor: FactorKind,
        /// The way in.
        entry: Entry,
    },
    /// A one-time passcode was right: the holder may enrol a factor now.
    MayEnrol,
    /// It is not right; so many tries are left.
    Wrong {
        /// Tries left before the lock.
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
    /// The challenge ran out.
    RanOut,
    /// Another factor or request was faster: answer 409, try again.
    Overtaken,
    /// The session is over (ended, or its holder reset, deactivated or removed meanwhile): answer 401.
    Ended,
    /// Nothing is enrolled that could judge it.
    NothingEnrolled,
    /// The provider that would have to judge it does not answer: answer 503. No failure.
    Unavailable,
    /// What a passkey signed does not count. No failure: there is nothing to guess.
    NotByPasskey(PasskeyFault),
}

/// Why what a passkey signed does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyFault {
    /// It is none of the holder's, or not what was asked, where it was asked, or by whom.
    Refused,
    /// Nothing was asked, or that ran out.
    Over,
    /// It was used before.
    Used,
    /// Its counter went back: there may be two of it.
    MayBeCopied,
}

impl Verdict {
    /// The word under which it is counted.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Verified { .. } => "verified",
            Self::MayEnrol => "may_enrol",
            Self::Wrong { .. } => "wrong",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Locked { .. } => "locked",
            Self::RanOut => "ran_out",
            Self::Overtaken => "overtaken",
            Self::Ended => "ended",
            Self::NothingEnrolled => "nothing_enrolled",
            Self::Unavailable => "unavailable",
            Self::NotByPasskey(_) => "passkey_refused",
        }
    }
}

/// What those who can judge said.
pub(super) enum Judged {
    Right(FactorKind),
    /// By a provider, which may have taken its time.
    RightElsewhere(FactorKind),
    Passcode,
    /// A token of the enrolment window.
    Enrolment,
    Not(Fault),
    /// A provider would have to judge it, and does not answer.
    Unjudged,
}

/// Why a token does not count. All count as failures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Wrong,
    Expired,
    Used,
}

impl Doorstep {
    /// Judges a typed token and lets in where it is right. An attempt is reserved before anything is judged,
    /// and what is right is spent in the directory before anything is granted.
    ///
    /// # Errors
    /// Where store or directory cannot answer. What could not be judged is no failure.
    pub async fn verify_token(
        &self,
        session: &LiveSession,
        typed: &str,
        now: Timestamp,
    ) -> Result<Verdict, Unknown> {
        let verdict = self.verdict(session, typed, now).await?;
        self.metrics.factor(verdict.as_str());
        Ok(verdict)
    }

    async fn verdict(&self, session: &LiveSession, typed: &str, now: Timestamp) -> Result<Verdict, Unknown> {
        // A raised session has another id: one that was ended a moment ago must not get that far.
        self.copies.changed_here().await?;
        let waiting = match self.waiting(session, now).await? {
            Standing::Waiting(waiting) => waiting,
            Standing::Ended => return Ok(Verdict::Ended),
            Standing::Overtaken => return Ok(Verdict::Overtaken),
        };
        let challenge = match self.named(&waiting, now).await? {
            Named::Open(challenge) => *challenge,
            Named::Verified => return Ok(Verdict::Overtaken),
            Named::None | Named::RanOut => return Ok(Verdict::RanOut),
        };
        let typed = Typed::parse(typed);
        let is_passcode = matches!(typed, Some(Typed::Passcode(_)));
        let may_enrol = waiting.enrolment_phone(now).is_some();
        if !is_passcode && !may_enrol && !self.could_judge(&waiting, &challenge.value) {
            return Ok(Verdict::NothingEnrolled);
        }
        let (left, locks_until) = match self.directory.reserve_attempt(waiting.login(), now).await? {
            Attempt::Granted { left, locks_until } => (left, locks_until),
            Attempt::Locked { until } => return Ok(Verdict::Locked { until }),
        };
        match self.judge(&waiting, &challenge.value, typed, now).await {
            Ok(Judged::Right(factor)) => self.let_in(session, &waiting, challenge, factor, now).await,
            Ok(Judged::RightElsewhere(factor)) => {
                self.let_in_late(session, &waiting, challenge, factor, now).await
            }
            Ok(Judged::Unjudged) => {
                self.release(&waiting, now).await;
                Ok(Verdict::Unavailable)
            }
            Ok(Judged::Passcode) => {
                self.let_enrol(session, &waiting, "employee.passcode_used", now)
                    .await
            }
            Ok(Judged::Enrolment) => {
                self.let_enrol(session, &waiting, "employee.enrolment_sms_used", now)
                    .await
            }
            Ok(Judged::Not(fault)) => self.refuse(&waiting, fault, left, locks_until, now).await,
            Err(unknown) => {
                self.release(&waiting, now).await;
                Err(unknown)
            }
        }
    }

    pub(super) fn could_judge(&self, waiting: &Waiting, challenge: &Challenge) -> bool {
        let settings = self.settings.load();
        waiting.has_totp()
            || waiting.can_push(&settings, &self.directory)
            || waiting
                .sms_phone()
                .is_some_and(|_| settings.sms.is_some() || !challenge.sms.is_empty())
            || self.provider_number(&settings, waiting).is_some()
            || !self
                .provider_judges(&settings, waiting, Some(challenge))
                .is_empty()
    }

    /// The first that fits judges: passcode or recovery code (by shape), TOTP key, newest SMS token, then providers.
    pub(super) async fn judge(
        &self,
        waiting: &Waiting,
        challenge: &Challenge,
        typed: Option<Typed>,
        now: Timestamp,
    ) -> Result<Judged, Unknown> {
        let token = match typed {
            None => return Ok(Judged::Not(Fault::Wrong)),
            Some(Typed::Passcode(code)) => {
                if self.directory.spend_passcode(waiting.login(), &code, now).await? {
                    return Ok(Judged::Passcode);
                }
                return self.judge_recovery_code(waiting, &code, now).await;
            }
            Some(Typed::Digits(token)) => token,
        };
        let by_totp = self.judge_totp(waiting, &token, now).await?;
        if matches!(by_totp, Judged::Right(_)) {
            return Ok(by_totp);
        }
        let own = match self.judge_sms(waiting, challenge, &token, now).await? {
            Judged::Not(Fault::Wrong) => by_totp,
            by_sms => by_sms,
        };
        if !matches!(own, Judged::Not(Fault::Wrong)) {
            return Ok(own);
        }
        Ok(
            match self.judge_by_providers(waiting, challenge, &token, now).await? {
                ByProviders::Right(factor) => Judged::RightElsewhere(factor),
                ByProviders::Used => Judged::Not(Fault::Used),
                ByProviders::Wrong => own,
                ByProviders::Unjudged => Judged::Unjudged,
            },
        )
    }

    async fn judge_totp(
        &self,
        waiting: &Waiting,
        token: &Zeroizing<String>,
        now: Timestamp,
    ) -> Result<Judged, Unknown> {
        let mut fault = Fault::Wrong;
        if !waiting.has_totp() {
            return Ok(Judged::Not(fault));
        }
        for factor in self.directory.totp_factors(waiting.login()).await? {
            let step = totp::check(&factor.secret, factor.shape, token, now);
            let Some(step) = step.and_then(|step| i64::try_from(step).ok()) else {
                continue;
            };
            if self.directory.spend_totp_step(&factor.id, step).await? {
                return Ok(Judged::Right(FactorKind::Totp));
            }
            fault = Fault::Used;
        }
        Ok(Judged::Not(fault))
    }

    async fn judge_sms(
        &self,
        waiting: &Waiting,
        challenge: &Challenge,
        token: &Zeroizing<String>,
        now: Timestamp,
    ) -> Result<Judged, Unknown> {
        let Some(to) = waiting.number(now) else {
            return Ok(Judged::Not(Fault::Wrong));
        };
        let binding = Binding {
            challenge: &challenge.id,
            to,
        };
        let fits = |hash: &str| binding.fits(&self.keys, token, hash);
        let Some(place) = challenge.sms.iter().position(|sent| fits(&sent.hash)) else {
            return Ok(Judged::Not(Fault::Wrong));
        };
        let Some(sent) = challenge.sms.get(place) else {
            return Ok(Judged::Not(Fault::Wrong));
        };
        if place == 0 && now < sent.expires {
            let keep_until = sent.expires.plus(REMEMBERED);
            let spent = self
                .directory
                .spend(Spent::SmsToken, &sent.id, keep_until)
                .await?;
            return Ok(match (spent, waiting.sms_phone()) {
                (false, _) => Judged::Not(Fault::Used),
                (true, Some(_)) => Judged::Right(FactorKind::Sms),
                (true, None) => Judged::Enrolment,
            });
        }
        let used = self.directory.is_spent(Spent::SmsToken, &sent.id).await?;
        Ok(Judged::Not(if used { Fault::Used } else { Fault::Expired }))
    }

    /// Seconds may have gone by while a provider judged: the session must still be there, its holder be who
    /// they were, and the factor still be allowed.
    async fn let_in_late(
        &self,
        session: &LiveSession,
        before: &Waiting,
        challenge: Versioned<Challenge>,
        factor: FactorKind,
        now: Timestamp,
    ) -> Result<Verdict, Unknown> {
        self.copies.changed_here().await?;
        match self.waiting(session, now).await? {
            Standing::Waiting(waiting) if waiting.allows(factor) => {
                self.let_in(session, &waiting, challenge, factor, now).await
            }
            Standing::Waiting(_) => Ok(Verdict::NothingEnrolled),
            Standing::Ended => Ok(Verdict::Ended),
            Standing::Overtaken => {
                self.release(before, now).await;
                Ok(Verdict::Overtaken)
            }
        }
    }

    /// The first factor that closes the challenge raises the session.
    pub(super) async fn let_in(
        &self,
        session: &LiveSession,
        waiting: &Waiting,
        challenge: Versioned<Challenge>,
        factor: FactorKind,
        now: Timestamp,
    ) -> Result<Verdict, Unknown> {
        let push = challenge.value.push.clone().filter(|push| push.is_pending(now));
        if !self.close(challenge, factor, now).await? {
            // It was right, only late: no failure.
            self.release(waiting, now).await;
            return Ok(Verdict::Overtaken);
        }
        if let Some(push) = push {
            let overtaken = PushOutcome::Overtaken;
            self.directory.settle_push(&push.id, overtaken, None).await?;
        }
        self.directory.note_verified(waiting.login(), now).await?;
        let event = waiting.event("factor.verified", json!({"factor": factor.as_str()}));
        self.directory.audit(&event, now).await?;
        let entry = self.raise(&waiting.live(session), factor, now).await?;
        Ok(match entry {
            Some(entry) => Verdict::Verified { factor, entry },
            None => Verdict::Overtaken,
        })
    }

    /// Marks a challenge as verified; `false` where another was faster. A token that was sent meanwhile
    /// changes the challenge too, and stands in nobody's way.
    pub(super) async fn close(
        &self,
        mut challenge: Versioned<Challenge>,
        factor: FactorKind,
        now: Timestamp,
    ) -> Result<bool, Unknown> {
        for _ in 0..TRIES {
            challenge.value.state = ChallengeState::Verified { factor, at: now };
            let version = challenge.version;
            if self
                .store
                .update_challenge(&challenge.value, version, now)
                .await?
            {
                return Ok(true);
            }
            match self.store.challenge(&challenge.value.id, now).await? {
                Some(newer) if newer.value.state == ChallengeState::Open => challenge = newer,
                _ => return Ok(false),
            }
        }
        Err(too_busy())
    }

    /// A passcode, or an SMS of the enrolment window, verifies nothing: it only lets its holder enrol a factor
    /// for a while.
    async fn let_enrol(
        &self,
        session: &LiveSession,
        waiting: &Waiting,
        event: &'static str,
        now: Timestamp,
    ) -> Result<Verdict, Unknown> {
        self.release(waiting, now).await;
        let event = waiting.event(event, json!({}));
        self.directory.audit(&event, now).await?;
        for _ in 0..TRIES {
            let current = match self.waiting(session, now).await? {
                Standing::Waiting(current) => current,
                Standing::Ended => return Ok(Verdict::Ended),
                Standing::Overtaken => return Ok(Verdict::Overtaken),
            };
            let mut record = current.stored.record;
            if let Level::Password { may_enrol_until, .. } = &mut record.level {
                *may_enrol_until = Some(now.plus(ENROLMENT));
            }
            if self
                .store
                .update(&record, current.stored.record_version, now)
                .await?
            {
                return Ok(Verdict::MayEnrol);
            }
        }
        Err(too_busy())
    }

    /// The attempt stays counted.
    pub(super) async fn refuse(
        &self,
        waiting: &Waiting,
        fault: Fault,
        left: u32,
        locks_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Verdict, Unknown> {
        // Pressed twice: the first press has let in.
        if fault == Fault::Used && matches!(self.named(waiting, now).await?, Named::Verified) {
            return Ok(Verdict::Overtaken);
        }
        if let Some(until) = locks_until {
            let event = waiting.event("factor.locked", json!({"until": until.to_string()}));
            self.directory.audit(&event, now).await?;
            return Ok(Verdict::Locked { until });
        }
        Ok(match fault {
            Fault::Wrong => Verdict::Wrong { left },
            Fault::Expired => Verdict::Expired,
            Fault::Used => Verdict::Used,
        })
    }

    /// Takes an attempt back that was no failure. Where the directory cannot, it stays counted: that only
    /// locks sooner.
    pub(super) async fn release(&self, waiting: &Waiting, now: Timestamp) {
        if let Err(unknown) = self.directory.release_attempt(waiting.login(), now).await {
            tracing::warn!(%unknown, "an attempt that was no failure stays counted");
        }
    }
}
