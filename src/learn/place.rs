//! Paths and queries.

use url::form_urlencoded;

/// A target without the session id in its path, and that parameter's name (`JSESSIONID` of `/a;jsessionid=1?b`).
pub fn without_session(target: &str) -> (String, Option<String>) {
    let (head, query) = match target.find(['?', '#']) {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let Some((path, parameter)) = head.split_once(';') else {
        return (target.to_owned(), None);
    };
    let name = parameter.split('=').next().unwrap_or_default();
    // What follows the id in the path stays: `/a;sid=1/b`.
    let rest = parameter
        .find('/')
        .and_then(|at| parameter.get(at..))
        .unwrap_or_default();
    (format!("{path}{rest}{query}"), Some(name.to_owned()))
}

/// The decoded pairs of a target's query.
pub fn query_of(target: &str) -> Vec<(String, String)> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// A target's path.
pub fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// Path and query of a Location, resolved against the request; `None` where it leads elsewhere.
pub fn own_location(location: &str, target: &str, public: &str, upstream: &str) -> Option<String> {
    let base = url::Url::parse(&format!("{}{target}", public.trim_end_matches('/'))).ok()?;
    let url = base.join(location).ok()?;
    let is = |origin: &str| {
        url::Url::parse(origin).is_ok_and(|origin| {
            origin.origin() == url.origin()
                || origin.host_str() == url.host_str() && url.scheme() == "http" && url.port().is_none()
        })
    };
    (is(public) || is(upstream)).then(|| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
}

/// Whether configuration can name a path: what a plain request has (I2).
pub fn can_be_named(path: &str) -> bool {
    path.starts_with('/')
        && !path.contains("//")
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
        && path
            .chars()
            .all(|c| c.is_ascii_graphic() && !";%\\?#\"<>^`{}|*".contains(c))
        && !path.starts_with("/.doorstep")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_in_the_path_is_taken_out() {
        for (target, expected, name) in [
            ("/login;jsessionid=1A2B?x=1", "/login?x=1", Some("jsessionid")),
            ("/a;sid=1/b", "/a/b", Some("sid")),
            ("/a?x=;y", "/a?x=;y", None),
            ("/a", "/a", None),
        ] {
            assert_eq!(
                without_session(target),
                (expected.to_owned(), name.map(str::to_owned))
            );
        }
    }

    #[test]
    fn a_location_is_resolved_against_its_request() {
        let own = |location| own_location(location, "/a/b?c", "http://127.0.0.1:9", "http://127.0.0.1:8");
        assert_eq!(own("d?e").as_deref(), Some("/a/d?e"));
        assert_eq!(own("http://127.0.0.1:9/x").as_deref(), Some("/x"));
        assert_eq!(own("http://127.0.0.1:8/x#y").as_deref(), Some("/x"));
        assert_eq!(own("https://elsewhere.example/x"), None);
    }
}
