//! HTTP Basic portals (DESIGN section 3): credentials that come with each request are tried once, with the
//! rule's safe probe, and are then bound to the session that they made.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderValue, Response};
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::answer;
use super::arrival::Arrival;
use super::credentials::{self, Basic, Unreadable};
use super::door::Door;
use super::exchange::{Body, Exchange};
use super::headers::{self, Said};
use super::passage::take_set_cookies;
use super::probe::Identity;
use super::refuse::{deep_link, set_cookie};
use crate::access::{Accepted, Ending, LoginCheck, LoginOutcome, Unknown, Who};
use crate::gate::login::{Answer, Asked, Judgement, Told as LoginTold, judge};
use crate::gate::rules::LoginRule;
use crate::gate::{Asker, Route};
use crate::pages::Told;
use crate::secret::SessionToken;
use crate::vault::{Credential, Jar, Vault, Waiting};

/// What became of a request's Basic credentials.
pub(super) enum Tried {
    /// There was nothing to try.
    NotAsked,
    /// The request was answered.
    Answered,
    /// They were accepted, and suffice: the request goes on under this session.
    LetIn(SessionToken),
}

/// Outer: the wire. Inner: directory and store.
type Outcome<T> = pingora::Result<Result<T, Unknown>>;

impl Door {
    /// Tries a request's Basic credentials, unless they are those that made its session.
    pub(super) async fn try_basic(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        who: &Who,
        route: Route,
    ) -> Outcome<Tried> {
        let rules = &arrival.settings.config.portal.rules;
        let (Some((_, rule)), Some(value)) = (rules.basic(), &arrival.authorization) else {
            return Ok(Ok(Tried::NotAsked));
        };
        if !matches!(route, Route::Protected | Route::Ambiguous) || matches!(who, Who::Replaced) {
            return Ok(Ok(Tried::NotAsked));
        }
        let basic = match credentials::basic(value) {
            None => return Ok(Ok(Tried::NotAsked)),
            Some(Ok(basic)) => basic,
            Some(Err(Unreadable)) => {
                answer::plain(
                    session,
                    400,
                    "these credentials can be read in two ways, or name nobody",
                )
                .await?;
                return Ok(Ok(Tried::Answered));
            }
        };
        if let Who::Session(live) = who
            && live.stored.record.level.holder().is_some()
        {
            match live.vault() {
                Ok(vault)
                    if vault
                        .bound
                        .binds(Credential::Basic, basic.pair.reveal().as_bytes()) =>
                {
                    return Ok(Ok(Tried::NotAsked));
                }
                Ok(_) => {}
                Err(unknown) => return Ok(Err(unknown)),
            }
        }
        let cross_site = session
            .req_header()
            .headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "cross-site");
        if cross_site && arrival.asker == Asker::Script {
            answer::plain(session, 403, "this login was sent by a page of another site").await?;
            return Ok(Ok(Tried::Answered));
        }
        Box::pin(self.sign_in_by_basic(session, arrival, who, rule, &basic, value, route)).await
    }

    #[allow(clippy::too_many_arguments)]
    async fn sign_in_by_basic(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        who: &Who,
        rule: &LoginRule,
        basic: &Basic,
        value: &HeaderValue,
        route: Route,
    ) -> Outcome<Tried> {
        let now = self.door.now();
        let tickets = match self.reserve(arrival, Some(&basic.user), now).await {
            Ok(Ok(tickets)) => tickets,
            Ok(Err(until)) => {
                self.door.metrics.login("limited");
                self.tell(session, arrival, &Told::TooManyLogins { until }, None)
                    .await?;
                return Ok(Ok(Tried::Answered));
            }
            Err(unknown) => return Ok(Err(unknown)),
        };
        let alone = match self.door.check_login(who, Some(&basic.user), now).await {
            Ok(LoginCheck::Send(alone)) => alone,
            Ok(LoginCheck::Gone) => {
                self.tell(session, arrival, &Told::Retry, None).await?;
                return Ok(Ok(Tried::Answered));
            }
            // I4: another's login ends the session, and is not sent.
            Ok(LoginCheck::SomebodyElse) => {
                self.door.metrics.login("somebody_else");
                if let Who::Session(live) = who {
                    match self.door.end_session(live).await {
                        Ok(Ending::Ended) => {}
                        Ok(Ending::Overtaken) => {
                            self.tell(session, arrival, &Told::Retry, None).await?;
                            return Ok(Ok(Tried::Answered));
                        }
                        Err(unknown) => return Ok(Err(unknown)),
                    }
                }
                let cookie = self.door.clear_session_cookie();
                self.ask_for_credentials(session, arrival, None, Some(cookie))
                    .await?;
                return Ok(Ok(Tried::Answered));
            }
            Err(unknown) => return Ok(Err(unknown)),
        };
        let mut jar = match who {
            Who::Session(live) => match live.vault() {
                Ok(vault) => vault.main,
                Err(unknown) => return Ok(Err(unknown)),
            },
            Who::Nobody | Who::Replaced => Jar::default(),
        };
        let (judgement, mut exchange) = match self.probe_basic(arrival, rule, &jar, Some(value)).await {
            Ok(judged) => judged,
            Err(error) => {
                self.portal_down(session, arrival, &error).await?;
                return Ok(Ok(Tried::Answered));
            }
        };
        if let Err(unknown) = self
            .door
            .note_judged(rule.path.as_str(), judgement, arrival.client)
            .await
        {
            return Ok(Err(unknown));
        }
        let config = &arrival.settings.config;
        let parted = take_set_cookies(&mut exchange.head, &config.portal.rules.pass_cookies);
        let challenge = exchange.head.headers.get(WWW_AUTHENTICATE).cloned();
        exchange.finish().await;
        match judgement {
            Judgement::Accepted => {}
            Judgement::Refused => {
                self.door.metrics.login("refused");
                if rule.failure.is_some()
                    && let Who::Session(live) = who
                    && let Err(unknown) = self.door.forget_tried(live, alone, self.door.now()).await
                {
                    return Ok(Err(unknown));
                }
                self.ask_for_credentials(session, arrival, Some(challenge), None)
                    .await?;
                return Ok(Ok(Tried::Answered));
            }
            Judgement::Neither => {
                return self
                    .shut_login(session, arrival, who, Some(&basic.user), "neither")
                    .await
                    .map(answered);
            }
        }
        let hosts = config.cookie_hosts();
        jar.store(&parted.kept, rule.path.as_str(), &hosts);
        let told = LoginTold::default();
        let identity = self
            .identity(arrival, &jar, Some(value.clone()), &told, Some(&basic.user))
            .await;
        let (login, said) = match identity {
            Identity::Is { login, said, lines } => {
                if let Some((lines, path)) = &lines {
                    jar.store(lines, path, &hosts);
                }
                (login, said)
            }
            Identity::Nobody => {
                return self
                    .shut_login(session, arrival, who, Some(&basic.user), "nobody_named")
                    .await
                    .map(answered);
            }
            Identity::Unknown => {
                self.door.metrics.portal_down();
                self.tell(session, arrival, &Told::PortalDown { status: 502 }, None)
                    .await?;
                return Ok(Ok(Tried::Answered));
            }
        };
        let wanted = deep_link(arrival, route);
        let keep = |vault: &mut Vault| {
            vault.main = jar.clone();
            vault.unproven = false;
            vault
                .bound
                .bind(Credential::Basic, basic.pair.reveal().as_bytes());
            if vault.deep_link.is_none() {
                vault.deep_link.clone_from(&wanted);
            }
        };
        let accepted = Accepted {
            device: None,
            password: None,
            typed: &login,
            said,
            under: who,
            keep: &keep,
            waiting: Waiting {
                location: None,
                cookies: parted.passed.clone(),
            },
            script: arrival.asker == Asker::Script,
            client: arrival.client,
            now: self.door.now(),
        };
        let outcome = match self.door.login_accepted(accepted).await {
            Ok(outcome) => outcome,
            Err(unknown) => return Ok(Err(unknown)),
        };
        if let Err(unknown) = self.give_back(&tickets).await {
            return Ok(Err(unknown));
        }
        let mut owes = None;
        let (word, told, cookie) = match outcome {
            LoginOutcome::LetIn { token, .. } => {
                self.door.metrics.login("let_in");
                return Ok(Ok(Tried::LetIn(token)));
            }
            LoginOutcome::Challenge { token } => {
                let cookie = self.door.session_cookie(&token);
                owes = Some(token);
                ("challenged", Told::SecondFactor, Some(cookie))
            }
            LoginOutcome::NotKnown => (
                "not_known",
                Told::NotKnown,
                Some(self.door.clear_session_cookie()),
            ),
            LoginOutcome::SomebodyElse | LoginOutcome::Overtaken => ("overtaken", Told::Retry, None),
        };
        if let Some(token) = owes {
            self.alert(session, arrival, &token).await;
        }
        self.door.metrics.login(word);
        self.tell(session, arrival, &told, cookie).await?;
        Ok(Ok(Tried::Answered))
    }

    /// Makes the rule's probe, with credentials or without, and judges the answer.
    async fn probe_basic(
        &self,
        arrival: &Arrival,
        rule: &LoginRule,
        jar: &Jar,
        authorization: Option<&HeaderValue>,
    ) -> pingora::Result<(Judgement, Exchange<'_>)> {
        let config = &arrival.settings.config;
        let path = rule.path.as_str();
        let mut head = RequestHeader::build(rule.method.clone(), path.as_bytes(), None)?;
        head.insert_header(ACCEPT, "*/*")?;
        head.insert_header(ACCEPT_ENCODING, "identity")?;
        head.insert_header(USER_AGENT, "doorstep")?;
        arrival.introduce(&mut head)?;
        let said = Said {
            client: arrival.client,
            identity: None,
            cookie: jar.header(path),
            authorization: authorization.cloned(),
            overrides: false,
        };
        headers::for_upstream(&mut head, said, config)?;
        debug_assert_eq!(head.headers.contains_key(AUTHORIZATION), authorization.is_some());
        let mut exchange = self.exchange(config, head, Bytes::new(), rule.timeout).await?;
        let body = match rule.reads_body() {
            true => match exchange.read_body(rule.answer_limit, rule.timeout).await? {
                Body::Whole(body) => Some(body),
                Body::TooLong => None,
            },
            false => None,
        };
        let asked = Asked {
            path_and_query: path,
            public: &config.listen.public_url.to_string(),
            upstream: &config.portal.upstream.origin.to_string(),
        };
        let answer = Answer {
            status: exchange.head.status.as_u16(),
            headers: &exchange.head.headers,
            body: body.as_deref(),
        };
        let judgement = judge(rule, &asked, &answer, self.door.now());
        Ok((judgement, exchange))
    }

    /// 401 with the portal's own `WWW-Authenticate`, which is asked for unless it is known.
    #[allow(clippy::option_option)]
    pub(super) async fn ask_for_credentials(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        known: Option<Option<HeaderValue>>,
        cookie: Option<String>,
    ) -> pingora::Result<()> {
        let challenge = match known {
            Some(challenge) => challenge,
            None => match self.challenge_of_portal(arrival).await {
                Ok(challenge) => challenge,
                Err(error) => return self.portal_down(session, arrival, &error).await,
            },
        };
        let challenge = challenge
            .unwrap_or_else(|| HeaderValue::from_static("Basic realm=\"portal\", charset=\"UTF-8\""));
        let (kind, body) = match arrival.asker {
            Asker::Page => ("text/plain; charset=utf-8", "Sign in to go on.\n"),
            Asker::Script => (
                "application/json",
                "{\"error\":\"sign_in_required\",\"login\":\"/\"}",
            ),
        };
        let mut answer = Response::builder()
            .status(401)
            .header(WWW_AUTHENTICATE, challenge)
            .header(CONTENT_TYPE, kind)
            .header(http::header::CACHE_CONTROL, "no-store")
            .body(Bytes::from_static(body.as_bytes()))
            .map_err(|_| pingora::Error::new(pingora::ErrorType::InternalError))?;
        set_cookie(&mut answer, cookie);
        answer::write(session, answer).await
    }

    async fn challenge_of_portal(&self, arrival: &Arrival) -> pingora::Result<Option<HeaderValue>> {
        let Some((_, rule)) = arrival.settings.config.portal.rules.basic() else {
            return Ok(None);
        };
        let (_, exchange) = self.probe_basic(arrival, rule, &Jar::default(), None).await?;
        let challenge = exchange.head.headers.get(WWW_AUTHENTICATE).cloned();
        exchange.finish().await;
        Ok(challenge)
    }
}

fn answered(outcome: Result<(), Unknown>) -> Result<Tried, Unknown> {
    outcome.map(|()| Tried::Answered)
}
