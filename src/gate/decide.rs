//! The decision: a table over route, session, policy and time. No I/O.

use std::net::IpAddr;

use super::policy::PasswordSuffices;
use super::rules::Anonymous;
use super::{EmployeeStanding, Exception, Route};
use crate::clock::Timestamp;
use crate::sessions::Level;

/// Who asks: a page that a person sees, or a script (DESIGN section 3, "Pages and scripts").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A navigation: redirects and HTML make sense.
    Page,
    /// `fetch`, XHR: JSON, never a redirect to HTML.
    Script,
}

/// Who is there, as far as session store and directory can tell.
#[derive(Clone, Copy, Debug)]
pub enum Presence<'a> {
    /// No session, or one that is over, was ended, or whose employee is gone.
    Nobody,
    /// The token was replaced less than 60 s ago.
    Replaced,
    /// A session, and where its holder stands now (`None`: the directory knows nobody of that name).
    Session {
        /// How far it has come.
        level: &'a Level,
        /// The holder's standing, read now.
        standing: Option<&'a EmployeeStanding>,
    },
}

/// Everything a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The request's class.
    pub route: Route,
    /// Who is there.
    pub presence: Presence<'a>,
    /// From which address.
    pub client: IpAddr,
    /// When.
    pub now: Timestamp,
    /// What happens to somebody not signed in on a protected route.
    pub anonymous: Anonymous,
    /// `unknown_employee = "pass"`.
    pub pass_unknown: bool,
}

/// What goes up with a forwarded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Nothing, and no cookie is kept from the answer.
    None,
    /// The jar for public routes of an anonymous session.
    PublicJar,
    /// The jar for login pages and logins of an anonymous session.
    LoginJar,
    /// The vault of a session whose login the portal accepted.
    Vault,
}

/// Why a request is not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Nobody is signed in: the login page; a script 401 `sign_in_required`.
    SignIn,
    /// A second factor is owed: the challenge; a script 401 `second_factor_required`.
    SecondFactor,
    /// The token was replaced: 409 with a page that tries again; a script 401 `retry`.
    Retry,
    /// The path is closed to everybody: 403.
    Closed,
    /// A login that can be read in two ways, or names nobody: 400.
    BadLogin,
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Serve an own page; the page itself judges what the session may do there.
    Own,
    /// Forward, with these credentials; the exception that made it possible, if one did.
    Forward(Credentials, Option<Exception>),
    /// Make the login exchange by the rule of this index.
    Login(usize),
    /// End the session first, then forward with what its vault held.
    Logout,
    /// Do not forward.
    Refuse(Refusal),
}

/// Decides.
pub fn decide(ask: &Ask<'_>) -> Verdict {
    let _ = (ask, PasswordSuffices::No);
    unimplemented!()
}
