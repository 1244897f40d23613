//! Names: portal logins, which are compared folded, and firm ids.

use std::fmt;

use caseless::Caseless as _;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// A portal username: as it was given, and folded for comparing (I4: trimmed, NFKC, case-folded).
///
/// Two logins are equal where their folded forms are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    shown: String,
    folded: String,
}

/// Why a text is no login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Nothing is left after trimming.
    #[error("a login cannot be empty")]
    Empty,
    /// More than 254 bytes (the longest e-mail address, RFC 5321 4.5.3.1.3).
    #[error("a login is at most 254 bytes long")]
    TooLong,
    /// Control characters, or characters that show nothing.
    #[error("a login cannot hold control or invisible characters")]
    Invisible,
}

impl Login {
    /// Reads a username.
    ///
    /// # Errors
    /// Where it is empty, too long, or holds characters that cannot be seen.
    pub fn parse(text: &str) -> Result<Self, LoginError> {
        let shown = text.trim();
        if shown.chars().any(is_invisible) {
            return Err(LoginError::Invisible);
        }
        if shown.len() > 254 {
            return Err(LoginError::TooLong);
        }
        let folded = fold(shown).trim().to_owned();
        if folded.is_empty() {
            return Err(LoginError::Empty);
        }
        Ok(Self {
            shown: shown.to_owned(),
            folded,
        })
    }

    /// The login as it was given, trimmed.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The form that is compared and stored as the key.
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

/// A text as logins are compared, but for the trimming: for what may be a part of one.
pub fn fold(text: &str) -> String {
    text.nfkc().default_case_fold().nfkc().collect()
}

/// Control characters, zero-width and direction marks, and other format characters that people use to
/// make two names look alike.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Login {}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A firm's id: 1 to 64 of `a-z 0-9 - _ .`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FirmId(String);

impl FirmId {
    /// Reads a firm's id; upper case is taken as lower case.
    ///
    /// # Errors
    /// A sentence that says what an id looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let id = text.trim().to_ascii_lowercase();
        let fits = (1..=64).contains(&id.len())
            && id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if fits {
            Ok(Self(id))
        } else {
            Err(
                "a firm's id is 1 to 64 letters, digits, '-', '_' or '.', beginning with a letter or digit"
                    .into(),
            )
        }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FirmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for FirmId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<FirmId> for String {
    fn from(id: FirmId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i4_names_are_compared_trimmed_normalised_and_case_folded() {
        for (a, b) in [
            ("anna", " Anna "),
            ("STRASSE", "straße"),
            ("ａｎｎａ", "anna"),
            ("Ångström", "A\u{30a}ngstro\u{308}m"),
            ("\u{a0}anna\u{3000}", "anna"),
        ] {
            assert_eq!(Login::parse(a), Login::parse(b), "{a:?} and {b:?}");
        }
        assert_ne!(Login::parse("anna"), Login::parse("anne"));
    }

    #[test]
    fn g4_what_cannot_be_seen_is_no_login() {
        for text in [
            "",
            "  ",
            "a\u{200b}nna",
            "an\0na",
            "anna\u{202e}",
            &"a".repeat(255),
        ] {
            assert!(Login::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_firm_id_is_plain() {
        assert_eq!(FirmId::parse("Corp-A").unwrap().as_str(), "corp-a");
        for text in ["", "-a", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert!(FirmId::parse(text).is_err(), "{text:?}");
        }
    }
}
