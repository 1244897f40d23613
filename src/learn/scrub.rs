//! Takes passwords and tokens out of a request and its answer, before anything is kept.
//!
//! Of what people type, the login's name is kept; of everything else only names and prints. A value is kept where it
//! is the portal's own word: it stood on a page of the portal, or is one of a few words that say what a request does.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cookie::Cookie;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, REFERER, SET_COOKIE, UPGRADE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use url::form_urlencoded;

use super::exchange::{Answered, Authorization, Body, Exchange, Field, Print, Prints, SetCookie, TAKEN_OUT};
use super::forms::{self, Form};
use super::names;
use super::place::without_session;
use crate::clock::Timestamp;
use crate::gate::body::FormKind;
use crate::gate::{BadBody, FormBody};

/// The longest value of a page that is kept.
const LONGEST_WORD: usize = 64;
/// So many bytes of answers are kept in all.
const MOST_BODIES: usize = 48 * 1024 * 1024;
/// Headers whose values are compared with cookies.
const OWN_HEADERS: [&str; 2] = ["x-", "csrf"];

/// A request and its answer, as they came.
pub struct Raw {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The request's headers.
    pub headers: HeaderMap,
    /// Its body; `None` where it was too long to be a login.
    pub body: Option<Bytes>,
    /// Whether what was said over its WebSocket held a token.
    pub said_token: bool,
    /// The answer, if there was one.
    pub answer: Option<RawAnswer>,
}

/// An answer, as it came.
pub struct RawAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decoded; `None` where it is of no kind that is read, or too long.
    pub body: Option<Bytes>,
}

/// Whether an answer's body is of a kind that is looked into.
pub fn is_read(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_none_or(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.starts_with("text/html")
            || kind.starts_with("text/plain")
            || kind.starts_with("application/xhtml")
            || kind.contains("json")
    })
}

/// What is known while exchanges come in.
pub struct Scrubber {
    /// Tells values apart that are not kept.
    pub prints: Prints,
    public: String,
    upstream: String,
    /// Fields that some page has as a password's, or as the name before it.
    password_fields: HashSet<String>,
    username_fields: HashSet<String>,
    /// Names and values on pages.
    given: HashSet<(String, Print)>,
    kept: usize,
}

impl Scrubber {
    /// For a portal that takes itself to be at `public`, or at `upstream`.
    pub fn new(public: &str, upstream: &str) -> Self {
        Self {
            prints: Prints::default(),
            public: public.to_owned(),
            upstream: upstream.to_owned(),
            password_fields: HashSet::new(),
            username_fields: HashSet::new(),
            given: HashSet::new(),
            kept: 0,
        }
    }

    /// Keeps what may be kept of a request and its answer.
    pub fn take(&mut self, raw: Raw, now: Timestamp) -> Exchange {
        let (target, path_parameter) = without_session(&raw.target);
        let body = self.body(&raw);
        let query = target.split_once('?').map_or("", |(_, query)| query).to_owned();
        let query = self.fields(form_urlencoded::parse(query.as_bytes()));
        let header = |name: &http::HeaderName| raw.headers.get(name).and_then(|value| value.to_str().ok());
        let navigates = match raw.headers.get("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            None => header(&http::header::ACCEPT).is_some_and(|accept| accept.contains("text/html")),
        };
        let exchange = Exchange {
            target: self.clean_target(&target),
            path_parameter,
            referer: header(&REFERER).and_then(|referer| self.own_path(referer)),
            navigates,
            authorization: header(&AUTHORIZATION).and_then(|value| self.authorization(value)),
            cookies: self.cookies(&raw.headers),
            headers: self.script_headers(&raw.headers),
            query,
            body,
            socket: raw.headers.contains_key(UPGRADE).then_some(raw.said_token),
            answer: raw.answer.map(|answer| self.answer(answer, now)),
            method: raw.method,
        };
        for form in exchange.answer.iter().flat_map(|answer| &answer.forms) {
            self.learn_form(form);
        }
        exchange
    }

    // Requests.

