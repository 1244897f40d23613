//! One request and its answer, as they are kept: what people typed in secret is not in it.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use http::{HeaderMap, Method};
use serde_json::Value;

use super::forms::Form;
use crate::gate::BadBody;
use crate::gate::body::FormKind;

/// What stands for a value that was taken out.
pub const TAKEN_OUT: &str = "x";

/// All that was seen of one portal.
pub struct Recording {
    /// Where the portal is: `http://127.0.0.1:8081`.
    pub upstream: String,
    /// The origin that the browser and the portal took themselves to be at.
    pub public: String,
    /// In the order in which the requests came.
    pub exchanges: Vec<Exchange>,
    /// Tells values apart that were not kept.
    pub prints: Prints,
    /// How it was recorded, for the first line of the section.
    pub source: String,
    /// What the recorder itself has to say of the recording.
    pub remarks: Vec<String>,
}

/// One request and its answer. Names of people and cookies stand in it: it has no `Debug`.
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// Path and query, secrets taken out.
    pub target: String,
    /// The session id that stood in the path (`;jsessionid=…`) and was taken out: its name.
    pub path_parameter: Option<String>,
    /// Path and query of the Referer, where it is the portal's own.
    pub referer: Option<String>,
    /// Whether a browser asked for a page to show.
    pub navigates: bool,
    /// Credentials in Authorization.
    pub authorization: Option<Authorization>,
    /// Names and prints of the cookies that were sent.
    pub cookies: Vec<(String, Print)>,
    /// Prints of what stands in headers that scripts set (`X-…`).
    pub headers: Vec<(String, Print)>,
    /// The query's fields.
    pub query: Vec<Field>,
    /// The body.
    pub body: Body,
    /// Whether it asks for a WebSocket; `Some(true)` where what was said there held a token that is known.
    pub socket: Option<bool>,
    /// The answer; `None` where there was none.
    pub answer: Option<Answered>,
}

/// Credentials of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization {
    /// HTTP Basic: the user, and the print of the password.
    Basic(String, Print),
    /// A bearer token.
    Bearer(Print),
    /// Another scheme, by its name.
    Other(String),
}

/// A request's body.
pub enum Body {
    /// Nothing was sent, or nothing that matters.
    Empty,
    /// A form's fields, of this kind.
    Form(FormKind, Vec<Field>),
    /// JSON: the document with every value taken out that is not kept, and its leaves by pointer.
    Json(Value, Vec<Field>),
    /// Something else; why it cannot be read as a form.
    Other(BadBody),
}

/// A field of a query or a form, or a leaf of JSON.
#[derive(Clone)]
pub struct Field {
    /// Its name, or its pointer.
    pub name: String,
    /// What tells its value from others.
    pub print: Print,
    /// Its value, where that is no secret: a login's name, a word of the portal's own.
    pub text: Option<String>,
    /// Whether a password stands in it.
    pub password: bool,
    /// Whether its value came from the portal's own page.
    pub given: bool,
}

/// An answer.
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// Its headers, the values of cookies taken out.
    pub headers: HeaderMap,
    /// The cookies that it sets, in order.
    pub cookies: Vec<SetCookie>,
    /// Its media type, in lower case.
    pub kind: String,
    /// Its body, decoded, where it was read; known passwords taken out.
    pub body: Option<Arc<Vec<u8>>>,
    /// The forms on its page.
    pub forms: Vec<Form>,
}

/// A cookie that an answer sets.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// Its name.
    pub name: String,
    /// What tells its value from others.
    pub print: Print,
    /// Whether it leaves a living value.
    pub alive: bool,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// How long it lives, in seconds, where it outlives the browser.
    pub lasts: Option<i64>,
}

/// Tells one value from another without keeping either: a hash under a key that is made anew for each recording
/// and never leaves the process.
#[derive(Clone, Default)]
pub struct Prints {
    key: RandomState,
    secrets: Vec<Print>,
    /// Those of them that are no plain words.
    odd: Vec<Print>,
}

/// What is shorter says nothing of anybody where it stands in a longer text.
const SHORTEST_SECRET: usize = 4;

/// The print of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Print {
    hash: u64,
    /// The value's length in bytes.
    pub len: usize,
    /// Whether it looks made by chance: long, letters and digits mixed, no spaces.
    pub random: bool,
}

