//! What the recording gateway rewrites on the way, so that a browser can use the portal through it as it is.

use http::header;
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use url::Url;

use super::record::Wire;
use crate::config::Origin;

/// A request's head, as the gateway would send it: the public Host, forwarding headers, an answer that can be read.
///
/// # Errors
/// Where a value cannot stand in a header.
pub(super) fn for_portal(head: &mut RequestHeader, wire: &Wire) -> Result<()> {
    let public = &wire.public;
    for name in ["forwarded", "x-forwarded-for", "x-real-ip"] {
        head.remove_header(name);
    }
    head.insert_header(header::HOST, public.authority())?;
    head.insert_header("X-Forwarded-For", "127.0.0.1")?;
    head.insert_header("X-Forwarded-Proto", public.scheme())?;
    head.insert_header("X-Forwarded-Host", public.authority())?;
    head.insert_header("X-Forwarded-Port", public.port().to_string())?;
    head.insert_header(header::ACCEPT_ENCODING, "identity")?;
    // What is said over a WebSocket can be read.
    head.remove_header(&header::SEC_WEBSOCKET_EXTENSIONS);
    // A page that was kept from before would not be seen.
    for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
        head.remove_header(&name);
    }
    let (here, public) = (wire.here.to_string(), public.to_string());
    for name in [header::ORIGIN, header::REFERER] {
        let value = head.headers.get(&name).and_then(|value| value.to_str().ok());
        let rest = value
            .and_then(|value| value.strip_prefix(&here))
            .map(str::to_owned);
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            head.insert_header(name, format!("{public}{rest}"))?;
        }
    }
    Ok(())
}

/// An answer's head: redirects to the portal's own name lead back here, and every cookie is one for here.
///
/// # Errors
/// Where a value cannot stand in a header.
pub(super) fn for_browser(head: &mut ResponseHeader, wire: &Wire) -> Result<()> {
    for name in ["alt-svc", "strict-transport-security", "service-worker-allowed"] {
        head.remove_header(name);
    }
    let location = head
        .headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    if let Some(here) = location.and_then(|location| led_back(location, wire)) {
        head.insert_header(header::LOCATION, here)?;
    }
    let lines: Vec<Vec<u8>> = head
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|line| for_here(line.as_bytes()))
        .collect();
    head.remove_header(&header::SET_COOKIE);
    for line in lines {
        if let Ok(value) = http::HeaderValue::from_bytes(&line) {
            head.append_header(header::SET_COOKIE, value)?;
        }
    }
    Ok(())
}

fn led_back(location: &str, wire: &Wire) -> Option<String> {
    let url = Url::parse(location).ok()?;
    let is = |origin: &Origin| origin.is_meant_by(&url);
    (is(&wire.public) || is(&wire.upstream))
        .then(|| format!("{}{}", wire.here, &url[url::Position::BeforePath..]))
}

/// A Set-Cookie line for a loopback address without TLS: no Domain, no Secure, nothing that asks for it. Name and
/// value stay byte for byte.
fn for_here(line: &[u8]) -> Vec<u8> {
    let needs_secure = line.starts_with(b"__Host-") || line.starts_with(b"__Secure-");
    let mut parts = line.split(|byte| *byte == b';');
    let mut kept: Vec<&[u8]> = parts.next().into_iter().collect();
    kept.extend(parts.filter(|part| {
        let attribute = String::from_utf8_lossy(part).trim().to_ascii_lowercase();
        let attribute: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
        !(attribute.starts_with("domain=")
            || !needs_secure && matches!(attribute.as_str(), "secure" | "samesite=none" | "partitioned"))
    }));
    kept.join(&b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_made_one_for_here_and_keeps_its_value() {
        for (line, here) in [
            (
                "sid=a=\"b\"; Domain=.example.com; Path=/; Secure; HttpOnly",
                "sid=a=\"b\"; Path=/; HttpOnly",
            ),
            ("t=1; SameSite=None; Secure; Partitioned", "t=1"),
            ("t=1; SameSite=Lax", "t=1; SameSite=Lax"),
            ("__Host-s=1; Path=/; Secure", "__Host-s=1; Path=/; Secure"),
            ("flag", "flag"),
        ] {
            assert_eq!(String::from_utf8_lossy(&for_here(line.as_bytes())), here);
        }
    }

    #[test]
    fn redirects_to_the_portals_own_name_lead_back() {
        let origin = |text| Origin::parse(text).unwrap();
        let wire = Wire {
            here: origin("http://127.0.0.1:9"),
            public: origin("https://portal.example"),
            upstream: origin("http://10.0.0.1:8081"),
        };
        for (location, expected) in [
            ("https://portal.example/a?b#c", Some("http://127.0.0.1:9/a?b#c")),
            ("http://portal.example/a", Some("http://127.0.0.1:9/a")),
            ("http://10.0.0.1:8081/", Some("http://127.0.0.1:9/")),
            ("https://elsewhere.example/", None),
            ("/relative", None),
        ] {
            assert_eq!(led_back(location, &wire).as_deref(), expected, "{location}");
        }
    }
}
