//! Globs over paths and names: `*` stays within a segment, `**` does not.

use std::fmt;

use regex::Regex;

/// A compiled glob. Everything but `*` and `**` stands for itself; letters' case matters.
#[derive(Clone)]
pub struct Glob {
    source: String,
    matcher: Matcher,
}

#[derive(Clone)]
enum Matcher {
    Exact,
    Pattern {
        exact: Regex,
        /// Letters' case aside, for what must be kept shut on servers that ignore it.
        folded: Regex,
    },
}

impl Glob {
    /// Compiles a glob.
    ///
    /// # Errors
    /// Where it is empty, or so long that its matcher would be too large.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source.is_empty() {
            return Err("a pattern cannot be empty".into());
        }
        if !source.contains('*') {
            return Ok(Self {
                source: source.to_owned(),
                matcher: Matcher::Exact,
            });
        }
        let mut pattern = String::from("^");
        let mut rest = source;
        while let Some(star) = rest.find('*') {
            pattern.push_str(&regex::escape(&rest[..star]));
            let stars = rest[star..].bytes().take_while(|byte| *byte == b'*').count();
            pattern.push_str(if stars == 1 { "[^/]*" } else { "(?s:.*)" });
            rest = &rest[star + stars..];
        }
        pattern.push_str(&regex::escape(rest));
        pattern.push_str(r"\z");
        let compile =
            |pattern: &str| Regex::new(pattern).map_err(|_| format!("the pattern {source:?} is too long"));
        Ok(Self {
            source: source.to_owned(),
            matcher: Matcher::Pattern {
                exact: compile(&pattern)?,
                folded: compile(&format!("(?i){pattern}"))?,
            },
        })
    }

    /// Whether `text` matches as a whole.
    pub fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Exact => self.source == text,
            Matcher::Pattern { exact, .. } => exact.is_match(text),
        }
    }

    /// Whether `text` matches as a whole, letters' case aside.
    pub fn matches_folded(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Exact => lowercase(&self.source).eq(lowercase(text)),
            Matcher::Pattern { folded, .. } => folded.is_match(text),
        }
    }

    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it names exactly one text.
    pub fn is_exact(&self) -> bool {
        matches!(self.matcher, Matcher::Exact)
    }
}

fn lowercase(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.source)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_kept_shut_is_so_whatever_the_case() {
        for (glob, text, matches) in [
            ("/xmlrpc.php", "/XMLRPC.Php", true),
            ("/Rpc/**", "/rPC/x/Y", true),
            ("/Rpc/*", "/rpc/x/y", false),
            ("/\u{c4}/*", "/\u{e4}/x", true),
            ("/rpc", "/rpcs", false),
        ] {
            let glob = Glob::parse(glob).unwrap();
            assert_eq!(glob.matches_folded(text), matches, "{glob:?} on {text:?}");
        }
    }

    #[test]
    fn one_star_stays_within_a_segment_and_two_do_not() {
        for (glob, text, matches) in [
            ("/static/**", "/static/a/b.css", true),
            ("/static/**", "/static/", true),
            ("/static/**", "/static", false),
            ("/static/**", "/statics/a", false),
            ("/static/*", "/static/a", true),
            ("/static/*", "/static/a/b", false),
            ("/*/edit", "/7/edit", true),
            ("/*/edit", "/7/8/edit", false),
            ("/login", "/login", true),
            ("/login", "/login/", false),
            ("/login", "/Login", false),
            ("/login**", "/login?next=/", true),
            ("/a.b", "/axb", false),
            ("/a*", "/a\n", true),
            ("/a", "/a\n", false),
            ("**", "/x/y", true),
            ("DW*", "DW68700bfd16c2027de7de74a5a8202a6f", true),
        ] {
            assert_eq!(
                Glob::parse(glob).unwrap().matches(text),
                matches,
                "{glob} on {text:?}"
            );
        }
    }
}
