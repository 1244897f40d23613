//! What a session holds, and its seal (I6).

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Bound, Interrupted, Jar, Undos};
use crate::gate::Login;
use crate::secret::SessionToken;

/// What a session holds, opened.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vault {
    /// The jar of login pages and logins; after an accepted login: the portal session itself.
    #[serde(skip_serializing_if = "Jar::is_bare")]
    pub main: Jar,
    /// The jar of all other public routes while nobody has signed in.
    #[serde(skip_serializing_if = "Jar::is_bare")]
    pub public: Jar,
    /// Where the browser wanted to go: path and query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_link: Option<String>,
    /// What of a login's answer waits for the second factor (I5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// A keyed hash of the password that was accepted, should the device be remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Credentials that the session's own login brought.
    #[serde(skip_serializing_if = "Bound::is_empty")]
    pub bound: Bound,
    /// The portal changed its session outside a login: who-am-I is asked before this is used again (I4).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
    /// In forward-auth mode: a digest of the portal session under which this one began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal: Option<String>,
    /// A request to be sent once more (`resume`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Interrupted>,
    /// Whose session ran out before this one began, while nobody has signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Login>,
    /// What an admin changed in this session and may take back.
    #[serde(skip_serializing_if = "Undos::is_empty")]
    pub undos: Undos,
}

/// What of a withheld answer is released after the second factor.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// Where the portal's answer pointed: path and query within the portal.
    pub location: Option<String>,
    /// Its `pass_cookies`, as Set-Cookie values for the browser.
    pub cookies: Vec<String>,
}

impl Vault {
    /// Opens a sealed vault; an empty one for no bytes. `None` where it was sealed under another token, or
    /// is no vault.
    pub fn open(token: &SessionToken, sealed: &[u8]) -> Option<Self> {
        if sealed.is_empty() {
            return Some(Self::default());
        }
        let plain = Zeroizing::new(token.open(sealed)?);
        serde_json::from_slice(&plain).ok()
    }

    /// Seals it, as compact JSON.
    pub fn seal(&self, token: &SessionToken) -> Vec<u8> {
        let plain = serde_json::to_vec(self).expect("strings, lists and numbers always are JSON");
        token.seal(&Zeroizing::new(plain))
    }
}

/// Shows what there is, never its content (I12).
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("main", &self.main)
            .field("public", &self.public)
            .field("deep_link", &self.deep_link.is_some())
            .field("waiting", &self.waiting)
            .field("bound", &self.bound)
            .field("unproven", &self.unproven)
            .finish()
    }
}

/// Shows what there is, never its content (I12).
impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("location", &self.location.is_some())
            .field("cookies", &self.cookies.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Vault {
        let mut vault = Vault {
            deep_link: Some("/devices?id=7&token=secret".into()),
            waiting: Some(Waiting {
                location: Some("/home?secret".into()),
                cookies: vec!["csrftoken=secret".into()],
            }),
            ..Vault::default()
        };
        vault.main.store(
            &["sessionid=secret%2F; Path=/; HttpOnly".into()],
            "/login",
            &["portal.example.com"],
        );
        vault
    }

    #[test]
    fn i6_a_vault_opens_under_its_own_token_and_is_whole() {
        let token = SessionToken::random();
        let opened = Vault::open(&token, &full().seal(&token)).unwrap();
        assert_eq!(opened.main.header("/x").as_deref(), Some("sessionid=secret%2F"));
        assert!(opened.public.is_empty());
        assert_eq!(
            (&opened.deep_link, &opened.waiting),
            (&full().deep_link, &full().waiting)
        );
    }

    #[test]
    fn i6_garbage_and_other_tokens_open_nothing() {
        let token = SessionToken::random();
        let sealed = full().seal(&token);
        assert!(Vault::open(&SessionToken::random(), &sealed).is_none());
        assert!(Vault::open(&token, &sealed[1..]).is_none());
        assert!(Vault::open(&token, b"x").is_none());
        assert!(Vault::open(&token, &token.seal(b"not json")).is_none());
        assert!(Vault::open(&token, &token.seal(b"[1]")).is_none());
        assert!(Vault::open(&token, &[]).unwrap().main.is_empty());
    }

    #[test]
    fn i6_the_json_inside_is_compact() {
        let token = SessionToken::random();
        assert_eq!(token.open(&Vault::default().seal(&token)).unwrap(), b"{}");
        let mut vault = Vault::default();
        vault
            .main
            .store(&["a=b; Secure; Path=/; SameSite=Lax".into()], "/", &["x"]);
        assert_eq!(
            String::from_utf8(token.open(&vault.seal(&token)).unwrap()).unwrap(),
            r#"{"main":[{"n":"a","v":"b"}]}"#
        );
    }

    #[test]
    fn i12_debug_shows_no_content() {
        assert!(!format!("{:?}", full()).contains("secret"));
    }
}
