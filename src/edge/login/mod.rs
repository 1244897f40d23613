//! The login exchange (DESIGN section 3): the request is read, sent to the portal by the gateway itself,
//! the answer judged, and only then is anything written to the browser (I5).

mod accepted;
mod judged;
mod refused;

use http::header::ACCEPT_ENCODING;
use pingora::proxy::Session;
use zeroize::Zeroizing;

use self::judged::{Judged, Sent};
use super::answer;
use super::arrival::Arrival;
use super::door::{Broken, Classed, Door, asked};
use super::exchange::{Body, strip_hop_by_hop};
use super::passage::Passage;
use crate::access::{Ending, LoginCheck, Unknown, Who};
use crate::clock::Timestamp;
use crate::gate::body::{BadBody, FormBody};
use crate::gate::login::{
    Answer, Asked, Judgement, Told as LoginTold, judge, origin_allowed, told, username,
};
use crate::gate::query::Fields;
use crate::gate::rules::{LoginRule, UsernameSource};
use crate::gate::{Credentials, Refusal, Route, Verdict, decide};
use crate::pages::Told;
use crate::vault::Vault;

/// A login on its way.
pub(super) struct LoginExchange<'a> {
    door: &'a Door,
    arrival: Arrival,
    who: Who,
    rule: usize,
    classed: Classed,
}

impl<'a> LoginExchange<'a> {
    pub(super) fn new(door: &'a Door, arrival: Arrival, who: Who, rule: usize, classed: Classed) -> Self {
        Self {
            door,
            arrival,
            who,
            rule,
            classed,
        }
    }

    /// Makes the exchange.
    pub(super) async fn run(mut self, session: &mut Session) -> Result<(), Broken> {
        let settings = std::sync::Arc::clone(&self.arrival.settings);
        let config = &settings.config;
        let Some(rule) = config.portal.rules.logins.get(self.rule) else {
            return Ok(answer::plain(session, 400, "no such login").await?);
        };
        let query = Fields::of_query(self.arrival.target.query());
        let form = self.classed.form.take();
        let form = form.and_then(|form| form.or_else(|bad| by_answer(rule, bad)).ok());
        let password = form
            .as_ref()
            .and_then(|form| only_value(&form.fields, &rule.password));
        let Some(Ok(typed)) = form.map(|form| username(rule, &query, &form)) else {
            let why = "this login can be read in two ways, or names nobody";
            return Ok(answer::plain(session, 400, why).await?);
        };
        let public = config.listen.public_url.to_string();
        if !origin_allowed(rule, &public, &session.req_header().headers) {
            self.door.door.metrics.login("cross_site");
            let why = "this login was sent by a page of another site";
            return Ok(answer::plain(session, 403, why).await?);
        }
        let now = self.door.door.now();
        let tickets = match self.door.reserve(&self.arrival, typed.as_ref(), now).await? {
            Ok(tickets) => tickets,
            Err(until) => {
                self.door.door.metrics.login("limited");
                return self.tell(session, &Told::TooManyLogins { until }, None).await;
            }
        };
        let refused = match self.door.door.check_login(&self.who, typed.as_ref(), now).await? {
            LoginCheck::Send(alone) => {
                let sent = Sent {
                    typed,
                    password,
                    alone,
                    owes_factor: self.owes_factor(now),
                    tickets,
                };
                return self.send(session, rule, sent).await;
            }
            refused @ (LoginCheck::SomebodyElse | LoginCheck::Gone) => refused,
        };
        // It is not sent, so no password was tried.
        self.door.give_back(&tickets).await?;
        if refused == LoginCheck::SomebodyElse {
            return self.somebody_else(session, now).await;
        }
        self.tell(session, &Told::Retry, None).await
    }

    async fn tell(&self, session: &mut Session, what: &Told, cookie: Option<String>) -> Result<(), Broken> {
        Ok(self.door.tell(session, &self.arrival, what, cookie).await?)
    }

    /// Whether the portal accepted a password in this session before, and that is not enough.
    fn owes_factor(&self, now: Timestamp) -> bool {
        let ask = asked(&self.arrival, &self.who, Route::Protected, now);
        decide(&ask) == Verdict::Refuse(Refusal::SecondFactor)
    }

