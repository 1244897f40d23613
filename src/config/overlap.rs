//! Routes that would be classed in two ways are refused when the file is read, not when a request comes.

use std::ops::Range;

use http::Method;

use super::portal::Places;
use super::reader::Reader;
use crate::gate::rules::{LoginRule, Matcher, UsernameSource};
use crate::gate::{Glob, PortalRules};

/// Whether some text matches both globs. Texts are short and this runs once: plain dynamic programming over
/// the places in both.
pub(super) fn globs_overlap(one: &str, other: &str) -> bool {
    let (one, other) = (tokens(one), tokens(other));
    // reach[j]: a common text leads to the present place in `one` and to place j in `other`.
    let mut seen = vec![vec![false; other.len() + 1]; one.len() + 1];
    let mut open = vec![(0, 0)];
    while let Some((i, j)) = open.pop() {
        if std::mem::replace(&mut seen[i][j], true) {
            continue;
        }
        match (one.get(i), other.get(j)) {
            (None, None) => return true,
            (a, b) => {
                // A star may stand for nothing.
                if a.is_some_and(|token| token.is_star()) {
                    open.push((i + 1, j));
                }
                if b.is_some_and(|token| token.is_star()) {
                    open.push((i, j + 1));
                }
                if let (Some(a), Some(b)) = (a, b)
                    && a.shares_a_character_with(*b)
                {
                    open.push((i + usize::from(!a.is_star()), j + usize::from(!b.is_star())));
                }
            }
        }
    }
    false
}

#[derive(Clone, Copy)]
enum Token {
    Char(char),
    /// Within a segment.
    Star,
    /// Anything.
    Stars,
}

impl Token {
    fn is_star(self) -> bool {
        !matches!(self, Self::Char(_))
    }

    fn shares_a_character_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Char(a), Self::Char(b)) => a == b,
            (Self::Char(c), Self::Star) | (Self::Star, Self::Char(c)) => c != '/',
            // Two stars move on one by one when something else does.
            (Self::Char(_), Self::Stars) | (Self::Stars, Self::Char(_)) => true,
            _ => false,
        }
    }
}

fn tokens(glob: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = glob.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '*' {
            tokens.push(Token::Char(c));
        } else if rest.peek() == Some(&'*') {
            while rest.next_if_eq(&'*').is_some() {}
            tokens.push(Token::Stars);
        } else {
            tokens.push(Token::Star);
        }
    }
    tokens
}

/// Whether something closed can shut a path or glob: letters' case aside, as servers may ignore it.
fn shuts(closed: &str, glob: &str) -> bool {
    globs_overlap(&closed.to_lowercase(), &glob.to_lowercase())
}

/// Whether every text that `glob` matches is matched by `by`; sure only where it says yes.
fn covers(by: &str, glob: &str) -> bool {
    let (by, glob) = (by.to_lowercase(), glob.to_lowercase());
    let (by, glob) = (by.as_str(), glob.as_str());
    if by == glob {
        return true;
    }
    match by.strip_suffix("**") {
        Some(prefix) if !prefix.contains('*') => glob.starts_with(prefix),
        _ => !glob.contains('*') && globs_overlap(by, glob),
    }
}

/// Whether no request can have both: the same name with two values.
fn exclude(one: &[(String, String)], other: &[(String, String)]) -> bool {
    one.iter()
        .any(|(name, value)| other.iter().any(|(n, v)| n == name && v != value))
}

fn methods_meet(one: &[Method], other: &[Method]) -> bool {
    one.iter().any(|method| other.contains(method))
}

/// Whether one request can fit both an entry and a login rule.
fn meets_login(entry: &Matcher, login: &LoginRule) -> bool {
    entry.methods.contains(&login.method)
        && globs_overlap(entry.path.as_str(), login.path.as_str())
        && !exclude(&entry.query, &login.where_query)
        && !exclude(&entry.form, &login.where_form)
}

fn entries_meet(one: &Matcher, other: &Matcher) -> bool {
    methods_meet(&one.methods, &other.methods)
        && globs_overlap(one.path.as_str(), other.path.as_str())
        && !exclude(&one.query, &other.query)
        && !exclude(&one.form, &other.form)
}

/// A part of the rules, with its place in the file.
struct Named<'a, T> {
    kind: &'static str,
    path: &'a str,
    place: &'a Range<usize>,
    rule: &'a T,
}

fn named<'a, T>(
    kind: &'static str,
    rules: &'a [T],
    places: &'a [Range<usize>],
    path: impl Fn(&T) -> &str,
) -> Vec<Named<'a, T>> {
    rules
        .iter()
        .zip(places)
        .map(|(rule, place)| Named {
            kind,
            path: path(rule),
            place,
            rule,
        })
        .collect()
}

impl Reader<'_> {
    fn overlap<T, U>(&mut self, here: &Named<'_, T>, there: &Named<'_, U>, what_to_do: &str) {
        let line = self.line(there.place);
        let what = format!(
            "overlapping routes: {} {:?} and {} {:?} (line {line}) match the same requests; {what_to_do}",
            here.kind, here.path, there.kind, there.path
        );
        self.refuse(here.place.clone(), what);
    }
}

