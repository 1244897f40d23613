//! Whose request it is on the wire: the client's address, and whether a page or a script asks.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::ACCEPT;
use ipnet::IpNet;

use crate::config::Listen;

use crate::gate::Asker;

/// No place has a longer name, in characters.
const LONGEST_PLACE: usize = 80;

/// The client's address (I11): the peer's, unless the peer is a trusted proxy; then the right-most address
/// of X-Forwarded-For that is not itself trusted.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let mut furthest = peer;
    // As bytes: what a client wrote before the proxy's own word may be no text, and must not take that along.
    let lines: Vec<&[u8]> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(http::HeaderValue::as_bytes)
        .collect();
    let hops = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(|byte| *byte == b','));
    for hop in hops {
        let Some(address) = std::str::from_utf8(hop).ok().and_then(parse_hop) else {
            // What the trusted proxies wrote ends here; beyond it anybody could have written.
            return furthest;
        };
        furthest = address;
        if !is_trusted(address, trusted) {
            return address;
        }
    }
    furthest
}

/// The name of the place that the client is at: as a trusted proxy says it in the header that configuration names.
pub fn place(peer: IpAddr, headers: &HeaderMap, listen: &Listen) -> Option<String> {
    let trusted = is_trusted(peer, &listen.trusted_proxies);
    let mut lines = headers
        .get_all(listen.place_header.as_ref().filter(|_| trusted)?)
        .iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let name = std::str::from_utf8(line.as_bytes()).ok()?.trim();
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_PLACE)
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Whether forwarding headers are believed from this address.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = match hop.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => hop,
    };
    bare.parse()
        .ok()
        .or_else(|| {
            hop.parse::<std::net::SocketAddr>()
                .ok()
                .map(|address| address.ip())
        })
        .map(|address: IpAddr| address.to_canonical())
}

/// Page or script (DESIGN section 3): `Sec-Fetch-Mode` where it is sent, else `X-Requested-With`, else an
/// `Accept` without `text/html` makes a script.
pub fn asker(headers: &HeaderMap) -> Asker {
    if let Some(mode) = headers.get("sec-fetch-mode") {
        return if mode == "navigate" {
            Asker::Page
        } else {
            Asker::Script
        };
    }
    if headers.contains_key("x-requested-with") {
        return Asker::Script;
    }
    let mut accepts = headers.get_all(ACCEPT).iter().peekable();
    if accepts.peek().is_none() {
        return Asker::Script;
    }
    let html = accepts.any(|value| {
        value
            .to_str()
            .is_ok_and(|value| value.to_ascii_lowercase().contains("text/html"))
    });
    if html { Asker::Page } else { Asker::Script }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::limited_network;

    #[test]
    fn only_a_trusted_proxy_names_a_place() {
        let listen = Listen {
            address: "127.0.0.1:1".parse().unwrap(),
            public_url: crate::config::Origin::parse("https://portal.example.com").unwrap(),
            tls: None,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            own_url: None,
            own_address: None,
            place_header: Some(http::HeaderName::from_static("x-geo-place")),
            drain: std::time::Duration::ZERO,
        };
        let long = "x".repeat(200);
        for (peer, lines, expected) in [
            (
                "10.1.2.3",
                &[("x-geo-place", " Berlin, DE ")][..],
                Some("Berlin, DE"),
            ),
            ("::ffff:10.1.2.3", &[("x-geo-place", "Zürich")], Some("Zürich")),
            ("192.0.2.1", &[("x-geo-place", "Berlin")], None),
            (
                "10.1.2.3",
                &[("x-geo-place", "Berlin"), ("x-geo-place", "Rome")],
                None,
            ),
            ("10.1.2.3", &[("x-geo-place", " ")], None),
            ("10.1.2.3", &[("x-geo-place", &long)], Some(&long[..80])),
            ("10.1.2.3", &[], None),
        ] {
            let mut given = HeaderMap::new();
            for (name, value) in lines {
                given.append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let named = place(peer.parse().unwrap(), &given, &listen);
            assert_eq!(named.as_deref(), expected, "{peer} {lines:?}");
        }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn i11_only_a_trusted_proxy_says_who_the_client_is() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        for (peer, forwarded, client) in [
            ("192.0.2.1", vec!["203.0.113.9"], "192.0.2.1"),
            ("10.0.0.1", vec!["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", vec!["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", vec!["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", vec!["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", vec!["203.0.113.9, nonsense"], "10.0.0.1"),
            ("10.0.0.1", vec!["\u{fc}, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", vec!["1.1.1.1", "\u{fc},203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", vec!["10.9.9.9", "203.0.113.9,\u{fc}"], "10.0.0.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", vec!["[2001:db8::1]:4711"], "2001:db8::1"),
            ("::ffff:10.0.0.1", vec!["203.0.113.9"], "203.0.113.9"),
        ] {
            let lines: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let seen = client_address(peer.parse().unwrap(), &headers(&lines), &trusted);
            assert_eq!(seen, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn b5_an_ipv6_customer_counts_as_one() {
        assert_eq!(
            limited_network("2001:db8:1:2:3:4:5:6".parse().unwrap()),
            limited_network("2001:db8:1:2:ffff::1".parse().unwrap())
        );
    }

    #[test]
    fn a_page_is_told_from_a_script() {
        for (lines, expected) in [
            (vec![("sec-fetch-mode", "navigate")], Asker::Page),
            (
                vec![("sec-fetch-mode", "cors"), ("accept", "text/html")],
                Asker::Script,
            ),
            (
                vec![("x-requested-with", "XMLHttpRequest"), ("accept", "text/html")],
                Asker::Script,
            ),
            (vec![("accept", "text/html,*/*")], Asker::Page),
            (vec![("accept", "*/*")], Asker::Script),
            (vec![], Asker::Script),
        ] {
            assert_eq!(asker(&headers(&lines)), expected, "{lines:?}");
        }
    }
}
