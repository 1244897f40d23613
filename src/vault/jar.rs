//! A jar that behaves like a browser's, for the one portal behind Doorstep (RFC 6265 5.3, 5.4).
//!
//! What a Set-Cookie line means (attributes, expiry, default path, path match, domain match) is the
//! `cookie` and `cookie_store` crates' matter. The list is ours, and not a `CookieStore`, because that one
//! forgets in which order cookies were made, and compares host names at each request. All requests go to
//! one portal, which the gateway reaches safely: so host and `Secure` are judged once, when a cookie is set.

use std::fmt;
use std::sync::LazyLock;

use cookie_store::{Cookie, CookieDomain, CookieExpiration, CookiePath, RawCookie};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use url::Url;

use super::name::{alike, is_own};
use super::part::read;

/// As many cookies as browsers keep for one site.
const MOST_COOKIES: usize = 180;
/// As many bytes of names, values, paths and domains.
const MOST_BYTES: usize = 64 * 1024;

/// Any https address will do: cookies are matched by path alone.
static PORTAL: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://portal.invalid/").expect("the text above is a URL"));

/// Cookies, kept as a browser keeps them (RFC 6265 5.3, 5.4): at most 180 and 64 KiB; what comes beyond is
/// refused, what is there stays.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Jar {
    /// In the order in which they were made.
    cookies: Vec<Kept>,
}

/// One cookie. It is the same cookie as another where name, domain and path are.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    #[serde(rename = "n")]
    name: String,
    #[serde(rename = "v")]
    value: String,
    #[serde(rename = "p", default = "root", skip_serializing_if = "is_root")]
    #[serde(serialize_with = "path_to_text", deserialize_with = "path_from_text")]
    path: CookiePath,
    /// The Domain it was set with; `None`: host-only.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    /// Seconds since 1970; `None`: with the session.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

impl Jar {
    /// Takes Set-Cookie lines of an answer to a request of `path` in: set, replaced or deleted as a browser
    /// would, in their order. `hosts` are the names under which the portal may set a `Domain`. Whether anything changed.
    pub fn store(&mut self, set_cookies: &[String], path: &str, hosts: &[&str]) -> bool {
        let now = seconds_now();
        let url = address(path);
        let origins: Vec<Url> = hosts.iter().filter_map(|host| origin(host)).collect();
        let before = self.cookies.len();
        self.cookies.retain(|cookie| cookie.is_live(now));
        let mut changed = self.cookies.len() != before;
        for line in set_cookies {
            if let Some(cookie) = Kept::read(line, &url, &origins) {
                changed |= self.put(cookie, now);
            }
        }
        changed
    }

    /// The value of the Cookie header for a request of `path`; longest path first. `None`: no cookie fits.
    pub fn header(&self, path: &str) -> Option<String> {
        let now = seconds_now();
        let mut url = None;
        let mut fitting: Vec<&Kept> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.is_live(now))
            .filter(|cookie| {
                is_root(&cookie.path) || cookie.path.matches(url.get_or_insert_with(|| address(path)))
            })
            .collect();
        // The sort is stable: among equal lengths the one made first comes first (RFC 6265 5.4).
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let mut header = String::with_capacity(fitting.iter().map(|cookie| cookie.size() + 3).sum());
        for cookie in fitting {
            append(&mut header, &cookie.name, &cookie.value);
        }
        (!header.is_empty()).then_some(header)
    }

    /// Whether it holds a live cookie of this name, whatever its path.
    pub fn holds(&self, name: &str) -> bool {
        let now = seconds_now();
        self.cookies
            .iter()
            .any(|cookie| cookie.name == name && cookie.is_live(now))
    }

    /// Whether it holds a live cookie whose name some server might take for this one.
    pub(super) fn holds_alike(&self, name: &str) -> bool {
        let now = seconds_now();
        self.cookies
            .iter()
            .any(|cookie| alike(&cookie.name, name) && cookie.is_live(now))
    }

    /// Whether any live cookie has exactly this value (sessions in the path).
    pub fn holds_value(&self, value: &str) -> bool {
        let now = seconds_now();
        self.cookies
            .iter()
            .any(|cookie| cookie.value == value && cookie.is_live(now))
    }

    /// Whether it holds nothing that is alive.
    pub fn is_empty(&self) -> bool {
        let now = seconds_now();
        !self.cookies.iter().any(|cookie| cookie.is_live(now))
    }

    /// Whether there is nothing to write down.
    pub(super) fn is_bare(&self) -> bool {
        self.cookies.is_empty()
    }

    /// Sets, replaces or deletes one cookie; whether anything changed. A replaced one keeps its place in
    /// the order of creation (RFC 6265 5.3, 11.3).
    fn put(&mut self, cookie: Kept, now: i64) -> bool {
        let place = self.cookies.iter().position(|kept| kept.is_same(&cookie));
        if !cookie.is_live(now) {
            return place.map(|at| self.cookies.remove(at)).is_some();
        }
        let others = self.cookies.iter().filter(|kept| !kept.is_same(&cookie));
        if others.map(Kept::size).sum::<usize>() + cookie.size() > MOST_BYTES {
            return false;
        }
        if let Some(kept) = place.and_then(|at| self.cookies.get_mut(at)) {
            let changed = *kept != cookie;
            *kept = cookie;
            return changed;
        }
        let has_room = self.cookies.len() < MOST_COOKIES;
        if has_room {
            self.cookies.push(cookie);
        }
        has_room
    }
}

