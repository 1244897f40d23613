//! The answers by which a request is refused, for pages and for scripts.

use askama::Template;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::layout::{self, Again, Shell};
use super::moment::{Moment, seconds_until};
use super::{CHALLENGE, Told};
use crate::clock::Timestamp;
use crate::gate::Asker;

/// After so many seconds a page that could not be shown tries again, and scripts may.
const TRY_AGAIN: u32 = 10;

/// Names the challenge to scripts (DESIGN section 3, "Pages and scripts").
const DOORSTEP_CHALLENGE: HeaderName = HeaderName::from_static("doorstep-challenge");

/// Answers a refused request, for a page or a script. Never sets or clears a cookie.
pub fn told(told: &Told, asker: Asker, portal_name: &str, now: Timestamp) -> Response<Bytes> {
    told_again(told, asker, portal_name, now, None)
}

/// As [`told`]; a page that tries again by itself does so at `again`, for a POST cannot be tried again.
pub(super) fn told_again(
    told: &Told,
    asker: Asker,
    portal_name: &str,
    now: Timestamp,
    again: Option<&str>,
) -> Response<Bytes> {
    if let Told::BadRequest(why) = told {
        return layout::plain(StatusCode::BAD_REQUEST, why);
    }
    let mut response = match (asker, told) {
        (Asker::Page, Told::SignIn { login }) => layout::see_other(login),
        (Asker::Page, Told::SecondFactor) => layout::see_other(CHALLENGE),
        (Asker::Page, _) => refusal_page(told, portal_name, again),
        (Asker::Script, _) => layout::json(told.script_status(), &told.json(now)),
    };
    if *told == Told::SecondFactor {
        response
            .headers_mut()
            .insert(DOORSTEP_CHALLENGE, HeaderValue::from_static(CHALLENGE));
    }
    match told.retry_after(now) {
        Some(seconds) => layout::retry_after(response, seconds),
        None => response,
    }
}

impl Told {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::SignInAgain { .. } => StatusCode::UNAUTHORIZED,
            Self::SignIn { .. } | Self::SecondFactor => StatusCode::SEE_OTHER,
            Self::Retry => StatusCode::CONFLICT,
            Self::Closed | Self::NotKnown => StatusCode::FORBIDDEN,
            Self::TooManyLogins { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::CannotTell => StatusCode::SERVICE_UNAVAILABLE,
            Self::PortalDown { status: 504 } => StatusCode::GATEWAY_TIMEOUT,
            Self::PortalDown { .. } | Self::LoginNotUnderstood => StatusCode::BAD_GATEWAY,
            Self::NotFound => StatusCode::NOT_FOUND,
        }
    }

    /// A script gets no redirect, and learns from 401 that it must act before it asks again.
    fn script_status(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::SecondFactor | Self::Retry => StatusCode::UNAUTHORIZED,
            other => other.status(),
        }
    }

    fn json(&self, now: Timestamp) -> Value {
        match self {
            Self::BadRequest(why) => json!({"error": "bad_request", "detail": why}),
            Self::SignInAgain { login } | Self::SignIn { login } => {
                json!({"error": "sign_in_required", "login": login})
            }
            Self::SecondFactor => json!({"error": "second_factor_required", "challenge": CHALLENGE}),
            Self::Retry => json!({"error": "retry"}),
            Self::Closed => json!({"error": "closed"}),
            Self::NotKnown => json!({"error": "unknown_employee"}),
            Self::TooManyLogins { until } => {
                json!({"error": "too_many_logins", "retry_after": seconds_until(*until, now)})
            }
            Self::TooLarge => json!({"error": "too_large"}),
            Self::CannotTell => json!({"error": "unavailable", "retry_after": TRY_AGAIN}),
            Self::PortalDown { .. } => json!({"error": "portal_unavailable", "retry_after": TRY_AGAIN}),
            Self::LoginNotUnderstood => json!({"error": "login_not_understood"}),
            Self::NotFound => json!({"error": "not_found"}),
        }
    }

    fn retry_after(&self, now: Timestamp) -> Option<u64> {
        match self {
            Self::TooManyLogins { until } => Some(seconds_until(*until, now)),
            Self::CannotTell | Self::PortalDown { .. } => Some(TRY_AGAIN.into()),
            _ => None,
        }
    }

    /// After so many seconds the page loads again by itself.
    fn again_in(&self) -> Option<u32> {
        match self {
            Self::Retry => Some(1),
            Self::CannotTell | Self::PortalDown { .. } => Some(TRY_AGAIN),
            _ => None,
        }
    }
}

