//! I12: what holds a secret shows none of it, by type, and forgets it when dropped.

use zeroize::ZeroizeOnDrop;

use super::{KeyRing, Redacted, SessionToken};
use crate::vault::{Bound, BrowserCookies, Credential, Jar, Vault, part};

const CANARY: &str = "canary-0123456789abcdef";

fn shows_nothing(what: &str, shown: &str, secret: &str) {
    assert!(
        !shown.contains(CANARY) && !shown.contains(secret),
        "{what}: {shown}"
    );
}

#[test]
fn i12_no_type_that_holds_a_secret_shows_it() {
    let cookie = format!("sid={CANARY}; Path=/");
    let mut jar = Jar::default();
    jar.store(std::slice::from_ref(&cookie), "/", &["portal.example.com"]);
    let mut bound = Bound::default();
    bound.bind(Credential::Bearer, CANARY.as_bytes());
    let mut vault = Vault {
        main: jar.clone(),
        deep_link: Some(format!("/x?token={CANARY}")),
        password: Some(CANARY.to_owned()),
        ..Vault::default()
    };
    vault.bound = bound.clone();
    let token = SessionToken::random();
    let value = token.cookie_value();
    let browser = BrowserCookies::split(std::iter::once(cookie.as_bytes()));
    let parted = part(&[cookie.as_bytes()], &[]);
    for (what, shown) in [
        ("a session's token", format!("{token:?}")),
        ("the key ring", format!("{:?}", KeyRing::ephemeral())),
        (
            "a provider's secret",
            format!("{:?}", Redacted::new(CANARY.to_owned())),
        ),
        ("a jar", format!("{jar:?}")),
        ("bound credentials", format!("{bound:?}")),
        ("a vault", format!("{vault:?}")),
        ("a browser's cookies", format!("{browser:?}")),
        ("an answer's cookies", format!("{parted:?}")),
    ] {
        shows_nothing(what, &shown, &value);
    }
}

#[test]
fn i12_secrets_are_forgotten_when_they_are_dropped() {
    fn is_zeroized<T: ZeroizeOnDrop>() {}
    is_zeroized::<SessionToken>();
    is_zeroized::<zeroize::Zeroizing<[u8; 32]>>();
    is_zeroized::<zeroize::Zeroizing<String>>();
    assert!(std::mem::needs_drop::<Redacted<String>>());
}
