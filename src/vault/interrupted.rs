//! A request that its session's end interrupted: kept for the same employee, to be sent once more.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::Login;

/// A form that was posted when nobody could send it on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupted {
    /// Whose it is: nobody else may see or send it.
    #[serde(rename = "o")]
    pub owner: Login,
    /// Path and query.
    #[serde(rename = "t")]
    pub target: String,
    /// Its content type.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The page that sent it.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub referer: Option<String>,
    /// Its body, in base64.
    #[serde(rename = "b")]
    body: String,
    /// Not after.
    #[serde(rename = "u")]
    pub until: Timestamp,
}

impl Interrupted {
    /// Keeps a body.
    pub fn new(owner: Login, target: String, body: &[u8], until: Timestamp) -> Self {
        Self {
            owner,
            target,
            content_type: None,
            referer: None,
            body: STANDARD.encode(body),
            until,
        }
    }

    /// The body, byte for byte.
    pub fn body(&self) -> Vec<u8> {
        STANDARD.decode(&self.body).unwrap_or_default()
    }

    /// Whether it may still be sent, by somebody of this login.
    pub fn is_for(&self, login: &Login, now: Timestamp) -> bool {
        self.owner == *login && now < self.until
    }
}

/// Shows that there is one, never what it holds (I12).
impl fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interrupted({} bytes)", self.body.len())
    }
}
