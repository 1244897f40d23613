//! Credentials that a request brings itself: read, and held against what the session's own login brought (I4).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use http::HeaderValue;

use crate::gate::Login;
use crate::gate::query::{Fields, same_name};
use crate::secret::Redacted;
use crate::vault::{Bound, Credential, Jar};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// How Kubernetes wraps a token into a subprotocol.
const WRAPPED_TOKEN: &str = "base64url.bearer.authorization.k8s.io.";
/// Words beside which a subprotocol is taken for a token.
pub(super) const TOKEN_WORDS: [&str; 6] = [
    "bearer",
    "access_token",
    "accesstoken",
    "authorization",
    "token",
    "jwt",
];
/// No registered subprotocol's name is as long; tokens are.
const LONG: usize = 32;

/// Basic credentials (RFC 7617).
pub struct Basic {
    /// Who they name.
    pub user: Login,
    /// `user:password`, decoded.
    pub pair: Redacted<String>,
}

/// Credentials that two servers could read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Reads an Authorization header; `None` where its scheme is another.
pub fn basic(value: &HeaderValue) -> Option<Result<Basic, Unreadable>> {
    let (scheme, rest) = split(value)?;
    scheme
        .eq_ignore_ascii_case("basic")
        .then(|| pair(rest).ok_or(Unreadable))
}

fn pair(text: &str) -> Option<Basic> {
    let bytes = BASE64.decode(text).ok()?;
    let pair = Redacted::new(String::from_utf8(bytes).ok()?);
    if pair.reveal().chars().any(char::is_control) {
        return None;
    }
    let (user, _) = pair.reveal().split_once(':')?;
    let user = Login::parse(user).ok()?;
    Some(Basic { user, pair })
}

/// Scheme and the one credential behind it.
fn split(value: &HeaderValue) -> Option<(&str, &str)> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    (!rest.is_empty() && !rest.contains([' ', ',', '\t'])).then_some((scheme, rest))
}

/// Whether these are credentials that the session's own login brought.
pub fn is_bound(bound: &Bound, value: &HeaderValue) -> bool {
    match basic(value) {
        Some(Ok(basic)) => bound.binds(Credential::Basic, basic.pair.reveal().as_bytes()),
        Some(Err(Unreadable)) => false,
        None => split(value).is_some_and(|(_, token)| bound.binds(Credential::Bearer, token.as_bytes())),
    }
}

/// Whether a parameter of this name carries a token or a key, not a session's id.
pub fn names_a_token(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "key", "jwt"].iter().any(|word| name.contains(word))
}

/// What is shorter is nobody's session: a page's own `sid` may count its pages.
pub const SHORTEST_SESSION: usize = 16;

/// A query without what could carry somebody else's session: parameters of these names whose value is neither
/// a bound token nor a cookie's in the vault, nor shorter than `shortest`. `None`: nothing of the kind is there.
pub fn without_foreign_tokens(
    query: &str,
    names: &[String],
    shortest: usize,
    bound: &Bound,
    jar: &Jar,
) -> Option<String> {
    let is_foreign = |piece: &&str| {
        let fields = Fields::parse(piece.as_bytes());
        if !fields
            .names()
            .any(|name| names.iter().any(|known| same_name(name, known)))
        {
            return false;
        }
        let mut values = fields.iter().map(|field| field.value.as_str());
        let (Some(value), None) = (values.next(), values.next()) else {
            return true;
        };
        // An empty one grants nothing.
        if value.len() < shortest.max(1) {
            return false;
        }
        piece.contains(';') || !(bound.binds(Credential::Bearer, value.as_bytes()) || jar.holds_value(value))
    };
    if !query.split('&').any(|piece| is_foreign(&piece)) {
        return None;
    }
    let kept: Vec<&str> = query.split('&').filter(|piece| !is_foreign(piece)).collect();
    Some(kept.join("&"))
}