/// A heading and a paragraph.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    pub shell: Shell<'a>,
    pub heading: &'a str,
    pub words: Words,
    /// One way on.
    pub link: Option<Link<'a>>,
    /// The form token of a session that may be ended to sign in again.
    pub sign_out: Option<String>,
}

/// Where a page leads.
pub(super) struct Link<'a> {
    pub href: &'a str,
    pub label: &'a str,
}

/// What a message says.
pub(super) enum Words {
    Plain(String),
    /// Names a time.
    Until {
        before: &'static str,
        moment: Moment,
        after: &'static str,
    },
    /// Ends in "this page tries again in … s".
    AgainIn {
        before: String,
        seconds: u32,
    },
}

fn refusal_page(told: &Told, portal: &str, again: Option<&str>) -> Response<Bytes> {
    let (heading, words) = wording(told, portal);
    let mut shell = Shell::new(portal, heading);
    shell.again = told.again_in().map(|seconds| Again { seconds, to: again });
    let link = match told {
        Told::SignInAgain { login } => Some(Link {
            href: login,
            label: "Sign in again",
        }),
        Told::NotFound => Some(Link {
            href: "/",
            label: "Go to the portal",
        }),
        _ => None,
    };
    let message = Message {
        shell,
        heading,
        words,
        link,
        sign_out: None,
    };
    layout::page(told.status(), &message)
}

