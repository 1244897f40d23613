//! Whether a request that a front proxy asks about may pass.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, USER_AGENT};
use http::{HeaderName, HeaderValue, Response};
use pingora::proxy::Session;

use super::Asked;
use super::identity::Identified;
use crate::access::{
    Accepted, DeviceCookie, Ending, LiveSession, LoginOutcome, Unknown, Who, device_cookie_name,
};
use crate::edge::answer;
use crate::edge::door::{Broken, Door, asked as asked_of, passes_unknown};
use crate::edge::refuse::{deep_link, set_cookie};
use crate::factors::Whence;
use crate::factors::browser::browser;
use crate::gate::rules::Anonymous;
use crate::gate::{Ask, Exception, Login, Presence, Refusal, Route, Verdict, decide};
use crate::pages::Told;
use crate::sessions::{Holder, Level};
use crate::vault::{Vault, Waiting};

/// Names the person to the portal, unless configuration has another name for it.
const IDENTITY: HeaderName = HeaderName::from_static("x-doorstep-user");

impl Door {
    pub(super) async fn judge(&self, session: &mut Session, asked: Asked) -> Result<(), Broken> {
        let now = self.door.now();
        let who = self.door.who(asked.about.token(), now).await?;
        if self.exempted(session, &asked.about, &who, asked.route).await? {
            return self.allow(session, &asked, None).await;
        }
        match asked.route {
            // The proxy sends these here by itself.
            Route::Own | Route::Public => return self.allow(session, &asked, None).await,
            Route::Logout => return self.log_out(session, &asked, &who).await,
            Route::Closed => return self.refuse_proxy(session, &asked, &Told::Closed, None).await,
            _ => {}
        }
        if matches!(who, Who::Replaced) {
            return self.refuse_proxy(session, &asked, &Told::Retry, None).await;
        }
        match self.identified(&asked.about, &asked.credentials).await? {
            Identified::Unknown => {
                self.door.metrics.portal_down();
                self.refuse_proxy(session, &asked, &Told::PortalDown { status: 502 }, None)
                    .await
            }
            // A script's token may have run out: it is told to get another one.
            Identified::Doubtful if !asked.is_page() => self.ask_to_sign_in(session, &asked).await,
            Identified::Doubtful => self.refuse_proxy(session, &asked, &Told::Closed, None).await,
            Identified::Several => {
                let (place, client) = (asked.about.target.path(), asked.about.client);
                self.door.note_drift("another_name", place, None, client).await?;
                self.refuse_proxy(session, &asked, &Told::Closed, None).await
            }
            Identified::Nobody => {
                let verdict = decide(&asked_of(&asked.about, &Who::Nobody, asked.route, now));
                // An `Authorization` that who-am-I does not know may be somebody's on the page that is asked for.
                let is_doubtful =
                    asked.credentials.authorization.is_some() && asked.route != Route::LoginPage;
                if matches!(verdict, Verdict::Forward(..)) && !is_doubtful {
                    return self.allow(session, &asked, None).await;
                }
                self.ask_to_sign_in(session, &asked).await
            }
            Identified::Somebody { name, login } => {
                let who = self.still_theirs(&asked, who, &login).await?;
                self.judge_person(session, &asked, &who, &name, &login).await
            }
        }
    }

    async fn ask_to_sign_in(&self, session: &mut Session, asked: &Asked) -> Result<(), Broken> {
        let rules = &asked.about.settings.config.portal.rules;
        let wanted = deep_link(&asked.about, asked.route);
        let login = rules.login_page.address(wanted.as_deref());
        self.refuse_proxy(session, asked, &Told::SignIn { login }, None)
            .await
    }

