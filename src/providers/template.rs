//! A templated HTTP request, compiled: what is filled in is escaped for where it stands.

use std::sync::LazyLock;

use askama::filters::{Escaper as _, Html};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use regex::Regex;
use url::Url;
use zeroize::Zeroizing;

use super::TokenMessage;
use crate::config::HttpTemplate;
use crate::directory::Phone;
use crate::secret::Redacted;

static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{([A-Za-z_][A-Za-z0-9_]*)\}").expect("the pattern is a constant"));

/// Checks a template as the sender will use it: every placeholder known and in a place where it can be
/// escaped, the URL and the body's form right.
///
/// # Errors
/// A sentence that says what is wrong; it never holds the secret.
pub fn check_template(template: &HttpTemplate) -> Result<(), String> {
    Template::compile(template).map(drop)
}

/// A compiled template.
pub(super) struct Template {
    method: Method,
    url: Line,
    headers: Vec<(HeaderName, Line)>,
    body: Line,
    body_escape: Escape,
    secret: Redacted<String>,
}

/// A request, filled in.
pub(super) struct Filled {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<String>,
}

impl Template {
    /// Compiles a template and fills it in once with values that would break a wrong escaping.
    pub(super) fn compile(template: &HttpTemplate) -> Result<Self, String> {
        let secret = template.secret.clone();
        let parse = |place: &str, text: &str| Line::parse(place, text, secret.is_some());
        let mut headers = Vec::new();
        for (name, text) in &template.headers {
            headers.push((name.clone(), parse(&format!("the header {name}"), text)?));
        }
        let body = parse("the body", &template.body)?;
        let compiled = Self {
            method: template.method.clone(),
            url: parse("the URL", &template.url)?,
            body_escape: Escape::for_body(&body, &template.headers)?,
            headers,
            body,
            secret: secret.unwrap_or_else(|| Redacted::new(String::new())),
        };
        compiled.check()?;
        Ok(compiled)
    }

    /// Whether the request goes out without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.origin().is_ok_and(|url| url.scheme() == "http")
    }

    /// Fills the template in for one message.
    pub(super) fn fill(&self, message: &TokenMessage<'_>) -> Result<Filled, String> {
        let fill = |line: &Line, escape| line.fill(escape, message, self.secret.reveal());
        let url = fill(&self.url, Escape::Url);
        let url = Url::parse(&url).map_err(|error| format!("the URL is none: {error}"))?;
        let mut headers = HeaderMap::new();
        for (name, line) in &self.headers {
            let mut value = HeaderValue::from_str(&fill(line, Escape::None))
                .map_err(|_| format!("the header {name} would hold what no header can"))?;
            value.set_sensitive(line.has_placeholder());
            headers.append(name.clone(), value);
        }
        Ok(Filled {
            method: self.method.clone(),
            url,
            headers,
            body: fill(&self.body, self.body_escape),
        })
    }

    fn check(&self) -> Result<(), String> {
        self.check_url()?;
        for (name, line) in &self.headers {
            if [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(name) {
                return Err(format!("the header {name} is not the template's to set"));
            }
            if line.holds(Placeholder::Text) {
                return Err(format!(
                    "the header {name} cannot hold {{text}}, which has more than one line"
                ));
            }
        }
        let to = Phone::parse("+14155550102", None)?;
        let sample = TokenMessage {
            to: &to,
            token: "012345",
            text: "\"A\\b'<&>{token}\n@host #012345",
        };
        let filled = self.fill(&sample)?;
        // A placeholder that stands outside a string would let a text say more than it should.
        if self.body_escape == Escape::Json
            && serde_json::from_str::<serde_json::Value>(&filled.body).is_err()
        {
            return Err("the body is no JSON; placeholders stand inside strings: \"{to}\"".into());
        }
        Ok(())
    }

    fn check_url(&self) -> Result<(), String> {
        if self.url.holds_fixed('#') {
            return Err("the URL can have no fragment: it would not be sent".into());
        }
        if !matches!(self.origin()?.scheme(), "http" | "https") {
            return Err("the URL is neither http nor https".into());
        }
        Ok(())
    }

    /// The URL up to its first placeholder, which has to stand behind the host.
    fn origin(&self) -> Result<Url, String> {
        let fixed = self.url.fixed_start();
        let has_path = |fixed: &str| {
            let rest = fixed.split_once("://").map(|(_, rest)| rest);
            rest.is_some_and(|rest| rest.contains(['/', '?']))
        };
        if self.url.has_placeholder() && !has_path(fixed) {
            return Err("the URL can hold placeholders in its path and query only".into());
        }
        Url::parse(fixed).map_err(|error| format!("the URL is none: {error}"))
    }
}

