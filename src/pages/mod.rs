//! What people see below `/.doorstep/`, and the pages by which a request is refused.

mod account;
mod account_phones;
mod admin;
mod assets;
mod body;
mod callbacks;
mod challenge;
mod challenge_page;
mod confirm;
mod desk;
mod enroll_passkey;
mod enroll_push;
mod enroll_totp;
mod first_factor;
mod hand_over;
mod interrupted;
mod layout;
mod logout;
mod lost_phone;
mod moment;
mod origins;
mod passkey;
mod phone;
mod phone_proof;
mod phone_token;
mod place;
mod proof;
mod recovery;
mod refusal;
mod removal;
mod router;
mod told;
mod watch;

#[cfg(test)]
mod gallery;
#[cfg(test)]
mod tests;

pub use admin::longest_body;
pub use assets::{asset, step_up_script};
pub use hand_over::{own_address, stays_public};
pub use interrupted::{RESUME_FIELD, is_of_own_page, not_taken};
pub use place::named as named_place;
pub use router::router;
pub use told::told;

use crate::clock::Timestamp;

/// The path prefix of own addresses.
pub const PREFIX: &str = "/.doorstep/";

/// The challenge's own address, to which a second factor that is owed leads.
pub const CHALLENGE: &str = "/.doorstep/challenge";

/// What a refused request is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// 400, plain text, with what was wrong.
    BadRequest(&'static str),
    /// 401: nobody is signed in, at an own address. Script: `sign_in_required`.
    SignInAgain {
        /// The login page's address.
        login: String,
    },
    /// 303 to the login page; script: 401 `sign_in_required`.
    SignIn {
        /// The login page's address.
        login: String,
    },
    /// 303 to the challenge; script: 401 `second_factor_required` with the `Doorstep-Challenge` header.
    SecondFactor,
    /// 409 with a page that tries again by itself; script: 401 `retry`.
    Retry,
    /// 403: the path is closed to everybody.
    Closed,
    /// 403: the portal accepted the login, the directory does not know it.
    NotKnown,
    /// 429: too many wrong passwords.
    TooManyLogins {
        /// Until then.
        until: Timestamp,
    },
    /// 413: the login request is larger than the rule allows.
    TooLarge,
    /// 503: directory or store cannot answer.
    CannotTell,
    /// 502 or 504: the portal does not answer.
    PortalDown {
        /// 502 or 504.
        status: u16,
    },
    /// 502: the portal's answer to a login fits neither success nor failure.
    LoginNotUnderstood,
    /// 404: no own page there.
    NotFound,
}
