//! An origin: scheme, host and port (RFC 6454).

use std::fmt;

use url::Url;

/// An `http` or `https` origin, normalised.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `scheme://host[:port]`, without path, query, fragment or credentials.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("{text:?} is no URL: {error}"))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            other => return Err(format!("{other:?} is neither http nor https")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an origin holds no credentials".into());
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("an origin ends after host and port: no path, query or fragment".into());
        }
        let host = url.host_str().ok_or("an origin needs a host")?.to_owned();
        let port = url.port_or_known_default().ok_or("an origin needs a port")?;
        Ok(Self { secure, host, port })
    }

    /// Whether it is `https`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// The host, lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a `Host` header says of it: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        if self.port == if self.secure { 443 } else { 80 } {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether a `Host` header names this origin: case does not matter, the scheme's own port may be given.
    pub fn is_named_by(&self, host_header: &str) -> bool {
        let (host, port) = match host_header.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (host_header, None),
        };
        let port = match port {
            None => Some(if self.secure { 443 } else { 80 }),
            Some(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            Some(_) => None,
        };
        port == Some(self.port) && host.eq_ignore_ascii_case(&self.host)
    }

    /// Whether an address that the portal made means this origin: as it is, or as a portal writes it that
    /// does not know of the TLS before it (`http://`, the same host, the public port or none).
    pub fn is_meant_by(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let same_host = url
            .host_str()
            .is_some_and(|host| host.eq_ignore_ascii_case(&self.host));
        let exact = url.scheme() == self.scheme() && port == Some(self.port);
        let without_tls = url.scheme() == "http" && (url.port().is_none() || port == Some(self.port));
        same_host && (exact || without_tls)
    }

    /// Whether the host is a loopback address or `localhost`.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost"
            || bare.ends_with(".localhost")
            || bare
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_names_the_origin_or_not() {
        let origin = Origin::parse("https://portal.example.com").unwrap();
        for (host, named) in [
            ("portal.example.com", true),
            ("PORTAL.example.com", true),
            ("portal.example.com:443", true),
            ("portal.example.com:80", false),
            ("portal.example.com:", false),
            ("portal.example.com.", false),
            ("portal@evil", false),
            ("evil.example.com", false),
            ("", false),
        ] {
            assert_eq!(origin.is_named_by(host), named, "{host:?}");
        }
        let local = Origin::parse("http://127.0.0.1:8080").unwrap();
        assert!(local.is_named_by("127.0.0.1:8080") && !local.is_named_by("127.0.0.1"));
        assert!(
            Origin::parse("http://[::1]:8080")
                .unwrap()
                .is_named_by("[::1]:8080")
        );
    }

    #[test]
    fn an_origin_holds_nothing_but_scheme_host_and_port() {
        for text in [
            "portal",
            "ftp://x",
            "https://u:p@x",
            "https://x/path",
            "https://x?q",
            "https://x#f",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Origin::parse("HTTPS://X.example:443/").unwrap().to_string(),
            "https://x.example"
        );
    }
}
