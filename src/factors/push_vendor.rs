//! Requests that a provider sends: asked once, then followed until somebody has answered.

use std::sync::Arc;
use std::time::Duration;

use super::waiting::Waiting;
use crate::access::{Doorstep, Settings};
use crate::clock::Timestamp;
use crate::directory::VendorPush;
use crate::providers::{Alert, Approver};
use crate::sessions::{ChallengeId, PushDevice, SentPush};

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
                self.noted_down(self.note_reached(&id, &push.id, false).await);
                return;
            }
        };
        let noted = self.change_push(&id, &push.id, self.now(), |push| {
            push.reached = Some(true);
            push.digits = asked.digits.clone().unwrap_or_default();
            push.expires = push.expires.min(asked.expires);
            true
        });
        if !self.noted_down(noted.await).unwrap_or(false) {
            return;
        }
        let standing = &waiting.employee.standing;
        let followed = VendorPush {
            id: push.id,
            challenge: id.0,
            employee: standing.login.folded().to_owned(),
            epoch: standing.epoch,
            request: asked.id.0,
        };
        // Where it cannot be noted this gateway follows it all the same.
        let noted = self.directory.note_vendor_push(approver.name(), &followed).await;
        self.noted_down(noted.map_err(Into::into));
        self.follow(approver, followed).await;
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
