//! The way of one request: look over, class, who, decide, act (DESIGN section 3).

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use http::{HeaderValue, Method, Response};
use pingora::connectors::http::Connector;
use pingora::proxy::Session;
use tracing::Instrument as _;

use super::answer;
use super::arrival::Arrival;
use super::basic::Tried;
use super::collect::collect;
use super::exchange::{Exchange, strip_hop_by_hop};
use super::live::{SLOT, Serving, Stop, Watched};
use super::own::{self, BodyRefused};
use super::pace::PACE;
use super::passage::Passage;
use super::probe::Proof;
use super::recognise::Recognised;
use super::upstream::Upstream;
use crate::access::{Doorstep, Ending, LiveSession, Unknown, Visitor, Who};
use crate::config::{Config, UnknownEmployee};
use crate::gate::body::{BadBody, FormBody};
use crate::gate::path::Target;
use crate::gate::route::{HeadClass, class_body, class_head, class_long, without_names};
use crate::gate::scan::Scan;
use crate::gate::{Ask, Asker, Credentials, Refusal, Route, Verdict, decide};
use crate::pages::{self, Told, told};

/// How long the portal may take to begin its answer to a request whose body was read.
const READ_REQUEST_TIME: std::time::Duration = std::time::Duration::from_secs(120);

/// What serves requests.
pub struct Door {
    /// Sessions, directory, settings.
    pub door: Arc<Doorstep>,
    /// Own pages.
    pub router: Router,
    /// Where the portal is.
    pub upstream: Arc<Upstream>,
    /// Connections for exchanges.
    pub connector: Connector,
    /// Whether the gateway is stopping.
    pub stop: Arc<Stop>,
}

/// How a request was classed, with its body where that had to be read.
pub(super) struct Classed {
    pub route: Route,
    pub body: Option<Bytes>,
    pub form: Option<Result<FormBody, BadBody>>,
    /// What the body is looked through for as it streams.
    pub scan: Option<Scan>,
}

/// What is left to do with a request.
enum Step {
    /// It was answered.
    Answered,
    /// pingora forwards it.
    Forward(Box<Passage>),
}

/// `unknown_employee = "pass"`.
pub(super) fn passes_unknown(config: &Config) -> bool {
    config.directory.unknown_employee == UnknownEmployee::Pass
}

impl Door {
    /// Receives a request. `Some`: pingora forwards it; `None`: it was answered.
    ///
    /// # Errors
    /// Where the client or the portal breaks off.
    pub async fn receive(&self, session: &mut Session) -> pingora::Result<Option<Box<Passage>>> {
        let _ = PACE.try_with(|pace| pace.head_is_whole());
        let _ = SLOT.try_with(|slot| slot.serve(Serving::begin(&self.stop)));
        // 1xx answers end at the gateway: a 103 could carry a cookie past every filter.
        session.as_downstream_mut().set_ignore_info_resp(true);
        if self.stop.is_stopping() {
            session.set_keepalive(None);
        }
        let settings = self.door.settings.load_full();
        let send_timeout = settings.config.limits.bounds.send_timeout;
        session.as_downstream_mut().set_write_timeout(Some(send_timeout));
        let arrival = match Arrival::read(session, settings) {
            Ok(arrival) => arrival,
            Err(unclean) => {
                self.door.metrics.refused("unclean");
                answer::refuse(session, unclean).await?;
                return Ok(None);
            }
        };
        if matches!(arrival.method, Method::TRACE | Method::CONNECT) {
            answer::plain(session, 405, "this method is not served").await?;
            return Ok(None);
        }
        let (asker, settings) = (arrival.asker, Arc::clone(&arrival.settings));
        let request_id = arrival.request_id.clone();
        let span = tracing::debug_span!("request", id = request_id);
        match self.pass(session, arrival).instrument(span).await? {
            Ok(Step::Answered) => Ok(None),
            Ok(Step::Forward(passage)) => Ok(Some(passage)),
            Err(unknown) => {
                self.door.metrics.unknown(&unknown);
                tracing::error!(request_id, error = %unknown, "cannot tell who this is");
                let answer = told(
                    &Told::CannotTell,
                    asker,
                    &settings.config.portal.name,
                    self.door.now(),
                );
                answer::write(session, answer).await?;
                Ok(None)
            }
        }
    }

