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
}