    /// I4: a session whose owner the portal does not name any more ends. So does one that was verified under
    /// another portal session, where the firm does not carry a factor over.
    async fn still_theirs(&self, asked: &Asked, who: Who, login: &Login) -> Result<Who, Broken> {
        let Who::Session(live) = &who else {
            return Ok(who);
        };
        let Some(holder) = live.stored.record.level.holder() else {
            return Ok(Who::Nobody);
        };
        if holder.login != *login {
            let _: Ending = self.door.end_session(live).await?;
            let place = asked.about.target.path();
            let client = asked.about.client;
            self.door
                .note_drift("another_name", place, Some(&holder.login), client)
                .await?;
            return Ok(Who::Nobody);
        }
        let carries = live
            .standing
            .as_deref()
            .is_none_or(|standing| standing.firm.policy.carry_over.unwrap_or(true));
        if !carries && live.vault()?.portal.as_ref() != Some(&asked.portal_session()) {
            let _: Ending = self.door.end_session(live).await?;
            return Ok(Who::Nobody);
        }
        Ok(who)
    }

    async fn judge_person(
        &self,
        session: &mut Session,
        asked: &Asked,
        who: &Who,
        name: &Login,
        login: &Login,
    ) -> Result<(), Broken> {
        match self.decided(asked, who, login).await? {
            Verdict::Forward(_, exception) => {
                let reason = match (who, exception) {
                    (Who::Session(live), Some(exception)) => {
                        let client = asked.about.client;
                        self.door
                            .note_exception(live, exception, client, self.door.now())
                            .await?;
                        None
                    }
                    (Who::Session(_), None) => None,
                    (_, exception) => Some(exception.map_or("policy_off", Exception::as_str)),
                };
                if let Some(reason) = reason {
                    self.door.note_passed(login, reason, asked.about.client).await?;
                }
                self.allow(session, asked, Some(login)).await
            }
            Verdict::Refuse(Refusal::Retry) => self.refuse_proxy(session, asked, &Told::Retry, None).await,
            _ => {
                let wanted = deep_link(&asked.about, asked.route);
                match who {
                    Who::Session(_) if asked.tells => {
                        self.remember(&asked.about, who, wanted.as_deref()).await?;
                        self.refuse_proxy(session, asked, &Told::SecondFactor, None).await
                    }
                    _ if asked.tells && asked.is_page() => {
                        self.enter(session, asked, who, name, wanted.as_deref()).await
                    }
                    // A script: the challenge's page will ask the portal who it is.
                    _ => self.refuse_proxy(session, asked, &Told::SecondFactor, None).await,
                }
            }
        }
    }

    /// What is decided over somebody whom the portal names; without a session of doorstep's, as over somebody
    /// whose password the portal has just accepted.
    async fn decided(&self, asked: &Asked, who: &Who, login: &Login) -> Result<Verdict, Broken> {
        let now = self.door.now();
        // Whoever is signed in at the portal and owes the factor is not served its login page either.
        let route = asked.route;
        if matches!(who, Who::Session(_)) {
            return Ok(decide(&asked_of(&asked.about, who, route, now)));
        }
        let standing = self.door.copies.standing(login).await.map_err(Unknown::from)?;
        let level = Level::Password {
            holder: Holder {
                login: login.clone(),
                firm: standing.as_ref().map(|standing| standing.firm.id.clone()),
                employee_epoch: standing.as_ref().map_or(0, |standing| standing.epoch),
            },
            since: now,
            challenge: None,
            may_enrol_until: None,
            device: None,
        };
        let config = &asked.about.settings.config;
        Ok(decide(&Ask {
            route,
            presence: Presence::Session {
                level: &level,
                standing: standing.as_deref(),
            },
            client: asked.about.client,
            now,
            anonymous: Anonymous::Login,
            pass_unknown: passes_unknown(config),
        }))
    }

