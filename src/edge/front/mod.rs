//! Forward-auth mode: another proxy stands in front and serves the portal; doorstep only answers whether a
//! request may pass (`/.doorstep/auth`), and serves its own pages. Who it is says the portal, asked with the
//! browser's own cookies: they are in the browser in this mode, not in the vault.

mod identity;
mod original;
mod verdict;

use http::header::SEC_WEBSOCKET_VERSION;
use http::{HeaderMap, Method};
use pingora::proxy::Session;
use ring::digest::{SHA256, digest};

pub use self::identity::Identities;
use self::identity::{Credentials, Identified};
pub use self::original::host_of;
use self::original::{Original, is_question};
use super::answer;
use super::arrival::Arrival;
use super::door::{Broken, Door, Step};
use super::headers::changes_method;
use crate::access::Who;
use crate::config::Portal;
use crate::gate::route::{carries_session, class_unread};
use crate::gate::{Asker, Route};
use crate::pages::{CHALLENGE, Told};
use crate::secret::hex;
use crate::vault::BrowserCookies;

/// Stands in the challenge's query once its visitor has been met there.
const MET: &str = "met=1";

/// A question, read.
struct Asked {
    /// The request that it is about, as if it had come here.
    about: Arrival,
    route: Route,
    credentials: Credentials,
    /// Whether the browser gets more of a refusal than 401.
    tells: bool,
}

impl Door {
    /// Answers a request in forward-auth mode; `None`: it is for an own page, and goes on as ever.
    pub(super) async fn at_the_front(
        &self,
        session: &mut Session,
        arrival: &mut Arrival,
    ) -> Result<Option<Step>, Broken> {
        let path = arrival.target.path();
        if is_question(path) {
            self.answer_proxy(session, arrival).await?;
            return Ok(Some(Step::Answered));
        }
        if !arrival.target.is_own() {
            // The proxy in front serves the portal. What comes here it has sent astray.
            self.tell(session, arrival, &Told::NotFound, None).await?;
            return Ok(Some(Step::Answered));
        }
        if path == CHALLENGE
            && arrival.method == Method::GET
            && self.meet_at_challenge(session, arrival).await?
        {
            return Ok(Some(Step::Answered));
        }
        Ok(None)
    }

    async fn answer_proxy(&self, session: &mut Session, arrival: &Arrival) -> Result<(), Broken> {
        if !arrival.is_by_proxy {
            self.door.metrics.refused("not_a_proxy");
            let why = "only a proxy that trusted_proxies names may ask here";
            return Ok(answer::plain(session, 403, why).await?);
        }
        let asked = match Asked::read(arrival, &session.req_header().headers) {
            Ok(asked) => asked,
            Err(why) => {
                self.door.metrics.refused("unclear_question");
                return Ok(answer::plain(session, 400, why).await?);
            }
        };
        self.judge(session, asked).await
    }

    /// Somebody at the challenge whom the portal knows and doorstep does not yet: a script of the portal's
    /// sent them here. Whether they were answered.
    async fn meet_at_challenge(&self, session: &mut Session, arrival: &Arrival) -> Result<bool, Broken> {
        let who = self.door.who(arrival.token(), self.door.now()).await?;
        let is_met = matches!(&who, Who::Session(live) if live.stored.record.level.holder().is_some());
        // Without the cookie that came with it, it would go round in circles.
        let came_round = arrival
            .target
            .query()
            .is_some_and(|query| query.split('&').any(|piece| piece == MET));
        let credentials = Credentials::of(&session.req_header().headers);
        let Some(credentials) =
            credentials.filter(|_| !is_met && !came_round && !matches!(who, Who::Replaced))
        else {
            return Ok(false);
        };
        let Identified::Somebody { name, .. } = self.identified(arrival, &credentials).await? else {
            return Ok(false);
        };
        let asked = Asked {
            about: arrival.clone(),
            route: Route::Own,
            credentials,
            tells: true,
        };
        self.enter(session, &asked, &who, &name, None).await?;
        Ok(true)
    }
}

impl Asked {
    fn read(arrival: &Arrival, headers: &HeaderMap) -> Result<Self, &'static str> {
        let original = Original::read(arrival, headers)?;
        let credentials = Credentials::of(headers).ok_or("the cookies are no text")?;
        let rules = &arrival.settings.config.portal.rules;
        let public = arrival.settings.config.listen.public_url.to_string();
        let is_socket = headers.contains_key(SEC_WEBSOCKET_VERSION);
        let is_foreign = headers
            .get(http::header::ORIGIN)
            .is_some_and(|origin| origin.as_bytes() != public.as_bytes());
        // A page of another site would speak with the cookies of this one (THREATS D5); and a session in the
        // address could be another's than the cookies'.
        let is_shut = is_socket && is_foreign || carries_session(rules, &original.target);
        let is_overridden = headers.keys().any(|name| changes_method(name.as_str()));
        let route = match class_unread(rules, &original.method, &original.target) {
            Route::Protected | Route::Ambiguous if is_shut => Route::Closed,
            // What is open by one method is not by another, which the portal finds in a header.
            Route::Public | Route::LoginPage | Route::Logout if is_overridden => Route::Ambiguous,
            route => route,
        };
        let about = Arrival {
            method: original.method,
            target: original.target,
            is_upgrade: is_socket,
            ..arrival.clone()
        };
        Ok(Self {
            about,
            route,
            credentials,
            tells: original.tells,
        })
    }

    /// The challenge again, with what stood in its query.
    fn challenge_again(&self) -> String {
        let query = self.about.target.query().unwrap_or_default();
        let parts = query.split('&').filter(|piece| !piece.is_empty());
        let parts: Vec<&str> = parts.chain([MET]).collect();
        format!("{CHALLENGE}?{}", parts.join("&"))
    }

    fn is_page(&self) -> bool {
        self.about.asker == Asker::Page
    }
}

/// A digest of the portal session that a browser brings: the cookies that are one, or all where none is named.
fn portal_session(portal: &Portal, cookies: &BrowserCookies) -> String {
    let rules = &portal.rules;
    let all = rules.session_cookies.is_empty();
    let mut text = String::new();
    for (name, value) in cookies.of_the_portal() {
        let passes = rules.pass_cookies.iter().any(|glob| glob.matches(name));
        if rules.is_session_cookie(name) || all && !passes {
            text.push_str(&format!("{name}={value};"));
        }
    }
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}
