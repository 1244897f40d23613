//! What in a portal's names is one person's, or one place's: a rule has to fit everybody, at the gateway's address.

use super::attempts::{Login, Way};
use super::exchange::{Authorization, Prints, Recording};
use super::names;

/// Names of people that are folders and words as well.
const WORDS: [&str; 12] = [
    "admin",
    "administrator",
    "root",
    "user",
    "users",
    "test",
    "demo",
    "guest",
    "login",
    "account",
    "api",
    "session",
];

/// The words that would be others for somebody else, or at another address.
pub struct Varying {
    /// The names that signed in.
    people: Vec<String>,
    /// Host and port of the recording, as cookies' names can hold them.
    places: Vec<String>,
}

impl Varying {
    /// What varies of a recording.
    pub fn of(recording: &Recording, logins: &[Login]) -> Self {
        let mut people: Vec<String> = logins.iter().flat_map(|login| typed(recording, login)).collect();
        people.sort();
        people.dedup();
        people.retain(|name| name.len() > 1 && !WORDS.contains(&name.to_ascii_lowercase().as_str()));
        let host = recording.public.split("://").nth(1).unwrap_or_default();
        let bare = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let mut places = Vec::new();
        for host in [host, bare] {
            for mark in ["-", "_", "."] {
                places.push(host.replace([':', '.'], mark));
            }
        }
        places.retain(|place| place.len() > 3);
        Self { people, places }
    }

    /// A cookie's name as configuration should write it.
    pub fn cookie(&self, name: &str) -> String {
        let words = self.places.iter().chain(&self.people);
        // The first word of a name is the application's own.
        let starred = words.fold(name.to_owned(), |name, word| star(&name, word, 2));
        names::as_glob(&starred)
    }

    /// A path with a star in the place of whoever signed in.
    pub fn path(&self, path: &str) -> String {
        self.people
            .iter()
            .fold(path.to_owned(), |path, name| star(&path, name, 1))
    }

    /// Whether an address is one person's, or names a thing or a token: not an address for everybody.
    pub fn is_personal(&self, target: &str) -> bool {
        self.path(target) != target || masked(super::place::path_of(target)) != super::place::path_of(target)
    }
}

/// The names with which this login was accepted.
fn typed(recording: &Recording, login: &Login) -> Vec<String> {
    let exchanges = login
        .right
        .iter()
        .filter_map(|index| recording.exchanges.get(*index));
    exchanges
        .filter_map(|exchange| match (login.way, &exchange.authorization) {
            (Way::Basic, Some(Authorization::Basic(user, _))) => Some(user.clone()),
            _ => {
                let name = login.username.as_deref()?;
                let mut fields = exchange.fields().iter().chain(&exchange.query);
                fields.find(|field| field.name == name)?.text.clone()
            }
        })
        .collect()
}

/// The text with a star where this word stands by itself, so many bytes from the beginning or later.
fn star(text: &str, word: &str, from: usize) -> String {
    let folded = text.to_ascii_lowercase();
    let word = word.to_ascii_lowercase();
    let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let found = folded.match_indices(&word).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        *at >= from && before.is_some() && ends(before) && ends(after)
    });
    match found.and_then(|at| Some((text.get(..at)?, text.get(at + word.len()..)?))) {
        Some((before, after)) => format!("{before}*{after}"),
        None => text.to_owned(),
    }
}

/// A path without what looks like a token: some portals sign out by it (`DELETE /tokens/…`).
pub fn masked(path: &str) -> String {
    let prints = Prints::default();
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| if prints.of(segment).random { "*" } else { segment })
        .collect();
    segments.join("/")
}
