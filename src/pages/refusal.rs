//! Why an own address stops before it does what was asked.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use super::layout::{self, Shell};
use super::told::{Link, Message, Words};
use super::{CHALLENGE, Told};
use crate::access::Unknown;
use crate::directory::{ChangeRefused, DirectoryUnknown};
use crate::gate::Asker;
use crate::sessions::StoreUnknown;

/// Why a handler stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// As everywhere else.
    Told(Told),
    /// 503: store or directory cannot answer.
    Unknown(Unknown),
    /// 403: another site's page sent it, or nothing says that none did.
    CrossSite,
    /// 403: it does not carry its session's form token.
    BadForm,
    /// 415: neither a form nor JSON.
    UnsupportedType,
    /// 413: more than an own address reads.
    TooLarge,
    /// 400: the body cannot be read.
    BadBody(&'static str),
    /// 405: there is a page, but not by this method.
    WrongMethod,
    /// 403: for verified people only, and this firm asks for no second factor.
    NoFactorAsked,
    /// 403: the factor was verified too long ago to change one (I14). Holds the form token to sign out with.
    NotFresh(String),
    /// 403: the firm does not allow this factor.
    FactorNotAllowed,
    /// 403: for admins only.
    NotAdmin,
    /// 403: another admin's to change (I14).
    NotForYourself,
    /// 303 to where a factor is verified that nothing else asks for; script: 401 `second_factor_required`.
    ConfirmFirst(String),
    /// 403: the factor was verified too long ago for a change (I14), and where to verify it anew.
    Stale(String),
}

impl Stop {
    fn status(&self) -> StatusCode {
        match self {
            // Answered by `told` itself.
            Self::Told(_) | Self::Unknown(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::CrossSite
            | Self::BadForm
            | Self::NoFactorAsked
            | Self::NotFresh(_)
            | Self::FactorNotAllowed
            | Self::NotAdmin
            | Self::NotForYourself
            | Self::Stale(_) => StatusCode::FORBIDDEN,
            Self::ConfirmFirst(_) => StatusCode::UNAUTHORIZED,
            Self::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadBody(_) => StatusCode::BAD_REQUEST,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Told(_) | Self::Unknown(_) => "refused",
            Self::CrossSite => "cross_site",
            Self::BadForm => "bad_form_token",
            Self::UnsupportedType => "unsupported_media_type",
            Self::TooLarge => "too_large",
            Self::BadBody(_) => "bad_request",
            Self::WrongMethod => "method_not_allowed",
            Self::NoFactorAsked => "no_second_factor_asked",
            Self::NotFresh(_) => "fresh_factor_required",
            Self::FactorNotAllowed => "factor_not_allowed",
            Self::NotAdmin => "admins_only",
            Self::NotForYourself => "not_for_yourself",
            Self::ConfirmFirst(_) => "second_factor_required",
            Self::Stale(_) => "fresh_factor_required",
        }
    }

    fn wording(&self) -> (&'static str, &'static str) {
        match self {
            Self::Told(_) | Self::Unknown(_) => ("Stopped", "This cannot be done."),
            Self::CrossSite => (
                "Stopped",
                "This request did not come from a page of this portal, so nothing was done.",
            ),
            Self::BadForm => (
                "Out of date",
                "The page this was sent from is out of date, so nothing was done. Open it anew and try again.",
            ),
            Self::UnsupportedType => ("Not understood", "Only forms and JSON are read here."),
            Self::TooLarge => ("Too large", "What was sent is larger than any form here."),
            Self::BadBody(why) => ("Not understood", why),
            Self::WrongMethod => ("Not like this", "This address cannot be opened in this way."),
            Self::NoFactorAsked => (
                "Nothing to do here",
                "This page is for people who sign in with a second factor. Your firm asks for none.",
            ),
            Self::NotFresh(_) => (
                "Sign in again first",
                "Changing a second factor needs one that was confirmed within the last 10 minutes.",
            ),
            Self::FactorNotAllowed => (
                "Not in use here",
                "Your firm does not use this kind of second factor. Ask your admin what to use.",
            ),
            Self::NotAdmin => ("For admins only", "Your firm’s admins manage employees here."),
            Self::NotForYourself => (
                "Another admin’s to do",
                "Nobody resets, unlocks or deactivates themselves. Ask another admin of your firm, or whoever runs the portal.",
            ),
            Self::ConfirmFirst(_) | Self::Stale(_) => (
                "Confirm it is you",
                "Changing this needs a second factor that was confirmed within the last 10 minutes. Nothing was changed.",
            ),
        }
    }

    /// The answer, for everything but [`Stop::Told`] and [`Stop::Unknown`], which are told as everywhere.
    pub fn answer(self, asker: Asker, portal: &str) -> Response<Bytes> {
        if let (Self::ConfirmFirst(confirm), Asker::Page) = (&self, asker) {
            return layout::see_other(confirm);
        }
        if asker == Asker::Script {
            return layout::json(self.status(), &json!({"error": self.word()}));
        }
        let (heading, words) = self.wording();
        let link = match &self {
            Self::BadForm | Self::WrongMethod => Some((CHALLENGE, "Go on")),
            Self::Stale(confirm) => Some((confirm.as_str(), "Confirm it is you")),
            Self::NotAdmin => Some(("/", "Back")),
            _ => None,
        };
        let link = link.map(|(href, label)| Link { href, label });
        let status = self.status();
        let sign_out = match &self {
            Self::NotFresh(form_token) => Some(form_token.clone()),
            _ => None,
        };
        let message = Message {
            shell: Shell::new(portal, heading),
            heading,
            words: Words::Plain(words.to_owned()),
            link,
            sign_out,
        };
        layout::page(status, &message)
    }
}

impl From<Told> for Stop {
    fn from(told: Told) -> Self {
        Self::Told(told)
    }
}

impl From<Unknown> for Stop {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl From<StoreUnknown> for Stop {
    fn from(unknown: StoreUnknown) -> Self {
        Unknown::from(unknown).into()
    }
}

impl From<DirectoryUnknown> for Stop {
    fn from(unknown: DirectoryUnknown) -> Self {
        Unknown::from(unknown).into()
    }
}

/// A change that an employee makes to what is their own is refused only where they are not there any more.
impl From<ChangeRefused> for Stop {
    fn from(refused: ChangeRefused) -> Self {
        match refused {
            ChangeRefused::Unknown(unknown) => unknown.into(),
            other => {
                tracing::warn!(error = %other, "the directory refused an employee's change");
                Self::Told(Told::NotKnown)
            }
        }
    }
}