    /// The outer result is the wire's, the inner one directory's and store's.
    async fn pass(
        &self,
        session: &mut Session,
        mut arrival: Arrival,
    ) -> pingora::Result<Result<Step, Unknown>> {
        if let Some(asset) = pages::asset(arrival.target.path()) {
            // What a page is made of is served whatever the stores say: also the page that says they are down.
            answer::write(session, asset).await?;
            return Ok(Ok(Step::Answered));
        }
        let now = self.door.now();
        let mut who = match self.door.who(arrival.token(), now).await {
            Ok(who) => who,
            Err(unknown) => return Ok(Err(unknown)),
        };
        if let Err(unknown) = take_session_out_of_path(&mut arrival, &who) {
            return Ok(Err(unknown));
        }
        let classed = match self.class(session, &arrival).await? {
            Ok(classed) => classed,
            Err(refused) => {
                own::refuse_body(session, refused).await?;
                return Ok(Ok(Step::Answered));
            }
        };
        match self.exempted(session, &arrival, &who, classed.route).await {
            Ok(false) => {}
            Ok(true) => {
                let passage = Passage::exempt(arrival, classed.route);
                return match passage {
                    Ok(passage) => self.forward(session, passage, classed.body).await,
                    Err(unknown) => Ok(Err(unknown)),
                };
            }
            Err(unknown) => return Ok(Err(unknown)),
        }
        let mut own_cookie = None;
        match self.try_basic(session, &arrival, &who, classed.route).await? {
            Ok(Tried::NotAsked) => {}
            Ok(Tried::Answered) => return Ok(Ok(Step::Answered)),
            Ok(Tried::LetIn(token)) => {
                own_cookie = Some(self.door.session_cookie(&token));
                who = match self.door.who(Some(token), now).await {
                    Ok(who) => who,
                    Err(unknown) => return Ok(Err(unknown)),
                };
            }
            Err(unknown) => return Ok(Err(unknown)),
        }
        let ask = Ask {
            route: classed.route,
            presence: who.presence(),
            client: arrival.client,
            now,
            anonymous: arrival.settings.config.portal.rules.anonymous,
            pass_unknown: passes_unknown(&arrival.settings.config),
        };
        let verdict = decide(&ask);
        let is_worker = session.get_header("service-worker").is_some();
        let collected = match arrival.is_upgrade || is_worker {
            true => Ok(None),
            false => collect(&self.door, &who, &ask, &verdict, now).await,
        };
        let (mut who, mut verdict) = match collected {
            Ok(None) => (who, verdict),
            Ok(Some(raised)) => {
                arrival.collected = raised.cookies;
                (raised.who, raised.verdict)
            }
            Err(unknown) => return Ok(Err(unknown)),
        };
        if uses_vault(verdict, &who) {
            match self.prove(session, &arrival, who).await? {
                Ok(Proof::Goes(proven)) => who = *proven,
                Ok(Proof::Ended) => who = Who::Nobody,
                Ok(Proof::Answered) => return Ok(Ok(Step::Answered)),
                Err(unknown) => return Ok(Err(unknown)),
            }
            verdict = decided(&arrival, &who, classed.route, now);
        }
        self.door.metrics.decided(classed.route, &verdict);
        tracing::debug!(
            method = %arrival.method,
            route = ?classed.route,
            ?verdict,
            "decided"
        );
        match verdict {
            Verdict::Own => {
                let time = arrival.settings.config.limits.bounds.body_timeout;
                let visitor = Visitor {
                    who,
                    client: arrival.client,
                    asker: arrival.asker,
                    now,
                    request_id: arrival.request_id,
                };
                own::serve(session, &self.router, Arc::new(visitor), time).await?;
                Ok(Ok(Step::Answered))
            }
            Verdict::Refuse(refusal) => self.refuse(session, &arrival, &who, classed.route, refusal).await,
            Verdict::Login(rule) => {
                let login = super::login::LoginExchange::new(self, arrival, who, rule, classed);
                Ok(login.run(session).await?.map(|()| Step::Answered))
            }
            Verdict::Forward(credentials, exception) => {
                if let (Some(exception), Who::Session(live)) = (exception, &who)
                    && let Err(unknown) = self
                        .door
                        .note_exception(live, exception, arrival.client, now)
                        .await
                {
                    return Ok(Err(unknown));
                }
                let passage = match Passage::new(arrival, who, classed.route, credentials) {
                    Ok(passage) => passage.bringing(own_cookie).looking_through(classed.scan),
                    Err(unknown) => return Ok(Err(unknown)),
                };
                self.forward(session, passage, classed.body).await
            }
            Verdict::Logout => {
                match self.end_before_logout(&who).await {
                    Ok(Ending::Ended) => {}
                    Ok(Ending::Overtaken) => {
                        self.tell(session, &arrival, &Told::Retry, None).await?;
                        return Ok(Ok(Step::Answered));
                    }
                    Err(unknown) => return Ok(Err(unknown)),
                }
                let passage = match Passage::new(arrival, who, classed.route, Credentials::Vault) {
                    Ok(passage) => passage.after_logout(),
                    Err(unknown) => return Ok(Err(unknown)),
                };
                self.forward(session, passage, classed.body).await
            }
        }
    }

