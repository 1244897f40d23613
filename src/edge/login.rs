//! The login exchange (DESIGN section 3): the request is read, sent to the portal by the gateway itself,
//! the answer judged, and only then is anything written to the browser (I5).

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, LOCATION};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use zeroize::Zeroizing;

use super::answer;
use super::arrival::Arrival;
use super::door::{Classed, Door, passes_unknown};
use super::exchange::{Body, Exchange, strip_hop_by_hop};
use super::headers;
use super::passage::{Passage, append_cookie, take_set_cookies};
use super::probe::Identity;
use crate::access::{
    Accepted, Alone, DeviceCookie, Ending, LoginCheck, LoginOutcome, Unknown, Who, device_cookie_name, onward,
};
use crate::clock::Timestamp;
use crate::gate::body::{BadBody, FormBody};
use crate::gate::login::{
    Answer, Asked, Judgement, Told as LoginTold, judge, origin_allowed, told, username,
};
use crate::gate::query::Fields;
use crate::gate::rules::{LoginRule, UsernameSource};
use crate::gate::whoami::Named;
use crate::gate::{Ask, Asker, Credentials, Login, Refusal, Route, Verdict, decide};
use crate::pages::Told;
use crate::sessions::Ticket;
use crate::vault::{Credential, Parted, Vault, part};

/// A login on its way.
pub(super) struct LoginExchange<'a> {
    door: &'a Door,
    arrival: Arrival,
    who: Who,
    rule: usize,
    classed: Classed,
}

/// Outer: the wire. Inner: directory and store.
type Outcome<T> = pingora::Result<Result<T, Unknown>>;

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
    pub(super) async fn run(mut self, session: &mut Session) -> Outcome<()> {
        let settings = std::sync::Arc::clone(&self.arrival.settings);
        let config = &settings.config;
        let Some(rule) = config.portal.rules.logins.get(self.rule) else {
            return answer::plain(session, 400, "no such login").await.map(Ok);
        };
        let query = Fields::of_query(self.arrival.target.query());
        let form = self.classed.form.take();
        let form = form.and_then(|form| form.or_else(|bad| by_answer(rule, bad)).ok());
        let password = form
            .as_ref()
            .and_then(|form| only_value(&form.fields, &rule.password));
        let Some(Ok(typed)) = form.map(|form| username(rule, &query, &form)) else {
            return answer::plain(
                session,
                400,
                "this login can be read in two ways, or names nobody",
            )
            .await
            .map(Ok);
        };
        let public = config.listen.public_url.to_string();
        if !origin_allowed(rule, &public, &session.req_header().headers) {
            self.door.door.metrics.login("cross_site");
            return answer::plain(session, 403, "this login was sent by a page of another site")
                .await
                .map(Ok);
        }
        let now = self.door.door.now();
        let tickets = match self.door.reserve(&self.arrival, typed.as_ref(), now).await {
            Ok(Ok(tickets)) => tickets,
            Ok(Err(until)) => {
                self.door.door.metrics.login("limited");
                let told = Told::TooManyLogins { until };
                return self.door.tell(session, &self.arrival, &told, None).await.map(Ok);
            }
            Err(unknown) => return Ok(Err(unknown)),
        };
        match self.door.door.check_login(&self.who, typed.as_ref(), now).await {
            Ok(LoginCheck::Send(alone)) => {
                let sent = Sent {
                    typed,
                    password,
                    alone,
                    owes_factor: self.owes_factor(now),
                    tickets,
                };
                self.send(session, rule, sent).await
            }
            // It is not sent, so no password was tried.
            Ok(refused) => {
                if let Err(unknown) = self.door.give_back(&tickets).await {
                    return Ok(Err(unknown));
                }
                match refused {
                    LoginCheck::SomebodyElse => self.somebody_else(session, now).await,
                    LoginCheck::Gone | LoginCheck::Send(_) => self.retry(session).await,
                }
            }
            Err(unknown) => Ok(Err(unknown)),
        }
    }

    async fn retry(&self, session: &mut Session) -> Outcome<()> {
        self.door
            .tell(session, &self.arrival, &Told::Retry, None)
            .await
            .map(Ok)
    }

    /// Whether the portal accepted a password in this session before, and that is not enough.
    fn owes_factor(&self, now: Timestamp) -> bool {
        let ask = Ask {
            route: Route::Protected,
            presence: self.who.presence(),
            client: self.arrival.client,
            now,
            anonymous: self.arrival.settings.config.portal.rules.anonymous,
            pass_unknown: passes_unknown(&self.arrival.settings.config),
        };
        decide(&ask) == Verdict::Refuse(Refusal::SecondFactor)
    }

    /// I4: a login that names anybody but the owner is not sent; it ends the session.
    async fn somebody_else(&self, session: &mut Session, now: Timestamp) -> Outcome<()> {
        self.door.door.metrics.login("somebody_else");
        let cookie = match self.begin_anew(now).await {
            Ok(Some(cookie)) => cookie,
            Ok(None) => return self.retry(session).await,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let login = self.arrival.settings.config.portal.rules.login_page.address(None);
        self.door
            .tell(session, &self.arrival, &Told::SignIn { login }, Some(cookie))
            .await
            .map(Ok)
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

    async fn send(self, session: &mut Session, rule: &LoginRule, sent: Sent) -> Outcome<()> {
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
        let passage = match Passage::new(arrival, who, Route::Login(self.rule), credentials) {
            Ok(passage) => passage,
            Err(unknown) => return Ok(Err(unknown)),
        };
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
            Err(error) => return door.portal_down(session, &passage.arrival, &error).await.map(Ok),
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
                Err(error) => return door.portal_down(session, &passage.arrival, &error).await.map(Ok),
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
            Judgement::Refused => judged.refused(session, rule, exchange, read).await,
            Judgement::Accepted => judged.accepted(session, rule, exchange, read).await,
            Judgement::Neither => {
                exchange.finish().await;
                judged.neither(session, rule).await
            }
        }
    }
}

