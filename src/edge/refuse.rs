//! A request that is not forwarded: what it is told, and where its browser wanted to go.

use bytes::Bytes;
use http::{HeaderValue, Method, Response};
use pingora::proxy::Session;

use super::answer;
use super::arrival::Arrival;
use super::door::{Broken, Door, Step};
use crate::access::{Unknown, Who};
use crate::gate::route::without_names;
use crate::gate::{Asker, Refusal, Route};
use crate::pages::{Told, told};
use crate::vault::Vault;

impl Door {
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

    pub(super) async fn refuse(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        who: &Who,
        route: Route,
        refusal: Refusal,
    ) -> Result<Step, Broken> {
        let rules = &arrival.settings.config.portal.rules;
        let deep_link = deep_link(arrival, route);
        let (what, cookie) = match refusal {
            Refusal::SignIn if rules.only_basic() => {
                self.ask_for_credentials(session, arrival, None, None).await?;
                return Ok(Step::Answered);
            }
            Refusal::SignIn => {
                let cookie = self.remember(arrival, who, deep_link.as_deref()).await?;
                let login = rules.login_page.address(deep_link.as_deref());
                (Told::SignIn { login }, cookie)
            }
            Refusal::SecondFactor => {
                self.remember(arrival, who, deep_link.as_deref()).await?;
                (Told::SecondFactor, None)
            }
            Refusal::Retry => (Told::Retry, None),
            Refusal::Closed => (Told::Closed, None),
            Refusal::BadLogin => {
                let why = "this login can be read in two ways, or names nobody";
                answer::plain(session, 400, why).await?;
                return Ok(Step::Answered);
            }
            Refusal::LoginPageClean => {
                answer::see_other(session, &without_names(rules, &arrival.target)).await?;
                return Ok(Step::Answered);
            }
        };
        self.tell(session, arrival, &what, cookie).await?;
        Ok(Step::Answered)
    }

    /// Remembers where the browser wanted to go, unless it does already. The session cookie to hand out,
    /// where an anonymous session had to begin for it.
    pub(super) async fn remember(
        &self,
        arrival: &Arrival,
        who: &Who,
        deep_link: Option<&str>,
    ) -> Result<Option<String>, Unknown> {
        let Some(deep_link) = deep_link else {
            return Ok(None);
        };
        let now = self.door.now();
        let note = |vault: &mut Vault| {
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
                let mut vault = Vault::default();
                note(&mut vault);
                if !arrival.settings.config.portal.rules.resume.is_empty() {
                    let token = arrival.token();
                    vault.before = self.door.owner_of_interrupted(who, token.as_ref(), now).await?;
                }
                let token = self
                    .door
                    .begin_anonymous(&vault, None, arrival.client, now)
                    .await?;
                Ok(token.map(|token| self.door.session_cookie(&token)))
            }
        }
    }
}

/// Adds a cookie of ours to an own answer.
pub(super) fn set_cookie(answer: &mut Response<Bytes>, cookie: Option<String>) {
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::from_bytes(cookie.as_bytes()).ok()) {
        answer.headers_mut().append(http::header::SET_COOKIE, value);
    }
}

/// The deep link that a refused request leaves: a GET navigation to a plain protected path.
pub(super) fn deep_link(arrival: &Arrival, route: Route) -> Option<String> {
    let fits = route == Route::Protected
        && arrival.method == Method::GET
        && arrival.asker == Asker::Page
        && !arrival.is_upgrade;
    fits.then(|| arrival.target.path_and_query().to_owned())
}