fn wording(told: &Told, portal: &str) -> (&'static str, Words) {
    let plain = |text: &str| Words::Plain(text.to_owned());
    match told {
        Told::SignInAgain { .. } | Told::SignIn { .. } => ("Sign in again", plain("You were signed out.")),
        Told::SecondFactor => ("Confirm it is you", plain("A second factor is asked for.")),
        Told::Retry => (
            "One moment",
            plain("Another request has just signed you in. This page goes on by itself."),
        ),
        Told::Closed => ("Closed", plain("This address is not open to anybody.")),
        Told::NotKnown => (
            "Not known here",
            plain("This login is not known here. Ask your admin to add you."),
        ),
        Told::TooManyLogins { until } => (
            "Too many tries",
            Words::Until {
                before: "Too many wrong passwords. Sign-in is paused until",
                moment: Moment::time(*until),
                after: ".",
            },
        ),
        Told::TooLarge => (
            "Too large",
            plain("What was sent is larger than a sign-in can be."),
        ),
        Told::CannotTell => (
            "Back in a moment",
            Words::AgainIn {
                before: "We cannot check your sign-in right now. Nothing is lost;".to_owned(),
                seconds: TRY_AGAIN,
            },
        ),
        Told::PortalDown { .. } => (
            "Back in a moment",
            Words::AgainIn {
                before: format!("{portal} does not answer right now. You stay signed in;"),
                seconds: TRY_AGAIN,
            },
        ),
        Told::LoginNotUnderstood => (
            "Sign-in stopped",
            Words::Plain(format!(
                "{portal} answered your sign-in in a way that is not understood here, so you were not let in. \
                 Tell your admin."
            )),
        ),
        Told::NotFound => ("Not found", plain("There is no page at this address.")),
        Told::BadRequest(why) => ("Not understood", plain(why)),
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_526_400_000);

    fn login() -> String {
        "/login?next=%2F".to_owned()
    }

    #[test]
    fn pages_and_scripts_are_told_the_same_in_their_own_ways() {
        let until = Timestamp(NOW.0 + 90_500);
        for (what, page, script, error, wait) in [
            (
                Told::SignInAgain { login: login() },
                401,
                401,
                "sign_in_required",
                None,
            ),
            (
                Told::SignIn { login: login() },
                303,
                401,
                "sign_in_required",
                None,
            ),
            (Told::SecondFactor, 303, 401, "second_factor_required", None),
            (Told::Retry, 409, 401, "retry", None),
            (Told::Closed, 403, 403, "closed", None),
            (Told::NotKnown, 403, 403, "unknown_employee", None),
            (
                Told::TooManyLogins { until },
                429,
                429,
                "too_many_logins",
                Some("91"),
            ),
            (Told::TooLarge, 413, 413, "too_large", None),
            (Told::CannotTell, 503, 503, "unavailable", Some("10")),
            (
                Told::PortalDown { status: 502 },
                502,
                502,
                "portal_unavailable",
                Some("10"),
            ),
            (
                Told::PortalDown { status: 504 },
                504,
                504,
                "portal_unavailable",
                Some("10"),
            ),
            (Told::LoginNotUnderstood, 502, 502, "login_not_understood", None),
            (Told::NotFound, 404, 404, "not_found", None),
        ] {
            for (asker, status) in [(Asker::Page, page), (Asker::Script, script)] {
                let answer = told(&what, asker, "Portal", NOW);
                assert_eq!(answer.status(), status, "{what:?} {asker:?}");
                let given = answer
                    .headers()
                    .get(header::RETRY_AFTER)
                    .map(|v| v.to_str().unwrap());
                assert_eq!(given, wait, "{what:?} {asker:?}");
                assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
                assert!(!answer.headers().contains_key(header::SET_COOKIE));
                assert_eq!(answer.headers().contains_key(header::LOCATION), status == 303);
            }
            let answer = told(&what, Asker::Script, "Portal", NOW);
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(body["error"], error);
        }
    }

    #[test]
    fn a_script_learns_where_to_go() {
        let answer = told(&Told::SecondFactor, Asker::Script, "Portal", NOW);
        assert_eq!(
            answer.body(),
            r#"{"error":"second_factor_required","challenge":"/.doorstep/challenge"}"#
        );
        assert_eq!(answer.headers()["doorstep-challenge"], "/.doorstep/challenge");
        let answer = told(&Told::SignIn { login: login() }, Asker::Script, "Portal", NOW);
        assert_eq!(
            answer.body(),
            r#"{"error":"sign_in_required","login":"/login?next=%2F"}"#
        );
    }

    #[test]
    fn a_page_is_sent_to_login_and_challenge() {
        let answer = told(&Told::SignIn { login: login() }, Asker::Page, "Portal", NOW);
        assert_eq!(answer.headers()[header::LOCATION], "/login?next=%2F");
        let answer = told(&Told::SecondFactor, Asker::Page, "Portal", NOW);
        assert_eq!(answer.headers()[header::LOCATION], "/.doorstep/challenge");
        let broken = Told::SignIn {
            login: "/a\r\nset-cookie: x".to_owned(),
        };
        let answer = told(&broken, Asker::Page, "Portal", NOW);
        assert_eq!(answer.headers()[header::LOCATION], "/");
    }

    #[test]
    fn what_is_wrong_with_a_request_is_said_in_plain_words() {
        for asker in [Asker::Page, Asker::Script] {
            let answer = told(&Told::BadRequest("No Host."), asker, "Portal", NOW);
            assert_eq!(
                (answer.status(), &answer.body()[..]),
                (StatusCode::BAD_REQUEST, &b"No Host."[..])
            );
            assert_eq!(
                answer.headers()[header::CONTENT_TYPE],
                "text/plain; charset=utf-8"
            );
        }
    }
}