/// What is known of a login when it is sent.
struct Sent {
    typed: Option<Login>,
    /// Kept only as digests, for remembered devices.
    password: Option<Zeroizing<String>>,
    alone: Alone,
    owes_factor: bool,
    tickets: Vec<Ticket>,
}

/// A login whose answer was judged.
struct Judged<'a> {
    door: &'a Door,
    passage: Passage,
    sent: Sent,
    told: LoginTold,
}

impl Judged<'_> {
    /// A wrong password: the portal's own answer passes, unless it was given to a session that owes its factor.
    async fn refused(
        self,
        session: &mut Session,
        rule: &LoginRule,
        mut exchange: Exchange<'_>,
        read: Option<Bytes>,
    ) -> Outcome<()> {
        self.door.door.metrics.login("refused");
        let now = self.door.door.now();
        match self.signed_in_all_the_same(&exchange.head).await {
            Ok(None) => {}
            Ok(Some(told)) => {
                exchange.finish().await;
                if told == Told::LoginNotUnderstood {
                    return self.shut(session, "refused_but_signed_in").await;
                }
                return self
                    .door
                    .tell(session, &self.passage.arrival, &told, None)
                    .await
                    .map(Ok);
            }
            Err(unknown) => return Ok(Err(unknown)),
        }
        let client = self.passage.arrival.client;
        if let Err(unknown) = self
            .door
            .door
            .note_judged(rule.path.as_str(), Judgement::Refused, client)
            .await
        {
            return Ok(Err(unknown));
        }
        if rule.failure.is_some()
            && let Who::Session(live) = &self.passage.who
            && let Err(unknown) = self.door.door.forget_tried(live, self.sent.alone, now).await
        {
            return Ok(Err(unknown));
        }
        if self.sent.owes_factor {
            return self.refused_while_owed(session, exchange, now).await;
        }
        let kept = match self.keep_refused(rule, &mut exchange.head, now).await {
            Ok(kept) => kept,
            Err(unknown) => return Ok(Err(unknown)),
        };
        if let Some(cookie) = kept {
            append_cookie(&mut exchange.head, &cookie);
        }
        release(exchange.step_up(&self.passage.arrival), read, session)
            .await
            .map(Ok)
    }

    /// The login went up with the vault of somebody whom the portal knows, so its answer may show what is
    /// theirs: it is withheld as the first one was (I5).
    async fn refused_while_owed(
        self,
        session: &mut Session,
        mut exchange: Exchange<'_>,
        now: Timestamp,
    ) -> Outcome<()> {
        let config = &self.passage.arrival.settings.config;
        let parted = take_set_cookies(&mut exchange.head, &config.portal.rules.pass_cookies);
        let keep = |vault: &mut Vault| self.store_into(vault, &parted);
        if let Who::Session(live) = &self.passage.who
            && let Err(unknown) = self.door.door.change_vault(live, now, keep).await
        {
            return Ok(Err(unknown));
        }
        self.withhold(session, exchange, &Told::SecondFactor, None).await
    }

    async fn keep_refused(
        &self,
        rule: &LoginRule,
        head: &mut ResponseHeader,
        now: Timestamp,
    ) -> Result<Option<String>, Unknown> {
        let config = &self.passage.arrival.settings.config;
        if !matches!(self.passage.who, Who::Nobody) {
            self.passage.conclude(&self.door.door, head).await?;
            return Ok(None);
        }
        // The first login of a browser without a session: what it leaves in the jar is this name's.
        let parted = take_set_cookies(head, &config.portal.rules.pass_cookies);
        for passed in &parted.passed {
            append_cookie(head, passed);
        }
        rewrite_for_browser(head, &self.passage)?;
        let mut vault = Vault::default();
        if !self.store_into(&mut vault, &parted) {
            return Ok(None);
        }
        let typed = self.sent.typed.as_ref().filter(|_| rule.failure.is_none());
        let tried = typed.map(|typed| typed.folded().to_owned());
        let token = self
            .door
            .door
            .begin_anonymous(&vault, tried, self.passage.arrival.client, now)
            .await?;
        Ok(token.map(|token| self.door.door.session_cookie(&token)))
    }

    fn store_into(&self, vault: &mut Vault, parted: &Parted) -> bool {
        let config = &self.passage.arrival.settings.config;
        let hosts = [
            config.listen.public_url.host(),
            config.portal.upstream.origin.host(),
        ];
        vault
            .main
            .store(&parted.kept, self.passage.arrival.target.path(), &hosts)
    }

    /// The right password: what policy says.
    async fn accepted(
        self,
        session: &mut Session,
        rule: &LoginRule,
        mut exchange: Exchange<'_>,
        read: Option<Bytes>,
    ) -> Outcome<()> {
        let arrival = &self.passage.arrival;
        let config = &arrival.settings.config;
        let parted = take_set_cookies(&mut exchange.head, &config.portal.rules.pass_cookies);
        let location = exchange
            .head
            .headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let waiting = crate::vault::Waiting {
            location: location.and_then(|location| {
                onward(
                    location,
                    &arrival.target,
                    &config.listen.public_url,
                    &config.portal,
                )
            }),
            cookies: parted.passed.clone(),
        };
        if let Err(unknown) = self
            .door
            .door
            .note_judged(rule.path.as_str(), Judgement::Accepted, arrival.client)
            .await
        {
            exchange.finish().await;
            return Ok(Err(unknown));
        }
        let identity = match self.identify(&parted).await {
            Ok(identity) => identity,
            Err(unknown) => {
                exchange.finish().await;
                return Ok(Err(unknown));
            }
        };
        let (login, said, lines) = match identity {
            Identity::Is { login, said, lines } => (login, said, lines),
            Identity::Nobody => {
                exchange.finish().await;
                return self.shut(session, "nobody_named").await;
            }
            Identity::Unknown => {
                exchange.finish().await;
                return self.portal_did_not_say(session).await;
            }
        };
        let hosts = config.cookie_hosts();
        let keep = |vault: &mut Vault| {
            self.store_into(vault, &parted);
            if let Some((lines, path)) = &lines {
                vault.main.store(lines, path, &hosts);
                vault.unproven = false;
            }
            if let Some(bearer) = &self.told.bearer {
                vault.bound.bind(Credential::Bearer, bearer.reveal().as_bytes());
            }
        };
        let name = device_cookie_name(&config.listen.public_url);
        let device = arrival.cookies.only(name).and_then(DeviceCookie::parse);
        let accepted = Accepted {
            device: device.as_ref(),
            password: self.sent.password.as_ref().map(|password| password.as_str()),
            typed: &login,
            said,
            under: &self.passage.who,
            keep: &keep,
            waiting,
            script: arrival.asker == Asker::Script,
            client: arrival.client,
            now: self.door.door.now(),
        };
        let outcome = match self.settle(accepted).await {
            Ok(outcome) => outcome,
            Err(unknown) => {
                exchange.finish().await;
                return Ok(Err(unknown));
            }
        };
        match outcome {
            LoginOutcome::LetIn {
                token,
                deep_link,
                device,
            } => {
                if let Some(cookie) = device {
                    append_cookie(&mut exchange.head, &cookie);
                }
                self.door.door.metrics.login("let_in");
                for passed in &parted.passed {
                    append_cookie(&mut exchange.head, passed);
                }
                append_cookie(&mut exchange.head, &self.door.door.session_cookie(&token));
                if let Err(unknown) = rewrite_for_browser(&mut exchange.head, &self.passage) {
                    return Ok(Err(unknown));
                }
                let is_redirect =
                    exchange.head.status.is_redirection() && exchange.head.headers.contains_key(LOCATION);
                if let (true, Some(deep_link)) = (is_redirect, deep_link) {
                    exchange.head.insert_header(LOCATION, deep_link)?;
                }
                release(exchange.step_up(&self.passage.arrival), read, session)
                    .await
                    .map(Ok)
            }
            LoginOutcome::Challenge { token } => {
                self.door.door.metrics.login("challenged");
                self.door.alert(session, &self.passage.arrival, &token).await;
                let cookie = self.door.door.session_cookie(&token);
                self.withhold(session, exchange, &Told::SecondFactor, Some(cookie))
                    .await
            }
            LoginOutcome::NotKnown => {
                self.door.door.metrics.login("not_known");
                let cookie = self.door.door.clear_session_cookie();
                self.withhold(session, exchange, &Told::NotKnown, Some(cookie))
                    .await
            }
            LoginOutcome::SomebodyElse => {
                self.door.door.metrics.login("somebody_else");
                let cookie = self.door.door.clear_session_cookie();
                let login = config.portal.rules.login_page.address(None);
                self.withhold(session, exchange, &Told::SignIn { login }, Some(cookie))
                    .await
            }
            LoginOutcome::Overtaken => {
                self.door.door.metrics.login("overtaken");
                self.withhold(session, exchange, &Told::Retry, None).await
            }
        }
    }

    async fn settle(&self, accepted: Accepted<'_>) -> Result<LoginOutcome, Unknown> {
        let outcome = self.door.door.login_accepted(accepted).await?;
        self.door.give_back(&self.sent.tickets).await?;
        Ok(outcome)
    }

    /// I5: nothing of the portal's answer reaches the browser.
    async fn withhold(
        &self,
        session: &mut Session,
        exchange: Exchange<'_>,
        told: &Told,
        cookie: Option<String>,
    ) -> Outcome<()> {
        exchange.finish().await;
        self.door
            .tell(session, &self.passage.arrival, told, cookie)
            .await
            .map(Ok)
    }

    /// The answer fits neither success nor failure: it is shut, its jar thrown away, and reported.
    async fn neither(self, session: &mut Session, rule: &LoginRule) -> Outcome<()> {
        let client = self.passage.arrival.client;
        if let Err(unknown) = self
            .door
            .door
            .note_judged(rule.path.as_str(), Judgement::Neither, client)
            .await
        {
            return Ok(Err(unknown));
        }
        self.shut(session, "neither").await
    }

    async fn shut(self, session: &mut Session, reason: &'static str) -> Outcome<()> {
        let Passage { arrival, who, .. } = &self.passage;
        self.door
            .shut_login(session, arrival, who, self.sent.typed.as_ref(), reason)
            .await
    }

    /// Who the portal says it is, asked with the jar as the login leaves it.
    async fn identify(&self, parted: &Parted) -> Result<Identity, Unknown> {
        let mut vault = Vault::default();
        if let Who::Session(live) = &self.passage.who {
            vault.main = live.vault()?.main;
        }
        self.store_into(&mut vault, parted);
        let arrival = &self.passage.arrival;
        Ok(self
            .door
            .identity(arrival, &vault.main, None, &self.told, self.sent.typed.as_ref())
            .await)
    }

    /// The portal accepted a login and then does not say whose: nothing is let through. A jar that kept its
    /// cookie across the login is thrown away with its session.
    async fn portal_did_not_say(self, session: &mut Session) -> Outcome<()> {
        self.door.door.metrics.portal_down();
        let cookie = match &self.passage.who {
            Who::Session(live) => match self.door.door.end_session(live).await {
                Ok(Ending::Ended) => Some(self.door.door.clear_session_cookie()),
                // Whoever was faster under it was asked about too.
                Ok(Ending::Overtaken) => None,
                Err(unknown) => return Ok(Err(unknown)),
            },
            Who::Nobody | Who::Replaced => None,
        };
        self.door
            .tell(
                session,
                &self.passage.arrival,
                &Told::PortalDown { status: 502 },
                cookie,
            )
            .await
            .map(Ok)
    }

    /// A login that the rule takes for refused, but whose answer sets the portal's session for a stranger: what
    /// to tell, where that signed somebody in after all, or nobody can say.
    async fn signed_in_all_the_same(&self, head: &ResponseHeader) -> Result<Option<Told>, Unknown> {
        let arrival = &self.passage.arrival;
        let rules = &arrival.settings.config.portal.rules;
        let lines: Vec<&[u8]> = head
            .headers
            .get_all(http::header::SET_COOKIE)
            .iter()
            .map(http::HeaderValue::as_bytes)
            .collect();
        let parted = part(&lines, &rules.pass_cookies);
        let (Some(probe), Credentials::LoginJar) = (&rules.who_am_i, self.passage.credentials) else {
            return Ok(None);
        };
        let mut vault = match &self.passage.who {
            Who::Session(live) => live.vault()?,
            Who::Nobody | Who::Replaced => Vault::default(),
        };
        if !arrival.sets_session(&parted.kept) || !self.store_into(&mut vault, &parted) {
            return Ok(None);
        }
        Ok(
            match self.door.ask_who(arrival, probe, &vault.main, None).await.named {
                Named::Nobody => None,
                Named::Somebody(_) => Some(Told::LoginNotUnderstood),
                Named::Unknown => Some(Told::PortalDown { status: 502 }),
            },
        )
    }
}

/// Where only the answer says who it was, the body may be of any kind.
fn by_answer(rule: &LoginRule, bad: BadBody) -> Result<FormBody, BadBody> {
    let any = rule.username == UsernameSource::Answer && bad == BadBody::OtherType;
    if any { Ok(FormBody::default()) } else { Err(bad) }
}

fn rewrite_for_browser(head: &mut ResponseHeader, passage: &Passage) -> Result<(), Unknown> {
    headers::for_browser(head, true, &passage.arrival.settings.config)
        .map_err(|_| crate::sessions::StoreUnknown("an answer's head cannot be rewritten".into()).into())
}

/// Releases the portal's own answer.
async fn release(exchange: Exchange<'_>, read: Option<Bytes>, session: &mut Session) -> pingora::Result<()> {
    match read {
        Some(body) => exchange.send_read(session, body).await,
        None => exchange.stream(session).await,
    }
}

/// The value of a field that is there once.
fn only_value(fields: &Fields, name: &str) -> Option<Zeroizing<String>> {
    let mut values = fields.values(name);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Some(Zeroizing::new(value.to_owned())),
        _ => None,
    }
}
