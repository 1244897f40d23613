//! A request on its way to the portal and its answer on the way back: which cookies go up, which come
//! down, and what the vault keeps (I3).

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};

use super::arrival::Arrival;
use super::credentials::{
    SHORTEST_SESSION, is_bound, names_a_token, offers_foreign_token, without_foreign_tokens,
};
use super::headers::{self, Said};
use super::messages::{Foreign, Messages};
use super::step_up;
use crate::access::{Doorstep, LiveSession, Unknown, Who};
use crate::gate::route::{path_carries_session, takes_logins};
use crate::gate::rules::{PortalRules, UsernameSource};
use crate::gate::scan::{NamesSomebody, Scan};
use crate::gate::{Credentials, Route};
use crate::sessions::Level;
use crate::vault::{Bound, BrowserCookies, Credential, Jar, Parted, Vault, part};

/// A request that is forwarded.
pub struct Passage {
    /// Its head, read.
    pub arrival: Arrival,
    /// Who makes it.
    pub who: Who,
    /// How it is classed.
    pub route: Route,
    /// What goes up with it.
    pub credentials: Credentials,
    /// The value of its Cookie header.
    cookie: Option<String>,
    /// Credentials of its own that may go up.
    authorization: Option<HeaderValue>,
    /// Path and query that go up, where they are not those that came: another session's token was taken out.
    target: Option<String>,
    /// Whether the path has a session that is not this one's, for a portal that would look at it.
    is_foreign_path: bool,
    /// The credentials that the session's own login brought.
    bound: Bound,
    /// What is said over its WebSocket.
    messages: Messages,
    /// Whether it is a machine client's, with credentials of its own.
    is_exempt: bool,
    /// What its body is looked through for.
    scan: Option<Scan>,
    /// A session cookie that its answer brings.
    own_cookie: Option<String>,
    /// The session ended before it is forwarded (logout): nothing is kept, and the cookie is taken back.
    session_ended: bool,
    /// `pass_cookies` of a withheld login answer, where the firm's policy went off (or an exception began to
    /// hold) while the factor was owed: this answer releases them (THREATS H5).
    owed: Vec<String>,
}

impl Passage {
    /// Settles what goes up.
    ///
    /// # Errors
    /// Where the vault does not open.
    pub fn new(arrival: Arrival, who: Who, route: Route, credentials: Credentials) -> Result<Self, Unknown> {
        let vault = match &who {
            Who::Session(session) => session.vault()?,
            Who::Nobody | Who::Replaced => Vault::default(),
        };
        let pass = &arrival.settings.config.portal.rules.pass_cookies;
        let jar = match credentials {
            Credentials::Vault | Credentials::LoginJar => Some(&vault.main),
            Credentials::PublicJar => Some(&vault.public),
            Credentials::None => None,
        };
        // Whatever goes up, nothing that either jar holds comes from the browser.
        let pairs = arrival.cookies.pairs.iter();
        let foreign = BrowserCookies {
            pairs: pairs
                .filter(|(name, _)| !vault.main.holds(name) && !vault.public.holds(name))
                .cloned()
                .collect(),
        };
        let cookie = foreign.upstream(pass, jar, arrival.target.path());
        let owed = match vault.waiting {
            Some(waiting) if credentials == Credentials::Vault => waiting.cookies,
            _ => Vec::new(),
        };
        let in_vault = credentials == Credentials::Vault;
        let authorization = arrival
            .authorization
            .clone()
            .filter(|value| in_vault && is_bound(&vault.bound, value));
        let rules = &arrival.settings.config.portal.rules;
        // Without a bearer rule a session's id may stand in the portal's own links; a token never does.
        let names: Vec<String> = rules
            .session_parameters
            .iter()
            .filter(|name| rules.has_bearer() || names_a_token(name))
            .cloned()
            .collect();
        // A portal that gets no session cookie takes the one in the address, and may have shown its id to somebody
        // who has only another's password.
        let path = arrival.target.path();
        let may_carry = arrival.target.query().is_some() || path.contains([';', '%']);
        let by_basic = rules
            .logins
            .iter()
            .all(|rule| rule.username == UsernameSource::Basic);
        let is_bare = in_vault && may_carry && !by_basic && !sends_session(rules, &vault.main, path);
        let is_foreign_path = is_bare && path_carries_session(rules, &arrival.target);
        let query = arrival.target.query().filter(|_| in_vault);
        let without = |query: Option<&str>, names: &[String], shortest| {
            without_foreign_tokens(query?, names, shortest, &vault.bound, &vault.main)
        };
        let mut cleaned = without(query, &names, 1);
        if is_bare {
            let all = &rules.session_parameters;
            cleaned = without(cleaned.as_deref().or(query), all, SHORTEST_SESSION).or(cleaned);
        }
        let target = cleaned.map(|query| match query.is_empty() {
            true => arrival.target.path().to_owned(),
            false => format!("{}?{query}", arrival.target.path()),
        });
        Ok(Self {
            arrival,
            who,
            route,
            credentials,
            cookie,
            authorization,
            target,
            is_foreign_path,
            bound: vault.bound,
            messages: Messages::default(),
            scan: None,
            is_exempt: false,
            own_cookie: None,
            session_ended: false,
            owed,
        })
    }

