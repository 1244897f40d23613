//! `admin/confirm`: a factor is proven by somebody whom nothing else asks for one. That is an admin whose firm is
//! off, or comes in by a named exception, or who verified too long ago to change anything (I14).

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::enroll_passkey::{first_enrolment, signed};
use super::super::layout::{self, Shell};
use super::super::moment::{Moment, seconds_until};
use super::super::passkey;
use super::guard::back;
use super::{ADMIN, Answer};
use crate::access::{Destination, LiveSession};
use crate::factors::challenge::{SmsOutcome, Verdict};
use crate::factors::confirm::{Confirmation, Means};
use crate::factors::normalise::Typed;
use crate::pages::Told;
use crate::sessions::Level;

pub(super) const CONFIRM: &str = "/.doorstep/admin/confirm";

#[derive(Template)]
#[template(path = "admin/confirm.html")]
struct ConfirmPage<'a> {
    shell: Shell<'a>,
    means: Means,
    csrf: String,
    next: &'a str,
    error: Option<&'a str>,
    /// What is said behind the error: safe HTML of a moment, or words.
    rest: String,
    sent: bool,
}

/// GET `admin/confirm`.
pub(super) async fn show(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri).await)
}

/// POST `admin/confirm` (`token`, `next`).
pub(super) async fn verify(desk: Desk, request: Request) -> Response {
    desk.finish(verified(&desk, request).await)
}

/// POST `admin/confirm/sms` (`back`): sends a token for the page that asked.
pub(super) async fn sms(desk: Desk, request: Request) -> Response {
    desk.finish(sent(&desk, request).await)
}

async fn page(desk: &Desk, uri: &http::Uri) -> Answer {
    let (session, _) = desk.would_be_admin().await?;
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let next = back(query.get("next"));
    let sent = query.get("done") == Some("sent");
    desk.confirm_page(session, next, Problem::None, sent).await
}