    fn body(&mut self, raw: &Raw) -> Body {
        let Some(bytes) = &raw.body else {
            return Body::Other(BadBody::TooLong);
        };
        if bytes.is_empty() {
            return Body::Empty;
        }
        match FormBody::read(&raw.headers, bytes) {
            Ok(form) if form.kind == FormKind::Json => match serde_json::from_slice::<Value>(bytes) {
                Ok(mut document) => {
                    let mut leaves = Vec::new();
                    self.leaves(&mut document, &mut String::new(), &mut leaves);
                    Body::Json(document, leaves)
                }
                Err(_) => Body::Other(BadBody::Unparsable),
            },
            Ok(form) if form.kind == FormKind::Empty => Body::Empty,
            Ok(form) => {
                let pairs: Vec<(String, String)> = form
                    .fields
                    .iter()
                    .map(|field| (field.name.clone(), field.value.clone()))
                    .collect();
                let fields = self.fields(
                    pairs
                        .iter()
                        .map(|(name, value)| (name.as_str().into(), value.as_str().into())),
                );
                Body::Form(form.kind, fields)
            }
            Err(why) => Body::Other(why),
        }
    }

    fn fields<'a>(
        &mut self,
        pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
    ) -> Vec<Field> {
        pairs.map(|(name, value)| self.field(&name, &value)).collect()
    }

    /// One value, by what is known of its name.
    fn field(&mut self, name: &str, value: &str) -> Field {
        let print = self.prints.of(value);
        let given = self.given.contains(&(name.to_owned(), print));
        let is_user = self.username_fields.contains(name) || names::username_likeness(name) > 0;
        let password = !given
            && (self.password_fields.contains(name)
                || names::is_password(name) && !names::is_new_password(name));
        if password {
            self.prints.note_secret(value);
        }
        let shown = !password && !names::is_password(name) && !self.prints.is_secret(&print);
        let word = value.len() <= LONGEST_WORD && !value.chars().any(char::is_control);
        let is_portals_own = given && !names::is_token(name) && !print.random
            || names::is_discriminator(name) && (names::says_login(value) || names::says_logout(value))
            || names::is_target(name) && value.starts_with('/');
        Field {
            name: name.to_owned(),
            print,
            text: (shown && word && (is_portals_own || is_user)).then(|| value.to_owned()),
            password,
            given,
        }
    }

    /// The leaves of a JSON document, by pointer; what is not kept is taken out of it.
    fn leaves(&mut self, value: &mut Value, pointer: &mut String, leaves: &mut Vec<Field>) {
        let depth = pointer.len();
        match value {
            Value::Object(members) => {
                for (key, value) in members.iter_mut() {
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    self.leaves(value, pointer, leaves);
                    pointer.truncate(depth);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter_mut().enumerate() {
                    pointer.push_str(&format!("/{index}"));
                    self.leaves(value, pointer, leaves);
                    pointer.truncate(depth);
                }
            }
            Value::String(text) => {
                let field = self.field(pointer, text);
                if field.text.is_none() {
                    *text = TAKEN_OUT.to_owned();
                }
                leaves.push(field);
            }
            Value::Number(_) => *value = Value::from(0),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn authorization(&mut self, value: &str) -> Option<Authorization> {
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        Some(match scheme.to_ascii_lowercase().as_str() {
            "basic" => {
                let decoded = STANDARD.decode(rest.trim()).ok()?;
                let text = String::from_utf8_lossy(&decoded);
                let (user, password) = text.split_once(':')?;
                let print = self.prints.note_secret(password);
                Authorization::Basic(user.to_owned(), print)
            }
            "bearer" => Authorization::Bearer(self.prints.of(rest.trim())),
            other => Authorization::Other(other.to_owned()),
        })
    }

    fn cookies(&self, headers: &HeaderMap) -> Vec<(String, Print)> {
        let lines = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok());
        let pairs = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(name, value)| (name.trim().to_owned(), self.prints.of(value.trim())))
            .collect()
    }

    fn script_headers(&self, headers: &HeaderMap) -> Vec<(String, Print)> {
        let own = |name: &str| OWN_HEADERS.iter().any(|begin| name.starts_with(begin));
        headers
            .iter()
            .filter(|(name, _)| own(name.as_str()) && *name != "x-requested-with")
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), self.prints.of(value.to_str().ok()?)))
            })
            .collect()
    }

    // Answers.

    fn answer(&mut self, raw: RawAnswer, now: Timestamp) -> Answered {
        let mut headers = raw.headers;
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let mut cookies = Vec::new();
        let mut lines = Vec::new();
        for line in headers.get_all(SET_COOKIE) {
            if let Some((cookie, line)) = self.set_cookie(&String::from_utf8_lossy(line.as_bytes()), now) {
                lines.extend(HeaderValue::from_str(&line).ok());
                cookies.push(cookie);
            }
        }
        headers.remove(SET_COOKIE);
        for line in lines {
            headers.append(SET_COOKIE, line);
        }
        if let Some(location) = headers
            .get(http::header::LOCATION)
            .and_then(|value| value.to_str().ok())
            && let Ok(clean) = HeaderValue::from_str(&self.clean_target(&without_session(location).0))
        {
            headers.insert(http::header::LOCATION, clean);
        }
        let html = matches!(kind.as_str(), "text/html" | "application/xhtml+xml");
        let body = raw.body.filter(|body| self.kept + body.len() <= MOST_BODIES);
        self.kept += body.as_ref().map_or(0, Bytes::len);
        let body = body.map(|body| {
            let text = String::from_utf8_lossy(&body);
            // Some portals show a wrong password again; bytes that are no text are left as they are.
            let clean = self.prints.without_secrets(&text);
            clean.map_or_else(|| body.to_vec(), String::into_bytes)
        });
        let forms = match &body {
            Some(body) if html => forms::read(&String::from_utf8_lossy(body)),
            _ => Vec::new(),
        };
        Answered {
            status: raw.status,
            headers,
            cookies,
            kind,
            body: body.map(Arc::new),
            forms,
        }
    }

    /// A Set-Cookie line: what is known of it, and the line with the value taken out.
    fn set_cookie(&self, line: &str, now: Timestamp) -> Option<(SetCookie, String)> {
        let cookie = Cookie::parse(line.to_owned()).ok()?;
        let value = cookie.value_trimmed();
        let lasts = match (cookie.max_age(), cookie.expires_datetime()) {
            (Some(age), _) => Some(age.whole_seconds()),
            (None, Some(expires)) => Some(expires.unix_timestamp() - now.seconds()),
            (None, None) => None,
        };
        let alive = !value.is_empty() && lasts.is_none_or(|seconds| seconds > 0);
        let attributes = line.split_once(';').map_or("", |(_, attributes)| attributes);
        let shown = if value.is_empty() { "" } else { TAKEN_OUT };
        let rest = if attributes.is_empty() {
            String::new()
        } else {
            format!(";{attributes}")
        };
        let clean = format!("{}={shown}{rest}", cookie.name());
        Some((
            SetCookie {
                name: cookie.name().to_owned(),
                print: self.prints.of(value),
                alive,
                http_only: cookie.http_only() == Some(true),
                lasts: lasts.filter(|_| alive),
            },
            clean,
        ))
    }

    fn learn_form(&mut self, form: &Form) {
        if let Some(password) = form.password() {
            self.password_fields.insert(password.name.clone());
            if let Some(username) = form.username() {
                self.username_fields.insert(username.name.clone());
            }
        }
        for input in &form.inputs {
            if let Some(value) = &input.value {
                let print = self.prints.of(value);
                self.given.insert((input.name.clone(), print));
            }
        }
        let query = form.action.split_once('?').map_or("", |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let print = self.prints.of(&value);
            self.given.insert((name.into_owned(), print));
        }
    }

    // Addresses.

    /// Path and query of an address of the portal's own.
    fn own_path(&self, url: &str) -> Option<String> {
        let rest = [&self.public, &self.upstream]
            .into_iter()
            .find_map(|origin| url.strip_prefix(origin.as_str()))?;
        let rest = if rest.is_empty() { "/" } else { rest };
        rest.starts_with('/')
            .then(|| self.clean_target(&without_session(rest).0))
    }

    /// An address whose query shows neither passwords nor tokens.
    fn clean_target(&self, target: &str) -> String {
        let target = target.split('#').next().unwrap_or(target);
        let Some((path, query)) = target.split_once('?') else {
            return target.to_owned();
        };
        let pieces: Vec<String> = query.split('&').map(|piece| self.clean_piece(piece)).collect();
        format!("{path}?{}", pieces.join("&"))
    }

    fn clean_piece(&self, piece: &str) -> String {
        let Some((name, value)) = form_urlencoded::parse(piece.as_bytes()).next() else {
            return piece.to_owned();
        };
        let print = self.prints.of(&value);
        let hidden = names::is_password(&name)
            || self.password_fields.contains(name.as_ref())
            || self.prints.is_secret(&print)
            || !value.is_empty() && (names::is_token(&name) || print.random && !names::is_target(&name));
        match piece.split_once('=') {
            Some((name, _)) if hidden => format!("{name}={TAKEN_OUT}"),
            _ => piece.to_owned(),
        }
    }
}
