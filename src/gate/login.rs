//! A login: who signs in, from where, and whether the portal accepted it.

use std::collections::HashMap;

use cookie::Cookie;
use http::{HeaderMap, Method, header};
use url::Url;

use super::body::{FormBody, FormKind};
use super::json::{Found, Json, JsonPointer};
use super::query::Fields;
use super::rules::{Criterion, LoginRule, UsernameSource};
use super::{Glob, Login};
use crate::clock::Timestamp;
use crate::secret::Redacted;

/// Why a login names nobody, or could name two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLogin {
    /// No username field where the rule looks for it.
    #[error("the login names nobody")]
    Missing,
    /// The field, or one that a server could take for it, stands there more than once.
    #[error("the login names somebody more than once")]
    Twice,
    /// Query and body name two people.
    #[error("the login's query and body name two people")]
    TwoValues,
    /// No text field, or no name that can be shown.
    #[error("the login's name cannot be read")]
    Unreadable,
}

/// Who signs in (I4); `None` where the request does not tell and the answer will.
///
/// # Errors
/// Where there is no name, or a server could read another one.
pub fn username(rule: &LoginRule, query: &Fields, body: &FormBody) -> Result<Option<Login>, BadLogin> {
    match &rule.username {
        UsernameSource::Form(field) | UsernameSource::Multipart(field) => in_form(rule, field, query, body),
        UsernameSource::Json(pointer) => in_json(rule, pointer, query, body),
        UsernameSource::Answer => return Ok(None),
        UsernameSource::Basic => Err(BadLogin::Missing),
    }
    .map(Some)
}

/// Who signs in by a JSON body.
fn in_json(
    rule: &LoginRule,
    pointer: &JsonPointer,
    query: &Fields,
    body: &FormBody,
) -> Result<Login, BadLogin> {
    let Some(json) = &body.json else {
        let unreadable = body.kind == FormKind::Json;
        return Err(if unreadable {
            BadLogin::Unreadable
        } else {
            BadLogin::Missing
        });
    };
    let text = match json.at(pointer) {
        Found::One(Json::Text(text)) => text,
        Found::One(_) => return Err(BadLogin::Unreadable),
        Found::Twice => return Err(BadLogin::Twice),
        Found::Absent => return Err(BadLogin::Missing),
    };
    // Servers that make parameters of JSON take the query's too.
    let field = rule.username.field().unwrap_or_default();
    let in_query = query.mentions(&field);
    if in_query.is_ambiguous()
        || in_query.exact.first().is_some_and(|field| field.value != *text)
        || query.mentions_below_a_prefix(&field)
    {
        return Err(BadLogin::TwoValues);
    }
    if text.chars().any(char::is_control) {
        return Err(BadLogin::Unreadable);
    }
    let login = Login::parse(text).map_err(|_| BadLogin::Unreadable)?;
    let is_same = |other: &str| Login::parse(other).is_ok_and(|other| same_person(&other, &login));
    if json.names_another_within(pointer, is_same) {
        return Err(BadLogin::Twice);
    }
    Ok(login)
}

fn in_form(rule: &LoginRule, field: &str, query: &Fields, body: &FormBody) -> Result<Login, BadLogin> {
    let in_query = query.mentions(field);
    let in_body = body.fields.mentions(field);
    for mentions in [&in_query, &in_body] {
        if mentions.alike > 0 || mentions.exact.len() > 1 {
            return Err(BadLogin::Twice);
        }
    }
    if query.mentions_below_a_prefix(field) || body.fields.mentions_below_a_prefix(field) {
        return Err(BadLogin::Twice);
    }
    let (query, body_value) = (in_query.exact.first(), in_body.exact.first());
    if let (Some(query), Some(body)) = (query, body_value)
        && query.value != body.value
    {
        return Err(BadLogin::TwoValues);
    }
    let of_the_rule = match (&rule.username, body.kind) {
        (UsernameSource::Form(_), FormKind::Urlencoded)
        | (UsernameSource::Multipart(_), FormKind::Multipart) => body_value,
        // A form that is sent by GET is the query.
        (UsernameSource::Form(_), FormKind::Empty) if rule.method == Method::GET => query,
        _ => None,
    };
    let name = of_the_rule.ok_or(BadLogin::Missing)?;
    if !name.is_readable() {
        return Err(BadLogin::Unreadable);
    }
    Login::parse(&name.value).map_err(|_| BadLogin::Unreadable)
}

