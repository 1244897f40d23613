//! What the store keeps of a session, in the clear: who and how far, never a cookie or a token.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ChallengeId;
use crate::clock::Timestamp;
use crate::gate::{FactorKind, FirmId, Login};
use crate::secret::SessionId;

/// Whose session it is, and under which epochs of the directory it was made (I10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The employee.
    pub login: Login,
    /// Their firm; `None` for somebody whom the directory does not know (`unknown_employee = "pass"`).
    pub firm: Option<FirmId>,
    /// The employee's epoch at the accepted login.
    pub employee_epoch: i64,
}

/// How far a session has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "level", rename_all = "snake_case")]
pub enum Level {
    /// Nobody has signed in.
    Anonymous {
        /// The folded name in the last login sent from this jar that did not clearly fail (I4).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tried: Option<String>,
    },
    /// The portal accepted the password.
    Password {
        /// Whose.
        holder: Holder,
        /// When it was accepted.
        #[serde(rename = "accepted")]
        since: Timestamp,
        /// The challenge that is open for this session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge: Option<ChallengeId>,
        /// Until when a one-time passcode that was typed lets the holder enrol a first factor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        may_enrol_until: Option<Timestamp>,
        /// The remembered device that the login came from: judged anew on every request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
    },
    /// A second factor is verified.
    SecondFactor {
        /// Whose.
        holder: Holder,
        /// By what.
        factor: FactorKind,
        /// When; kept when the factor is carried over.
        verified: Timestamp,
        /// The firm's epoch at that time: another one takes the verification back (I10).
        firm_epoch: i64,
    },
}

impl Level {
    /// `anonymous`, `password` or `second_factor`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Anonymous { .. } => "anonymous",
            Self::Password { .. } => "password",
            Self::SecondFactor { .. } => "second_factor",
        }
    }

    /// Whose session it is, if anybody has signed in.
    pub fn holder(&self) -> Option<&Holder> {
        match self {
            Self::Anonymous { .. } => None,
            Self::Password { holder, .. } | Self::SecondFactor { holder, .. } => Some(holder),
        }
    }
}

/// How far the clocks of two gateways may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// A session, without what is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// SHA-256 of its token.
    pub id: SessionId,
    /// How far it has come, and whose it is.
    #[serde(flatten)]
    pub level: Level,
    /// When this browser's first session began that led here.
    pub since: Timestamp,
    /// The last request seen under it, to within a minute.
    pub last_seen: Timestamp,
    /// Ends if not used until then; moved on by use.
    pub idle_until: Timestamp,
    /// Ends then, whatever happens.
    pub ends: Timestamp,
    /// The client's address at the accepted login.
    pub address: IpAddr,
}

impl SessionRecord {
    /// Whether the session is over at `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends || now >= self.idle_until
    }

    /// Whether it can be used at `now`: it is not over, nor was it used in the future. Then the clock was set back,
    /// and nothing that ends by the clock may last longer for that (I9).
    pub fn is_current(&self, now: Timestamp) -> bool {
        !self.is_over(now) && self.last_seen <= now.plus(CLOCKS_APART)
    }

    /// The moment from which the store need not keep it.
    pub fn expires(&self) -> Timestamp {
        self.ends.min(self.idle_until)
    }
}