    /// Begins a session for somebody whom the portal names, and tells them what they owe.
    pub(super) async fn enter(
        &self,
        session: &mut Session,
        asked: &Asked,
        who: &Who,
        name: &Login,
        wanted: Option<&str>,
    ) -> Result<(), Broken> {
        let digest = asked.portal_session();
        let keep = |vault: &mut Vault| {
            vault.portal = Some(digest.clone());
            vault.deep_link = wanted.map(str::to_owned);
        };
        let about = &asked.about;
        let device = device_cookie_name(&about.settings.config.listen.public_url);
        let device = about.cookies.only(device).and_then(DeviceCookie::parse);
        let nobody = Who::Nobody;
        let outcome = self
            .door
            .login_accepted(Accepted {
                typed: name,
                said: true,
                // A session of nobody's has nothing that goes on.
                under: if matches!(who, Who::Session(_)) {
                    who
                } else {
                    &nobody
                },
                keep: &keep,
                waiting: Waiting::default(),
                device: device.as_ref(),
                password: None,
                script: !asked.is_page(),
                client: about.client,
                now: self.door.now(),
            })
            .await?;
        let (word, told, cookie) = match outcome {
            LoginOutcome::LetIn { token, deep_link, .. } => {
                self.door.metrics.login("let_in");
                let cookie = self.door.session_cookie(&token);
                let onward = match asked.route {
                    Route::Own => asked.challenge_again(),
                    _ => deep_link.unwrap_or_else(|| "/".to_owned()),
                };
                return Ok(self.send_to(session, &onward, cookie).await?);
            }
            LoginOutcome::Challenge { token } => {
                let agent = session.get_header(USER_AGENT);
                let browser = browser(agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default());
                let from = Whence {
                    browser: &browser,
                    place: about.place.as_deref(),
                };
                self.door.alert(&token, from, self.door.now()).await;
                let cookie = self.door.session_cookie(&token);
                if asked.route == Route::Own {
                    return Ok(self.send_to(session, &asked.challenge_again(), cookie).await?);
                }
                ("challenged", Told::SecondFactor, Some(cookie))
            }
            LoginOutcome::NotKnown => ("not_known", Told::NotKnown, None),
            LoginOutcome::SomebodyElse | LoginOutcome::Overtaken => ("overtaken", Told::Retry, None),
        };
        self.door.metrics.login(word);
        self.refuse_proxy(session, asked, &told, cookie).await
    }

    async fn log_out(&self, session: &mut Session, asked: &Asked, who: &Who) -> Result<(), Broken> {
        if let Who::Session(live) = who
            && self.end(live).await? == Ending::Overtaken
        {
            return self.refuse_proxy(session, asked, &Told::Retry, None).await;
        }
        self.allow(session, asked, None).await
    }

    async fn end(&self, live: &LiveSession) -> Result<Ending, Broken> {
        Ok(self.door.end_session(live).await?)
    }

    async fn send_to(&self, session: &mut Session, location: &str, cookie: String) -> pingora::Result<()> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = http::StatusCode::SEE_OTHER;
        let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
        answer.headers_mut().insert(http::header::LOCATION, location);
        answer
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        set_cookie(&mut answer, Some(cookie));
        answer::write(session, answer).await
    }

    /// 200, with the name for the proxy to hand on; an empty one where nobody is named, so that no header of the
    /// browser's own stands in its place.
    async fn allow(&self, session: &mut Session, asked: &Asked, login: Option<&Login>) -> Result<(), Broken> {
        let name = asked
            .about
            .settings
            .config
            .portal
            .identity_header
            .clone()
            .unwrap_or(IDENTITY);
        let said = login.map_or("", Login::as_str);
        let said = HeaderValue::from_bytes(said.as_bytes()).unwrap_or(HeaderValue::from_static(""));
        let mut answer = Response::new(Bytes::new());
        answer.headers_mut().insert(name, said);
        answer
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(answer::write(session, answer).await?)
    }

    /// Tells a refusal, or 401 alone where the proxy passes nothing else on.
    async fn refuse_proxy(
        &self,
        session: &mut Session,
        asked: &Asked,
        told: &Told,
        cookie: Option<String>,
    ) -> Result<(), Broken> {
        if asked.tells {
            return Ok(self.tell(session, &asked.about, told, cookie).await?);
        }
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = http::StatusCode::UNAUTHORIZED;
        answer
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(answer::write(session, answer).await?)
    }
}

impl Asked {
    fn portal_session(&self) -> String {
        super::portal_session(&self.about.settings.config.portal, &self.about.cookies)
    }
}
