//! Names and values, from a query or a form.

use std::borrow::Cow;
use std::fmt;

use url::form_urlencoded;

/// So many fields are read; some servers silently drop what comes after a thousand.
const MOST: usize = 1000;

/// The fields of a query or a body, decoded, in the order in which they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    fields: Vec<Field>,
    /// Names that only a server sees which also splits at `;`.
    hidden: Vec<String>,
    too_many: bool,
}

/// One field. Passwords stand in them: `Debug` shows names only.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, decoded.
    pub name: String,
    /// Its value, decoded.
    pub value: String,
    /// `false` for a file, and for a part that is something else than a form's text field.
    pub text: bool,
}

/// How often a request names a field in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions<'a> {
    /// The values under exactly this name.
    pub exact: Vec<&'a Field>,
    /// How many other names a server could take for it.
    pub alike: usize,
}

impl Mentions<'_> {
    /// Whether the field is not mentioned at all.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.alike == 0
    }

    /// Whether there are two readings already in this one place.
    pub fn is_ambiguous(&self) -> bool {
        self.alike > 0 || self.exact.len() > 1 || self.exact.iter().any(|field| !field.is_readable())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({:?})", self.name)
    }
}

impl Field {
    /// Whether its value is text without control bytes.
    pub fn is_readable(&self) -> bool {
        self.text && !self.value.chars().any(is_unreadable)
    }
}

/// Control bytes, and what decoding puts in the place of bytes that are no UTF-8.
fn is_unreadable(c: char) -> bool {
    c.is_control() || c == char::REPLACEMENT_CHARACTER
}

impl Fields {
    /// Reads `application/x-www-form-urlencoded` bytes (URL standard, section 5).
    pub fn parse(bytes: &[u8]) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(bytes) {
            fields.push(name.into_owned(), value.into_owned(), true);
        }
        for piece in bytes
            .split(|byte| *byte == b'&')
            .filter(|piece| piece.contains(&b';'))
        {
            for hidden in piece.split(|byte| *byte == b';') {
                fields.hide(hidden);
            }
        }
        fields
    }

    /// Reads a target's query.
    pub fn of_query(query: Option<&str>) -> Self {
        Self::parse(query.unwrap_or_default().as_bytes())
    }

    /// Appends a field.
    pub(super) fn push(&mut self, name: String, value: String, text: bool) {
        if self.fields.len() < MOST {
            self.fields.push(Field { name, value, text });
        } else {
            self.too_many = true;
        }
    }

    fn hide(&mut self, piece: &[u8]) {
        if self.hidden.len() >= MOST {
            self.too_many = true;
        } else if let Some((name, _)) = form_urlencoded::parse(piece).next() {
            self.hidden.push(name.into_owned());
        }
    }

    /// The fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    /// The values under exactly this name.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |field| field.name == name)
            .map(|field| field.value.as_str())
    }

    /// All names, those included that only some servers see.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .map(|field| field.name.as_str())
            .chain(self.hidden.iter().map(String::as_str))
    }

    /// How often a field is named here.
    pub fn mentions(&self, name: &str) -> Mentions<'_> {
        let mut mentions = Mentions::default();
        for field in &self.fields {
            if field.name == name {
                mentions.exact.push(field);
            } else if same_name(&field.name, name) {
                mentions.alike += 1;
            }
        }
        mentions.alike += self
            .hidden
            .iter()
            .filter(|hidden| same_name(hidden, name))
            .count();
        mentions
    }

    /// Whether some server that fills objects from fields takes another field for this one: below a prefix.
    pub(super) fn mentions_below_a_prefix(&self, name: &str) -> bool {
        self.names().any(|sent| is_below_a_prefix(sent, name))
    }

    /// Whether a name is no clean text: control bytes, no UTF-8, or percent signs that another server might
    /// decode once more; or there are more fields than every server reads.
    pub fn has_odd_names(&self) -> bool {
        self.too_many
            || self
                .names()
                .any(|name| name.contains('%') || name.chars().any(is_unreadable))
    }
}

/// Whether some server takes a field named `sent` for the one that a rule calls `known` (I4): after trimming,
/// cutting at NUL or `[`, folding case, `.`, space, `+` and an unclosed `[` to `_`, and passing over brackets that
/// close or open nothing.
pub fn same_name(sent: &str, known: &str) -> bool {
    if sent == known {
        return true;
    }
    let known = fold(known);
    let sent = fold(sent);
    if sent == known {
        return true;
    }
    if !sent.contains(['[', ']']) {
        return false;
    }
    // `name[]`, `name[x]`, `]name` and what follows the bracket that closes a name such as `user[email]`.
    let mut rest = pieces(&sent, &['[', ']']);
    let mut wanted = pieces(&known, &['[', ']']).peekable();
    (wanted.peek().is_some() && wanted.all(|piece| rest.next() == Some(piece)))
        || !sent.contains(']') && sent.replace('[', "_") == *known
}

/// Whether a name is `known` below a prefix: ASP.NET fills `model.Email`, or `model[Email]`, before it looks for
/// `Email`, and the prefix is the name of a variable that nobody here knows.
pub(super) fn is_below_a_prefix(sent: &str, known: &str) -> bool {
    const PARTS: [char; 5] = ['.', '[', ']', '\'', '"'];
    let of = |name| pieces(name, &PARTS).map(fold).collect::<Vec<_>>();
    let (sent, known) = (of(sent), of(known));
    !known.is_empty() && sent.len() > known.len() && sent.ends_with(&known)
}

fn pieces<'a>(name: &'a str, ends: &'a [char]) -> impl Iterator<Item = &'a str> {
    name.split(ends).filter(|piece| !piece.is_empty())
}

/// A text without case, also as servers see it that compare capitals: a long s is an s then, and a dotless i an i.
pub(super) fn without_case(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        // Of a capital I with a dot, the dot is left.
        .filter(|c| *c != '\u{307}')
        .collect()
}

fn fold(name: &str) -> Cow<'_, str> {
    let name = name.split('\0').next().unwrap_or(name);
    let is_nothing = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '+' | '\u{feff}');
    let name = name.trim_matches(is_nothing);
    let is_folded = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '[' | ']' | ':' | '$')
    };
    if name.chars().all(is_folded) {
        return Cow::Borrowed(name);
    }
    let mut folded = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            ' ' | '+' | '.' if folded.ends_with('[') => {}
            ' ' | '+' | '.' => folded.push('_'),
            c => folded.push(c),
        }
    }
    Cow::Owned(without_case(&folded))
}

#[cfg(test)]
mod tests;