pub(super) enum Problem {
    None,
    Words(StatusCode, &'static str, String),
    Again(StatusCode, &'static str, String, u64),
}

impl Desk {
    pub(super) async fn confirm_page(
        &self,
        session: &LiveSession,
        next: &str,
        problem: Problem,
        sent: bool,
    ) -> Answer {
        let (status, error, rest, again) = match problem {
            Problem::None => (StatusCode::OK, None, String::new(), None),
            Problem::Words(status, words, rest) => (status, Some(words), rest, None),
            Problem::Again(status, words, rest, again) => (status, Some(words), rest, Some(again)),
        };
        let page = ConfirmPage {
            shell: Shell::new(self.portal(), "Confirm it is you"),
            means: self.door.means_to_confirm(session, self.now()).await?,
            csrf: session.token.form_token(),
            next,
            error,
            rest,
            sent,
        };
        let answer = layout::page(status, &page);
        Ok(match again {
            Some(seconds) => layout::retry_after(answer, seconds),
            None => answer,
        })
    }
}

async fn verified(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let (session, _) = desk.would_be_admin().await?;
    let next = back(fields.get("next"));
    let typed = fields.get("token").unwrap_or_default();
    if matches!(Typed::parse(typed), Some(Typed::Passcode(_))) {
        return by_passcode(desk, session, typed, next).await;
    }
    let unprocessed = StatusCode::UNPROCESSABLE_ENTITY;
    let confirmation = match signed(&fields) {
        Some(answer) => desk.door.confirm_passkey(session, answer, desk.now()).await?,
        None => desk.door.confirm_token(session, typed, desk.now()).await?,
    };
    let problem = match confirmation {
        Confirmation::Confirmed(factor) => {
            let Some(entry) = desk.door.raise(session, factor, desk.now()).await? else {
                return Err(Told::Retry.into());
            };
            let to = Destination::Own(with_done(next, "confirmed"));
            return Ok(desk.gone_on(&entry, to));
        }
        Confirmation::Ended => return Err(desk.sign_in_again()),
        Confirmation::Wrong { left } => {
            let left = match left {
                0 => "no try is left.".to_owned(),
                1 => "1 try is left.".to_owned(),
                more => format!("{more} tries are left."),
            };
            let words = "That token is not right. Check it and try again;";
            Problem::Words(unprocessed, words, left)
        }
        Confirmation::Expired => Problem::Words(
            unprocessed,
            "That token ran out. Ask for a new one.",
            String::new(),
        ),
        Confirmation::Used => {
            let words = "That key was already used. Wait for the next one.";
            Problem::Words(unprocessed, words, String::new())
        }
        Confirmation::Locked { until } => locked(desk, until),
        Confirmation::Unavailable => Problem::Again(
            StatusCode::SERVICE_UNAVAILABLE,
            "This cannot be checked right now. Try again in a minute.",
            String::new(),
            60,
        ),
        Confirmation::NotByPasskey(fault) => {
            Problem::Words(unprocessed, passkey::words(fault), String::new())
        }
        Confirmation::NothingEnrolled => {
            let words = "Nothing is set up for you that could judge it.";
            Problem::Words(StatusCode::FORBIDDEN, words, String::new())
        }
    };
    desk.confirm_page(session, next, problem, false).await
}

fn locked(desk: &Desk, until: crate::clock::Timestamp) -> Problem {
    Problem::Again(
        StatusCode::TOO_MANY_REQUESTS,
        "Too many tries. This is locked until",
        format!("{}.", Moment::time(until)),
        seconds_until(until, desk.now()).max(1),
    )
}

/// A one-time passcode of a reset leads to enrolment, as at the challenge.
async fn by_passcode(desk: &Desk, session: &LiveSession, typed: &str, next: &str) -> Answer {
    let wrong = || {
        let words = "That token is not right. Check it and try again.";
        Problem::Words(StatusCode::UNPROCESSABLE_ENTITY, words, String::new())
    };
    if !matches!(session.stored.record.level, Level::Password { .. }) {
        return desk.confirm_page(session, next, wrong(), false).await;
    }
    desk.door.challenge_for(session, true, desk.now()).await?;
    match desk.door.verify_token(session, typed, desk.now()).await? {
        Verdict::MayEnrol => Ok(layout::see_other(first_enrolment(session))),
        Verdict::Verified { entry, .. } => Ok(desk.enter(&entry)),
        Verdict::Locked { until } => {
            let problem = locked(desk, until);
            desk.confirm_page(session, next, problem, false).await
        }
        Verdict::Ended => Err(desk.sign_in_again()),
        Verdict::Overtaken => Err(Told::Retry.into()),
        _ => desk.confirm_page(session, next, wrong(), false).await,
    }
}

async fn sent(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let (session, _) = desk.would_be_admin().await?;
    let given = fields.get("here").unwrap_or(ADMIN);
    let here = back(Some(given));
    let to_confirm = here.starts_with(CONFIRM);
    let next = if to_confirm {
        back(fields.get("next"))
    } else {
        here
    };
    let outcome = desk.door.send_confirmation_sms(session, desk.now()).await?;
    let problem = match outcome {
        SmsOutcome::Sent(_) if to_confirm => {
            return desk.confirm_page(session, next, Problem::None, true).await;
        }
        SmsOutcome::Sent(_) => return Ok(layout::see_other(&with_done(here, "sent"))),
        SmsOutcome::Over => return Err(desk.sign_in_again()),
        SmsOutcome::Locked { until } => locked(desk, until),
        SmsOutcome::Limited { until } => Problem::Again(
            StatusCode::TOO_MANY_REQUESTS,
            "No more tokens can be sent to this number until",
            format!("{}.", Moment::time(until)),
            seconds_until(until, desk.now()).max(1),
        ),
        SmsOutcome::Unavailable => Problem::Again(
            StatusCode::SERVICE_UNAVAILABLE,
            "SMS is not available right now. Try again in a minute.",
            String::new(),
            60,
        ),
        SmsOutcome::NoNumber => Problem::Words(
            StatusCode::FORBIDDEN,
            "There is no number that an SMS can go to.",
            String::new(),
        ),
    };
    desk.confirm_page(session, next, problem, false).await
}

/// An address with the word for what was done.
pub(super) fn with_done(address: &str, word: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "done" {
            pairs.append_pair(&name, &value);
        }
    }
    pairs.append_pair("done", word);
    format!("{path}?{}", pairs.finish())
}
