//! The way of one request: look over, class, who, decide, act (DESIGN section 3).

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use http::Method;
use pingora::connectors::http::Connector;
use pingora::proxy::Session;
use tracing::Instrument as _;

use super::answer;
use super::arrival::Arrival;
use super::basic::Tried;
use super::collect::collect;
use super::front::Identities;
use super::interrupted::Resumed;
use super::live::{SLOT, Serving, Stop};
use super::own::{self, BodyRefused};
use super::pace::PACE;
use super::passage::Passage;
use super::probe::Proof;
use super::upstream::Upstream;
use crate::access::{Doorstep, Ending, Unknown, Visitor, Who};
use crate::clock::Timestamp;
use crate::config::{Config, UnknownEmployee};
use crate::gate::body::{BadBody, FormBody};
use crate::gate::path::Target;
use crate::gate::route::{HeadClass, class_body, class_head, takes_logins};
use crate::gate::scan::Scan;
use crate::gate::{Ask, Credentials, Refusal, Route, Verdict, decide};
use crate::pages::{self, Told, told};

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
    /// Whom the portal named lately, in forward-auth mode.
    pub identities: Identities,
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
pub(super) enum Step {
    /// It was answered.
    Answered,
    /// pingora forwards it.
    Forward(Box<Passage>),
}

/// Why a request comes to nothing.
pub(super) enum Broken {
    /// The client or the portal broke off.
    Wire(Box<pingora::Error>),
    /// Directory or store cannot answer (I9).
    Unknown(Unknown),
}

impl From<Box<pingora::Error>> for Broken {
    fn from(error: Box<pingora::Error>) -> Self {
        Self::Wire(error)
    }
}

