//! The ways to set up a first factor: whoever came by a one-time passcode, or in the enrolment window, has the
//! choice of what their firm allows.

use super::desk::Desk;
use crate::gate::{FactorKind, Policy};

/// A way other than the page's own.
pub(super) struct OtherWay {
    /// Where it is.
    pub href: &'static str,
    /// What it is called.
    pub words: &'static str,
}

/// What else a firm allows than the page at `here`.
pub(super) fn other_ways(desk: &Desk, policy: &Policy, here: &str) -> Vec<OtherWay> {
    let all = [
        (
            policy.allows(FactorKind::Totp),
            "/.doorstep/enroll/totp",
            "Use an authenticator app instead",
        ),
        (
            policy.allows(FactorKind::Passkey) && desk.door.passkey_site().is_some(),
            "/.doorstep/enroll/passkey",
            "Use a passkey instead",
        ),
        (
            policy.allows(FactorKind::Push) && desk.asks_own_phones(),
            "/.doorstep/enroll/push",
            "Add a phone that is asked instead",
        ),
    ];
    all.into_iter()
        .filter(|(allowed, href, _)| *allowed && *href != here)
        .map(|(_, href, words)| OtherWay { href, words })
        .collect()
}

impl Desk {
    /// Whether phones that are enrolled here are asked; with a vendor's push, its own are.
    pub(super) fn asks_own_phones(&self) -> bool {
        self.settings.providers.approver.is_none()
    }
}
