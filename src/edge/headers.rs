//! Headers that are ours to say: taken from every request, and set anew on what goes up (I11).

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};

use crate::config::{Config, Origin};

/// Forwarding and routing headers that only a gateway may set, spelled with dashes.
const GATEWAY_HEADERS: [&str; 22] = [
    "forwarded",
    // Servers and middleware for Python cut this off the path before they look what it names.
    "script-name",
    "x-forwarded",
    "x-forwarded-by",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-script-name",
];

/// What content delivery networks and load balancers call the client's address. A portal may believe one of them.
const CLIENT_ADDRESS: [&str; 8] = [
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-remote-ip",
];

/// Headers by which a client asks for another method than the one that was classed.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method", "x-http-method-override", "x-method-override"];

/// Credentials that doorstep did not see made, and what is between one hop and the next.
const NEVER_FORWARDED: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "http2-settings",
    "doorstep-client-token",
];

/// What doorstep says of a request to the portal.
pub struct Said<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// Who it is, where that is known for sure.
    pub identity: Option<&'a str>,
    /// The Cookie header's value.
    pub cookie: Option<String>,
    /// Credentials that may go up (I4).
    pub authorization: Option<HeaderValue>,
    /// Whether headers that change the method may go up.
    pub overrides: bool,
}

/// A header's name as CGI's heirs fold it. Most names have no underscore or dot: then it is the same.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    if name.contains(['_', '.']) {
        Cow::Owned(name.replace(['_', '.'], "-"))
    } else {
        Cow::Borrowed(name)
    }
}

/// Whether a header asks for another method, in whatever spelling.
pub(super) fn changes_method(name: &str) -> bool {
    METHOD_OVERRIDES.contains(&&*folded(name))
}

/// Whether a client may not send this header, in whatever spelling.
fn is_ours(name: &str, identity: Option<&HeaderName>) -> bool {
    let name = &*folded(name);
    name.starts_with("x-doorstep-")
        || name.starts_with("x-forwarded-")
        || GATEWAY_HEADERS.contains(&name)
        || NEVER_FORWARDED.contains(&name)
        || CLIENT_ADDRESS.contains(&name)
        || identity.is_some_and(|identity| {
            identity.as_str() == name || identity.as_str().replace(['_', '.'], "-") == name
        })
}

/// Rewrites a request's head for the portal: what the client may not say goes, what doorstep says comes.
///
/// # Errors
/// Where a value cannot stand in a header.
pub fn for_upstream(head: &mut RequestHeader, said: Said<'_>, config: &Config) -> pingora::Result<()> {
    let identity = config.portal.identity_header.as_ref();
    let spoofed: Vec<HeaderName> = head
        .headers
        .keys()
        .filter(|name| is_ours(name.as_str(), identity) || !said.overrides && changes_method(name.as_str()))
        .cloned()
        .collect();
    for name in spoofed {
        head.remove_header(&name);
        // From behind such a network: with the address that a trusted proxy vouched for.
        if CLIENT_ADDRESS.contains(&name.as_str()) {
            head.insert_header(name, said.client.to_string())?;
        }
    }
    head.remove_header(&http::header::COOKIE);
    if let Some(cookie) = said.cookie {
        head.insert_header(http::header::COOKIE, cookie)?;
    }
    if let Some(authorization) = said.authorization {
        head.insert_header(http::header::AUTHORIZATION, authorization)?;
    }
    if let (Some(name), Some(who)) = (identity, said.identity) {
        head.insert_header(
            name.clone(),
            http::HeaderValue::from_bytes(who.as_bytes()).map_err(|_| {
                pingora::Error::explain(
                    pingora::ErrorType::InvalidHTTPHeader,
                    "a login that no header can hold",
                )
            })?,
        )?;
    }
    let public = &config.listen.public_url;
    head.insert_header(http::header::HOST, public.authority())?;
    head.insert_header("X-Forwarded-For", said.client.to_string())?;
    head.insert_header("X-Forwarded-Proto", public.scheme())?;
    head.insert_header("X-Forwarded-Host", public.authority())?;
    head.insert_header("X-Forwarded-Port", public.port().to_string())?;
    if config.portal.rewrite_origin {
        rewrite_origin(head, public, &config.portal.upstream.origin)?;
    }
    Ok(())
}

/// Puts the upstream's own origin into `Origin` and `Referer` (`origin = "rewrite"`).
fn rewrite_origin(head: &mut RequestHeader, public: &Origin, upstream: &Origin) -> pingora::Result<()> {
    let public = public.to_string();
    let upstream = upstream.to_string();
    for name in [http::header::ORIGIN, http::header::REFERER] {
        let Some(value) = head.headers.get(&name).and_then(|value| value.to_str().ok()) else {
            continue;
        };
        let Some(rest) = value.strip_prefix(&public) else {
            continue;
        };
        if rest.is_empty() || rest.starts_with('/') {
            let rewritten = format!("{upstream}{rest}");
            head.insert_header(name, rewritten)?;
        }
    }
    Ok(())
}

/// Rewrites a portal's answer for the browser: absolute redirects to the upstream's own name become the
/// public one, and what is protected is kept from shared caches.
///
/// # Errors
/// Where a value cannot stand in a header.
pub fn for_browser(head: &mut ResponseHeader, protected: bool, config: &Config) -> pingora::Result<()> {
    head.remove_header("service-worker-allowed");
    // Ways to the portal that lead around the gateway (RFC 7838).
    head.remove_header("alt-svc");
    let_forms_go_on(head, config)?;
    let location = head
        .headers
        .get(http::header::LOCATION)
        .and_then(|value| value.to_str().ok());
    if let Some(public) = location.and_then(|location| public_location(location, config)) {
        head.insert_header(http::header::LOCATION, public)?;
    }
    if protected {
        keep_private(head)?;
    }
    Ok(())
}

