//! The page on which people sign in.

use http::Method;

use super::attempts::{Login, Way};
use super::exchange::{Exchange, Recording};
use super::names;
use super::place::{can_be_named, own_location, path_of, query_of};

/// The page, as `login_page` writes it.
pub struct Page {
    /// Path and query; may hold `{target}`.
    pub address: String,
    /// Which exchange showed it first.
    pub index: usize,
}

/// The page from which the logins were sent.
pub fn find(recording: &Recording, logins: &[Login]) -> Option<Page> {
    let login = logins.iter().find(|login| login.way != Way::Basic)?;
    let mut sent: Vec<usize> = login.wrong.iter().chain(&login.right).copied().collect();
    sent.sort_unstable();
    let first = *sent.first()?;
    let attempt = recording.exchanges.get(first)?;
    let last_right = login.right.iter().max().copied().unwrap_or(first);
    let before = || recording.exchanges.iter().enumerate().take(first).rev();
    let shows = |exchange: &Exchange| {
        exchange.method == Method::GET
            && exchange.is_page()
            && exchange
                .status()
                .is_some_and(|status| status == 200 || status == 401 || status == 403)
    };
    let is_form = |exchange: &Exchange| {
        let password = login.password.as_deref().unwrap_or_default();
        exchange.answer.as_ref().is_some_and(|answer| {
            answer.forms.iter().any(|form| {
                form.password()
                    .is_some_and(|field| field.name == password || login.way == Way::Json)
            })
        })
    };
    let says_so = |exchange: &Exchange| {
        let by_field =
            |(name, value): &(String, String)| names::is_discriminator(name) && names::says_login(value);
        exchange.path().split('/').any(names::says_login) || query_of(&exchange.target).iter().any(by_field)
    };
    // What is content to those who are signed in is a poor page to send strangers to.
    let is_content = |exchange: &Exchange| {
        let later = recording.exchanges.iter().skip(last_right + 1);
        later
            .filter(|other| other.target == exchange.target && other.status() == Some(200))
            .any(|other| !is_form(other))
    };
    let referer = attempt.referer.as_deref();
    let rank = |exchange: &Exchange| {
        (
            is_form(exchange) && says_so(exchange),
            !is_content(exchange),
            referer == Some(exchange.target.as_str()),
            is_form(exchange),
            exchange.status() == Some(200),
        )
    };
    // Of several alike the last one before the login.
    let found = before()
        .filter(|(_, exchange)| shows(exchange))
        .reduce(
            |best, other| {
                if rank(other.1) > rank(best.1) { other } else { best }
            },
        );
    let (index, exchange) = found?;
    let target = with_target(recording, index, exchange);
    let address = target.unwrap_or_else(|| plain_address(&exchange.target));
    can_be_named(path_of(&address)).then_some(Page { address, index })
}

/// The address with `{target}`, where strangers were sent there with what they had asked for.
fn with_target(recording: &Recording, index: usize, page: &Exchange) -> Option<String> {
    let earlier = recording.exchanges.get(..index)?;
    for asked in earlier.iter().rev() {
        let Some(location) = asked.answer.as_ref().and_then(|answer| answer.location()) else {
            continue;
        };
        let to = own_location(location, &asked.target, &recording.public, &recording.upstream)?;
        if path_of(&to) != page.path() {
            continue;
        }
        let wanted = query_of(&to).into_iter().find(|(_, value)| {
            *value == asked.target || format!("{}{}", recording.public, asked.target) == *value
        });
        let (name, value) = wanted?;
        // A portal that wants an absolute address gets one that doorstep cannot know here.
        if !value.starts_with('/') {
            return None;
        }
        let rest = plain_address(&without(&page.target, &name));
        let mark = if rest.contains('?') { '&' } else { '?' };
        return Some(format!("{rest}{mark}{name}={{target}}"));
    }
    None
}

/// A target without one parameter.
fn without(target: &str, name: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|piece| piece.split('=').next() != Some(name))
        .collect();
    match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    }
}

/// A page's address without what belongs to one visit: tokens, names, where to go, what is empty.
fn plain_address(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let random = super::exchange::Prints::default().of(value).random;
            !value.is_empty()
                && !random
                && !names::is_token(name)
                && !names::is_target(name)
                && !names::is_password(name)
                && (names::username_likeness(name) < 2 || names::says_login(value))
                && piece
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !"#\"<>^`{}|\\".contains(c))
        })
        .collect();
    match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_names_the_page() {
        for (target, plain) in [
            ("/login", "/login"),
            ("/login?next=%2Fhome", "/login"),
            (
                "/doku.php?id=start&do=login&sectok=",
                "/doku.php?id=start&do=login",
            ),
            ("/?sid=4f3a9c1b2d5e6f70a1", "/"),
            ("/index.php?action=login&token=abc", "/index.php?action=login"),
            ("/login?username=anna", "/login"),
        ] {
            assert_eq!(plain_address(target), plain, "{target}");
        }
    }
}
