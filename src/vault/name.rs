//! Cookie names: how a pair is read, and which spellings of a name browsers and servers take for one.

use std::borrow::Cow;

use url::form_urlencoded;

/// Doorstep's own cookies, https and plain http on loopback.
const OWN: [&str; 6] = [
    "__Host-doorstep",
    "__Host-doorstep-device",
    "__Host-doorstep-crossing",
    "doorstep",
    "doorstep-device",
    "doorstep-crossing",
];

/// Whether a name is one of Doorstep's own, in any spelling that might be taken for it.
pub fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| alike(name, own))
}

/// Whether some server might take two names for one. Fails safe: what is alike is withheld.
pub(super) fn alike(a: &str, b: &str) -> bool {
    if is_plain(a) && is_plain(b) {
        return a.eq_ignore_ascii_case(b);
    }
    fold(a) == fold(b)
}

/// Whether a pair without a name would be read as a cookie of `name`: `=NAME=value` and a bare `NAME`.
pub(super) fn nameless_alike(text: &str, name: &str) -> bool {
    let head = text.trim_start_matches('=').split('=').next().unwrap_or_default();
    alike(head, name)
}

/// Reads `name=value` as RFC 6265 5.2 does: the first `=` parts it, and only spaces and tabs are trimmed.
/// Without `=` all of it is the value of a nameless cookie.
pub(super) fn pair(text: &str) -> (&str, &str) {
    let (name, value) = text.split_once('=').unwrap_or(("", text));
    (name.trim_matches([' ', '\t']), value.trim_matches([' ', '\t']))
}

/// A name that no server reads in another way, letters' case aside.
fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The name as the laxest servers read it: percent-decoded, cut at NUL, trimmed of all that shows nothing,
/// without case, and with PHP's `_` for what cannot stand in a variable's name.
fn fold(name: &str) -> String {
    let name = match name.contains('&') {
        true => Cow::Owned(name.replace('&', "%26")),
        false => Cow::Borrowed(name),
    };
    let decoded = form_urlencoded::parse(name.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default();
    let head = decoded.split('\0').next().unwrap_or_default();
    head.trim_matches(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}' | '\u{feff}'))
        .chars()
        .map(|c| {
            if matches!(c, '.' | ' ' | '+' | '[') {
                '_'
            } else {
                c
            }
        })
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i3_own_names_are_known_in_every_spelling() {
        for name in [
            "__Host-doorstep",
            "__host-DOORSTEP",
            "\u{2000}__Host-doorstep",
            "\u{a0}doorstep",
            "doorstep-device\u{3000}",
            "%64oorstep",
            "..Host-doorstep",
            "__Host-doorstep-device",
            "doorstep%00x",
            "\u{feff}doorstep",
        ] {
            assert!(is_own(name), "{name:?}");
        }
        for name in ["doorsteps", "my-doorstep", "doorstep&x", "sessionid", "", "%"] {
            assert!(!is_own(name), "{name:?}");
        }
    }

    #[test]
    fn a_pair_is_parted_at_its_first_equals_sign() {
        for (text, name, value) in [
            ("a=b", "a", "b"),
            (" a = b=c \t", "a", "b=c"),
            ("a=\"x y\"", "a", "\"x y\""),
            ("=b", "", "b"),
            ("b", "", "b"),
            ("a=", "a", ""),
            ("\u{a0}a=b\u{a0}", "\u{a0}a", "b\u{a0}"),
        ] {
            assert_eq!(pair(text), (name, value), "{text:?}");
        }
    }
}
