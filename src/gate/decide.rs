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
    /// The jar for public routes of an anonymous session; a new one where the session belongs to somebody
    /// (who no longer counts): never their vault.
    PublicJar,
    /// The jar for login pages and logins of an anonymous session; likewise.
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
    /// The login page with a username in its query: 303 to the page without it
    /// ([`without_names`](super::route::without_names)).
    LoginPageClean,
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
    let person = Person::of(ask);
    if matches!(ask.presence, Presence::Replaced) {
        return replaced(ask.route);
    }
    match ask.route {
        Route::Own => Verdict::Own,
        Route::Closed => Verdict::Refuse(Refusal::Closed),
        Route::BadLogin => Verdict::Refuse(Refusal::BadLogin),
        Route::LoginPageWithName => Verdict::Refuse(Refusal::LoginPageClean),
        Route::Login(rule) => Verdict::Login(rule),
        Route::Logout => match person {
            Person::Stranger => Verdict::Forward(Credentials::LoginJar, None),
            Person::OwesFactor | Person::MayPass(_) => Verdict::Logout,
        },
        Route::Public => match person {
            Person::Stranger => Verdict::Forward(Credentials::PublicJar, None),
            Person::OwesFactor => Verdict::Forward(Credentials::None, None),
            Person::MayPass(exception) => Verdict::Forward(Credentials::Vault, exception),
        },
        Route::LoginPage => match person {
            Person::Stranger => Verdict::Forward(Credentials::LoginJar, None),
            Person::OwesFactor => Verdict::Refuse(Refusal::SecondFactor),
            Person::MayPass(exception) => Verdict::Forward(Credentials::Vault, exception),
        },
        Route::Protected | Route::Ambiguous => match person {
            Person::Stranger if ask.route == Route::Protected && ask.anonymous == Anonymous::Forward => {
                Verdict::Forward(Credentials::None, None)
            }
            Person::Stranger => Verdict::Refuse(Refusal::SignIn),
            Person::OwesFactor => Verdict::Refuse(Refusal::SecondFactor),
            Person::MayPass(exception) => Verdict::Forward(Credentials::Vault, exception),
        },
    }
}

/// A replaced token grants nothing; what anybody may have, it does not take away.
fn replaced(route: Route) -> Verdict {
    match route {
        Route::Own => Verdict::Own,
        Route::Closed => Verdict::Refuse(Refusal::Closed),
        Route::BadLogin => Verdict::Refuse(Refusal::BadLogin),
        Route::Public => Verdict::Forward(Credentials::None, None),
        Route::LoginPage
        | Route::LoginPageWithName
        | Route::Login(_)
        | Route::Logout
        | Route::Protected
        | Route::Ambiguous => Verdict::Refuse(Refusal::Retry),
    }
}

/// Whether a session still counts, given where its holder stands now (I10): the employee is there, active, of
/// the same firm, and was not signed out everywhere since. `None` (nobody of that name) is never enough.
/// Whether the second factor still holds is another question.
pub fn still_stands(level: &Level, standing: Option<&EmployeeStanding>) -> bool {
    let Some(holder) = level.holder() else { return true };
    standing.is_some_and(|standing| {
        standing.active
            && standing.login == holder.login
            && standing.epoch == holder.employee_epoch
            && holder.firm.as_ref() == Some(&standing.firm.id)
    })
}

/// Whether a session's login came from a device that is still remembered.
pub fn is_remembered(level: &Level, standing: &EmployeeStanding, now: Timestamp) -> bool {
    matches!(level, Level::Password { device: Some(device), .. } if standing.remembers(device, now))
}

/// What a presence comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Person {
    /// Nobody who is signed in.
    Stranger,
    /// The portal accepted the password, and that is not enough.
    OwesFactor,
    /// May use what is protected; the exception that makes it so, if one does.
    MayPass(Option<Exception>),
}

impl Person {
    fn of(ask: &Ask<'_>) -> Self {
        let Presence::Session { level, standing } = ask.presence else {
            return Self::Stranger;
        };
        let Some(holder) = level.holder() else {
            return Self::Stranger;
        };
        let Some(standing) = standing else {
            return if ask.pass_unknown && holder.firm.is_none() {
                Self::MayPass(Some(Exception::UnknownEmployee))
            } else {
                Self::Stranger
            };
        };
        if !still_stands(level, Some(standing)) {
            return Self::Stranger;
        }
        if matches!(level, Level::SecondFactor { firm_epoch, .. } if *firm_epoch == standing.firm.epoch) {
            return Self::MayPass(None);
        }
        match standing.firm.password_suffices(ask.client, ask.now) {
            PasswordSuffices::PolicyOff => Self::MayPass(None),
            PasswordSuffices::Exception(exception) => Self::MayPass(Some(exception)),
            PasswordSuffices::No if is_remembered(level, standing, ask.now) => {
                Self::MayPass(Some(Exception::RememberedDevice))
            }
            PasswordSuffices::No => Self::OwesFactor,
        }
    }
}

#[cfg(test)]
mod tests;