    /// A machine client's: no session, its own Authorization as it was sent (`[[portal.exempt]]`).
    ///
    /// # Errors
    /// Never: there is no vault to open.
    pub fn exempt(arrival: Arrival, route: Route) -> Result<Self, Unknown> {
        let authorization = arrival.authorization.clone();
        Ok(Self {
            authorization,
            is_exempt: true,
            ..Self::new(arrival, Who::Nobody, route, Credentials::None)?
        })
    }

    /// Whether the path could carry somebody else's session.
    pub fn carries_foreign_session(&self) -> bool {
        self.is_foreign_path
    }

    /// The same, with a session cookie that its answer brings.
    #[must_use]
    pub fn bringing(mut self, cookie: Option<String>) -> Self {
        self.own_cookie = cookie;
        self
    }

    /// The same, with a body that must not name somebody.
    #[must_use]
    pub fn looking_through(mut self, scan: Option<Scan>) -> Self {
        self.scan = scan;
        self
    }

    /// Looks through a piece of the body; what of it may go up by now.
    ///
    /// # Errors
    /// Where it names somebody.
    pub fn look_through(&mut self, bytes: &mut Option<Bytes>, end: bool) -> Result<(), NamesSomebody> {
        if let Some(scan) = &mut self.scan {
            let harmless = scan.feed(bytes.as_deref().unwrap_or_default(), end)?;
            if bytes.is_some() || !harmless.is_empty() {
                *bytes = Some(harmless);
            }
        }
        Ok(())
    }

    /// Whether the subprotocols that a WebSocket offers hold a token that is not this session's.
    pub fn offers_foreign_token(&self, head: &RequestHeader) -> bool {
        let offers = head.headers.get_all(http::header::SEC_WEBSOCKET_PROTOCOL).iter();
        self.arrival.settings.config.portal.rules.has_bearer() && offers_foreign_token(offers, &self.bound)
    }

    /// Reads what the browser says over a connection that was upgraded.
    ///
    /// # Errors
    /// Where it brings a token that is not this session's.
    pub fn overhear(&mut self, bytes: &[u8]) -> Result<(), Foreign> {
        if !self.arrival.is_upgrade || !self.arrival.settings.config.portal.rules.has_bearer() {
            return Ok(());
        }
        self.messages.read(bytes, &self.bound)
    }

    /// The same, for a session that was just ended by logout.
    #[must_use]
    pub fn after_logout(mut self) -> Self {
        self.session_ended = true;
        self
    }

