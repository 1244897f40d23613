//! What every handler needs: who asks, for what kind of answer, and how far they have come.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;

use super::body::{self, Fields};
use super::hand_over::begin_address;
use super::refusal::Stop;
use super::{CHALLENGE, Told, proof, told};
use crate::access::{Doorstep, Entry, LiveSession, Settings, Visitor, Who};
use crate::clock::Timestamp;
use crate::config::{Portal, Side, UnknownEmployee};
use crate::directory::Actor;
use crate::factors::Whence;
use crate::factors::browser::browser;
use crate::factors::collect::Collected;
use crate::gate::decide::{is_remembered, still_stands};
use crate::gate::policy::PasswordSuffices;
use crate::gate::{Asker, EmployeeStanding};
use crate::sessions::{Holder, Level};
use crate::vault::BrowserCookies;

/// One request for an own address.
pub(super) struct Desk {
    pub door: Arc<Doorstep>,
    pub visitor: Arc<Visitor>,
    /// One version of the settings for the whole request.
    pub settings: Arc<Settings>,
    /// The answer is to be JSON.
    pub json: bool,
    changes: bool,
    /// Path and query, as they came.
    here: String,
    /// The browser that asks, roughly.
    pub browser: String,
    /// In forward-auth mode: the names of the portal's session cookies, which the browser holds itself.
    pub portal_cookies: Vec<String>,
}

/// What lies before somebody at the challenge.
pub(super) enum Crossing {
    /// A second factor is owed by this session.
    Owed(Box<LiveSession>),
    /// It was just proven on a phone: the way in.
    Entered(Box<Entry>),
    /// Nothing is: this is where they wanted to go.
    Open(String),
}

/// How far somebody at an own page has come.
pub(super) enum Stage<'a> {
    /// A second factor is owed.
    Owed(&'a LiveSession),
    /// Nothing is owed: it is verified and stands, or a password suffices for this request.
    Stands(&'a LiveSession),
}

impl FromRequestParts<Arc<Doorstep>> for Desk {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Doorstep>) -> Result<Self, Response> {
        let settings = door.settings.load_full();
        let Some(visitor) = parts.extensions.get::<Arc<Visitor>>() else {
            // Nobody looked the session up, so nothing is known of it (I9).
            tracing::error!("a request reached an own page without a visitor");
            let name = &settings.config.portal.name;
            let answer = told::told(&Told::CannotTell, Asker::Page, name, door.now());
            return Err(answer.map(Body::from).into_response());
        };
        Ok(Self {
            visitor: visitor.clone(),
            door: door.clone(),
            json: body::wants_json(&parts.headers),
            changes: !parts.method.is_safe(),
            here: parts
                .uri
                .path_and_query()
                .map_or("/", PathAndQuery::as_str)
                .to_owned(),
            browser: browser_of(&parts.headers),
            portal_cookies: portal_cookies(&settings.config.portal, &parts.headers),
            settings,
        })
    }
}

impl Desk {
    pub fn now(&self) -> Timestamp {
        self.visitor.now
    }

