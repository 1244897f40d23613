//! What happens to a session when a login is accepted, a factor verified, a logout asked: the one place
//! where session store and directory meet.

mod visitor;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use visitor::{LiveSession, Visitor, Who};

use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::directory::{Copies, Directory, DirectoryUnknown};
use crate::gate::FactorKind;
use crate::providers::SmsSender;
use crate::secret::{KeyRing, SessionToken};
use crate::sessions::{SessionStore, StoreUnknown};

/// What a reload replaces, as one.
pub struct Settings {
    /// The configuration.
    pub config: Config,
    /// Who sends SMS tokens, if anybody does.
    pub sms: Option<Arc<dyn SmsSender>>,
}

/// What a running gateway is made of.
pub struct Doorstep {
    /// Replaced as one by a reload.
    pub settings: ArcSwap<Settings>,
    /// The truth.
    pub directory: Directory,
    /// This gateway's copies of it.
    pub copies: Arc<Copies>,
    /// Sessions, challenges, limits.
    pub store: Arc<dyn SessionStore>,
    /// The key file.
    pub keys: Arc<KeyRing>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Doorstep {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Directory or store could not answer: 503, nothing changes, nobody gets in (I9).
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unknown {
    /// The session store.
    #[error(transparent)]
    Store(#[from] StoreUnknown),
    /// The directory.
    #[error(transparent)]
    Directory(#[from] DirectoryUnknown),
}

/// The way in, after a factor was verified.
#[derive(Debug)]
pub struct Entry {
    /// The browser's new token; [`Doorstep::session_cookie`] makes its cookie.
    pub token: SessionToken,
    /// Where to: a path (and query) of the portal.
    pub location: String,
    /// The portal's `pass_cookies` that were withheld, as Set-Cookie values.
    pub cookies: Vec<String>,
}

#[allow(unused_variables, clippy::unused_async)]
impl Doorstep {
    /// Raises a session to level `second_factor` under a new token: the session before it ends. `None` where
    /// another request did so first (answer 409, try again).
    pub async fn raise(
        &self,
        session: &LiveSession,
        factor: FactorKind,
        now: Timestamp,
    ) -> Result<Option<Entry>, Unknown> {
        unimplemented!()
    }

    /// Ends a session: recorded in the directory first, then removed from the store.
    pub async fn end_session(&self, session: &LiveSession, now: Timestamp) -> Result<(), Unknown> {
        unimplemented!()
    }

    /// The Set-Cookie value that hands a token to the browser.
    pub fn session_cookie(&self, token: &SessionToken) -> String {
        unimplemented!()
    }

    /// The Set-Cookie value that takes the token back.
    pub fn clear_session_cookie(&self) -> String {
        unimplemented!()
    }
}