/// Shows how many, never which (I12).
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jar({})", self.cookies.len())
    }
}

impl Kept {
    /// What a Set-Cookie line asks to be kept; `None` where it cannot be read, or names a foreign Domain.
    fn read(line: &str, url: &Url, origins: &[Url]) -> Option<Self> {
        let raw = read(line).filter(|raw| !is_own(raw.name()))?;
        let domain = domain(&raw, origins)?;
        // Judged above, under all of the portal's names; here it would be compared with one.
        let mut raw = raw.into_owned();
        raw.unset_domain();
        let cookie = Cookie::try_from_raw_cookie(&raw, url).ok()?;
        let expires = match cookie.expires {
            CookieExpiration::AtUtc(moment) => Some(moment.unix_timestamp()),
            CookieExpiration::SessionEnd => None,
        };
        let path = cookie.path.clone();
        Some(Self {
            name: raw.name().to_owned(),
            value: raw.value().to_owned(),
            path: CookiePath::parse(&path).unwrap_or(path),
            domain,
            expires,
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && *self.path == *other.path && self.domain == other.domain
    }

    fn is_live(&self, now: i64) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    fn size(&self) -> usize {
        self.name.len() + self.value.len() + self.path.len() + self.domain.as_ref().map_or(0, String::len)
    }
}

/// The Set-Cookie lines of one answer, kept until they are written: who loses the compare-and-set of a
/// vault applies them to the newer vault and tries again.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The lines for the vault, as they came.
    pub set_cookies: Vec<String>,
    /// The path of the request that they answer.
    pub path: String,
}

impl Changes {
    /// Applies them to a jar, as [`Jar::store`] does; whether anything changed.
    pub fn apply(&self, jar: &mut Jar, hosts: &[&str]) -> bool {
        jar.store(&self.set_cookies, &self.path, hosts)
    }
}

/// Shows how many, never which (I12).
impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Changes({})", self.set_cookies.len())
    }
}

/// Adds a pair to a Cookie header's value.
pub(super) fn append(header: &mut String, name: &str, value: &str) {
    if !header.is_empty() {
        header.push_str("; ");
    }
    header.push_str(name);
    header.push('=');
    header.push_str(value);
}

/// The Domain of a cookie: `Some(None)` where it names none, `None` where it names a foreign one.
fn domain(raw: &RawCookie<'_>, origins: &[Url]) -> Option<Option<String>> {
    let Some(named) = raw.domain() else {
        return Some(None);
    };
    // An IPv6 address is no domain name, but a portal that is on one may name it.
    if origins.iter().any(|origin| origin.host_str() == Some(named)) {
        return Some(Some(named.to_owned()));
    }
    match CookieDomain::try_from(raw).ok()? {
        CookieDomain::NotPresent | CookieDomain::Empty => Some(None),
        domain if origins.iter().any(|origin| domain.matches(origin)) => Some(Some(String::from(&domain))),
        _ => None,
    }
}

fn origin(host: &str) -> Option<Url> {
    Url::parse(&format!("https://{host}/"))
        .or_else(|_| Url::parse(&format!("https://[{host}]/")))
        .ok()
}

fn address(path: &str) -> Url {
    let mut url = PORTAL.clone();
    url.set_path(path.split(['?', '#']).next().unwrap_or_default());
    url
}

/// The lifetimes of the portal's cookies are counted by the machine's clock, as `cookie_store` does. They
/// decide what the portal is sent, never who gets in.
fn seconds_now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

fn root() -> CookiePath {
    CookiePath::parse("/").unwrap_or_else(|| CookiePath::default_path(&PORTAL))
}

fn is_root(path: &CookiePath) -> bool {
    &**path == "/"
}

fn path_to_text<S: Serializer>(path: &CookiePath, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(path)
}

fn path_from_text<'de, D: Deserializer<'de>>(from: D) -> Result<CookiePath, D::Error> {
    let text = String::deserialize(from)?;
    Ok(CookiePath::parse(&text).unwrap_or_else(root))
}

#[cfg(test)]
#[path = "jar_tests.rs"]
mod tests;