/// Whether two names are one person's: trimmed, NFKC and case-folded (I4).
pub fn same_person(a: &Login, b: &Login) -> bool {
    a.folded() == b.folded()
}

/// Whether a page of this origin may send the login: the portal's own, or one that the rule names (I4).
///
/// `public` is the public origin as it stands in an `Origin` header. A client that says nothing of the page is
/// no browser of today, and no other site's page can make it so.
pub fn origin_allowed(rule: &LoginRule, public: &str, headers: &HeaderMap) -> bool {
    let Ok(site) = at_most_one(headers, "sec-fetch-site") else {
        return false;
    };
    let Ok(origin) = at_most_one(headers, "origin") else {
        return false;
    };
    let from_here = matches!(site, None | Some("same-origin" | "none"));
    match origin {
        None => from_here,
        Some(origin) if origin.eq_ignore_ascii_case(public) => from_here,
        // A page with `Referrer-Policy: no-referrer` hides its origin even from itself; no page can set this.
        Some("null") => site == Some("same-origin"),
        Some(origin) => rule
            .from
            .iter()
            .any(|from| from.trim_end_matches('/').eq_ignore_ascii_case(origin)),
    }
}

fn at_most_one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values
        .next()
        .map(|value| value.to_str().map_err(|_| ()))
        .transpose()?;
    if values.next().is_some() {
        Err(())
    } else {
        Ok(first)
    }
}

/// What was asked of the portal.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Path and query of the login request.
    pub path_and_query: &'a str,
    /// The public origin, such as `https://portal.example.com`.
    pub public: &'a str,
    /// The upstream's origin: a portal that builds addresses from it means itself.
    pub upstream: &'a str,
}

/// What an accepted login's answer says beside that it was accepted.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Who signed in, where the rule says that the answer tells: `Some(None)` where it does not.
    pub name: Option<Option<Login>>,
    /// The bearer token.
    pub bearer: Option<Redacted<String>>,
}

/// What an accepted login's answer says.
pub fn told(rule: &LoginRule, answer: &Answer<'_>) -> Told {
    let text = |pointer: &JsonPointer| answer.json_name(pointer);
    Told {
        name: rule
            .answer
            .as_ref()
            .map(|pointer| text(pointer).and_then(|name| Login::parse(&name).ok())),
        bearer: rule.bearer.as_ref().and_then(text).map(Redacted::new),
    }
}

/// What the portal answered. Cookies and pages stand in it: it has no `Debug`.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// Its final status.
    pub status: u16,
    /// Its headers, in order.
    pub headers: &'a HeaderMap,
    /// Its whole body as sent; `None` where it was not read, or was longer than the bound.
    pub body: Option<&'a [u8]>,
}

/// Whether `url` is the public address as a portal writes it that does not know of the TLS before it:
/// `http://` and the same host, with the public port or none.
fn is_without_tls(public: &Url, url: &Url) -> bool {
    url.scheme() == "http"
        && public.host_str() == url.host_str()
        && (url.port().is_none() || url.port() == public.port())
}

/// What a portal's answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judgement {
    /// The password was right.
    Accepted,
    /// It was wrong.
    Refused,
    /// The answer fits neither, or both: shut, and reported.
    Neither,
}

/// Whether the portal accepted the password.
pub fn judge(rule: &LoginRule, asked: &Asked<'_>, answer: &Answer<'_>, now: Timestamp) -> Judgement {
    if rule.reads_body() && (answer.body.is_none() || answer.is_encoded()) {
        return Judgement::Neither;
    }
    let success = answer.fits(&rule.success, asked, now);
    let failure = rule
        .failure
        .as_ref()
        .map(|failure| answer.fits(failure, asked, now));
    match (success, failure) {
        (true, None | Some(false)) => Judgement::Accepted,
        (false, None | Some(true)) => Judgement::Refused,
        (true, Some(true)) | (false, Some(false)) => Judgement::Neither,
    }
}