    /// I4: a login that names anybody but the owner is not sent; it ends the session.
    async fn somebody_else(&self, session: &mut Session, now: Timestamp) -> Result<(), Broken> {
        self.door.door.metrics.login("somebody_else");
        let Some(cookie) = self.begin_anew(now).await? else {
            return self.tell(session, &Told::Retry, None).await;
        };
        let login = self.arrival.settings.config.portal.rules.login_page.address(None);
        self.tell(session, &Told::SignIn { login }, Some(cookie)).await
    }

    /// `None` where another login has just taken the session's place.
    async fn begin_anew(&self, now: Timestamp) -> Result<Option<String>, Unknown> {
        if let Who::Session(live) = &self.who
            && self.door.door.end_session(live).await? == Ending::Overtaken
        {
            return Ok(None);
        }
        let token = self
            .door
            .door
            .begin_anonymous(&Vault::default(), None, self.arrival.client, now)
            .await?;
        Ok(Some(match token {
            Some(token) => self.door.door.session_cookie(&token),
            None => self.door.door.clear_session_cookie(),
        }))
    }

    async fn send(self, session: &mut Session, rule: &LoginRule, sent: Sent) -> Result<(), Broken> {
        let Self {
            door,
            arrival,
            who,
            classed,
            ..
        } = self;
        let credentials = match &who {
            Who::Session(live) if live.stored.record.level.holder().is_some() => Credentials::Vault,
            _ => Credentials::LoginJar,
        };
        let passage = Passage::new(arrival, who, Route::Login(self.rule), credentials)?;
        let mut head = session.req_header().clone();
        strip_hop_by_hop(&mut head)?;
        passage.prepare(&mut head)?;
        if rule.reads_body() {
            head.insert_header(ACCEPT_ENCODING, "identity")?;
        }
        let body = classed.body.unwrap_or_default();
        let answered = door
            .exchange(&passage.arrival.settings.config, head, body, rule.timeout)
            .await;
        let mut exchange = match answered {
            Ok(exchange) => exchange,
            Err(error) => return Ok(door.portal_down(session, &passage.arrival, &error).await?),
        };
        let read = if rule.reads_body() {
            match exchange.read_body(rule.answer_limit, rule.timeout).await {
                Ok(Body::Whole(body)) => Some(body),
                Ok(Body::TooLong) => {
                    exchange.finish().await;
                    let judged = Judged {
                        door,
                        passage,
                        sent,
                        told: LoginTold::default(),
                    };
                    return judged.neither(session, rule).await;
                }
                Err(error) => return Ok(door.portal_down(session, &passage.arrival, &error).await?),
            }
        } else {
            None
        };
        let now = door.door.now();
        let config = &passage.arrival.settings.config;
        let asked = Asked {
            path_and_query: passage.arrival.target.path_and_query(),
            public: &config.listen.public_url.to_string(),
            upstream: &config.portal.upstream.origin.to_string(),
        };
        let answer = Answer {
            status: exchange.head.status.as_u16(),
            headers: &exchange.head.headers,
            body: read.as_deref(),
        };
        let judgement = judge(rule, &asked, &answer, now);
        let told = told(rule, &answer);
        let judged = Judged {
            door,
            passage,
            sent,
            told,
        };
        match judgement {
            Judgement::Refused => Box::pin(judged.refused(session, rule, exchange, read)).await,
            Judgement::Accepted => Box::pin(judged.accepted(session, rule, exchange, read)).await,
            Judgement::Neither => {
                exchange.finish().await;
                judged.neither(session, rule).await
            }
        }
    }
}

/// Where only the answer says who it was, the body may be of any kind.
fn by_answer(rule: &LoginRule, bad: BadBody) -> Result<FormBody, BadBody> {
    let any = rule.username == UsernameSource::Answer && bad == BadBody::OtherType;
    if any { Ok(FormBody::default()) } else { Err(bad) }
}

/// The value of a field that is there once.
fn only_value(fields: &Fields, name: &str) -> Option<Zeroizing<String>> {
    let mut values = fields.values(name);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Some(Zeroizing::new(value.to_owned())),
        _ => None,
    }
}