    /// Rewrites the head of the request for the portal.
    ///
    /// # Errors
    /// Where a value cannot stand in a header.
    pub fn prepare(&self, head: &mut RequestHeader) -> pingora::Result<()> {
        let let_in = self.credentials == Credentials::Vault;
        let identity = match (&self.who, let_in) {
            (Who::Session(session), true) => session.stored.record.level.holder(),
            _ => None,
        };
        let said = Said {
            client: self.arrival.client,
            identity: identity.map(|holder| holder.login.as_str()),
            cookie: self.cookie.clone(),
            authorization: self.authorization.clone(),
            overrides: let_in
                && matches!(self.route, Route::Protected | Route::Ambiguous)
                && head
                    .headers
                    .keys()
                    .any(|name| headers::changes_method(name.as_str()))
                && !takes_logins(&self.arrival.settings.config.portal.rules, &self.arrival.target),
        };
        headers::for_upstream(head, said, &self.arrival.settings.config)?;
        self.drop_foreign_credentials(head);
        step_up::prepare(&self.arrival, head)?;
        if self.arrival.is_upgrade && self.arrival.settings.config.portal.rules.has_bearer() {
            // Messages that are compressed could not be read.
            head.remove_header(&http::header::SEC_WEBSOCKET_EXTENSIONS);
        }
        let target = self
            .target
            .as_deref()
            .unwrap_or_else(|| self.arrival.target.path_and_query());
        if target.as_bytes() != head.raw_path() {
            // A session in the path was taken out before the request was classed.
            let uri = target.parse().map_err(|_| {
                pingora::Error::explain(pingora::ErrorType::InvalidHTTPHeader, "a target that is no URI")
            })?;
            head.set_uri(uri);
        }
        Ok(())
    }

    /// Headers that can carry a token: only this session's own goes up (I4). A machine client's are its own.
    fn drop_foreign_credentials(&self, head: &mut RequestHeader) {
        let named = &self.arrival.settings.config.portal.rules.credential_headers;
        if named.is_empty() || self.is_exempt {
            return;
        }
        let is_foreign = |(name, value): (&HeaderName, &HeaderValue)| {
            let folded = name.as_str().replace(['_', '.'], "-");
            let own = self.credentials == Credentials::Vault
                && self.bound.binds(Credential::Bearer, value.as_bytes());
            (named.iter().any(|named| named.as_str() == folded) && !own).then(|| name.clone())
        };
        let foreign: Vec<HeaderName> = head.headers.iter().filter_map(is_foreign).collect();
        for name in foreign {
            head.remove_header(&name);
        }
    }

    /// Rewrites the head of the answer for the browser, and keeps what the vault must keep.
    ///
    /// # Errors
    /// Where directory or store cannot answer: then nothing of the answer may go out.
    pub async fn conclude(&self, door: &Doorstep, head: &mut ResponseHeader) -> Result<(), Unknown> {
        let sets_cookies = head.headers.contains_key(SET_COOKIE);
        let parted = take_set_cookies(head, &self.arrival.settings.config.portal.rules.pass_cookies);
        if !self.session_ended {
            self.release_owed(door, head).await?;
        }
        for passed in &parted.passed {
            append_cookie(head, passed);
        }
        if let Some(own) = &self.own_cookie {
            append_cookie(head, own);
        }
        if self.session_ended {
            append_cookie(head, &door.clear_session_cookie());
        } else if let Some(own) = self.keep(door, &parted.kept).await? {
            append_cookie(head, &own);
        }
        for collected in &self.arrival.collected {
            append_cookie(head, collected);
        }
        // An answer that a cookie was taken out of, or put into, is one person's (THREATS C10).
        let private = self.route != Route::Public || sets_cookies || head.headers.contains_key(SET_COOKIE);
        headers::for_browser(head, private, &self.arrival.settings.config)
            .map_err(|_| crate::sessions::StoreUnknown("an answer's head cannot be rewritten".into()))?;
        Ok(())
    }

    /// Releases what of a withheld login answer still waits, though no factor is owed any more.
    async fn release_owed(&self, door: &Doorstep, head: &mut ResponseHeader) -> Result<(), Unknown> {
        let Who::Session(session) = &self.who else {
            return Ok(());
        };
        if self.owed.is_empty() {
            return Ok(());
        }
        door.change_vault(session, door.now(), |vault| vault.waiting.take().is_some())
            .await?;
        for owed in &self.owed {
            append_cookie(head, owed);
        }
        Ok(())
    }

