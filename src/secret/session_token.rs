//! The session token (I6): 256 random bits that only the browser keeps. The store knows its SHA-256,
//! and what a session holds is sealed under keys that only the token gives.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{digest, hkdf, hmac};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{hex, random_bytes};

/// What one browser holds in its session cookie.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionToken([u8; 32]);

impl SessionToken {
    /// A new token.
    pub fn random() -> Self {
        Self(random_bytes())
    }

    /// Reads a cookie's value; `None` where it is not a token of ours.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let mut bytes = [0_u8; 32];
        let read = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (read == bytes.len()).then_some(Self(bytes))
    }

    /// The cookie's value: 43 characters of base64url.
    pub fn cookie_value(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Under which name the store knows this token's session.
    pub fn id(&self) -> SessionId {
        SessionId(hex(digest::digest(&digest::SHA256, &self.0).as_ref()))
    }

    /// The token that a page's forms carry to prove that they are this session's own.
    pub fn form_token(&self) -> String {
        self.proof(b"doorstep form token")
    }

    /// Whether `given` is this session's form token; in constant time.
    pub fn is_form_token(&self, given: &str) -> bool {
        self.form_token().as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// The same for the page that offers an interrupted form: it stands on the portal's origin, where the portal's
    /// scripts can read it, and is good for nothing else.
    pub fn offer_token(&self) -> String {
        self.proof(b"doorstep offer token")
    }

    /// Whether `given` is this session's offer token; in constant time.
    pub fn is_offer_token(&self, given: &str) -> bool {
        self.offer_token().as_bytes().ct_eq(given.as_bytes()).into()
    }

    fn proof(&self, purpose: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.derive(purpose));
        URL_SAFE_NO_PAD.encode(&hmac::sign(&key, b"v1").as_ref()[..24])
    }

    /// A digest of `data` that only this token can make: for comparing later without keeping it.
    pub fn keyed_digest(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.derive(purpose.as_bytes()));
        let mut out = [0_u8; 32];
        out.copy_from_slice(hmac::sign(&key, data).as_ref());
        out
    }

    /// Seals `plain` so that only this token opens it; bound to the session's id.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut sealed = plain.to_vec();
        let tag = self
            .sealing_key()
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(self.id().0.as_bytes()),
                &mut sealed,
            )
            .expect("a vault is far smaller than what AES-GCM takes at once");
        let mut out = Vec::with_capacity(nonce.len() + sealed.len() + 16);
        out.extend_from_slice(&nonce);
        out.append(&mut sealed);
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// Opens what [`Self::seal`] made; `None` where it was made under another token or changed since.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let plain = self
            .sealing_key()
            .open_in_place(nonce, Aad::from(self.id().0.as_bytes()), &mut body)
            .ok()?
            .len();
        body.truncate(plain);
        Some(body)
    }

    fn sealing_key(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, &self.derive(b"doorstep vault"))
            .expect("32 bytes are a key of AES-256");
        LessSafeKey::new(key)
    }

    /// HKDF-SHA256 (RFC 5869) of the token; `info` names the purpose.
    fn derive(&self, info: &[u8]) -> [u8; 32] {
        let mut out = [0_u8; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorstep session v1")
            .extract(&self.0)
            .expand(&[info], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut out))
            .expect("32 bytes are within what HKDF-SHA256 gives");
        out
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken([redacted])")
    }
}

/// SHA-256 of a session token in hexadecimal: the store's key, and no way back to the token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub String);

impl SessionId {
    /// What `session list` shows, `session revoke` takes and the directory records as ended: the first
    /// 32 digits (128 bits).
    pub fn public(&self) -> &str {
        self.0.get(..32).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i6_a_sealed_vault_opens_under_its_own_token_only() {
        let token = SessionToken::random();
        let sealed = token.seal(b"sessionid=abc");
        assert_eq!(token.open(&sealed).as_deref(), Some(&b"sessionid=abc"[..]));
        assert_eq!(SessionToken::random().open(&sealed), None);
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        assert_eq!(token.open(&changed), None);
        assert_eq!(token.open(&[]), None);
    }

    #[test]
    fn i6_the_store_key_is_the_hash_and_debug_shows_nothing() {
        let token = SessionToken::random();
        assert_eq!(
            SessionToken::parse(&token.cookie_value()).map(|t| t.id()),
            Some(token.id())
        );
        assert!(!token.id().0.contains(&token.cookie_value()));
        assert!(!format!("{token:?}").contains(&token.cookie_value()));
    }

    #[test]
    fn only_43_characters_of_base64url_are_a_token() {
        for text in ["", "a", &"a".repeat(44), &"=".repeat(43), &" ".repeat(43)] {
            assert!(SessionToken::parse(text).is_none(), "{text:?}");
        }
    }
}