/// Refuses rules under which one request would be two things at once.
pub(super) fn check_routes(reader: &mut Reader<'_>, rules: &PortalRules, places: &Places) {
    let public = named("public", &rules.public, &places.public, |entry| {
        entry.path.as_str()
    });
    let logout = named("logout", &rules.logout, &places.logout, |entry| {
        entry.path.as_str()
    });
    let closed = named("closed", &rules.closed, &places.closed, Glob::as_str);
    let logins = named("the login rule", &rules.logins, &places.logins, |rule| {
        rule.path.as_str()
    });
    for (index, here) in public.iter().enumerate() {
        for there in logins.iter().filter(|there| meets_login(here.rule, there.rule)) {
            let what = "a login must be seen as one: narrow public by methods, form or query";
            reader.overlap(here, there, what);
        }
        for there in logout.iter().filter(|there| entries_meet(here.rule, there.rule)) {
            reader.overlap(here, there, "a logout must be seen as one: take it out of public");
        }
        for there in public
            .iter()
            .take(index)
            .filter(|there| same_entry(here.rule, there.rule))
        {
            reader.overlap(here, there, "take one of them out");
        }
        for there in closed.iter().filter(|there| covers(there.path, here.path)) {
            reader.overlap(here, there, "a path is public or closed: take one of them out");
        }
    }
    for here in &logout {
        for there in logins.iter().filter(|there| meets_login(here.rule, there.rule)) {
            reader.overlap(here, there, "tell them apart by method, form or query");
        }
        for there in closed.iter().filter(|there| covers(there.path, here.path)) {
            reader.overlap(
                here,
                there,
                "what is closed is never forwarded: take one of them out",
            );
        }
    }
    for (index, here) in logins.iter().enumerate() {
        for there in closed.iter().filter(|there| shuts(there.path, here.path)) {
            reader.overlap(there, here, "nobody could sign in: take the login out of closed");
        }
        for there in logins
            .iter()
            .take(index)
            .filter(|there| logins_meet(here.rule, there.rule))
        {
            let what = "tell them apart by where, such as where = { form = { action = \"login\" } }";
            reader.overlap(here, there, what);
        }
    }
}

fn same_entry(one: &Matcher, other: &Matcher) -> bool {
    one.path == other.path
        && methods_meet(&one.methods, &other.methods)
        && one.query == other.query
        && one.form == other.form
}

fn logins_meet(one: &LoginRule, other: &LoginRule) -> bool {
    // One path may take a form and JSON: the content type tells them apart.
    let kinds = (one.username.body_kind(), other.username.body_kind());
    let is_basic = |rule: &LoginRule| rule.username == UsernameSource::Basic;
    if is_basic(one) || is_basic(other) {
        return is_basic(one) && is_basic(other);
    }
    one.method == other.method
        && !matches!(kinds, (Some(one), Some(other)) if one != other)
        && globs_overlap(one.path.as_str(), other.path.as_str())
        && !exclude(&one.where_query, &other.where_query)
        && !exclude(&one.where_form, &other.where_form)
}

/// Refuses a login page that cannot be shown: whoever is sent there would be sent there again.
pub(super) fn check_login_page(reader: &mut Reader<'_>, rules: &PortalRules, places: &Places) {
    let first_rule = places.logins.first().cloned();
    let place = places.login_page.clone().or(first_rule).unwrap_or(0..0);
    let path = rules.login_page.path();
    if path.is_empty() {
        return;
    }
    let fault = if let Some(closed) = rules.closed.iter().find(|closed| shuts(closed.as_str(), path)) {
        format!("is closed by {:?}: nobody could sign in", closed.as_str())
    } else if let Some(logout) = rules.logout.iter().find(|entry| answers_get(entry, path)) {
        format!(
            "would be taken for the logout {:?}: narrow that by methods or query",
            logout.path.as_str()
        )
    } else if let Some(name) = carries_a_session(rules) {
        format!("holds the parameter {name}, which can carry a session and is never open")
    } else {
        return;
    };
    reader.refuse(place, format!("login_page {:?} {fault}", rules.login_page.0));
}

fn answers_get(entry: &Matcher, path: &str) -> bool {
    entry.methods.contains(&Method::GET) && entry.query.is_empty() && entry.path.matches(path)
}

fn carries_a_session(rules: &PortalRules) -> Option<&str> {
    let query = rules.login_page.0.split_once('?').map_or("", |(_, query)| query);
    let given = url::form_urlencoded::parse(query.as_bytes());
    let names: Vec<String> = given.map(|(name, _)| name.into_owned()).collect();
    let carriers = rules.session_parameters.iter();
    carriers
        .map(String::as_str)
        .find(|name| names.iter().any(|given| given == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_globs_overlap_where_one_text_fits_both() {
        for (one, other, overlap) in [
            ("/login", "/login", true),
            ("/login", "/login/", false),
            ("/*", "/login", true),
            ("/*", "/a/b", false),
            ("/**", "/a/b", true),
            ("/static/**", "/static", false),
            ("/a*c", "/ab*", true),
            ("/a*c", "/b*", false),
            ("/*/edit", "/users/*", true),
            ("/*/edit", "/users/*/x", false),
            ("/**/edit", "/users/*/edit", true),
            ("/x**y", "/x*/z*y", true),
            ("**", "*", true),
            ("sess*", "*id", true),
            ("sess*", "theme", false),
        ] {
            assert_eq!(globs_overlap(one, other), overlap, "{one} and {other}");
            assert_eq!(globs_overlap(other, one), overlap, "{other} and {one}");
        }
    }

    #[test]
    fn one_glob_covers_another_only_where_that_is_sure() {
        for (by, glob, covered) in [
            ("/a/**", "/a/b", true),
            ("/a/**", "/a/*", true),
            ("/a/*", "/a/b", true),
            ("/a/b", "/a/*", false),
            ("/a/*", "/a/**", false),
        ] {
            assert_eq!(covers(by, glob), covered, "{by} over {glob}");
        }
    }
}