    /// Keeps Set-Cookie lines in the jar that the request was made with. The session cookie to hand out, where
    /// an anonymous session had to begin for it.
    async fn keep(&self, door: &Doorstep, lines: &[String]) -> Result<Option<String>, Unknown> {
        if lines.is_empty() || self.credentials == Credentials::None {
            return Ok(None);
        }
        let now = door.now();
        let config = &self.arrival.settings.config;
        let hosts = [
            config.listen.public_url.host(),
            config.portal.upstream.origin.host(),
        ];
        let path = self.arrival.target.path();
        // I4: asked about before the vault is used again.
        let sets_session = self.credentials == Credentials::Vault && self.arrival.sets_session(lines);
        let asks = config.portal.rules.who_am_i.is_some();
        let session_changed = AtomicBool::new(false);
        let store = |vault: &mut Vault| {
            let changed = self.jar_of(vault).store(lines, path, &hosts);
            vault.unproven |= changed && sets_session && asks;
            session_changed.fetch_or(changed && sets_session, Ordering::Relaxed);
            changed
        };
        match &self.who {
            Who::Session(session) => {
                door.change_vault(session, now, store).await?;
                if session_changed.into_inner() && !matches!(self.route, Route::Login(_)) {
                    let holder = session.stored.record.level.holder();
                    let login = holder.map(|holder| &holder.login);
                    let place = "session_cookies";
                    door.note_drift("session_changed", place, login, self.arrival.client)
                        .await?;
                }
                Ok(None)
            }
            Who::Nobody | Who::Replaced if self.credentials == Credentials::Vault => Ok(None),
            Who::Nobody | Who::Replaced => {
                let mut vault = Vault::default();
                if !store(&mut vault) {
                    return Ok(None);
                }
                let token = door
                    .begin_anonymous(&vault, None, self.arrival.client, now)
                    .await?;
                Ok(token.map(|token| door.session_cookie(&token)))
            }
        }
    }

    fn jar_of<'a>(&self, vault: &'a mut Vault) -> &'a mut Jar {
        match self.credentials {
            Credentials::PublicJar => &mut vault.public,
            Credentials::Vault | Credentials::LoginJar | Credentials::None => &mut vault.main,
        }
    }

    /// The session whose end must end this request's connection too (I13).
    pub fn watched(&self) -> Option<&LiveSession> {
        match &self.who {
            Who::Session(session)
                if self.credentials == Credentials::Vault
                    && !self.session_ended
                    && !matches!(session.stored.record.level, Level::Anonymous { .. }) =>
            {
                Some(session)
            }
            _ => None,
        }
    }
}

/// Whether the portal gets its session cookie, or, where none is named, any cookie at all.
fn sends_session(rules: &PortalRules, jar: &Jar, path: &str) -> bool {
    let header = jar.header(path).unwrap_or_default();
    let mut names = header
        .split(';')
        .filter_map(|pair| Some(pair.split_once('=')?.0.trim()));
    names.any(|name| rules.session_cookies.is_empty() || rules.is_session_cookie(name))
}

/// Takes every Set-Cookie out of an answer's head, parted into what the vault keeps and what passes.
pub fn take_set_cookies(head: &mut ResponseHeader, pass: &[crate::gate::Glob]) -> Parted {
    let parted = {
        let lines: Vec<&[u8]> = head
            .headers
            .get_all(SET_COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        part(&lines, pass)
    };
    head.remove_header(&SET_COOKIE);
    // Set-Cookie2 is obsolete (RFC 6265 9.4), but no reason to let a cookie slip by.
    head.remove_header("set-cookie2");
    parted
}

/// Appends a Set-Cookie line; one that cannot stand in a header is dropped.
pub fn append_cookie(head: &mut ResponseHeader, line: &str) {
    if let Ok(value) = HeaderValue::from_bytes(line.as_bytes()) {
        // Appending fails only where a header map is full.
        let _ = head.append_header(SET_COOKIE, value);
    }
}
