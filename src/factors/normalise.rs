//! What was typed into **Token or Security Key**, made plain.

use zeroize::Zeroizing;

use super::passcode;

/// Longer input is nobody's token.
const LONGEST: usize = 64;

/// Something typed that has the shape of a token.
pub enum Typed {
    /// Sixteen letters and digits: a one-time passcode, upper case and without dashes.
    Passcode(Zeroizing<String>),
    /// ASCII digits: a key from an app, or a token from an SMS.
    Digits(Zeroizing<String>),
}

impl Typed {
    /// Reads what was typed: spaces, dashes and marks that show nothing are dropped, as phones and chat
    /// programs put them in. Digits of other scripts and full-width ones are not taken for ASCII digits.
    ///
    /// `None`: it is no token of any kind.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > LONGEST {
            return None;
        }
        let plain: Zeroizing<String> = Zeroizing::new(typed.chars().filter(|c| !is_filler(*c)).collect());
        if passcode::has_shape(&plain) {
            return Some(Self::Passcode(Zeroizing::new(plain.to_ascii_uppercase())));
        }
        let is_digits = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
        is_digits.then_some(Self::Digits(plain))
    }
}

/// White space (no-break spaces included), hyphens and dashes, and what shows nothing: zero-width and
/// direction marks.
fn is_filler(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str) -> Option<String> {
        match Typed::parse(typed)? {
            Typed::Passcode(code) => Some(format!("passcode {}", code.as_str())),
            Typed::Digits(token) => Some(token.as_str().to_owned()),
        }
    }

    #[test]
    fn spaces_and_dashes_are_dropped_and_nothing_else_is_bent() {
        for (typed, expected) in [
            ("123456", Some("123456")),
            (" 123 456\r\n", Some("123456")),
            ("123-456", Some("123456")),
            ("123\u{a0}456", Some("123456")),
            ("123\u{2011}456", Some("123456")),
            ("\u{202d}123\u{2009}\u{2013}456\u{202c}", Some("123456")),
            ("abcd-efgh-2345-6789", Some("passcode ABCDEFGH23456789")),
            ("ABCD EFGH 2345 6789", Some("passcode ABCDEFGH23456789")),
            ("0123-4567-0123-4567", Some("passcode 0123456701234567")),
            ("", None),
            (" - ", None),
            ("12345a", None),
            ("+123456", None),
            ("123.456", None),
            ("１２３４５６", None),
            ("١٢٣٤٥٦", None),
            ("12345６", None),
            ("abcd-efgh-2345-678\u{e9}", None),
            ("123456\0", None),
        ] {
            assert_eq!(read(typed).as_deref(), expected, "{typed:?}");
        }
    }

    #[test]
    fn what_is_longer_than_64_bytes_is_not_looked_at() {
        assert!(Typed::parse(&format!("{}1", " ".repeat(63))).is_some());
        assert!(Typed::parse(&format!("{}1", " ".repeat(64))).is_none());
        assert!(Typed::parse(&"9".repeat(1 << 20)).is_none());
    }
}