impl From<Unknown> for Broken {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
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
        match self.pass(session, arrival).instrument(span).await {
            Ok(Step::Answered) => Ok(None),
            Ok(Step::Forward(passage)) => Ok(Some(passage)),
            Err(Broken::Wire(error)) => Err(error),
            Err(Broken::Unknown(unknown)) => {
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

    /// From the head to who it is and what is decided.
    async fn pass(&self, session: &mut Session, mut arrival: Arrival) -> Result<Step, Broken> {
        if let Some(asset) = pages::asset(arrival.target.path()) {
            // What a page is made of is served whatever the stores say: also the page that says they are down.
            answer::write(session, asset).await?;
            return Ok(Step::Answered);
        }
        if arrival.settings.config.portal.forward_auth
            && let Some(step) = Box::pin(self.at_the_front(session, &mut arrival)).await?
        {
            return Ok(step);
        }
        let now = self.door.now();
        let mut who = self.door.who(arrival.token(), now).await?;
        if let Some(answer) = self.elsewhere(session.req_header(), &arrival, &who, now).await? {
            if !arrival.method.is_safe() {
                session.set_keepalive(None);
            }
            answer::write(session, answer).await?;
            return Ok(Step::Answered);
        }
        take_session_out_of_path(&mut arrival, &who)?;
        let classed = match self.class(session, &arrival).await? {
            Ok(classed) => classed,
            Err(refused) => {
                own::refuse_body(session, refused).await?;
                return Ok(Step::Answered);
            }
        };
        let route = classed.route;
        if self.exempted(session, &arrival, &who, route).await? {
            return self
                .forward(session, Passage::exempt(arrival, route)?, classed.body)
                .await;
        }
        let mut own_cookie = None;
        match self.try_basic(session, &arrival, &who, route).await?? {
            Tried::NotAsked => {}
            Tried::Answered => return Ok(Step::Answered),
            Tried::LetIn(token) => {
                own_cookie = Some(self.door.session_cookie(&token));
                who = self.door.who(Some(token), now).await?;
            }
        }
        let mut verdict = decide(&asked(&arrival, &who, route, now));
        if !arrival.is_upgrade && session.get_header("service-worker").is_none() {
            let ask = asked(&arrival, &who, route, now);
            if let Some(raised) = collect(&self.door, &who, &ask, &verdict, now).await? {
                arrival.collected = raised.cookies;
                (who, verdict) = (raised.who, raised.verdict);
            }
        }
        if uses_vault(verdict, &who) {
            who = match self.prove(session, &arrival, who).await?? {
                Proof::Goes(proven) => *proven,
                Proof::Ended => Who::Nobody,
                Proof::Answered => return Ok(Step::Answered),
            };
            verdict = decide(&asked(&arrival, &who, route, now));
        }
        self.door.metrics.decided(route, &verdict);
        tracing::debug!(method = %arrival.method, ?route, ?verdict, "decided");
        self.act(session, arrival, who, classed, verdict, own_cookie)
            .await
    }

    /// Does what was decided.
    async fn act(
        &self,
        session: &mut Session,
        mut arrival: Arrival,
        who: Who,
        classed: Classed,
        verdict: Verdict,
        own_cookie: Option<String>,
    ) -> Result<Step, Broken> {
        let now = self.door.now();
        match verdict {
            Verdict::Own => {
                let time = arrival.settings.config.limits.bounds.body_timeout;
                let visitor = Visitor {
                    who,
                    side: arrival.side,
                    client: arrival.client,
                    place: arrival.place,
                    asker: arrival.asker,
                    now,
                    request_id: arrival.request_id,
                };
                own::serve(session, &self.router, Arc::new(visitor), time).await?;
                Ok(Step::Answered)
            }
            Verdict::Refuse(refusal) => {
                if matches!(refusal, Refusal::SignIn | Refusal::SecondFactor) {
                    Box::pin(self.keep_interrupted(session, &mut arrival, &who, &classed)).await?;
                }
                self.refuse(session, &arrival, &who, classed.route, refusal).await
            }
            Verdict::Login(rule) => {
                let login = super::login::LoginExchange::new(self, arrival, who, rule, classed);
                Box::pin(login.run(session)).await?;
                Ok(Step::Answered)
            }
            Verdict::Forward(credentials, exception) => {
                if let (Some(exception), Who::Session(live)) = (exception, &who) {
                    self.door
                        .note_exception(live, exception, arrival.client, now)
                        .await?;
                }
                let body = match credentials {
                    Credentials::Vault => match self.resumed(session, &arrival, &who, &classed).await? {
                        Resumed::Done(step) => return Ok(step),
                        Resumed::No(body) => body,
                    },
                    _ => classed.body,
                };
                let passage = Passage::new(arrival, who, classed.route, credentials)?
                    .bringing(own_cookie)
                    .looking_through(classed.scan);
                self.forward(session, passage, body).await
            }
            Verdict::Logout => {
                // Doorstep's session and vault end before the portal is asked, which still gets the cookies.
                if let Who::Session(live) = &who
                    && self.door.end_session(live).await? == Ending::Overtaken
                {
                    self.tell(session, &arrival, &Told::Retry, None).await?;
                    return Ok(Step::Answered);
                }
                let passage = Passage::new(arrival, who, classed.route, Credentials::Vault)?.after_logout();
                self.forward(session, passage, classed.body).await
            }
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
                let route = match reads && has_body {
                    true if is_open_to_nobody(route) => route,
                    true if takes_logins(rules, &arrival.target) => Route::BadLogin,
                    true => route.with_unread_body(),
                    false => route,
                };
                return Ok(Ok(Classed::by_head(session, arrival, route, has_body)));
            }
            HeadClass::NeedsBody { limit } => limit,
        };
        if let Some(long) = Classed::unread(session, arrival, limit) {
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
}

/// Whether a request of this class goes to the portal for nobody.
fn is_open_to_nobody(route: Route) -> bool {
    matches!(route, Route::Own | Route::Closed | Route::BadLogin)
}

/// What `decide` is asked of a request.
pub(super) fn asked<'a>(arrival: &Arrival, who: &'a Who, route: Route, now: Timestamp) -> Ask<'a> {
    Ask {
        route,
        presence: who.presence(),
        client: arrival.client,
        now,
        anonymous: arrival.settings.config.portal.rules.anonymous,
        pass_unknown: passes_unknown(&arrival.settings.config),
    }
}

/// Whether what was decided sends a holder's vault up.
fn uses_vault(verdict: Verdict, who: &Who) -> bool {
    let held = matches!(who, Who::Session(live) if live.stored.record.level.holder().is_some());
    held && matches!(
        verdict,
        Verdict::Forward(Credentials::Vault, _) | Verdict::Login(_)
    )
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