/// How a value is escaped for where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Json,
    Form,
    Url,
    Xml,
    None,
}

impl Escape {
    /// What the body's content type asks for.
    fn for_body(body: &Line, headers: &[(HeaderName, String)]) -> Result<Self, String> {
        let mut types = headers.iter().filter(|(name, _)| *name == CONTENT_TYPE);
        let (content_type, more) = (types.next(), types.next());
        if more.is_some() {
            return Err("Content-Type is given twice".into());
        }
        if !body.has_placeholder() {
            return Ok(Self::None);
        }
        let Some((_, content_type)) = content_type else {
            return Err(
                "the headers need a Content-Type, so that what is filled in can be escaped for it".into(),
            );
        };
        let lower = content_type.to_ascii_lowercase();
        let mut parts = lower.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let charset = parts.find_map(|part| part.strip_prefix("charset="));
        if charset.is_some_and(|charset| charset.trim_matches('"') != "utf-8") {
            return Err("the body's charset can only be utf-8".into());
        }
        match media_type {
            "application/json" => Ok(Self::Json),
            "application/x-www-form-urlencoded" => Ok(Self::Form),
            "application/xml" | "text/xml" => Ok(Self::Xml),
            "text/plain" => Ok(Self::None),
            other if other.ends_with("+json") => Ok(Self::Json),
            other if other.ends_with("+xml") => Ok(Self::Xml),
            other => Err(format!(
                "how to escape for the content type {other:?} is not known; use JSON, a urlencoded form, XML or text/plain"
            )),
        }
    }

    fn push(self, out: &mut String, value: &str) {
        match self {
            Self::None => out.push_str(value),
            Self::Form => out.extend(url::form_urlencoded::byte_serialize(value.as_bytes())),
            // A plus sign of the value is %2B by now: each that is left is a space.
            Self::Url => {
                let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                out.push_str(&form.replace('+', "%20"));
            }
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
            }
            // Writing to a String cannot fail.
            Self::Xml => drop(Html.write_escaped_str(&mut *out, value)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    To,
    Text,
    Token,
    Secret,
}

enum Piece {
    Fixed(String),
    Filled(Placeholder),
}

/// One templated text, cut at its placeholders: what is filled in is never looked at again.
struct Line(Vec<Piece>);

impl Line {
    fn parse(place: &str, text: &str, has_secret: bool) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = 0;
        for found in PLACEHOLDER.captures_iter(text) {
            let (whole, [name]) = found.extract();
            let placeholder = match name {
                "to" => Placeholder::To,
                "text" => Placeholder::Text,
                "token" => Placeholder::Token,
                "secret" if has_secret => Placeholder::Secret,
                "secret" => return Err(format!("{place} holds {{secret}}, but secret_file is not given")),
                _ => {
                    return Err(format!(
                        "{place} holds {whole}, which is unknown; there are {{to}}, {{text}}, {{token}}, {{secret}}"
                    ));
                }
            };
            let start = found.get(0).map_or(rest, |whole| whole.start());
            pieces.push(Piece::Fixed(text.get(rest..start).unwrap_or_default().to_owned()));
            pieces.push(Piece::Filled(placeholder));
            rest = start + whole.len();
        }
        pieces.push(Piece::Fixed(text.get(rest..).unwrap_or_default().to_owned()));
        Ok(Self(pieces))
    }

    fn fill(&self, escape: Escape, message: &TokenMessage<'_>, secret: &str) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::new());
        for piece in &self.0 {
            match piece {
                Piece::Fixed(text) => out.push_str(text),
                Piece::Filled(Placeholder::To) => escape.push(&mut out, message.to.e164()),
                Piece::Filled(Placeholder::Text) => escape.push(&mut out, message.text),
                Piece::Filled(Placeholder::Token) => escape.push(&mut out, message.token),
                Piece::Filled(Placeholder::Secret) => escape.push(&mut out, secret),
            }
        }
        out
    }

    fn has_placeholder(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Filled(_)))
    }

    fn holds(&self, placeholder: Placeholder) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Filled(one) if *one == placeholder))
    }

    fn holds_fixed(&self, sought: char) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Fixed(text) if text.contains(sought)))
    }

    /// The text before the first placeholder.
    fn fixed_start(&self) -> &str {
        match self.0.first() {
            Some(Piece::Fixed(first)) => first,
            _ => "",
        }
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
