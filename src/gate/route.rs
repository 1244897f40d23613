//! How a request is classed: by its head where that suffices, by its body where configuration opens a path
//! to something that carries one.

use http::Method;

use super::body::{BadBody, FormBody};
use super::classing::{Classing, names_somebody};
use super::path::Target;
use super::query::Fields;
use super::rules::PortalRules;

/// So much of a body is read in order to class it, in bytes, unless a login rule says otherwise.
pub const BODY_LIMIT: usize = 64 * 1024;

/// A request's class (DESIGN section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Below `/.doorstep/`: served here, never forwarded.
    Own,
    /// Named by configuration as open to anybody.
    Public,
    /// A login rule's page (GET, HEAD).
    LoginPage,
    /// The same with a login rule's username field in its query: answered 303 to the page without it.
    LoginPageWithName,
    /// The login itself, by the rule of this index.
    Login(usize),
    /// A POST in a login rule's place without exactly one readable username: never forwarded.
    BadLogin,
    /// Ends the session.
    Logout,
    /// Never forwarded, to nobody.
    Closed,
    /// Everything else.
    Protected,
    /// Not plain (I2): of the strictest class there is, usable for verified techs.
    Ambiguous,
}

impl Route {
    /// The class of a GET or HEAD that has a body after all, which nobody read: it may carry a username.
    pub fn with_unread_body(self) -> Self {
        match self {
            Self::Public | Self::LoginPage | Self::LoginPageWithName | Self::Logout => Self::Ambiguous,
            Self::Login(_) => Self::BadLogin,
            other => other,
        }
    }
}

/// What a request's head says of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadClass {
    /// The head suffices; a body may stream.
    Settled(Route),
    /// [`class_body`] decides; read so many bytes, and say [`BadBody::TooLong`] where there are more.
    NeedsBody {
        /// In bytes.
        limit: usize,
    },
}

/// Classes a request by its head.
pub fn class_head(rules: &PortalRules, method: &Method, target: &Target) -> HeadClass {
    by_head(rules, method, target, |request| {
        if let Some(route) = request.never_forwarded() {
            return HeadClass::Settled(route);
        }
        match request.body_limit() {
            Some(limit) => HeadClass::NeedsBody { limit },
            None => HeadClass::Settled(request.class()),
        }
    })
}

/// Asks of a request what its head tells.
fn by_head<T>(
    rules: &PortalRules,
    method: &Method,
    target: &Target,
    ask: impl FnOnce(&Classing<'_>) -> T,
) -> T {
    let query = Fields::of_query(target.query());
    ask(&Classing {
        rules,
        method,
        target,
        query: &query,
        body: None,
    })
}

/// Classes a request whose body was read, or could not be.
pub fn class_body(
    rules: &PortalRules,
    method: &Method,
    target: &Target,
    body: Result<&FormBody, &BadBody>,
) -> Route {
    let query = Fields::of_query(target.query());
    let request = Classing {
        rules,
        method,
        target,
        query: &query,
        body: Some(body),
    };
    request.never_forwarded().unwrap_or_else(|| request.class())
}

/// Classes a request whose body is longer than what is read: `None` where it is refused. Its body must hold none
/// of the fields that come with the class, and is looked through for them as it streams.
pub fn class_long(rules: &PortalRules, method: &Method, target: &Target) -> Option<(Route, Vec<String>)> {
    by_head(rules, method, target, |request| request.class_long())
}

/// Classes a request whose body nobody here sees (forward-auth mode): by what its head opens. What could be a login
/// is as open as the login's page.
pub fn class_unread(rules: &PortalRules, method: &Method, target: &Target) -> Route {
    by_head(rules, method, target, |request| {
        request
            .never_forwarded()
            .unwrap_or_else(|| request.class_unread())
    })
}

/// Whether a request's address can carry a session that is not its cookies'.
pub fn carries_session(rules: &PortalRules, target: &Target) -> bool {
    by_head(rules, &Method::GET, target, |request| {
        request.carries_a_session() || request.path_carries_a_session()
    })
}

/// Whether a request to this address could be a login to a portal that does not look at the method.
pub fn takes_logins(rules: &PortalRules, target: &Target) -> bool {
    by_head(rules, &Method::GET, target, |request| request.takes_logins())
}

/// Whether a request's path can carry a session.
pub fn path_carries_session(rules: &PortalRules, target: &Target) -> bool {
    target.path().contains([';', '%'])
        && by_head(rules, &Method::GET, target, |request| {
            request.path_carries_a_session()
        })
}

/// The login page's address without the fields that a login rule reads a username from, else byte for byte.
pub fn without_names(rules: &PortalRules, target: &Target) -> String {
    let Some(query) = target.query() else {
        return target.path().to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|piece| !names_somebody(rules, &Fields::parse(piece.as_bytes())))
        .collect();
    if kept.is_empty() {
        return target.path().to_owned();
    }
    format!("{}?{}", target.path(), kept.join("&"))
}

#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod readings;
#[cfg(test)]
mod tests;
