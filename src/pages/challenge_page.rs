//! The challenge page in all its states (PAGES.md, "The challenge page").

use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};

use super::layout::{self, Shell};
use super::moment::{Moment, in_words, seconds_until};
use crate::clock::Timestamp;
use crate::factors::challenge::{SmsSent, View};
use crate::factors::push::{PushShown, PushView};

/// A wait of up to so many seconds is counted down; a longer one names its end.
const SOON: u64 = 60;

/// What went wrong with the last thing that was asked.
pub(super) enum Problem {
    /// No token goes out for a while.
    SmsLimit(Wait),
    /// The SMS provider is down.
    SmsDown,
    /// The provider that would have to judge the token is down.
    ProviderDown,
    /// There is no number to send to.
    NoNumber,
    /// There is no phone to ask.
    NoPhone,
    /// No challenge is opened for a while.
    AskedTooOften(Wait),
    /// The token is not right; tries left, in words.
    Wrong { left: String },
    /// The token ran out.
    Expired,
    /// The key was used before.
    Used,
    /// What a passkey signed does not count.
    Passkey(&'static str),
}

/// How long nothing can be asked for.
pub(super) struct Wait {
    /// Until then.
    pub moment: Moment,
    /// In seconds, one at least.
    pub seconds: u64,
}

impl Wait {
    pub fn until(until: Timestamp, now: Timestamp) -> Self {
        Self {
            moment: Moment::time(until),
            seconds: seconds_until(until, now).max(1),
        }
    }

    /// Short enough to be counted down.
    pub fn is_short(&self) -> bool {
        self.seconds <= SOON
    }
}

impl Problem {
    pub fn wrong(left: u32) -> Self {
        let left = match left {
            0 => "no try is left".to_owned(),
            1 => "1 try is left".to_owned(),
            more => format!("{more} tries are left"),
        };
        Self::Wrong { left }
    }

    /// Whether it is about what was typed.
    fn is_on_field(&self) -> bool {
        matches!(self, Self::Wrong { .. } | Self::Expired | Self::Used)
    }

    fn title(&self) -> &'static str {
        match self {
            Self::SmsLimit(_) => "No token was sent",
            Self::SmsDown => "SMS is not available",
            Self::ProviderDown => "The token could not be checked",
            Self::NoNumber => "No number for an SMS",
            Self::NoPhone => "No phone to ask",
            Self::AskedTooOften(_) => "Asked too often",
            Self::Wrong { .. } => "That token is not right",
            Self::Expired => "That token ran out",
            Self::Used => "That key was already used",
            Self::Passkey(_) => "That passkey was not accepted",
        }
    }
}

#[derive(Template)]
#[template(path = "challenge.html")]
struct ChallengePage<'a> {
    shell: Shell<'a>,
    view: &'a View,
    csrf: &'a str,
    problem: Option<Problem>,
    locked: Option<Moment>,
    sent: Option<Sent<'a>>,
    on_field: bool,
    described_by: Option<String>,
    /// For how long a request to a phone could be answered.
    push_life: String,
}

/// A token that is on its way, as the page tells it.
struct Sent<'a> {
    number: &'a str,
    works_seconds: u64,
    works: String,
    again_seconds: u64,
}

impl<'a> Sent<'a> {
    fn of(sent: &'a SmsSent, now: Timestamp) -> Option<Self> {
        let works_seconds = seconds_until(sent.expires, now);
        (works_seconds > 0).then(|| Self {
            number: &sent.number,
            works_seconds,
            works: in_words(sent.expires.since(now)),
            again_seconds: seconds_until(sent.again_from, now),
        })
    }
}

/// The page for what `view` says, under `status`.
pub(super) fn challenge_page(
    status: StatusCode,
    portal: &str,
    view: &View,
    csrf: &str,
    problem: Option<Problem>,
    now: Timestamp,
) -> Response<Bytes> {
    let locked_until = view.locked_until.filter(|until| now < *until);
    // What just went wrong is said instead of what went well before.
    let sent = view
        .sms_sent
        .as_ref()
        .filter(|_| problem.is_none() && locked_until.is_none());
    let sent = sent.and_then(|sent| Sent::of(sent, now));
    let on_field = problem.as_ref().is_some_and(Problem::is_on_field);
    let described_by: Vec<&str> = [
        (on_field, "token-error"),
        (problem.is_some() && !on_field, "why"),
        (locked_until.is_some(), "locked"),
        (sent.is_some(), "sent"),
        (view.nothing_enrolled, "passcode-hint"),
    ]
    .into_iter()
    .filter_map(|(holds, id)| holds.then_some(id))
    .collect();
    let page = ChallengePage {
        shell: Shell::new(
            portal,
            title(view, problem.as_ref(), locked_until.is_some(), sent.is_some()),
        ),
        view,
        csrf,
        locked: locked_until.map(Moment::time),
        sent,
        on_field,
        described_by: (!described_by.is_empty()).then(|| described_by.join(" ")),
        push_life: view
            .push
            .as_ref()
            .map(|push| in_words(push.life))
            .unwrap_or_default(),
        problem,
    };
    layout::page(status, &page)
}

fn title(view: &View, problem: Option<&Problem>, locked: bool, sent: bool) -> &'static str {
    match problem {
        _ if locked => "Sign-in is locked",
        Some(problem) => problem.title(),
        None if view.ran_out => "That took too long",
        None if view.nothing_enrolled => "No second factor set up",
        None if sent => "Token sent to your phone",
        None => title_of_push(view.push.as_ref()),
    }
}

fn title_of_push(push: Option<&PushView>) -> &'static str {
    match push.map(|push| push.state) {
        Some(PushShown::Sent | PushShown::NotDelivered) => "Approve on your phone",
        Some(PushShown::Denied) => "Declined on your phone",
        Some(PushShown::Expired) => "The request ran out",
        Some(PushShown::Ready { .. }) | None => "Confirm it is you",
    }
}
