//! `challenge?next=…`: the place from which a page of the portal came to the challenge by itself
//! (`step_up_script`), so that it is where the browser comes back to.

use http::{HeaderMap, Method};

use crate::gate::{Fields, HeadClass, PortalRules, Route, Target, class_head};

/// No page's address is longer, with its fragment, in bytes.
const LONGEST: usize = 4096;

/// The place that a request for the challenge names, if a page of the portal's own named it and it is a page of
/// the portal's.
pub fn named(rules: &PortalRules, uri: &http::Uri, headers: &HeaderMap) -> Option<String> {
    let by_own_page = headers
        .get("sec-fetch-site")
        .is_none_or(|site| site == "same-origin");
    let fields = Fields::parse(uri.query()?.as_bytes());
    let mut places = fields.values("next");
    match (places.next(), places.next()) {
        (Some(place), None) if by_own_page && leads_back(rules, place) => Some(place.to_owned()),
        _ => None,
    }
}

/// Whether a place is a page that can be gone to: neither an own address nor a logout, nor what reads in two ways.
fn leads_back(rules: &PortalRules, place: &str) -> bool {
    let (address, fragment) = place.split_once('#').unwrap_or((place, ""));
    let is_fragment = fragment
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\"<>`\\".contains(&byte));
    if place.len() > LONGEST || !is_fragment {
        return false;
    }
    let Ok(target) = Target::parse(address.as_bytes()) else {
        return false;
    };
    matches!(
        class_head(rules, &Method::GET, &target),
        HeadClass::Settled(Route::Public | Route::LoginPage | Route::Protected)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn place(query: &str, site: Option<&'static str>) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("doorstep.toml");
        let text = "[listen]\naddress = \"127.0.0.1:1\"\npublic_url = \"https://portal.example.com\"\n[portal]\n\
                    upstream = \"http://127.0.0.1:2\"\npublic = [\"/shell\"]\nlogout = [\"/logout\"]\nclosed = [\"/rpc\"]\n\
                    [[portal.login]]\npath = \"/login\"\nusername = { form = \"email\" }\nsuccess = { status = [302] }\n";
        std::fs::write(&file, text).unwrap();
        let rules = Config::read(&file).unwrap().portal.rules;
        let uri = format!("/.doorstep/challenge?{query}").parse().unwrap();
        let mut headers = HeaderMap::new();
        if let Some(site) = site {
            headers.insert("sec-fetch-site", site.parse().unwrap());
        }
        named(&rules, &uri, &headers)
    }

    #[test]
    fn f6_only_a_page_of_the_portals_own_is_come_back_to() {
        let own = Some("same-origin");
        for (query, expected) in [
            (
                "next=%2Fapp%2Fx%3Fid%3D7%23%2Froute%2F1",
                Some("/app/x?id=7#/route/1"),
            ),
            ("next=/shell%23login", Some("/shell#login")),
            ("next=/login", Some("/login")),
            ("next=/", Some("/")),
            ("next=/logout", None),
            ("next=/rpc", None),
            ("next=/.doorstep/account", None),
            ("next=/.Doorstep/account", None),
            ("next=//evil.example/", None),
            ("next=/%5Cevil.example/", None),
            ("next=https://evil.example/", None),
            ("next=/app/../logout", None),
            ("next=/app%23%0D%0ASet-Cookie:x", None),
            ("next=/a&next=/b", None),
            ("next=", None),
            ("", None),
        ] {
            assert_eq!(place(query, own).as_deref(), expected, "{query}");
        }
        assert!(
            place("next=/app", None).is_some(),
            "an older browser says nothing of it"
        );
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(place("next=/app", Some(site)), None, "{site}");
        }
    }
}
