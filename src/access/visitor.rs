//! Who makes a request.

use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::config::Side;
use crate::gate::{Asker, EmployeeStanding, Presence};
use crate::secret::SessionToken;
use crate::sessions::StoredSession;

/// A session that is live, with its token and where its holder stands now.
#[derive(Clone, Debug)]
pub struct LiveSession {
    /// What the browser holds.
    pub token: SessionToken,
    /// What the store holds.
    pub stored: StoredSession,
    /// The holder's standing; `None`: nobody has signed in, or the directory knows nobody of that name.
    pub standing: Option<Arc<EmployeeStanding>>,
}

/// Who is there.
#[derive(Clone, Debug)]
pub enum Who {
    /// No session, or one that is over.
    Nobody,
    /// The token was replaced less than 60 s ago.
    Replaced,
    /// A session.
    Session(Box<LiveSession>),
}

impl Who {
    /// As `decide` takes it.
    pub fn presence(&self) -> Presence<'_> {
        match self {
            Self::Nobody => Presence::Nobody,
            Self::Replaced => Presence::Replaced,
            Self::Session(session) => Presence::Session {
                level: &session.stored.record.level,
                standing: session.standing.as_deref(),
            },
        }
    }
}

/// A request's visitor; the edge puts it into the extensions of a request for an own page, in an `Arc`.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Who is there.
    pub who: Who,
    /// On which origin.
    pub side: Side,
    /// From which address.
    pub client: IpAddr,
    /// At which place that is, where a trusted proxy says so.
    pub place: Option<String>,
    /// Page or script.
    pub asker: Asker,
    /// When.
    pub now: Timestamp,
    /// Names the request in logs.
    pub request_id: String,
}
