//! Which exchanges are logins, which of them belong together, and which of those the portal accepted.

use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::exchange::{Authorization, Body, Exchange, Field, Recording};
use super::names;
use super::place::own_location;
use super::varying::masked;
use crate::gate::BadBody;
use crate::gate::body::FormKind;

/// How a login brings its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A urlencoded form.
    Form,
    /// A multipart form.
    Multipart,
    /// JSON.
    Json,
    /// The query of a GET.
    Query,
    /// `Authorization: Basic`.
    Basic,
    /// A body of another type.
    Other,
}

/// One login that was sent.
#[derive(Clone)]
pub struct Attempt {
    /// Which exchange.
    pub index: usize,
    /// How it brings its credentials.
    pub way: Way,
    /// The field or pointer of the name; for Basic the name itself.
    pub username: Option<String>,
    /// The field or pointer of the password.
    pub password: Option<String>,
}

/// Logins of one kind.
pub struct Login {
    /// How they bring their credentials.
    pub way: Way,
    /// Their method.
    pub method: Method,
    /// Where the name stands.
    pub username: Option<String>,
    /// Where the password stands.
    pub password: Option<String>,
    /// Those that were refused.
    pub wrong: Vec<usize>,
    /// Those that were accepted.
    pub right: Vec<usize>,
}

/// How far the operator has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Logins that were refused: `POST /login answered 200`.
    pub wrong: Vec<String>,
    /// Logins that were accepted.
    pub right: Vec<String>,
    /// A logout after one.
    pub logout: Option<String>,
}

impl Progress {
    /// Whether all has been seen that is asked for.
    pub fn is_complete(&self) -> bool {
        !self.wrong.is_empty() && !self.right.is_empty() && self.logout.is_some()
    }
}

/// What has been seen so far.
pub fn progress(recording: &Recording) -> Progress {
    let mut progress = Progress::default();
    let told = |index: &usize| recording.exchanges.get(*index).map(told_of);
    for login in logins(recording) {
        progress.wrong.extend(login.wrong.iter().filter_map(told));
        progress.right.extend(login.right.iter().take(1).filter_map(told));
    }
    let logout = super::logout::find(recording, &logins(recording));
    progress.logout = logout.first().and_then(|found| told(&found.index));
    progress
}

/// `POST /login answered 302 to /home`; no token that stands in a path.
pub fn told_of(exchange: &Exchange) -> String {
    let mut text = format!("{} {}", exchange.method, masked(exchange.path()));
    if let Some(answer) = &exchange.answer {
        text.push_str(&format!(" answered {}", answer.status));
        if let Some(location) = answer.location() {
            text.push_str(&format!(
                " to {}",
                masked(location.split(['?', '#']).next().unwrap_or_default())
            ));
        }
    }
    text
}

/// The logins that were seen, those of one kind together.
pub fn logins(recording: &Recording) -> Vec<Login> {
    let mut groups: Vec<Vec<Attempt>> = Vec::new();
    for attempt in attempts(recording) {
        let is_alike =
            |group: &&mut Vec<Attempt>| group.first().is_some_and(|one| alike(recording, one, &attempt));
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.push(attempt),
            None => groups.push(vec![attempt]),
        }
    }
    let mut logins: Vec<Login> = groups
        .into_iter()
        .filter_map(|group| parted(recording, &group))
        .collect();
    logins.retain(|login| !login.wrong.is_empty() || !login.right.is_empty());
    logins
}

/// Whether two logins are of one kind. The place may differ: some portals take a login at every page.
fn alike(recording: &Recording, one: &Attempt, other: &Attempt) -> bool {
    let (Some(here), Some(there)) = (
        recording.exchanges.get(one.index),
        recording.exchanges.get(other.index),
    ) else {
        return false;
    };
    one.way == other.way
        && (one.way == Way::Basic
            || here.method == there.method
                && one.username == other.username
                && one.password == other.password
                && (here.path() == there.path() || one.way != Way::Other && one.username.is_some()))
}

/// All logins, in order.
fn attempts(recording: &Recording) -> Vec<Attempt> {
    let found: Vec<Attempt> = recording
        .exchanges
        .iter()
        .enumerate()
        .filter(|(_, exchange)| exchange.answer.is_some())
        .filter_map(|(index, exchange)| attempt(index, exchange))
        .collect();
    if found.is_empty() {
        by_difference(recording)
    } else {
        found
    }
}

