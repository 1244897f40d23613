//! Requests that a provider sends: asked once, then looked at until somebody has answered.

use std::sync::Arc;
use std::time::Duration;

use super::push_answer::{Answered, Answering};
use super::waiting::Waiting;
use crate::access::{Doorstep, Settings, Unknown};
use crate::clock::Timestamp;
use crate::directory::Employee;
use crate::gate::FactorKind;
use crate::providers::{Alert, ApprovalState, Approver, AskError};
use crate::sessions::{ChallengeId, ChallengeState, PushDevice, SentPush};

/// How often a request is looked at, at most (DESIGN section 3).
const EVERY: Duration = Duration::from_secs(1);

/// What a provider's devices are called in a challenge. No device of ours has such an id.
pub(super) fn device_of(approver: &dyn Approver) -> PushDevice {
    PushDevice {
        id: format!("provider:{}", approver.name()),
        name: "your phone".to_owned(),
    }
}

impl Doorstep {
    /// Whether this device, by which a challenge was approved, still counts.
    pub(super) fn device_counts(&self, settings: &Settings, waiting: &Waiting, device: &str) -> bool {
        match &settings.providers.approver {
            Some(approver) => device_of(&**approver).id == device,
            None => waiting.employee.factors.iter().any(|factor| factor.id == device),
        }
    }

    /// Has a provider alert somebody, and waits for what they say. Ends with the request.
    pub(super) async fn ask_vendor(
        self: Arc<Self>,
        approver: Arc<dyn Approver>,
        waiting: Box<Waiting>,
        id: ChallengeId,
        push: SentPush,
    ) {
        let settings = self.settings.load_full();
        let asked = {
            let Some(person) = waiting.person(&self.directory) else {
                return;
            };
            let alert = Alert {
                person,
                portal: &settings.config.portal.name,
                from: waiting.stored.record.address,
                browser: Some(push.browser.as_str()),
                at: push.sent,
                expires: push.expires,
            };
            approver.ask(&alert).await
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(provider = approver.name(), %error, "nobody was asked for approval");
                self.logged(self.note_reached(&id, &push.id, false).await);
                return;
            }
        };
        let noted = self.change_push(&id, &push.id, self.now(), |push| {
            push.reached = Some(true);
            push.digits = asked.digits.clone().unwrap_or_default();
            push.expires = push.expires.min(asked.expires);
            true
        });
        if !self.logged(noted.await).unwrap_or(false) {
            return;
        }
        while self.still_waits(&id, &push).await {
            let state = match approver.state(&asked.id).await {
                Ok(state) => state,
                // It would let in without asking anybody: nobody is let in, and it is not asked again.
                Err(AskError::Refused(why)) => {
                    tracing::warn!(provider = approver.name(), why, "an approval does not count");
                    let changed = self.change_push(&id, &push.id, self.now(), |push| {
                        push.reached = Some(false);
                        true
                    });
                    self.logged(changed.await);
                    return;
                }
                Err(error) => {
                    tracing::warn!(provider = approver.name(), %error, "an approval cannot be looked at");
                    ApprovalState::Pending
                }
            };
            if state != ApprovalState::Pending {
                let employee = &waiting.employee;
                let told = self.vendor_says(&*approver, employee, &id, &push.id, state).await;
                self.logged(told);
                return;
            }
            tokio::select! {
                () = approver.news(&asked.id) => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn still_waits(&self, id: &ChallengeId, push: &SentPush) -> bool {
        let now = self.now();
        if now >= push.expires {
            return false;
        }
        match self.store.challenge(id, now).await {
            Ok(Some(found)) => {
                let present = found.value.push.as_ref();
                found.value.state == ChallengeState::Open
                    && present.is_some_and(|one| one.id == push.id && one.is_pending(now))
            }
            Ok(None) => false,
            // A store's hiccup: the provider is asked again, and what it says is written when it can be.
            Err(_) => true,
        }
    }

    async fn vendor_says(
        &self,
        approver: &dyn Approver,
        employee: &Employee,
        id: &ChallengeId,
        push: &str,
        state: ApprovalState,
    ) -> Result<(), Unknown> {
        let now = self.now();
        let device = device_of(approver).id;
        let answering = Answering {
            door: self,
            device: &device,
            employee,
            from: approver.name(),
            now,
        };
        let answered = match state {
            ApprovalState::Pending => return Ok(()),
            ApprovalState::Approved if !self.may_approve(employee).await? => Answered::Over,
            ApprovalState::Approved => answering.approve_as_told(id, push).await?,
            ApprovalState::Denied { fraud: true } => answering.report(id, push).await?,
            ApprovalState::Denied { fraud: false } => answering.deny(id, push).await?,
            ApprovalState::Expired => {
                self.change_push(id, push, now, |push| {
                    push.expires = push.expires.min(now);
                    true
                })
                .await?;
                Answered::Over
            }
        };
        tracing::debug!(answer = answered.as_str(), "a provider has told what was said");
        Ok(())
    }

    /// Whether who was asked is still who they were: removed, deactivated, reset or forbidden meanwhile, they
    /// approve nothing (I10).
    async fn may_approve(&self, asked: &Employee) -> Result<bool, Unknown> {
        let now = self.directory.employee(&asked.standing.login).await?;
        Ok(now.is_some_and(|now| {
            let standing = &now.standing;
            let allowed = standing.active && standing.firm.policy.allows(FactorKind::Push);
            allowed && standing.epoch == asked.standing.epoch && !now.phone_suspended
        }))
    }

    /// In the background there is nobody to tell.
    fn logged<T>(&self, outcome: Result<T, Unknown>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(unknown) => {
                self.metrics.unknown(&unknown);
                tracing::warn!(%unknown, "what a provider said cannot be noted");
                None
            }
        }
    }
}

/// A request of a provider's, before it is known whether digits go with it.
pub(super) fn vendor_push(approver: &dyn Approver, browser: &str, ttl: Duration, now: Timestamp) -> SentPush {
    SentPush {
        devices: vec![device_of(approver)],
        digits: String::new(),
        ..SentPush::new(&[], browser, ttl, now)
    }
}
