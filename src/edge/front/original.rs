//! The request that a front proxy asks about: which headers tell it, and whose word for them counts.

use http::{HeaderMap, Method};

use crate::config::Config;
use crate::edge::arrival::Arrival;
use crate::edge::headers::folded;
use crate::gate::path::Target;

/// Where a front proxy asks.
pub(super) const AUTH: &str = "/.doorstep/auth";
/// Where nginx, whose `auth_request` passes on nothing but a status, has the refusal told.
pub(super) const ENTER: &str = "/.doorstep/enter";

/// By these portals find another path than the request's.
const OTHER_PATHS: [&str; 4] = ["script-name", "x-original-url", "x-rewrite-url", "x-script-name"];

/// What a proxy asks about.
pub(super) struct Original {
    pub method: Method,
    pub target: Target,
    /// Whether the browser gets more of a refusal than 401.
    pub tells: bool,
}

/// Why a question is answered 400: the proxy must be set up better, or somebody tries to be taken for another
/// request than their own (THREATS B1).
pub(super) type Unclear = &'static str;

/// Whether a path is one of those by which a front proxy asks.
pub(super) fn is_question(path: &str) -> bool {
    path == AUTH || path == ENTER || path.starts_with("/.doorstep/auth/")
}

/// Whose host a question is about: the proxy's own word for it, which may differ from the Host that it asks with.
pub fn host_of<'a>(
    config: &Config,
    path: &str,
    is_trusted: bool,
    headers: &'a HeaderMap,
) -> Option<&'a http::HeaderValue> {
    if !config.portal.forward_auth || !is_trusted || !is_question(path) {
        return None;
    }
    let mut hosts = headers.get_all("x-forwarded-host").iter();
    hosts.next().filter(|_| hosts.next().is_none())
}

impl Original {
    /// Reads a question. Each proxy names method and target in a pair of headers, or asks at a path of its own
    /// (Envoy); a pair that is there beside must say the same, for it came from the browser.
    pub fn read(arrival: &Arrival, headers: &HeaderMap) -> Result<Self, Unclear> {
        let asked = arrival.target.path_and_query();
        let by_path = asked
            .strip_prefix(AUTH)
            .filter(|rest| rest.starts_with('/'))
            .map(|rest| (arrival.method.as_str().to_owned(), rest.to_owned()));
        let forwarded = pair(headers, "x-forwarded-method", "x-forwarded-uri")?;
        let original = pair(headers, "x-original-method", "x-original-uri")?;
        let is_of_nginx = by_path.is_none() && forwarded.is_none();
        let ways: Vec<(String, String)> = [by_path, forwarded, original].into_iter().flatten().collect();
        let Some((method, uri)) = ways.first() else {
            return Err("the proxy does not say which request it asks about");
        };
        if ways.iter().any(|way| way != &(method.clone(), uri.clone())) {
            return Err("two headers name two requests");
        }
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| "the method cannot be read")?;
        if method.as_str().bytes().any(|byte| !byte.is_ascii_uppercase()) {
            return Err("the method is not written in capitals");
        }
        if names_another_path(headers, uri) {
            return Err("a header names another path than the request's");
        }
        let target = Target::parse(uri.as_bytes()).map_err(|_| "the request's target cannot be read")?;
        let tells = !is_of_nginx || arrival.target.path() == ENTER;
        Ok(Self {
            method,
            target,
            tells,
        })
    }
}

/// Whether a header that the proxy passes on leads some portals to another path than the one that is asked about. A
/// proxy may say the same one in such a header too.
fn names_another_path(headers: &HeaderMap, uri: &str) -> bool {
    let is_this = |value: &str| {
        let origin = value
            .strip_prefix("https://")
            .or_else(|| value.strip_prefix("http://"));
        let path = origin.map_or(Some(value), |rest| rest.find('/').and_then(|at| rest.get(at..)));
        path == Some(uri)
    };
    headers.iter().any(|(name, value)| {
        OTHER_PATHS.contains(&&*folded(name.as_str())) && !value.to_str().is_ok_and(is_this)
    })
}

/// Method and target, where both are there once.
fn pair(headers: &HeaderMap, method: &str, uri: &str) -> Result<Option<(String, String)>, Unclear> {
    match (only(headers, method)?, only(headers, uri)?) {
        (None, None) => Ok(None),
        (Some(method), Some(uri)) => Ok(Some((method, uri))),
        _ => Err("method and target of the request must both be said"),
    }
}

fn only(headers: &HeaderMap, name: &str) -> Result<Option<String>, Unclear> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| "a header of the proxy's is no text")?;
            Ok(Some(text.to_owned()))
        }
        _ => Err("a header of the proxy's is there twice"),
    }
}
