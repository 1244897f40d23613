//! Asking a person for approval on a device that a provider alerts.
//!
//! [`Approver::ask`] once, when the challenge opens; then [`Approver::state`], at most once a second, for as
//! long as it says [`ApprovalState::Pending`]; between two looks wait for [`Approver::news`] or a second,
//! whichever comes first. What a callback says is never believed: it only makes the next look come sooner.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Person;
use crate::clock::Timestamp;

/// What the alert says, and whom it goes to.
#[derive(Clone, Copy)]
pub struct Alert<'a> {
    /// Who is to approve.
    pub person: Person<'a>,
    /// The portal's name.
    pub portal: &'a str,
    /// From where the sign-in comes.
    pub from: IpAddr,
    /// The browser, in words, if known.
    pub browser: Option<&'a str>,
    /// When it began.
    pub at: Timestamp,
    /// Worth nothing from then on.
    pub expires: Timestamp,
}

/// A provider's name for one request. Opaque, no secret, and it grants nothing: kept with the challenge.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub String);

/// A request that has gone out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub id: RequestId,
    /// Digits that the sign-in page has to show, for the person to type on the device (Duo's verified
    /// push). The provider compares them.
    pub digits: Option<String>,
    /// The provider gives up then; never later than the alert's own end.
    pub expires: Timestamp,
}

/// How a request stands. All but `Pending` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has answered yet.
    Pending,
    /// Approved by the person. Single use: whoever acts on it spends the request's id first (I7).
    Approved,
    /// Declined.
    Denied {
        /// The person says that they did not sign in.
        fraud: bool,
    },
    /// Nobody answered in time, or the alert could not be shown.
    Expired,
}

/// Why nothing was asked, or a state is not known. No variant holds a number or a secret. None of them is a
/// failure of the person's (I8).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The provider could not be reached, or cannot answer: it may work later.
    #[error("the push provider is not available: {0}")]
    Unavailable(String),
    /// The person has no device there that could be alerted.
    #[error("there is no device to alert")]
    NoDevice,
    /// The provider refuses this person, or would let them in without asking them.
    #[error("the push provider refused: {0}")]
    Refused(String),
}

/// Asks for approval on a device.
#[async_trait]
pub trait Approver: Send + Sync + 'static {
    /// Alerts the person's devices; ends within 8 s. Not repeated by itself: a second call is a second alert.
    async fn ask(&self, alert: &Alert<'_>) -> Result<Asked, AskError>;

    /// How the request stands; ends within 8 s. An error says nothing about the request: look again.
    async fn state(&self, id: &RequestId) -> Result<ApprovalState, AskError>;

    /// The word that configuration uses for it.
    fn name(&self) -> &'static str;

    /// Ends when the provider has called back about this request; never, where it does not call back.
    async fn news(&self, _id: &RequestId) {
        std::future::pending().await
    }

    /// The provider has called back (its signature was checked). Nothing happens where nobody waits.
    fn called_back(&self, _id: &str) {}
}

/// Who waits for which request's callback, on this gateway.
#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<String, Arc<Notify>>>);

impl Waiters {
    /// Ends when [`Self::wake`] fits `id`.
    pub(super) async fn wait(&self, id: &str) {
        let waiter = Waiter::enter(self, id);
        waiter.notify.notified().await;
    }

    /// Wakes whoever waits for a request that this fits.
    pub(super) fn wake(&self, fits: impl Fn(&str) -> bool) {
        for (_, notify) in self.lock().iter().filter(|(id, _)| fits(id)) {
            notify.notify_waiters();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        // The map is whole whenever the lock is free: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the map when the last one who waits goes away.
struct Waiter<'a> {
    waiters: &'a Waiters,
    id: &'a str,
    notify: Arc<Notify>,
}

impl<'a> Waiter<'a> {
    fn enter(waiters: &'a Waiters, id: &'a str) -> Self {
        let notify = Arc::clone(waiters.lock().entry(id.to_owned()).or_default());
        Self { waiters, id, notify }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut map = self.waiters.lock();
        // One in the map, one here: nobody else waits.
        if Arc::strong_count(&self.notify) <= 2 {
            map.remove(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_callback_wakes_who_waits_for_it_and_leaves_nothing_behind() {
        let waiters = Arc::new(Waiters::default());
        waiters.wake(|id| id == "nobody");
        let waits = |id: &'static str| {
            let waiters = Arc::clone(&waiters);
            tokio::spawn(async move { waiters.wait(id).await })
        };
        let (one, two, other) = (waits("a"), waits("a"), waits("b"));
        while waiters
            .lock()
            .get("a")
            .is_none_or(|notify| Arc::strong_count(notify) < 3)
            || waiters.lock().len() < 2
        {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        waiters.wake(|id| id == "a");
        one.await.unwrap();
        two.await.unwrap();
        assert!(!other.is_finished());
        other.abort();
        assert!(other.await.is_err());
        assert!(waiters.lock().is_empty());
    }
}