    /// Logout ends doorstep's session and vault before the portal is asked, which still gets the cookies.
    async fn end_before_logout(&self, who: &Who) -> Result<Ending, Unknown> {
        match who {
            Who::Session(live) => self.door.end_session(live).await,
            Who::Nobody | Who::Replaced => Ok(Ending::Ended),
        }
    }

    async fn class(
        &self,
        session: &mut Session,
        arrival: &Arrival,
    ) -> pingora::Result<Result<Classed, BodyRefused>> {
        let rules = &arrival.settings.config.portal.rules;
        let limit = match class_head(rules, &arrival.method, &arrival.target) {
            HeadClass::Settled(route) => {
                // A GET with a body that nobody read may carry a username all the same.
                let has_body = !session.as_downstream_mut().is_body_empty();
                let reads = matches!(arrival.method, Method::GET | Method::HEAD | Method::OPTIONS);
                let route = if reads && has_body {
                    route.with_unread_body()
                } else {
                    route
                };
                let fields: Vec<String> = rules.fields_everywhere().map(Cow::into_owned).collect();
                let headers = &session.req_header().headers;
                return Ok(Ok(Classed {
                    route,
                    body: None,
                    form: None,
                    scan: match has_body && !fields.is_empty() {
                        true => Scan::of(headers, fields, false),
                        false => None,
                    },
                }));
            }
            HeadClass::NeedsBody { limit } => limit,
        };
        if let Some(long) = class_without_body(session, arrival, limit) {
            return Ok(Ok(long));
        }
        let time = arrival.settings.config.limits.bounds.body_timeout;
        let body = match own::read_body(session, limit, time).await? {
            Ok(body) => body,
            Err(refused) => return Ok(Err(refused)),
        };
        let headers = &session.req_header().headers;
        let form = FormBody::read(headers, &body);
        let route = class_body(rules, &arrival.method, &arrival.target, form.as_ref());
        Ok(Ok(Classed {
            route,
            body: Some(body),
            form: Some(form),
            scan: None,
        }))
    }

    /// Forwards by pingora, or by an exchange where the body was read.
    async fn forward(
        &self,
        session: &mut Session,
        passage: Passage,
        body: Option<Bytes>,
    ) -> pingora::Result<Result<Step, Unknown>> {
        if let Some(refused) = refuse_stream(&passage, session) {
            answer::plain(session, 403, refused).await?;
            return Ok(Ok(Step::Answered));
        }
        if let Some(live) = passage.watched() {
            watch(live, passage.route, passage.arrival.client);
        }
        let body = body.or_else(|| passage.may_sign_in().then(Bytes::new));
        let Some(body) = body else {
            if !passage.arrival.is_upgrade && !session.as_downstream_mut().is_body_empty() {
                let slowest = passage.arrival.settings.config.limits.bounds.slowest_body;
                let _ = SLOT.try_with(|slot| slot.expect_body(slowest));
            }
            return Ok(Ok(Step::Forward(Box::new(passage))));
        };
        let mut head = session.req_header().clone();
        strip_hop_by_hop(&mut head)?;
        passage.prepare(&mut head)?;
        let sent = self
            .exchange(&passage.arrival.settings.config, head, body, READ_REQUEST_TIME)
            .await;
        let mut exchange = match sent {
            Ok(exchange) => exchange,
            Err(error) => {
                self.portal_down(session, &passage.arrival, &error).await?;
                return Ok(Ok(Step::Answered));
            }
        };
        if passage.may_sign_in() {
            exchange = match self.recognise(session, &passage, exchange).await? {
                Ok(Recognised::Nobody(exchange)) => *exchange,
                Ok(Recognised::Done) => return Ok(Ok(Step::Answered)),
                Err(unknown) => return Ok(Err(unknown)),
            };
        }
        if let Err(unknown) = passage.conclude(&self.door, &mut exchange.head).await {
            return Ok(Err(unknown));
        }
        exchange.step_up(&passage.arrival).stream(session).await?;
        Ok(Ok(Step::Answered))
    }

