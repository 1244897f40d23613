//! A token that an enrolled phone shows, to be typed into the form of a change (I14): for whoever has neither an
//! app nor SMS. A request like any other asks for it, so it says who, from where and what for; it lets nobody
//! in, and what the page of the change could read is not what has to be typed.

use std::sync::Arc;

use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::push::{Ask, PushSent};
use super::push_answer::Answering;
use super::sms::random_token;
use super::verify::{Fault, Judged};
use super::waiting::Waiting;
use super::whence::Whence;
use crate::access::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::directory::{Device, PushOutcome, Spent};
use crate::gate::FactorKind;
use crate::secret::Purpose;
use crate::sessions::{Challenge, ChallengeId, PushPurpose, PushState, SentPush};

/// Digits of such a token.
const DIGITS: u32 = 6;

impl Doorstep {
    /// Sends a request to the holder's phones that shows a token which confirms a change made in this session.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn ask_phone_for_token(
        self: &Arc<Self>,
        session: &LiveSession,
        from: Whence<'_>,
        now: Timestamp,
    ) -> Result<PushSent, Unknown> {
        let Some(waiting) = self.confirming(session, now).await? else {
            return Ok(PushSent::Over);
        };
        if !self.phone_shows_tokens(&waiting) {
            return Ok(PushSent::NoPhone);
        }
        if let Some(until) = waiting.locked_until(now) {
            return Ok(PushSent::Limited { until });
        }
        let id = self.open_confirmation(session, &waiting, now).await?;
        let before = self.store.challenge(&id, now).await?;
        let ask = Ask {
            id,
            before: before.and_then(|found| found.value.push).map(|push| push.id),
            by_itself: false,
            purpose: PushPurpose::Change,
            from,
        };
        self.ask_phones(Box::new(waiting), ask, now).await
    }

    /// Whether a phone that is enrolled here can show one. A provider's cannot.
    pub(super) fn phone_shows_tokens(&self, waiting: &Waiting) -> bool {
        let settings = self.settings.load();
        settings.providers.approver.is_none() && waiting.can_push(&settings, &self.directory)
    }

    /// The token of a request for one, for the phone that it went to: once.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn show_token_on(
        &self,
        device: &Device,
        id: &ChallengeId,
        push: &str,
        from: &str,
        now: Timestamp,
    ) -> Result<Option<String>, Unknown> {
        // What was removed, reset or deactivated a moment ago shows nothing.
        let Some(employee) = self.directory.employee(&device.login).await? else {
            return Ok(None);
        };
        let enrolled = employee.factors.iter().any(|factor| factor.id == device.id);
        let standing = &employee.standing;
        if !enrolled || !standing.active || !standing.firm.policy.allows(FactorKind::Push) {
            return Ok(None);
        }
        let answering = Answering {
            door: self,
            device: &device.id,
            employee: &employee,
            from,
            now,
        };
        let found = answering.pending(id, push).await?;
        let purpose = found.and_then(|found| found.value.push).map(|push| push.purpose);
        if purpose != Some(PushPurpose::Change) {
            return Ok(None);
        }
        let token = random_token(DIGITS);
        let hash = self
            .keys
            .keyed_hash(Purpose::Token, bound(id, push, &device.id, &token).as_bytes());
        let kept = self.change_push(id, push, now, |push| {
            let pending = push.is_pending(now);
            if pending {
                push.token = Some(hash.clone());
                push.reached = Some(true);
                push.state = PushState::Approved {
                    device: device.id.clone(),
                    at: now,
                };
            }
            pending
        });
        if !kept.await? {
            return Ok(None);
        }
        answering.settle(push, PushOutcome::Approved).await?;
        answering
            .audit("push.token_shown", json!({"device": device.id}))
            .await?;
        Ok(Some(token.to_string()))
    }

    /// Judges what was typed as the token that a phone shows, and spends it where it is; `None` where it is none.
    pub(super) async fn judge_phone_token(
        &self,
        waiting: &Waiting,
        challenge: &Challenge,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Judged>, Unknown> {
        let Some(push) = challenge
            .push
            .as_ref()
            .filter(|push| self.shows(challenge, push, token))
        else {
            return Ok(None);
        };
        let PushState::Approved { device, .. } = &push.state else {
            return Ok(None);
        };
        let still_enrolled = waiting.employee.factors.iter().any(|factor| factor.id == *device);
        if !still_enrolled || !waiting.allows(FactorKind::Push) {
            return Ok(None);
        }
        if now >= push.expires {
            return Ok(Some(Judged::Not(Fault::Expired)));
        }
        let keep_until = push.expires.plus(super::push_answer::REMEMBERED);
        let fresh = self
            .directory
            .spend(Spent::PushApproval, &push.id, keep_until)
            .await?;
        Ok(Some(match fresh {
            true => Judged::Right(FactorKind::Push),
            false => Judged::Not(Fault::Used),
        }))
    }

    fn shows(&self, challenge: &Challenge, push: &SentPush, token: &str) -> bool {
        let (Some(hash), PushState::Approved { device, .. }) = (&push.token, &push.state) else {
            return false;
        };
        let typed = bound(&challenge.id, &push.id, device, token);
        let hashes = self.keys.keyed_hashes(Purpose::Token, typed.as_bytes());
        hashes.iter().fold(false, |fits, one| {
            fits | bool::from(one.as_bytes().ct_eq(hash.as_bytes()))
        })
    }
}

fn bound(id: &ChallengeId, push: &str, device: &str, token: &str) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(format!("phone:{}:{push}:{device}:{token}", id.0))
}