    /// From where the visitor asks, as their phone shows it.
    pub fn whence(&self) -> Whence<'_> {
        Whence {
            browser: &self.browser,
            place: self.visitor.place.as_deref(),
        }
    }

    pub fn portal(&self) -> &str {
        &self.settings.config.portal.name
    }

    /// The portal's login page, where signing in begins.
    pub fn login_page(&self) -> String {
        self.at_portal(&self.settings.config.portal.rules.login_page.address(None))
    }

    /// The session, whatever its level.
    pub fn session(&self) -> Result<&LiveSession, Stop> {
        match &self.visitor.who {
            Who::Nobody => Err(self.sign_in_again()),
            Who::Replaced => Err(Told::Retry.into()),
            Who::Session(session) => Ok(session),
        }
    }

    /// How far the visitor has come; stops whoever has not signed in, or is not known.
    pub fn stage(&self) -> Result<Stage<'_>, Stop> {
        let session = self.session()?;
        let Some(holder) = session.stored.record.level.holder() else {
            return Err(self.sign_in_again());
        };
        let Some(standing) = session.standing.as_deref() else {
            return self.without_standing(session, holder);
        };
        if !still_stands(&session.stored.record.level, Some(standing)) {
            return Err(self.sign_in_again());
        }
        if may_pass(session, self.visitor.client, self.now()) {
            return Ok(Stage::Stands(session));
        }
        Ok(Stage::Owed(session))
    }

    /// As [`Self::stage`], and ready for a challenge. Where a change of the firm's policy took a verification
    /// back (I10), the session goes down to level `password`: it stays, and so does its vault.
    pub async fn crossing(&self) -> Result<Crossing, Stop> {
        let session = match self.stage()? {
            Stage::Owed(session) => session,
            Stage::Stands(session) => return Ok(Crossing::Open(self.door.onward(session)?)),
        };
        let mut session = Box::new(session.clone());
        let record = &mut session.stored.record;
        if let Level::SecondFactor { holder, verified, .. } = &record.level {
            record.level = Level::Password {
                holder: holder.clone(),
                since: *verified,
                challenge: None,
                may_enrol_until: None,
                device: None,
            };
            let version = session.stored.record_version;
            let changed = self
                .door
                .store
                .update(&session.stored.record, version, self.now())
                .await?;
            if !changed {
                return Err(Told::Retry.into());
            }
        }
        match self.door.collect(&session, self.now()).await? {
            Collected::Nothing => Ok(Crossing::Owed(session)),
            Collected::Entry(entry) => Ok(Crossing::Entered(entry)),
            Collected::Overtaken => Err(Told::Retry.into()),
        }
    }

    fn without_standing<'a>(&self, session: &'a LiveSession, holder: &Holder) -> Result<Stage<'a>, Stop> {
        let pass = self.settings.config.directory.unknown_employee == UnknownEmployee::Pass;
        if pass && holder.firm.is_none() {
            return Ok(Stage::Stands(session));
        }
        Err(Told::NotKnown.into())
    }

    pub(super) fn sign_in_again(&self) -> Stop {
        let login = self.fetch_session().unwrap_or_else(|| self.login_page());
        Told::SignInAgain { login }.into()
    }

    /// Where an own page on another host gets the session that the public one has now; scripts get none.
    fn fetch_session(&self) -> Option<String> {
        let fetches = self.settings.config.listen.hands_over()
            && self.visitor.side == Side::Own
            && self.visitor.asker == Asker::Page
            && !self.json;
        let here = if self.changes { CHALLENGE } else { &self.here };
        fetches.then(|| begin_address(here))
    }

    /// Reads what was posted, once it is proven that the session's own page sent it. The order of refusals
    /// is the contract's: cross-site 403, no session 401, then body and form token.
    pub async fn posted(&self, request: Request) -> Result<(&LiveSession, Fields), Stop> {
        let (parts, body) = request.into_parts();
        proof::check_site(&parts.headers, self.settings.config.listen.own_origin())?;
        let session = self.session()?;
        let fields = Fields::read(&parts.headers, body).await?;
        proof::check_token(&parts.headers, &fields, &session.token)?;
        Ok((session, fields))
    }

    /// The employee as the author of a change to what is their own.
    pub fn actor(&self, holder: &Holder) -> Actor {
        Actor {
            name: holder.login.as_str().to_owned(),
            from: self.visitor.client.to_string(),
        }
    }

    /// The answer to whatever came of the request.
    pub fn finish(&self, outcome: Result<http::Response<Bytes>, Stop>) -> Response {
        let asker = if self.json {
            Asker::Script
        } else {
            self.visitor.asker
        };
        // A POST cannot be sent again by the page that answers it: that page goes on to the challenge.
        let again = self.changes.then_some(CHALLENGE);
        let fetch = self.fetch_session();
        let tell = |what: &Told| {
            // Raised on the other host, it is there that the new token is.
            let again = fetch.as_deref().filter(|_| *what == Told::Retry).or(again);
            told::told_again(what, asker, self.portal(), self.now(), again)
        };
        let answer = match outcome {
            Ok(answer) => answer,
            Err(Stop::Told(what)) => tell(&what),
            Err(Stop::Unknown(unknown)) => {
                self.door.metrics.unknown(&unknown);
                tracing::warn!(id = self.visitor.request_id, %unknown, "an own page cannot be answered");
                tell(&Told::CannotTell)
            }
            Err(stop) => stop.answer(asker, self.portal()),
        };
        answer.map(Body::from).into_response()
    }
}

/// Who asks, for people to recognise.
fn browser_of(headers: &http::HeaderMap) -> String {
    let agent = headers.get(http::header::USER_AGENT);
    browser(agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default())
}

fn portal_cookies(portal: &Portal, headers: &http::HeaderMap) -> Vec<String> {
    if !portal.forward_auth {
        return Vec::new();
    }
    let lines = headers.get_all(http::header::COOKIE).iter();
    let cookies = BrowserCookies::split(lines.map(http::HeaderValue::as_bytes));
    let names = cookies.of_the_portal().map(|(name, _)| name);
    names
        .filter(|name| portal.rules.is_session_cookie(name))
        .map(str::to_owned)
        .collect()
}

/// Whether a session's second factor is verified, under the policy that the firm has now.
pub(super) fn is_verified(session: &LiveSession) -> bool {
    let Some(standing) = session.standing.as_deref() else {
        return false;
    };
    matches!(session.stored.record.level, Level::SecondFactor { firm_epoch, .. } if firm_epoch == standing.firm.epoch)
}

/// Whether nothing is owed: the factor is verified, or a password suffices for a request from `client`.
pub(super) fn may_pass(session: &LiveSession, client: IpAddr, now: Timestamp) -> bool {
    let level = &session.stored.record.level;
    let suffices = |standing: &EmployeeStanding| {
        standing.firm.password_suffices(client, now) != PasswordSuffices::No
            || is_remembered(level, standing, now)
    };
    is_verified(session) || session.standing.as_deref().is_some_and(suffices)
}