fn attempt(index: usize, exchange: &Exchange) -> Option<Attempt> {
    if let Some(Authorization::Basic(user, _)) = &exchange.authorization {
        return Some(Attempt {
            index,
            way: Way::Basic,
            username: Some(user.clone()),
            password: None,
        });
    }
    let made = |way, fields: &[Field]| {
        let password = one_password(fields)?;
        Some(Attempt {
            index,
            way,
            username: username(fields, password),
            password: Some(password.to_owned()),
        })
    };
    match &exchange.body {
        Body::Form(FormKind::Multipart, fields) => made(Way::Multipart, fields),
        Body::Form(_, fields) => made(Way::Form, fields),
        Body::Json(_, fields) => made(Way::Json, fields),
        Body::Empty => made(Way::Query, &exchange.query),
        Body::Other(BadBody::OtherType | BadBody::ContentTypes)
            if exchange.method == Method::POST
                && exchange.path().split('/').any(|part| {
                    names::says_login(part) || matches!(part, "session" | "sessions" | "token")
                }) =>
        {
            Some(Attempt {
                index,
                way: Way::Other,
                username: None,
                password: None,
            })
        }
        Body::Other(_) => None,
    }
}

/// The one field of a password; none where somebody chooses a new one.
fn one_password(fields: &[Field]) -> Option<&str> {
    let filled = |field: &&Field| field.print.len > 0;
    if fields.iter().filter(filled).any(|field| {
        !field.password && names::is_password(&field.name) && names::is_new_password(&field.name)
    }) {
        return None;
    }
    let mut passwords = fields.iter().filter(|field| field.password).filter(filled);
    let first = passwords.next()?;
    passwords.next().is_none().then_some(first.name.as_str())
}

/// The field of the name: by its own name, by the page, by its place.
fn username(fields: &[Field], password: &str) -> Option<String> {
    let likeness = |field: &Field| {
        let by_name = names::username_likeness(&field.name);
        let typed = u8::from(!field.given);
        // Its text is kept where a page shows it before the password.
        by_name * 2 + typed + u8::from(field.text.is_some() && !field.given) * 2
    };
    let candidates = fields.iter().filter(|field| {
        field.name != password
            && field.print.len > 0
            && !names::is_token(&field.name)
            && !names::is_target(&field.name)
            && (!field.given || names::username_likeness(&field.name) == 2)
            && !(names::is_discriminator(&field.name) && field.text.as_deref().is_some_and(names::says_login))
    });
    candidates
        .rev()
        .max_by_key(|field| likeness(field))
        .map(|field| field.name.clone())
}

/// Two posts to one place whose typed fields differ in one: that one is the password.
fn by_difference(recording: &Recording) -> Vec<Attempt> {
    let typed = |exchange: &Exchange| -> Vec<Field> {
        let fields = exchange.fields().iter();
        fields
            .filter(|field| !field.given && field.print.len > 0 && !names::is_token(&field.name))
            .cloned()
            .collect()
    };
    for (one, here) in recording.exchanges.iter().enumerate() {
        for (other, there) in recording.exchanges.iter().enumerate().skip(one + 1) {
            let alike = here.method == there.method && here.path() == there.path();
            // A password that has a name, and is none that signs in.
            let other_password = here.fields().iter().any(|field| names::is_password(&field.name));
            if !alike || other_password {
                continue;
            }
            let (first, second) = (typed(here), typed(there));
            let same_names = first.len() == second.len()
                && first
                    .iter()
                    .zip(&second)
                    .all(|(one, other)| one.name == other.name);
            let differing: Vec<&str> = first
                .iter()
                .zip(&second)
                .filter(|(one, other)| one.print != other.print && names::username_likeness(&one.name) < 2)
                .map(|(one, _)| one.name.as_str())
                .collect();
            let ([password], true, true) = (differing.as_slice(), same_names, first.len() > 1) else {
                continue;
            };
            let way = match &here.body {
                Body::Json(..) => Way::Json,
                Body::Form(FormKind::Multipart, _) => Way::Multipart,
                _ => Way::Form,
            };
            let made = |index| Attempt {
                index,
                way,
                username: username(&first, password),
                password: Some((*password).to_owned()),
            };
            return vec![made(one), made(other)];
        }
    }
    Vec::new()
}

/// Parts logins of one kind into refused and accepted.
fn parted(recording: &Recording, group: &[Attempt]) -> Option<Login> {
    let first = group.first()?;
    let ends = |at: usize| {
        group
            .get(at + 1)
            .map_or(recording.exchanges.len(), |next| next.index)
    };
    let scored: Vec<(usize, i32)> = group
        .iter()
        .enumerate()
        .map(|(at, attempt)| (attempt.index, score(recording, attempt, ends(at))))
        .collect();
    let best = scored.iter().map(|(_, score)| *score).max()?;
    let worst = scored.iter().map(|(_, score)| *score).min()?;
    let is_right = |score: i32| match best - worst {
        // All alike: what they are by themselves.
        0..=1 => score > 0,
        _ => 2 * score > best + worst,
    };
    let exchange = recording.exchanges.get(first.index)?;
    let named = |attempt: &&Attempt| attempt.username.is_some();
    Some(Login {
        way: first.way,
        method: exchange.method.clone(),
        username: group
            .iter()
            .find(named)
            .and_then(|attempt| attempt.username.clone()),
        password: first.password.clone(),
        wrong: scored
            .iter()
            .filter(|(_, score)| !is_right(*score))
            .map(|(at, _)| *at)
            .collect(),
        right: scored
            .iter()
            .filter(|(_, score)| is_right(*score))
            .map(|(at, _)| *at)
            .collect(),
    })
}