impl Prints {
    /// The print of a value.
    pub fn of(&self, value: &str) -> Print {
        let letters = value.bytes().any(|byte| byte.is_ascii_alphabetic());
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        Print {
            hash: self.key.hash_one(value),
            len: value.len(),
            random: value.len() >= 16 && letters && digits > 1 && !value.contains(char::is_whitespace),
        }
    }

    /// Remembers a password's print, so that it is known wherever it comes up.
    pub fn note_secret(&mut self, password: &str) -> Print {
        let print = self.of(password);
        if print.len > 0 && !self.secrets.contains(&print) {
            self.secrets.push(print);
            // "password" and "wrong" are typed as wrong passwords, and stand on every login page.
            if print.len >= 6 && !password.bytes().all(|byte| byte.is_ascii_lowercase()) {
                self.odd.push(print);
            }
        }
        print
    }

    /// Whether a value is a known password.
    pub fn is_secret(&self, print: &Print) -> bool {
        self.secrets.contains(print)
    }

    /// Whether a known password stands in a text.
    pub fn has_secret(&self, text: &str) -> bool {
        !self.find(&self.secrets, text).is_empty()
    }

    /// Where these stand in a text: begin and end, in bytes.
    fn find(&self, secrets: &[Print], text: &str) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let lengths = secrets.iter().map(|secret| secret.len);
        let mut lengths: Vec<usize> = lengths.filter(|len| *len >= SHORTEST_SECRET).collect();
        lengths.sort_unstable();
        lengths.dedup();
        for len in lengths {
            for (start, _) in text.char_indices() {
                let Some(window) = text.get(start..start + len) else {
                    continue;
                };
                let hash = self.key.hash_one(window);
                if secrets
                    .iter()
                    .any(|secret| secret.len == len && secret.hash == hash)
                {
                    found.push((start, start + len));
                }
            }
        }
        found
    }

    /// The text without known passwords, plain words aside; `None` where there are none in it.
    pub fn without_secrets(&self, text: &str) -> Option<String> {
        let found = self.find(&self.odd, text);
        if found.is_empty() {
            return None;
        }
        let mut bytes = text.as_bytes().to_vec();
        for (from, to) in found {
            if let Some(window) = bytes.get_mut(from..to) {
                window.fill(b'*');
            }
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl fmt::Debug for Prints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prints")
    }
}

impl fmt::Debug for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Print")
    }
}

impl Exchange {
    /// The path, without a session id.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }

    /// The answer's status.
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.status)
    }

    /// The fields of its body, whatever kind that is.
    pub fn fields(&self) -> &[Field] {
        match &self.body {
            Body::Form(_, fields) | Body::Json(_, fields) => fields,
            Body::Empty | Body::Other(_) => &[],
        }
    }

    /// Whether the answer is a page.
    pub fn is_page(&self) -> bool {
        self.answer.as_ref().is_some_and(Answered::is_html)
    }
}

impl Answered {
    /// Whether it is HTML.
    pub fn is_html(&self) -> bool {
        matches!(self.kind.as_str(), "text/html" | "application/xhtml+xml")
    }

    /// Whether it is JSON.
    pub fn is_json(&self) -> bool {
        self.kind == "application/json"
            || self.kind.starts_with("application/") && self.kind.ends_with("+json")
    }

    /// The first Location, as sent.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(http::header::LOCATION)?.to_str().ok()
    }

    /// The last cookie of each name that it sets and that lives.
    pub fn living(&self) -> Vec<&SetCookie> {
        let mut last: Vec<&SetCookie> = Vec::new();
        for cookie in &self.cookies {
            last.retain(|known| known.name != cookie.name);
            last.push(cookie);
        }
        last.retain(|cookie| cookie.alive);
        last
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        if !self.is_json() && self.kind != "text/html" && self.kind != "text/plain" {
            return None;
        }
        let body = self.body.as_ref()?;
        serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).ok()
    }

    /// The body as text.
    pub fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.body.as_ref().map(|body| String::from_utf8_lossy(body))
    }

    /// Whether its page asks for a password.
    pub fn asks_for_a_password(&self) -> bool {
        self.forms.iter().any(|form| form.password().is_some())
    }
}
