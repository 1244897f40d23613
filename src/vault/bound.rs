//! Credentials that a session's own login brought: only these go up inside it (I4).

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::secret::{SessionToken, hex};

/// As many are remembered; a script that signs in ever again drops its oldest.
const MOST: usize = 16;

/// What kind of credential is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credential {
    /// `user:password` of HTTP Basic (RFC 7617).
    Basic,
    /// A bearer token of a login's answer (RFC 6750).
    Bearer,
}

impl Credential {
    fn purpose(self) -> &'static str {
        match self {
            Self::Basic => "doorstep bound basic",
            Self::Bearer => "doorstep bound bearer",
        }
    }
}

/// Digests of bound credentials. Their key lies beside them: both are sealed under the session's token, and go
/// on with the vault when that token changes.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bound {
    #[serde(rename = "k", skip_serializing_if = "String::is_empty")]
    key: String,
    #[serde(rename = "d", skip_serializing_if = "Vec::is_empty")]
    digests: Vec<(Credential, String)>,
}

impl Bound {
    /// Whether nothing is bound.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Binds a credential; a Basic one takes the place of the one before it.
    pub fn bind(&mut self, kind: Credential, secret: &[u8]) {
        if self.key.is_empty() {
            self.key = SessionToken::random().cookie_value();
        }
        let Some(digest) = self.digest(kind, secret) else {
            return;
        };
        self.digests
            .retain(|(bound, other)| *other != digest && !(kind == Credential::Basic && *bound == kind));
        self.digests.push((kind, digest));
        if self.digests.len() > MOST {
            self.digests.remove(0);
        }
    }

    /// Whether a credential is bound; in constant time for each that is.
    pub fn binds(&self, kind: Credential, secret: &[u8]) -> bool {
        let Some(digest) = self.digest(kind, secret) else {
            return false;
        };
        let is_it = |(bound, known): &&(Credential, String)| {
            *bound == kind && bool::from(known.as_bytes().ct_eq(digest.as_bytes()))
        };
        self.digests.iter().filter(is_it).count() > 0
    }

    /// Whether some credential of this kind is bound.
    pub fn has(&self, kind: Credential) -> bool {
        self.digests.iter().any(|(bound, _)| *bound == kind)
    }

    fn digest(&self, kind: Credential, secret: &[u8]) -> Option<String> {
        let key = SessionToken::parse(&self.key)?;
        Some(hex(&key.keyed_digest(kind.purpose(), secret)))
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bound({})", self.digests.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i4_only_what_was_bound_is_bound() {
        let mut bound = Bound::default();
        assert!(!bound.binds(Credential::Bearer, b"token"));
        bound.bind(Credential::Bearer, b"token");
        bound.bind(Credential::Basic, b"anna:old");
        bound.bind(Credential::Basic, b"anna:new");
        let text = serde_json::to_string(&bound).unwrap();
        assert!(!text.contains("token") && !text.contains("anna"));
        let bound: Bound = serde_json::from_str(&text).unwrap();
        assert!(bound.binds(Credential::Bearer, b"token") && bound.binds(Credential::Basic, b"anna:new"));
        for (kind, secret) in [
            (Credential::Basic, "token"),
            (Credential::Bearer, "anna:new"),
            (Credential::Basic, "anna:old"),
            (Credential::Bearer, "Token"),
            (Credential::Bearer, ""),
        ] {
            assert!(!bound.binds(kind, secret.as_bytes()), "{secret}");
        }
    }

    #[test]
    fn the_oldest_tokens_are_forgotten() {
        let mut bound = Bound::default();
        for number in 0..20 {
            bound.bind(Credential::Bearer, format!("token {number}").as_bytes());
        }
        assert!(!bound.binds(Credential::Bearer, b"token 3") && bound.binds(Credential::Bearer, b"token 4"));
    }
}