/// How much speaks for an accepted password; below zero: against it.
fn score(recording: &Recording, attempt: &Attempt, until: usize) -> i32 {
    let Some(exchange) = recording.exchanges.get(attempt.index) else {
        return 0;
    };
    let Some(answer) = &exchange.answer else { return 0 };
    let after = recording
        .exchanges
        .get(attempt.index + 1..until)
        .unwrap_or_default();
    let mut score = match answer.status {
        401 if attempt.way == Way::Basic => return -9,
        // Whatever else it is, the credentials were not asked for again.
        _ if attempt.way == Way::Basic => return 9,
        401 | 403 => return -6,
        400 | 404..=499 | 500..=599 => -5,
        _ => 0,
    };
    if answer.asks_for_a_password() {
        score -= 4;
    }
    let location = answer
        .location()
        .and_then(|to| own_location(to, &exchange.target, &recording.public, &recording.upstream));
    if let Some(to) = location {
        score += redirect_score(exchange, &to, after);
    }
    let sent = |name: &str| {
        exchange
            .cookies
            .iter()
            .find(|(sent, _)| sent == name)
            .map(|(_, print)| *print)
    };
    let new_session = answer.living().into_iter().any(|cookie| {
        !names::is_csrf(&cookie.name)
            && !names::is_taste(&cookie.name)
            && sent(&cookie.name) != Some(cookie.print)
    });
    score += if new_session { 2 } else { 0 };
    if let Some(json) = answer.json() {
        score += json_score(&json);
    }
    score + later_score(recording, attempt.index, after)
}

fn redirect_score(exchange: &Exchange, to: &str, after: &[Exchange]) -> i32 {
    let path = to.split('?').next().unwrap_or(to);
    let shown = after
        .iter()
        .find(|later| later.method == Method::GET && later.path() == path);
    let asks_again = shown
        .and_then(|later| later.answer.as_ref())
        .map(|answer| answer.asks_for_a_password());
    let words = to.to_ascii_lowercase();
    let says_failed = ["error", "fail", "invalid", "denied", "wrong", "incorrect"]
        .iter()
        .any(|word| words.contains(word));
    let is_own_path = path == exchange.path();
    let says_login = path.split('/').any(names::says_login);
    match (asks_again, says_failed || says_login || is_own_path) {
        (Some(true), _) => -4,
        // One program shows everything: its page tells, its path does not.
        (Some(false), true) if is_own_path && !says_failed && !says_login => 1,
        (_, true) => -3,
        (Some(false), false) => 3,
        (None, false) => 2,
    }
}

fn json_score(json: &Value) -> i32 {
    let mut score = 0;
    let Value::Object(members) = json else { return 0 };
    for (key, value) in members {
        let bare = names::bare(key);
        let filled = !value.is_null() && *value != Value::Bool(false) && value.as_str() != Some("");
        match bare.as_str() {
            "error" | "errors" | "errorcode" | "errormessage" if filled => score -= 4,
            "success" | "ok" | "authenticated" | "loggedin" | "result" | "isauthenticated" | "valid" => {
                match value {
                    Value::Bool(true) => score += 4,
                    Value::Bool(false) => score -= 4,
                    Value::Object(_) => score += json_score(value),
                    _ => {}
                }
            }
            "data" => score += json_score(value),
            _ if names::is_bearer(key) && filled => score += 4,
            "user" | "username" | "profile" | "userid" if filled => score += 2,
            _ => {}
        }
    }
    score
}

/// What became possible, or was still refused.
fn later_score(recording: &Recording, index: usize, after: &[Exchange]) -> i32 {
    let before = recording.exchanges.get(..index).unwrap_or_default();
    let is_shut = |exchange: &Exchange| {
        matches!(exchange.status(), Some(401 | 403))
            || exchange
                .answer
                .as_ref()
                .and_then(|answer| answer.location())
                .is_some_and(|to| to.split(['?', '/']).any(names::says_login))
    };
    let opened = after.iter().any(|later| {
        later.status() == Some(200)
            && before.iter().any(|earlier| {
                earlier.method == later.method && earlier.path() == later.path() && is_shut(earlier)
            })
    });
    let bearer = after
        .iter()
        .any(|later| matches!(later.authorization, Some(Authorization::Bearer(_))));
    let left = after.iter().any(super::logout::says_logout);
    i32::from(opened) * 3 + i32::from(bearer) * 2 + i32::from(left) * 2
}
