//! The request target: parsed once, classed and forwarded as one value.

use std::borrow::Cow;
use std::fmt;

use super::reading;

/// The longest target that is read, in bytes (RFC 9110 4.1 asks for at least 8000 octets).
const LONGEST: usize = 8 * 1024;

/// Where doorstep's own pages live.
const OWN: &str = "/.doorstep";

/// A request target in origin form (RFC 9112 3.2.1), byte for byte as it was sent.
/// `Debug` shows no query: tokens stand there.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    raw: String,
    path_len: usize,
    plain: bool,
}

/// Why a request target is answered 400 and the connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Empty, `*`, absolute or anything else that does not begin with a slash.
    #[error("the request target is not in origin form")]
    Form,
    /// Longer than 8 KiB.
    #[error("the request target is too long")]
    TooLong,
    /// Control bytes or spaces, raw, or control bytes percent-encoded.
    #[error("the request target holds control bytes")]
    Control,
    /// A fragment, which no client sends (RFC 9112 3.2.1).
    #[error("the request target holds a fragment")]
    Fragment,
    /// Raw bytes that are no UTF-8.
    #[error("the request target is no text")]
    NoText,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.query().is_some() { "?…" } else { "" };
        write!(f, "Target({:?}{query})", self.path())
    }
}

impl Target {
    /// Reads a request target.
    ///
    /// # Errors
    /// Where no honest client sends it. What servers merely read in different ways is no error but not plain.
    pub fn parse(raw: &[u8]) -> Result<Self, TargetError> {
        if raw.first() != Some(&b'/') {
            return Err(TargetError::Form);
        }
        if raw.len() > LONGEST {
            return Err(TargetError::TooLong);
        }
        if raw.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return Err(TargetError::Control);
        }
        if raw.contains(&b'#') {
            return Err(TargetError::Fragment);
        }
        let raw = std::str::from_utf8(raw).map_err(|_| TargetError::NoText)?;
        let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
        // pingora percent-encodes raw control bytes before anybody sees them: they are the same thing.
        if escapes(path).any(is_control) {
            return Err(TargetError::Control);
        }
        // Line ends and tabs come from text areas that are sent by GET; NUL is left to `plain`.
        if escapes(query).any(|byte| is_control(byte) && !matches!(byte, 0 | b'\t' | b'\n' | b'\r')) {
            return Err(TargetError::Control);
        }
        let plain = is_plain_path(path) && query.is_ascii() && !escapes(query).any(|byte| byte == 0);
        Ok(Self {
            path_len: path.len(),
            plain,
            raw: raw.to_owned(),
        })
    }

    /// The path, as it was sent.
    pub fn path(&self) -> &str {
        self.raw.get(..self.path_len).unwrap_or(&self.raw)
    }

    /// The query, as it was sent; `None` without a question mark.
    pub fn query(&self) -> Option<&str> {
        self.raw.get(self.path_len + 1..)
    }

    /// Path and query, byte for byte.
    pub fn path_and_query(&self) -> &str {
        &self.raw
    }

    /// Whether every server reads the same thing in it (I2).
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether it is one of doorstep's own addresses.
    pub fn is_own(&self) -> bool {
        self.plain
            && self
                .path()
                .strip_prefix(OWN)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether some server could read it as one of doorstep's own addresses: never forwarded.
    pub fn looks_own(&self) -> bool {
        let own = OWN.trim_start_matches('/');
        if self.plain && reading::is_the_only_one(self.path()) {
            let first = self.path().split('/').nth(1).unwrap_or_default();
            return first.eq_ignore_ascii_case(own);
        }
        reading::has_segment(self.path(), own)
    }

    /// The same target without one `;NAME=ID` in its path, where NAME is one of `names` (letters' case aside)
    /// and `holds` says that ID is this session's own (I2); `None` where there is none.
    pub fn without_path_session(&self, names: &[String], holds: &dyn Fn(&str) -> bool) -> Option<Self> {
        let path = self.path();
        for (start, _) in path.match_indices(';') {
            let rest = path.get(start + 1..)?;
            let parameter = rest.split(['/', ';']).next().unwrap_or(rest);
            let Some((name, id)) = parameter.split_once('=') else {
                continue;
            };
            if names.iter().any(|known| known.eq_ignore_ascii_case(name)) && !id.is_empty() && holds(id) {
                let end = start + 1 + parameter.len();
                let raw = format!("{}{}", self.raw.get(..start)?, self.raw.get(end..)?);
                return Self::parse(raw.as_bytes()).ok();
            }
        }
        None
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// The bytes that stand percent-encoded in `text`.
fn escapes(text: &str) -> impl Iterator<Item = u8> {
    text.as_bytes()
        .windows(3)
        .filter(|window| window.first() == Some(&b'%'))
        .filter_map(|window| reading::hex_pair(window.get(1..)?))
}

fn is_plain_path(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if segment.is_empty() && last {
            return true;
        }
        if !is_plain_segment(segment) {
            return false;
        }
    }
    true
}

fn is_plain_segment(segment: &str) -> bool {
    let Some(text) = decode_segment(segment) else {
        return false;
    };
    // `..x` and `x..` count too: some servers cut what follows, some glue paths together.
    !text.starts_with("..")
        && !text.ends_with("..")
        && !text.trim_matches(['.', ' ']).is_empty()
        && text.chars().all(is_plain_char)
}

/// A segment's text, where each byte is sent in the one form that RFC 3986 has for it.
fn decode_segment(segment: &str) -> Option<Cow<'_, str>> {
    if segment.bytes().all(is_pchar) {
        return Some(Cow::Borrowed(segment));
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let byte = reading::hex_pair(tail.get(..2)?)?;
            if !must_be_escaped(byte) {
                return None;
            }
            bytes.push(byte);
            rest = tail.get(2..)?;
        } else {
            if !is_pchar(first) {
                return None;
            }
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// RFC 3986 3.3 `pchar` without escapes, and without the `;` in which servers differ.
fn is_pchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte)
}

/// What cannot stand in a path otherwise and means nothing to any server. The percent sign and the backslash
/// are not among them, nor are reserved characters: an escaped `/` is read in two ways.
fn must_be_escaped(byte: u8) -> bool {
    !byte.is_ascii() || b" \"<>^`{|}".contains(&byte)
}

/// Whether a character stays what it is under compatibility folding and best-fit mapping: a full-width
/// solidus turns into `/`, a yen sign into a backslash, and a zero-width space into nothing.
fn is_plain_char(c: char) -> bool {
    c.is_ascii() || (!reading::vanishes(c) && reading::ascii_twin(c).is_none() && !reading::folds_to_ascii(c))
}

#[cfg(test)]
mod tests;
