//! What became of a provider's request: looked for until somebody has answered, by every gateway that runs.
//!
//! The directory keeps what the provider calls it, so that a gateway which ends leaves nothing behind: the
//! others go on, at most one look in a second among all of them. Whoever learns of an approval first spends it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::push_answer::{Answered, Answering};
use super::push_vendor::device_of;
use crate::access::{Doorstep, Unknown};
use crate::clock::Timestamp;
use crate::directory::{Employee, VendorPush};
use crate::gate::{FactorKind, Login};
use crate::providers::{ApprovalState, Approver, AskError, RequestId};
use crate::sessions::{Allowance, ChallengeId, ChallengeState, Limit};

/// How often a request is looked at, at most (DESIGN section 3).
const EVERY: Duration = Duration::from_secs(1);
/// A pause between two looks is never shorter, however the gateways' clocks differ.
const SHORTEST: Duration = Duration::from_millis(50);

/// The requests that this gateway follows.
#[derive(Debug, Default)]
pub struct Following(Mutex<HashSet<String>>);

/// One of them, until it is dropped.
struct Followed<'a> {
    all: &'a Following,
    id: &'a str,
}

impl Following {
    fn enter<'a>(&'a self, id: &'a str) -> Option<Followed<'a>> {
        let is_new = self.lock().insert(id.to_owned());
        is_new.then_some(Followed { all: self, id })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        // The set is whole whenever the lock is free: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Followed<'_> {
    fn drop(&mut self) {
        self.all.lock().remove(self.id);
    }
}

impl Doorstep {
    /// Follows, for ever, what any gateway has asked the provider for.
    pub async fn follow_vendor_pushes(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(approver) = self.settings.load().providers.approver.clone() else {
                continue;
            };
            let open = self.directory.vendor_pushes(approver.name(), self.now()).await;
            for push in self.noted_down(open.map_err(Unknown::from)).unwrap_or_default() {
                let is_followed = self.following.lock().contains(&push.id);
                if !is_followed {
                    tokio::spawn(Arc::clone(self).follow(Arc::clone(&approver), push));
                }
            }
        }
    }

    /// Looks until there is an answer, or nothing to answer any more.
    pub(super) async fn follow(self: Arc<Self>, approver: Arc<dyn Approver>, push: VendorPush) {
        let Some(_followed) = self.following.enter(&push.id) else {
            return;
        };
        let request = RequestId(push.request.clone());
        let mut called_back = false;
        while self.still_waits(&push).await {
            let pause = match self.may_look(&push, called_back).await {
                Ok(()) => {
                    if self.look(&*approver, &push, &request).await {
                        return;
                    }
                    EVERY
                }
                Err(pause) => pause,
            };
            called_back = tokio::select! {
                () = approver.news(&request) => true,
                () = tokio::time::sleep(pause) => false,
            };
        }
    }

    /// One look in a second among all gateways, aside from those that a callback asks for; else how long to
    /// wait. A store's hiccup stops no look.
    async fn may_look(&self, push: &VendorPush, called_back: bool) -> Result<(), Duration> {
        let key = self.limit_key("push_look", "push", &push.id);
        let one = Limit {
            count: 1,
            window: EVERY,
        };
        let now = self.now();
        match self.store.take(&key, one, now).await {
            Ok(Allowance::Refused { until }) if !called_back => Err(until.since(now).clamp(SHORTEST, EVERY)),
            _ => Ok(()),
        }
    }

    /// Asks the provider once; `true` where there is nothing more to ask.
    async fn look(&self, approver: &dyn Approver, push: &VendorPush, request: &RequestId) -> bool {
        let state = match approver.state(request).await {
            Ok(ApprovalState::Pending) => return false,
            Ok(state) => state,
            // It would let in without asking anybody: nobody is let in, and it is not asked again.
            Err(AskError::Refused(why)) => {
                tracing::warn!(provider = approver.name(), why, "an approval does not count");
                self.noted_down(self.shut(push).await);
                return true;
            }
            Err(error) => {
                tracing::warn!(provider = approver.name(), %error, "an approval cannot be looked at");
                return false;
            }
        };
        // What cannot be noted now is asked for again.
        self.noted_down(self.vendor_says(approver, push, state).await)
            .is_some()
    }

    async fn still_waits(&self, push: &VendorPush) -> bool {
        let now = self.now();
        match self
            .store
            .challenge(&ChallengeId(push.challenge.clone()), now)
            .await
        {
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

    async fn shut(&self, push: &VendorPush) -> Result<(), Unknown> {
        self.directory.forget_vendor_push(&push.id).await?;
        let id = ChallengeId(push.challenge.clone());
        let unreached = self.change_push(&id, &push.id, self.now(), |push| {
            push.reached = Some(false);
            true
        });
        unreached.await?;
        Ok(())
    }

    async fn vendor_says(
        &self,
        approver: &dyn Approver,
        push: &VendorPush,
        state: ApprovalState,
    ) -> Result<(), Unknown> {
        let now = self.now();
        let Some(employee) = self.who_was_asked(push).await? else {
            return Ok(());
        };
        let (id, device) = (ChallengeId(push.challenge.clone()), device_of(approver).id);
        let answering = Answering {
            door: self,
            device: &device,
            employee: &employee,
            from: approver.name(),
            now,
        };
        let answered = match state {
            ApprovalState::Pending => return Ok(()),
            ApprovalState::Approved if !may_approve(&employee, push) => Answered::Over,
            ApprovalState::Approved => answering.approve_as_told(&id, &push.id).await?,
            ApprovalState::Denied { fraud: true } => answering.report(&id, &push.id).await?,
            ApprovalState::Denied { fraud: false } => answering.deny(&id, &push.id).await?,
            ApprovalState::Expired => {
                self.directory.forget_vendor_push(&push.id).await?;
                self.end_push(&id, &push.id, now).await?;
                Answered::Over
            }
        };
        tracing::debug!(answer = answered.as_str(), "a provider has told what was said");
        Ok(())
    }

    async fn end_push(&self, id: &ChallengeId, push: &str, now: Timestamp) -> Result<(), Unknown> {
        let ended = self.change_push(id, push, now, |push| {
            push.expires = push.expires.min(now);
            true
        });
        ended.await?;
        Ok(())
    }

    /// Who was asked, as they are now; `None` where they were removed.
    async fn who_was_asked(&self, push: &VendorPush) -> Result<Option<Employee>, Unknown> {
        let Ok(login) = Login::parse(&push.employee) else {
            return Ok(None);
        };
        Ok(self.directory.employee(&login).await?)
    }

    /// In the background there is nobody to tell.
    pub(super) fn noted_down<T>(&self, outcome: Result<T, Unknown>) -> Option<T> {
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

/// Whether who was asked is still who they were: deactivated, reset or forbidden meanwhile, they approve
/// nothing (I10).
fn may_approve(now: &Employee, push: &VendorPush) -> bool {
    let standing = &now.standing;
    let allowed = standing.active && standing.firm.policy.allows(FactorKind::Push);
    allowed && standing.epoch == push.epoch && !now.phone_suspended
}