    /// Sends a request whole.
    pub(super) async fn exchange(
        &self,
        config: &Config,
        head: pingora::http::RequestHeader,
        body: Bytes,
        timeout: std::time::Duration,
    ) -> pingora::Result<Exchange<'_>> {
        let peer = self.upstream.peer(&config.portal.upstream)?;
        Exchange::send(&self.connector, peer, head, body, timeout).await
    }

    /// Tells that the portal does not answer.
    pub(super) async fn portal_down(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        error: &pingora::Error,
    ) -> pingora::Result<()> {
        self.door.metrics.portal_down();
        tracing::warn!(request_id = arrival.request_id, error = ?error.etype(), "the portal does not answer");
        if let pingora::ErrorType::HTTPStatus(400) = error.etype() {
            return answer::plain(session, 400, "the request cannot be forwarded").await;
        }
        let status = super::proxy::gateway_status(error);
        self.tell(session, arrival, &Told::PortalDown { status }, None)
            .await
    }

    /// Answers a refused request, with a cookie of ours where one is due.
    pub(super) async fn tell(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        what: &Told,
        cookie: Option<String>,
    ) -> pingora::Result<()> {
        let name = &arrival.settings.config.portal.name;
        let mut answer = told(what, arrival.asker, name, self.door.now());
        for cookie in cookie.into_iter().chain(arrival.collected.iter().cloned()) {
            set_cookie(&mut answer, Some(cookie));
        }
        answer::write(session, answer).await
    }

    async fn refuse(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        who: &Who,
        route: Route,
        refusal: Refusal,
    ) -> pingora::Result<Result<Step, Unknown>> {
        let rules = &arrival.settings.config.portal.rules;
        let deep_link = deep_link(arrival, route);
        let (what, cookie) = match refusal {
            Refusal::SignIn if rules.only_basic() => {
                self.ask_for_credentials(session, arrival, None, None).await?;
                return Ok(Ok(Step::Answered));
            }
            Refusal::SignIn => match self.remember(arrival, who, deep_link.as_deref()).await {
                Ok(cookie) => (
                    Told::SignIn {
                        login: rules.login_page.address(deep_link.as_deref()),
                    },
                    cookie,
                ),
                Err(unknown) => return Ok(Err(unknown)),
            },
            Refusal::SecondFactor => match self.remember(arrival, who, deep_link.as_deref()).await {
                Ok(_) => (Told::SecondFactor, None),
                Err(unknown) => return Ok(Err(unknown)),
            },
            Refusal::Retry => (Told::Retry, None),
            Refusal::Closed => (Told::Closed, None),
            Refusal::BadLogin => {
                answer::plain(
                    session,
                    400,
                    "this login can be read in two ways, or names nobody",
                )
                .await?;
                return Ok(Ok(Step::Answered));
            }
            Refusal::LoginPageClean => {
                let clean = without_names(rules, &arrival.target);
                answer::see_other(session, &clean).await?;
                return Ok(Ok(Step::Answered));
            }
        };
        self.tell(session, arrival, &what, cookie).await?;
        Ok(Ok(Step::Answered))
    }

    /// Remembers where the browser wanted to go, unless it does already. The session cookie to hand out,
    /// where an anonymous session had to begin for it.
    async fn remember(
        &self,
        arrival: &Arrival,
        who: &Who,
        deep_link: Option<&str>,
    ) -> Result<Option<String>, Unknown> {
        let Some(deep_link) = deep_link else {
            return Ok(None);
        };
        let now = self.door.now();
        let note = |vault: &mut crate::vault::Vault| {
            let first = vault.deep_link.is_none();
            if first {
                vault.deep_link = Some(deep_link.to_owned());
            }
            first
        };
        match who {
            Who::Session(live) => {
                self.door.change_vault(live, now, note).await?;
                Ok(None)
            }
            Who::Replaced => Ok(None),
            Who::Nobody => {
                let mut vault = crate::vault::Vault::default();
                note(&mut vault);
                let token = self
                    .door
                    .begin_anonymous(&vault, None, arrival.client, now)
                    .await?;
                Ok(token.map(|token| self.door.session_cookie(&token)))
            }
        }
    }
}

