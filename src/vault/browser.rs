//! A browser's Cookie headers: split, judged, and what of them goes up (I3).

use std::fmt;

use super::Jar;
use super::jar::append;
use super::name::{alike, is_own, nameless_alike, pair};
use crate::gate::Glob;

/// At most so many of the browser's own cookies go up: more than browsers keep for one site.
const MOST_PASSED: usize = 256;

/// A browser's Cookie headers, split. Values stay byte for byte what they were.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BrowserCookies {
    /// Name and value in the order they came. A pair without `=`, and one with nothing before it, has an
    /// empty name.
    pub pairs: Vec<(String, String)>,
}

impl BrowserCookies {
    /// Splits Cookie headers (RFC 6265 5.4, leniently as servers do): at each `;`, quoted or not. Pairs
    /// that are no UTF-8 are dropped.
    pub fn split<'a>(headers: impl Iterator<Item = &'a [u8]>) -> Self {
        let pairs = headers
            .flat_map(|header| header.split(|byte| *byte == b';'))
            .filter_map(|text| std::str::from_utf8(text).ok())
            .map(pair)
            .filter(|(name, value)| !(name.is_empty() && value.is_empty()))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { pairs }
    }

    /// The pairs that are not Doorstep's own.
    pub fn of_the_portal(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self
            .pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !is_own(name))
    }

    /// The one value of this name; `None` where there is none or more than one ("twice: neither counts"),
    /// also in a spelling that a browser or server may take for it, such as with white space before it.
    pub fn only(&self, name: &str) -> Option<&str> {
        let mut found = None;
        for (given, value) in &self.pairs {
            let is_it = match given.as_str() {
                "" => nameless_alike(value, name),
                given => alike(given, name),
            };
            if !is_it {
                continue;
            }
            if given != name || found.is_some() {
                return None;
            }
            found = Some(value.as_str());
        }
        found
    }

    /// What goes up: those that `pass` names, that are not Doorstep's own, and that the jar does not hold;
    /// then the jar's for `path`. `None`: no Cookie header at all.
    ///
    /// One that came twice with two values stays here, and so does one that an old server would read as
    /// more than one cookie: nobody can tell which was meant.
    pub fn upstream(&self, pass: &[Glob], jar: Option<&Jar>, path: &str) -> Option<String> {
        let passed: Vec<(&str, &str)> = self
            .pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| pass.iter().any(|glob| glob.matches(name)))
            .take(MOST_PASSED)
            .collect();
        let mut header = String::new();
        for (at, (name, value)) in passed.iter().copied().enumerate() {
            let same = |(index, (other, _)): &(usize, &(&str, &str))| *index != at && *other == name;
            let mut others = passed.iter().enumerate().filter(same);
            if others.any(|(index, (_, other))| index < at || *other != value)
                || !is_one_cookie(name, value)
                || is_own(name)
                || jar.is_some_and(|jar| jar.holds_alike(name))
            {
                continue;
            }
            append(&mut header, name, value);
        }
        if let Some(kept) = jar.and_then(|jar| jar.header(path)) {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(&kept);
        }
        (!header.is_empty()).then_some(header)
    }
}

/// Whether every server reads this pair as one cookie. Those that still follow RFC 2109 or 2965 let a quoted
/// string reach over the next `;` (and so over what the vault holds), part cookies at commas, and take `$`
/// for their own attributes.
fn is_one_cookie(name: &str, value: &str) -> bool {
    if name.is_empty() || name.starts_with('$') || name.contains(['"', ',']) {
        return false;
    }
    if name.contains(char::is_control) || value.contains(char::is_control) {
        return false;
    }
    if let Some(rest) = value.strip_prefix('"') {
        return rest
            .strip_suffix('"')
            .is_some_and(|inner| !inner.contains(['"', '\\']));
    }
    value.split_once(',').is_none_or(|(_, rest)| !rest.contains('='))
}

/// Shows how many, never which (I12).
impl fmt::Debug for BrowserCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrowserCookies({})", self.pairs.len())
    }
}

#[cfg(test)]
#[path = "browser_tests.rs"]
mod tests;
