//! The same-origin proof of everything that changes something (DESIGN section 5): what the browser says of
//! where a request comes from, then a token that belongs to the session.

use http::{HeaderMap, header};

use super::body::Fields;
use super::refusal::Stop;
use crate::config::Origin;
use crate::secret::SessionToken;

/// Refuses what another site's page sends, and what nobody says anything about.
///
/// `Origin` and `Sec-Fetch-Site` are the browser's own words, out of a page's reach; where both are there,
/// neither may speak against it.
pub(super) fn check_site(headers: &HeaderMap, public: &Origin) -> Result<(), Stop> {
    let origin = only(headers, header::ORIGIN.as_str())?;
    let site = only(headers, "sec-fetch-site")?;
    let same_origin = match origin {
        Some(origin) if origin != public.to_string().as_bytes() => return Err(Stop::CrossSite),
        Some(_) => true,
        None => false,
    };
    match site {
        Some(b"same-origin") => Ok(()),
        // Typed or reloaded by the person: no proof, but nothing against one either.
        Some(b"none") | None if same_origin => Ok(()),
        _ => Err(Stop::CrossSite),
    }
}

/// Refuses a request that does not carry its session's form token, in the body or the `Doorstep-Csrf` header.
pub(super) fn check_token(headers: &HeaderMap, fields: &Fields, token: &SessionToken) -> Result<(), Stop> {
    let header = headers.get("doorstep-csrf").and_then(|value| value.to_str().ok());
    match fields.get("csrf").or(header) {
        Some(given) if token.is_form_token(given) => Ok(()),
        _ => Err(Stop::BadForm),
    }
}

/// A header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, Stop> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(http::HeaderValue::as_bytes)),
        (_, Some(_)) => Err(Stop::CrossSite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn f4_only_a_page_of_the_portals_own_origin_can_change_anything() {
        let public = Origin::parse("https://portal.example.com").unwrap();
        let own = ("origin", "https://portal.example.com");
        for (pairs, passes) in [
            (&[own][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[own, ("sec-fetch-site", "same-origin")], true),
            (&[own, ("sec-fetch-site", "none")], true),
            (&[], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[own, ("sec-fetch-site", "cross-site")], false),
            (&[own, ("sec-fetch-site", "same-site")], false),
            (&[("origin", "null")], false),
            (&[("origin", "null"), ("sec-fetch-site", "same-origin")], false),
            (&[("origin", "")], false),
            (&[("origin", "http://portal.example.com")], false),
            (&[("origin", "https://portal.example.com:8443")], false),
            (&[("origin", "https://portal.example.com.evil.example")], false),
            (
                &[
                    ("origin", "https://evil.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
            (&[own, own], false),
            (&[own, ("origin", "https://evil.example")], false),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
        ] {
            assert_eq!(check_site(&headers(pairs), &public).is_ok(), passes, "{pairs:?}");
        }
    }

    #[test]
    fn f4_the_form_token_is_the_sessions_own() {
        let (token, other) = (SessionToken::random(), SessionToken::random());
        let fields = |text: &str| Fields::urlencoded(text.as_bytes());
        let own = token.form_token();
        for (body, passes) in [
            (format!("csrf={own}"), true),
            (format!("csrf={}", other.form_token()), false),
            (format!("csrf={own}&csrf={own}"), false),
            ("csrf=".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(
                check_token(&HeaderMap::new(), &fields(&body), &token).is_ok(),
                passes,
                "{body}"
            );
        }
        let mut map = HeaderMap::new();
        map.insert("doorstep-csrf", HeaderValue::from_str(&own).unwrap());
        assert!(check_token(&map, &fields(""), &token).is_ok());
        assert!(check_token(&map, &fields("csrf=wrong"), &token).is_err());
        assert!(check_token(&map, &fields(""), &other).is_err());
    }
}