impl Answer<'_> {
    /// Whether all given parts hold. Nothing given holds never: it would take every password for right.
    fn fits(&self, wanted: &Criterion, asked: &Asked<'_>, now: Timestamp) -> bool {
        let location = || self.location(asked);
        let parts = [
            (!wanted.status.is_empty()).then(|| wanted.status.contains(&self.status)),
            wanted
                .location
                .as_ref()
                .map(|glob| location().is_some_and(|to| to.is_own_and(|path| glob.matches(path)))),
            wanted.location_not.as_ref().map(|glob| {
                // Holds for no other origin either: a portal that does not know its own scheme or name redirects
                // a wrong password there too.
                location().is_some_and(|to| to.is_own_and(|path| !glob.matches(path)))
            }),
            wanted
                .sets_cookie
                .as_ref()
                .map(|glob| self.sets_cookie(glob, now)),
            wanted
                .body_contains
                .as_ref()
                .map(|text| self.body_contains(text.as_bytes())),
            wanted.json.as_ref().map(|(pointer, value)| {
                self.json().is_some_and(|json| match value {
                    Some(value) => json.is_at(pointer, value),
                    None => matches!(json.at(pointer), Found::One(_)),
                })
            }),
            wanted.header.as_ref().map(|(name, value)| {
                self.headers
                    .get_all(name)
                    .iter()
                    .any(|header| value.is_match(header.as_bytes()))
            }),
        ];
        let mut given = parts.into_iter().flatten().peekable();
        given.peek().is_some() && given.all(|holds| holds)
    }

    /// Whether the body is under a content coding.
    pub(super) fn is_encoded(&self) -> bool {
        self.headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
    }

    /// Where the one Location leads, resolved against the request; `None` without one, with several, or
    /// where it is no address.
    fn location(&self, asked: &Asked<'_>) -> Option<Destination> {
        let mut locations = self.headers.get_all(header::LOCATION).iter();
        let location = std::str::from_utf8(locations.next()?.as_bytes()).ok()?;
        if locations.next().is_some() {
            return None;
        }
        let public = Url::parse(asked.public).ok()?;
        let base = Url::parse(&format!(
            "{}{}",
            asked.public.trim_end_matches('/'),
            asked.path_and_query
        ))
        .ok()?;
        let url = base.join(location).ok()?;
        let is_upstream = Url::parse(asked.upstream).is_ok_and(|upstream| upstream.origin() == url.origin());
        Some(Destination {
            own: is_upstream || public.origin() == url.origin() || is_without_tls(&public, &url),
            url,
        })
    }

    /// Whether the last Set-Cookie of some name that matches leaves a living cookie.
    fn sets_cookie(&self, glob: &Glob, now: Timestamp) -> bool {
        let mut last = HashMap::new();
        for header in self.headers.get_all(header::SET_COOKIE) {
            let text = String::from_utf8_lossy(header.as_bytes()).into_owned();
            if let Ok(cookie) = Cookie::parse(text)
                && glob.matches(cookie.name())
            {
                last.insert(cookie.name().to_owned(), is_alive(&cookie, now));
            }
        }
        last.into_values().any(|alive| alive)
    }

    fn body_contains(&self, text: &[u8]) -> bool {
        let Some(body) = self.body else { return false };
        text.is_empty() || body.windows(text.len()).any(|window| window == text)
    }
}

/// Max-Age outranks Expires (RFC 6265 5.3 step 3).
fn is_alive(cookie: &Cookie<'_>, now: Timestamp) -> bool {
    if cookie.value_trimmed().is_empty() {
        return false;
    }
    match (cookie.max_age(), cookie.expires_datetime()) {
        (Some(age), _) => age.is_positive(),
        (None, Some(expires)) => expires.unix_timestamp() > now.seconds(),
        (None, None) => true,
    }
}

/// Where a redirect leads.
struct Destination {
    own: bool,
    url: Url,
}

impl Destination {
    /// Whether it stays with the portal and path and query hold.
    fn is_own_and(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.own && holds(&self.url[url::Position::BeforePath..url::Position::AfterQuery])
    }
}

#[cfg(test)]
mod tests;