/// A login that is accepted leads to own pages: where those have another origin, a portal's `form-action` would keep
/// the browser from following (CSP level 3, 6.4.1: redirects count).
fn let_forms_go_on(head: &mut ResponseHeader, config: &Config) -> pingora::Result<()> {
    let Some(own) = &config.listen.own_url else {
        return Ok(());
    };
    let policies: Vec<HeaderValue> = head
        .headers
        .get_all(http::header::CONTENT_SECURITY_POLICY)
        .iter()
        .map(|policy| {
            let wider = policy.to_str().ok().map(|text| with_form_target(text, own));
            let wider = wider.and_then(|text| HeaderValue::from_str(&text).ok());
            wider.unwrap_or_else(|| policy.clone())
        })
        .collect();
    if policies.is_empty() {
        return Ok(());
    }
    head.remove_header(&http::header::CONTENT_SECURITY_POLICY);
    for policy in policies {
        head.append_header(http::header::CONTENT_SECURITY_POLICY, policy)?;
    }
    Ok(())
}

/// The policies with `own` among the targets of forms, where they name any.
fn with_form_target(policies: &str, own: &Origin) -> String {
    let wider = policies
        .split(',')
        .map(|policy| one_with_form_target(policy, own));
    wider.collect::<Vec<_>>().join(",")
}

fn one_with_form_target(policy: &str, own: &Origin) -> String {
    let directives = policy.split(';').map(|directive| {
        let mut words = directive.split_ascii_whitespace();
        let names = words
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("form-action"));
        let none = words
            .next()
            .is_none_or(|first| first.eq_ignore_ascii_case("'none'"));
        match names && !none {
            true => format!("{directive} {own}"),
            false => directive.to_owned(),
        }
    });
    directives.collect::<Vec<_>>().join(";")
}

fn public_location(location: &str, config: &Config) -> Option<String> {
    let public = &config.listen.public_url;
    let url = url::Url::parse(location).ok()?;
    let ours = public.is_meant_by(&url) || config.portal.upstream.origin.is_meant_by(&url);
    ours.then(|| format!("{public}{}", &url[url::Position::BeforePath..]))
}

/// `Cache-Control: private`, and nothing that lets a shared cache keep the answer (RFC 9111 5.2.2).
fn keep_private(head: &mut ResponseHeader) -> pingora::Result<()> {
    for name in ["surrogate-control", "cdn-cache-control", "x-accel-expires"] {
        head.remove_header(name);
    }
    let mut kept: Vec<String> = Vec::new();
    for value in head.headers.get_all(http::header::CACHE_CONTROL) {
        let directives = value.to_str().unwrap_or_default().split(',').map(str::trim);
        kept.extend(
            directives
                .filter(|directive| !is_shared(directive))
                .map(str::to_owned),
        );
    }
    if !kept
        .iter()
        .any(|directive| directive.eq_ignore_ascii_case("no-store"))
    {
        kept.insert(0, "private".to_owned());
    }
    head.insert_header(http::header::CACHE_CONTROL, kept.join(", "))
}

fn is_shared(directive: &str) -> bool {
    let name = directive
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    matches!(
        name.as_str(),
        "" | "public" | "s-maxage" | "proxy-revalidate" | "private" | "must-understand"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i11_a_gateways_headers_are_ours_in_every_spelling() {
        let identity = HeaderName::from_static("x-remote-user");
        for name in [
            "x-doorstep-user",
            "x_doorstep_user",
            "x.doorstep.user",
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded-anything",
            "forwarded",
            "x-real-ip",
            "x_real-ip",
            "x-original-url",
            "x-original-uri",
            "x-original-method",
            "x-script-name",
            "script-name",
            "script_name",
            "authorization",
            "proxy_authorization",
            "x-remote-user",
            "x_remote_user",
        ] {
            assert!(is_ours(name, Some(&identity)), "{name}");
        }
        for name in ["accept", "x-csrftoken", "content-type", "x-doorstepping"] {
            assert!(!is_ours(name, Some(&identity)), "{name}");
        }
    }

    #[test]
    fn a_portals_forms_may_lead_to_own_pages() {
        let own = Origin::parse("https://door.example.com").unwrap();
        for (given, made) in [
            ("default-src 'self'", "default-src 'self'"),
            (
                "form-action 'self'",
                "form-action 'self' https://door.example.com",
            ),
            (
                "default-src 'self'; Form-Action 'self' ; img-src *",
                "default-src 'self'; Form-Action 'self'  https://door.example.com; img-src *",
            ),
            (
                "form-action 'self', img-src *",
                "form-action 'self' https://door.example.com, img-src *",
            ),
            ("form-action 'none'", "form-action 'none'"),
            ("form-action", "form-action"),
        ] {
            assert_eq!(with_form_target(given, &own), made);
        }
    }

    #[test]
    fn protected_answers_are_private() {
        for (given, expected) in [
            (None, "private"),
            (Some("public, max-age=60"), "private, max-age=60"),
            (Some("s-maxage=60, no-store"), "no-store"),
            (Some("private, max-age=0"), "private, max-age=0"),
        ] {
            let mut head = ResponseHeader::build(200, None).unwrap();
            if let Some(given) = given {
                head.insert_header("cache-control", given).unwrap();
            }
            keep_private(&mut head).unwrap();
            assert_eq!(head.headers.get("cache-control").unwrap(), expected);
        }
    }
}
