//! An open challenge: one attempt of one employee to prove a second factor.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::{FactorKind, Login};
use crate::secret::random_id;

/// A challenge's id: 128 random bits. Not a secret; it grants nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChallengeId(pub String);

impl ChallengeId {
    /// A new id.
    pub fn random() -> Self {
        Self(random_id())
    }
}

/// How a challenge stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChallengeState {
    /// Waiting for a factor.
    Open,
    /// A factor was verified; all others are void. Written once, by compare-and-set.
    Verified {
        /// Which.
        factor: FactorKind,
        /// When.
        at: Timestamp,
    },
}

/// A token that was sent, kept as a keyed hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentToken {
    /// Names the token where it is recorded as spent.
    pub id: String,
    /// Keyed hash of challenge id and token.
    pub hash: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// Not valid from then on.
    pub expires: Timestamp,
    /// The number it went to, masked for showing: `+1 ••• ••• 0102`.
    pub shown_number: String,
}

/// A request that went to an employee's phones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentPush {
    /// Names the request: what a phone's approval is bound to. Not a secret.
    pub id: String,
    /// What the login page shows and the phone has to type.
    pub digits: String,
    /// To which phones.
    pub devices: Vec<PushDevice>,
    /// When it was sent.
    pub sent: Timestamp,
    /// Cannot be answered from then on.
    pub expires: Timestamp,
    /// From which browser somebody signs in, roughly.
    pub browser: String,
    /// Whether any phone could be woken or has asked; `None`: not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<bool>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "PushPurpose::is_sign_in")]
    pub purpose: PushPurpose,
    /// Keyed hash of the token that the phone shows, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Wrong numbers typed on phones.
    #[serde(default)]
    pub wrong: u32,
    /// How it stands.
    pub state: PushState,
}

/// What a request to phones is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushPurpose {
    /// To be approved: somebody signs in.
    #[default]
    SignIn,
    /// To show a token that confirms a change; it lets nobody in.
    Change,
}

impl PushPurpose {
    fn is_sign_in(&self) -> bool {
        *self == Self::SignIn
    }

    /// The word for scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Change => "change",
        }
    }
}

/// A phone that a request went to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushDevice {
    /// The factor's id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
}

/// How a request to phones stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "push", rename_all = "snake_case")]
pub enum PushState {
    /// Nobody has answered.
    Pending,
    /// Declined: final, until somebody asks for another one.
    Denied,
    /// Approved; the next request under the waiting session's token collects that.
    Approved {
        /// On which phone.
        device: String,
        /// When.
        at: Timestamp,
    },
}

impl SentPush {
    /// Whether it waits for an answer at `now`.
    pub fn is_pending(&self, now: Timestamp) -> bool {
        self.state == PushState::Pending && now < self.expires
    }
}

/// What a passkey was asked to sign for a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedPasskey {
    /// Names it where it is recorded as spent.
    pub id: String,
    /// What the verifier has to know of it, as text. Not a secret: it grants nothing.
    pub state: String,
    /// Cannot be answered from then on.
    pub expires: Timestamp,
}

/// One attempt to prove a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Its id.
    pub id: ChallengeId,
    /// Who has to prove it.
    pub login: Login,
    /// When it was opened.
    pub opened: Timestamp,
    /// Not valid from then on.
    pub expires: Timestamp,
    /// How it stands.
    pub state: ChallengeState,
    /// The tokens sent by SMS, newest first; only the newest is valid, the older ones (4 at most) are kept
    /// to tell "ran out" from "wrong".
    pub sms: Vec<SentToken>,
    /// The newest request to phones, if one went out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<SentPush>,
    /// What a passkey was last asked to sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<AskedPasskey>,
}

impl Challenge {
    /// By which phone it was verified, if by one.
    pub fn approved_by(&self) -> Option<&str> {
        match (&self.state, self.push.as_ref().map(|push| &push.state)) {
            (
                ChallengeState::Verified {
                    factor: FactorKind::Push,
                    ..
                },
                Some(PushState::Approved { device, .. }),
            ) => Some(device),
            _ => None,
        }
    }
}
