//! Who-am-I: what a portal's own answer says of whose session it is (DESIGN I4, "whose name").

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use regex::bytes::Regex as BytesRegex;

use super::json::{Found, Json, JsonPointer};
use super::login::Answer;
use super::name::Login;

/// `[portal.who_am_i]`: a GET made with the vault's cookies.
#[derive(Clone, Debug)]
pub struct WhoAmI {
    /// Path and query.
    pub path: String,
    /// Where its answer names the user.
    pub username: Naming,
    /// Names that mean nobody, such as `anonymous`; compared as logins are.
    pub nobody: Vec<String>,
    /// How long the portal may take.
    pub timeout: Duration,
    /// The longest answer that is read, in bytes.
    pub answer_limit: usize,
}

/// Where an answer names the user.
#[derive(Clone, Debug)]
pub enum Naming {
    /// At this place of its JSON.
    Json(JsonPointer),
    /// By the first group of this expression, in its body.
    Body(BytesRegex),
    /// By this header.
    Header(HeaderName),
}

/// Whose session it is, as the portal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// This person's.
    Somebody(Login),
    /// Nobody's, or it cannot be read.
    Nobody,
    /// The portal did not say: no answer, or one that is a fault of its own (5xx, 429).
    Unknown,
}

impl WhoAmI {
    /// Whether the body must be read.
    pub fn reads_body(&self) -> bool {
        !matches!(self.username, Naming::Header(_))
    }

    /// What an answer says. Anything but 200 names nobody, be it the login page or a refusal.
    pub fn read(&self, answer: &Answer<'_>) -> Named {
        match answer.status {
            200 => {}
            408 | 429 | 500..=599 => return Named::Unknown,
            _ => return Named::Nobody,
        }
        if self.reads_body() && (answer.body.is_none() || answer.is_encoded()) {
            return Named::Unknown;
        }
        let name = match &self.username {
            Naming::Json(pointer) => answer.json_name(pointer),
            Naming::Body(regex) => answer.body.and_then(|body| one_capture(regex, body)),
            Naming::Header(header) => one_header(answer.headers, header),
        };
        let name = name.and_then(|name| Login::parse(&name).ok());
        match name {
            Some(name) if !self.means_nobody(&name) => Named::Somebody(name),
            _ => Named::Nobody,
        }
    }

    fn means_nobody(&self, name: &Login) -> bool {
        self.nobody
            .iter()
            .any(|nobody| Login::parse(nobody).is_ok_and(|nobody| nobody == *name))
    }
}

impl Answer<'_> {
    /// The name at a place of the body's JSON; `None` where two parsers could find two.
    pub(super) fn json_name(&self, pointer: &JsonPointer) -> Option<String> {
        let json = self.json()?;
        match json.at(pointer) {
            Found::One(value) => value.as_name().map(str::to_owned),
            Found::Absent | Found::Twice => None,
        }
    }

    /// The body as JSON; a byte order mark before it is passed over, as browsers do.
    pub(super) fn json(&self) -> Option<Json> {
        let body = self.body?;
        Json::read(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
    }
}

/// What the first group caught, where it caught the same each time: a page may show other people's names too.
fn one_capture(regex: &BytesRegex, body: &[u8]) -> Option<String> {
    let mut found: Option<&[u8]> = None;
    for captures in regex.captures_iter(body) {
        let group = captures.get(1)?.as_bytes();
        if found.is_some_and(|other| other != group) {
            return None;
        }
        found = Some(group);
    }
    std::str::from_utf8(found?).ok().map(str::to_owned)
}

fn one_header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = std::str::from_utf8(values.next()?.as_bytes()).ok()?;
    values.next().is_none().then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(username: Naming) -> WhoAmI {
        WhoAmI {
            path: "/api/me".into(),
            username,
            nobody: vec!["anonymous".into()],
            timeout: Duration::from_secs(1),
            answer_limit: 1024,
        }
    }

    fn said(probe: &WhoAmI, status: u16, headers: &[(&'static str, &str)], body: &str) -> Named {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        probe.read(&Answer {
            status,
            headers: &map,
            body: Some(body.as_bytes()),
        })
    }

    fn anna() -> Named {
        Named::Somebody(Login::parse("anna").unwrap())
    }

    #[test]
    fn i4_the_portal_names_somebody_nobody_or_nothing() {
        let json = probe(Naming::Json(JsonPointer::parse("/user/name").unwrap()));
        for (status, body, expected) in [
            (200, r#"{"user":{"name":"Anna"}}"#, anna()),
            (200, "\u{feff}{\"user\":{\"name\":\"anna\"}}", anna()),
            (200, r#"{"user":{"name":"anonymous"}}"#, Named::Nobody),
            (200, r#"{"user":null}"#, Named::Nobody),
            (200, r#"{"user":{"name":"anna","Name":"ben"}}"#, Named::Nobody),
            (200, r#"{"user":{"name":["anna"]}}"#, Named::Nobody),
            (200, "<html>", Named::Nobody),
            (302, r#"{"user":{"name":"anna"}}"#, Named::Nobody),
            (401, "", Named::Nobody),
            (500, "", Named::Unknown),
            (503, r#"{"user":{"name":"anna"}}"#, Named::Unknown),
        ] {
            assert_eq!(said(&json, status, &[], body), expected, "{status} {body}");
        }
        assert_eq!(
            said(&json, 200, &[("content-encoding", "gzip")], "{}"),
            Named::Unknown
        );
        let page = probe(Naming::Body(BytesRegex::new("user=([a-z]+)").unwrap()));
        assert_eq!(said(&page, 200, &[], "user=anna user=anna"), anna());
        assert_eq!(said(&page, 200, &[], "user=anna user=ben"), Named::Nobody);
        let header = probe(Naming::Header(HeaderName::from_static("x-user")));
        assert_eq!(said(&header, 200, &[("x-user", "anna")], ""), anna());
        assert_eq!(
            said(&header, 200, &[("x-user", "anna"), ("x-user", "ben")], ""),
            Named::Nobody
        );
        assert_eq!(said(&header, 200, &[], ""), Named::Nobody);
    }
}