/// Whether the subprotocols that a WebSocket offers hold a token that is not this session's.
pub fn offers_foreign_token<'a>(lines: impl Iterator<Item = &'a HeaderValue>, bound: &Bound) -> bool {
    let mut offers = Vec::new();
    for line in lines {
        let Ok(line) = line.to_str() else {
            return true;
        };
        offers.extend(line.split(',').map(str::trim).filter(|offer| !offer.is_empty()));
    }
    let is_word = |offer: &str| TOKEN_WORDS.iter().any(|word| offer.eq_ignore_ascii_case(word));
    let speaks_of_tokens = offers.iter().any(|offer| is_word(offer));
    offers.iter().any(|offer| {
        let unwrapped = offer
            .strip_prefix(WRAPPED_TOKEN)
            .map(|inner| URL_SAFE_NO_PAD.decode(inner.trim_end_matches('=')));
        let token = match &unwrapped {
            Some(Ok(token)) => token.as_slice(),
            Some(Err(_)) => return true,
            None => offer.as_bytes(),
        };
        let looks_like_one =
            unwrapped.is_some() || offer.len() >= LONG || (speaks_of_tokens && !is_word(offer));
        looks_like_one && !bound.binds(Credential::Bearer, token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> HeaderValue {
        HeaderValue::from_bytes(text.as_bytes()).unwrap()
    }

    fn bound() -> Bound {
        let mut bound = Bound::default();
        bound.bind(Credential::Bearer, b"own-token");
        bound.bind(Credential::Basic, b"anna:pass:word");
        bound
    }

    #[test]
    fn i4_only_own_credentials_go_up() {
        for own in [
            "Bearer own-token",
            "bearer own-token",
            "Token own-token",
            "Basic YW5uYTpwYXNzOndvcmQ=",
            "basic YW5uYTpwYXNzOndvcmQ",
        ] {
            assert!(is_bound(&bound(), &value(own)), "{own}");
        }
        for foreign in [
            "Bearer other-token",
            "Bearer own-token other-token",
            "Bearer other-token,own-token",
            "Bearer",
            "own-token",
            "Bearer\town-token",
            "Basic own-token",
            "Basic YmVuOnBhc3M6d29yZA==",
            "Basic YW5uYTpwYXNzOndvcmQ= x",
            "Basic !!!",
            "Digest username=anna",
        ] {
            assert!(!is_bound(&bound(), &value(foreign)), "{foreign}");
        }
    }

    #[test]
    fn i4_basic_credentials_are_read_in_one_way() {
        let read =
            |text: &str| basic(&value(text)).map(|read| read.map(|basic| basic.user.as_str().to_owned()));
        assert_eq!(read("Basic YW5uYTpwYXNzOndvcmQ="), Some(Ok("anna".into())));
        assert_eq!(read("Bearer x"), None);
        // No colon; nobody; a control byte; no UTF-8.
        for unreadable in ["YW5uYQ==", "OnBhc3M=", "YW4AbmE6eA==", "YW5u4Dp4"] {
            assert_eq!(
                read(&format!("Basic {unreadable}")),
                Some(Err(Unreadable)),
                "{unreadable}"
            );
        }
    }

    #[test]
    fn i4_a_foreign_token_in_the_query_stays_here() {
        let names = ["access_token".to_owned()];
        for (query, kept) in [
            ("a=1", None),
            ("access_token=own-token&a=1", None),
            ("access_token=other&a=1", Some("a=1")),
            ("a=1&ACCESS_TOKEN=other", Some("a=1")),
            (
                "access_token=own-token&access_token=other",
                Some("access_token=own-token"),
            ),
            ("a=1;access_token=other&b=2", Some("b=2")),
            ("access%5ftoken=other", Some("")),
            ("access_token[]=other&b=2", Some("b=2")),
        ] {
            let got = without_foreign_tokens(query, &names, 1, &bound(), &Jar::default());
            assert_eq!(got.as_deref(), kept, "{query}");
        }
    }

    #[test]
    fn i4_a_session_that_is_not_this_ones_is_long() {
        let names = ["sid".to_owned()];
        for (query, kept) in [
            ("sid=12&a=1", None),
            ("sid=0123456789abcdef&a=1", Some("a=1")),
            ("a=1;sid=0123456789abcdef&b=2", Some("b=2")),
        ] {
            let got = without_foreign_tokens(query, &names, SHORTEST_SESSION, &bound(), &Jar::default());
            assert_eq!(got.as_deref(), kept, "{query}");
        }
    }

    #[test]
    fn i4_a_foreign_token_among_the_subprotocols_is_seen() {
        let wrapped = |token: &str| format!("{WRAPPED_TOKEN}{}", URL_SAFE_NO_PAD.encode(token));
        for (offer, foreign) in [
            ("mqtt, graphql-transport-ws".to_owned(), false),
            ("bearer, own-token".to_owned(), false),
            ("bearer, other".to_owned(), true),
            (wrapped("own-token"), false),
            (wrapped("other"), true),
            ("x".repeat(40), true),
        ] {
            let line = value(&offer);
            assert_eq!(
                offers_foreign_token([&line].into_iter(), &bound()),
                foreign,
                "{offer}"
            );
        }
    }
}