/// A request whose body says that it is longer than what is read, if it may stream all the same.
fn class_without_body(session: &Session, arrival: &Arrival, limit: usize) -> Option<Classed> {
    let headers = &session.req_header().headers;
    let length = headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?;
    if length.parse::<usize>().ok()? <= limit {
        return None;
    }
    let rules = &arrival.settings.config.portal.rules;
    let (route, fields) = class_long(rules, &arrival.method, &arrival.target)?;
    Some(Classed {
        route,
        body: None,
        form: None,
        scan: Scan::of(headers, fields, true),
    })
}

/// What is decided on a request.
fn decided(arrival: &Arrival, who: &Who, route: Route, now: crate::clock::Timestamp) -> Verdict {
    decide(&Ask {
        route,
        presence: who.presence(),
        client: arrival.client,
        now,
        anonymous: arrival.settings.config.portal.rules.anonymous,
        pass_unknown: passes_unknown(&arrival.settings.config),
    })
}

/// Whether what was decided sends a holder's vault up.
fn uses_vault(verdict: Verdict, who: &Who) -> bool {
    let held = matches!(who, Who::Session(live) if live.stored.record.level.holder().is_some());
    held && matches!(
        verdict,
        Verdict::Forward(Credentials::Vault, _) | Verdict::Login(_)
    )
}

/// Adds a cookie of ours to an own answer.
pub(super) fn set_cookie(answer: &mut Response<Bytes>, cookie: Option<String>) {
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::from_bytes(cookie.as_bytes()).ok()) {
        answer.headers_mut().append(http::header::SET_COOKIE, value);
    }
}

/// Ends this request's connection when the session ends.
pub(super) fn watch(live: &LiveSession, route: Route, client: std::net::IpAddr) {
    let watched = Watched {
        session: Arc::new(live.clone()),
        route,
        client,
    };
    let _ = SLOT.try_with(|slot| slot.watch(watched));
}

/// The deep link that a refused request leaves: a GET navigation to a plain protected path.
pub(super) fn deep_link(arrival: &Arrival, route: Route) -> Option<String> {
    let fits = route == Route::Protected
        && arrival.method == Method::GET
        && arrival.asker == Asker::Page
        && !arrival.is_upgrade;
    fits.then(|| arrival.target.path_and_query().to_owned())
}

/// I2: a `;NAME=ID` whose ID is a cookie value in this session's vault is taken out before classing.
fn take_session_out_of_path(arrival: &mut Arrival, who: &Who) -> Result<(), Unknown> {
    let Who::Session(session) = who else {
        return Ok(());
    };
    if !arrival.target.path().contains(';') {
        return Ok(());
    }
    let vault = session.vault()?;
    let names = &arrival.settings.config.portal.rules.session_parameters;
    let cleaned: Option<Target> = arrival
        .target
        .without_path_session(names, &|id| vault.main.holds_value(id));
    if let Some(target) = cleaned {
        arrival.target = target;
    }
    Ok(())
}

/// Upgrades and workers that are not forwarded, and why.
fn refuse_stream(passage: &Passage, session: &Session) -> Option<&'static str> {
    let headers = &session.req_header().headers;
    if passage.arrival.is_upgrade {
        if passage.credentials != Credentials::Vault {
            return Some("a connection is upgraded only for somebody who is signed in");
        }
        // A page of another site would speak with the cookies of this one (THREATS D5).
        let public = passage.arrival.settings.config.listen.public_url.to_string();
        let foreign = headers
            .get(http::header::ORIGIN)
            .is_some_and(|origin| origin.as_bytes() != public.as_bytes());
        if foreign {
            return Some("a page of another site cannot open a connection here");
        }
        if passage.offers_foreign_token(session.req_header()) {
            return Some("this token is not this session's");
        }
    }
    let is_worker = headers
        .get("service-worker")
        .is_some_and(|value| value == "script");
    if is_worker && passage.arrival.target.path().rfind('/') == Some(0) {
        return Some("a worker whose scope covers doorstep's own pages is not served");
    }
    None
}
