//! `[listen] own_url`: own pages on an origin of their own, out of reach of the portal's scripts.

use std::net::SocketAddr;

use super::reader::Reader;
use super::text::ListenText;
use super::{Listen, Origin};

/// On which origin a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `public_url`, the portal's: own pages too, unless they have an origin of their own.
    Public,
    /// `own_url`: own pages and nothing else.
    Own,
}

/// `own_url` and `own_address`, as the file has them.
pub(super) struct OwnPages {
    pub url: Option<Origin>,
    pub address: Option<SocketAddr>,
}

impl Listen {
    /// The origin that own pages live on.
    pub fn own_origin(&self) -> &Origin {
        self.own_url.as_ref().unwrap_or(&self.public_url)
    }

    /// Which origin a `Host` header names; the public one where it names neither.
    pub fn side_of(&self, host: &str) -> Side {
        match &self.own_url {
            Some(own) if own.is_named_by(host) => Side::Own,
            _ => Side::Public,
        }
    }

    /// The origin of a side.
    pub fn origin_of(&self, side: Side) -> &Origin {
        match side {
            Side::Public => &self.public_url,
            Side::Own => self.own_origin(),
        }
    }

    /// Whether own pages live on another host, where the public one's cookies do not come along: a session is
    /// handed over.
    pub fn hands_over(&self) -> bool {
        self.own_url
            .as_ref()
            .is_some_and(|own| own.host() != self.public_url.host())
    }

    /// The second address that is listened on for own pages; `None`: they come in on the first one. Told by
    /// `own_address`, or by `own_url`'s port where the first address has that of `public_url` itself.
    pub fn own_listener(&self) -> Option<SocketAddr> {
        let own = self.own_url.as_ref()?;
        let direct = self.address.port() == self.public_url.port() && own.port() != self.public_url.port();
        let derived = || direct.then(|| SocketAddr::new(self.address.ip(), own.port()));
        self.own_address
            .or_else(derived)
            .filter(|address| *address != self.address)
    }
}

pub(super) fn own_pages(
    reader: &mut Reader<'_>,
    text: &ListenText,
    public_url: Option<&Origin>,
) -> Option<OwnPages> {
    let url = match &text.own_url {
        None => None,
        Some(text) => Some(reader.value(text, |text| own_url(text, public_url))?),
    };
    let address = match &text.own_address {
        None => None,
        Some(text) => Some(reader.value(text, super::sections::parse_address)?),
    };
    if let (None, Some(text)) = (&url, &text.own_address) {
        reader.refuse(
            text.span(),
            "own_address is where own_url is listened on, and there is no own_url",
        );
        return None;
    }
    Some(OwnPages { url, address })
}

fn own_url(text: &str, public: Option<&Origin>) -> Result<Origin, String> {
    let own = Origin::parse(text)?;
    let Some(public) = public else {
        return Ok(own);
    };
    if own == *public {
        return Err(format!(
            "{own} is public_url itself: leave own_url out, or give own pages another host or port"
        ));
    }
    if own.is_secure() != public.is_secure() {
        return Err(format!(
            "{own} and public_url {public} must both be https://, or both http:// on loopback addresses"
        ));
    }
    if !own.is_secure() && !own.is_loopback() {
        return Err(format!(
            "{own} is plain http, which is for loopback addresses only"
        ));
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_pages_have_another_origin_of_the_same_kind() {
        let public = Origin::parse("https://portal.example.com").unwrap();
        for (text, fits) in [
            ("https://door.example.com", true),
            ("https://portal.example.com:8443", true),
            ("https://portal.example.com", false),
            ("https://portal.example.com:443", false),
            ("http://door.example.com", false),
            ("http://localhost:8080", false),
            ("https://door.example.com/x", false),
            ("door.example.com", false),
        ] {
            assert_eq!(own_url(text, Some(&public)).is_ok(), fits, "{text}");
        }
        let local = Origin::parse("http://127.0.0.1:8080").unwrap();
        assert!(own_url("http://localhost:8080", Some(&local)).is_ok());
        assert!(own_url("http://example.com:8080", Some(&local)).is_err());
    }
}
