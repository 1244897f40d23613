//! What happens to a session when a login is accepted, a factor verified, a logout asked: the one place
//! where session store and directory meet.

mod belongings;
mod cookies;
mod devices;
mod drift;
mod entry;
mod exceptions;
mod front;
mod hand_over;
mod interrupted;
mod login;
mod logout;
mod machine;
mod register;
mod visitor;
mod who;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use cookies::{DEVICE_NAMES, SESSION_NAMES, session_cookie_name};
pub use devices::{DeviceCookie, browser_in_words, device_cookie_name};
pub use entry::{Entry, onward};
pub use exceptions::Noted;
pub use hand_over::{Destination, Handed};
pub use interrupted::{INTERRUPTED, KEPT_FOR};
pub use login::{Accepted, Alone, LoginCheck, LoginOutcome};
pub use logout::Ending;
pub use visitor::{LiveSession, Visitor, Who};

use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::directory::{ChangeRefused, Copies, Directory, DirectoryUnknown};
use crate::ops::Metrics;
use crate::providers::{Providers, SmsSender};
use crate::secret::KeyRing;
use crate::sessions::{SessionStore, StoreUnknown};

/// What a reload replaces, as one.
pub struct Settings {
    /// The configuration.
    pub config: Config,
    /// Who sends SMS tokens, if anybody does.
    pub sms: Option<Arc<dyn SmsSender>>,
    /// Who else is asked: for approval, and about typed tokens.
    pub providers: Providers,
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
    /// What is counted.
    pub metrics: Metrics,
    /// Which exceptions were audited already.
    pub noted: Noted,
    /// The providers' requests that this gateway looks after.
    pub following: crate::factors::Following,
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

impl From<ChangeRefused> for Unknown {
    /// For changes that the gateway makes by itself and that only fail where the directory does.
    fn from(refused: ChangeRefused) -> Self {
        match refused {
            ChangeRefused::Unknown(unknown) => Self::Directory(unknown),
            other => Self::Directory(DirectoryUnknown(other.to_string())),
        }
    }
}
