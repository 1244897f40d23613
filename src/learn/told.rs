//! What the portal's answers say of who signed in, and the tokens that they hand out.

use http::Method;
use serde_json::Value;

use super::assets::signed_in;
use super::attempts::{Login, Way};
use super::criterion::pointers;
use super::exchange::{Authorization, Exchange, Recording};
use super::named;
use super::names;
use super::place::can_be_named;
use super::varying::Varying;
use crate::gate::Login as Name;

/// A bearer token in an answer.
pub struct Bearer {
    /// Where in the accepted answer's JSON.
    pub pointer: String,
    /// Whether it was seen to be used as one.
    pub used: bool,
    /// Parameters in which it was sent.
    pub parameters: Vec<String>,
    /// Headers in which it was sent, `Authorization` aside.
    pub headers: Vec<String>,
    /// Whether a WebSocket's query or messages held it.
    pub in_socket: bool,
}

/// An answer that names the user.
pub struct WhoAmI {
    /// Path and query.
    pub path: String,
    /// Where.
    pub place: Place,
}

/// Where an answer names the user.
pub enum Place {
    /// At this pointer of its JSON.
    Json(String),
    /// In the group of this regular expression.
    Page(String),
}

/// What was typed as the name in the accepted logins, where it was kept.
fn typed(recording: &Recording, login: &Login) -> Option<Name> {
    let exchange = recording.exchanges.get(*login.right.first()?)?;
    let name = match login.way {
        Way::Basic => match &exchange.authorization {
            Some(Authorization::Basic(user, _)) => user.as_str(),
            _ => return None,
        },
        Way::Query => text_of(&exchange.query, login)?,
        _ => text_of(exchange.fields(), login)?,
    };
    Name::parse(name).ok()
}

fn text_of<'a>(fields: &'a [super::exchange::Field], login: &Login) -> Option<&'a str> {
    let name = login.username.as_deref()?;
    fields.iter().find(|field| field.name == name)?.text.as_deref()
}

/// How likely a key of JSON is the login's name; `None`: it is something else that may happen to be equal.
fn name_rank(pointer: &str) -> Option<usize> {
    let key = names::bare(names::last_part(pointer));
    let order = [
        "username",
        "login",
        "userid",
        "uid",
        "email",
        "mail",
        "user",
        "preferredusername",
        "sub",
        "account",
        "loginname",
        "name",
    ];
    order.iter().position(|known| *known == key)
}

/// Where an answer's JSON names the user.
fn naming(exchange: &Exchange, name: &Name) -> Option<String> {
    let document = exchange.answer.as_ref()?.json()?;
    let mut places = Vec::new();
    pointers(&document, &mut String::new(), &mut places);
    let mut fitting: Vec<String> = places
        .into_iter()
        .filter(|(_, value)| matches!(value, Value::String(text) if Name::parse(text).is_ok_and(|text| text.folded() == name.folded())))
        .map(|(pointer, _)| pointer)
        .filter(|pointer| name_rank(pointer).is_some())
        .collect();
    fitting.sort_by_key(|pointer| (name_rank(pointer), pointer.len()));
    fitting.into_iter().next()
}

/// Where every accepted answer of a login names whoever signed in.
pub fn answer(recording: &Recording, login: &Login) -> Option<String> {
    if login.way == Way::Other {
        let exchange = recording.exchanges.get(*login.right.first()?)?;
        let document = exchange.answer.as_ref()?.json()?;
        let mut places = Vec::new();
        pointers(&document, &mut String::new(), &mut places);
        let texts = places.into_iter().filter(|(_, value)| value.is_string());
        let mut ranked: Vec<(usize, String)> = texts
            .filter_map(|(pointer, _)| Some((name_rank(&pointer)?, pointer)))
            .collect();
        ranked.sort();
        return ranked.into_iter().next().map(|(_, pointer)| pointer);
    }
    if login.way == Way::Basic {
        return None;
    }
    let name = typed(recording, login)?;
    let pointer = naming(recording.exchanges.get(*login.right.first()?)?, &name)?;
    login
        .right
        .iter()
        .all(|index| {
            recording
                .exchanges
                .get(*index)
                .and_then(|exchange| naming(exchange, &name))
                .as_ref()
                == Some(&pointer)
        })
        .then_some(pointer)
}

/// The bearer token in the accepted answers.
pub fn bearer(recording: &Recording, login: &Login) -> Option<Bearer> {
    let index = *login.right.first()?;
    let document = recording.exchanges.get(index)?.answer.as_ref()?.json()?;
    let mut places = Vec::new();
    pointers(&document, &mut String::new(), &mut places);
    let later = || recording.exchanges.iter().skip(index + 1);
    let mut found: Option<Bearer> = None;
    for (pointer, value) in places {
        let Value::String(token) = value else { continue };
        if token.len() < 12 {
            continue;
        }
        let print = recording.prints.of(&token);
        let in_header = later().any(|exchange| exchange.authorization == Some(Authorization::Bearer(print)));
        let mut parameters: Vec<String> = later()
            .flat_map(|exchange| &exchange.query)
            .filter(|field| field.print == print)
            .map(|field| field.name.clone())
            .collect();
        parameters.sort();
        parameters.dedup();
        let mut headers: Vec<String> = later()
            .flat_map(|exchange| &exchange.headers)
            .filter(|(_, sent)| *sent == print)
            .map(|(name, _)| name.clone())
            .collect();
        headers.sort();
        headers.dedup();
        let in_socket = later().any(|exchange| {
            exchange.socket == Some(true)
                || exchange.socket.is_some() && exchange.query.iter().any(|field| field.print == print)
        });
        let used = in_header || !parameters.is_empty() || !headers.is_empty();
        let named = names::is_bearer(names::last_part(&pointer));
        let better = found.as_ref().is_none_or(|known| used && !known.used);
        if (used || named) && better {
            found = Some(Bearer {
                pointer,
                used,
                parameters,
                headers,
                in_socket,
            });
        }
    }
    found
}

/// Where the accepted answer holds a token that is traded for others.
pub fn refresh(recording: &Recording, login: &Login) -> Option<String> {
    let document = recording
        .exchanges
        .get(*login.right.first()?)?
        .answer
        .as_ref()?
        .json()?;
    let mut places = Vec::new();
    pointers(&document, &mut String::new(), &mut places);
    let named = |pointer: &str| names::bare(names::last_part(pointer)) == "refreshtoken";
    places
        .into_iter()
        .find(|(pointer, value)| value.is_string() && named(pointer))
        .map(|(pointer, _)| pointer)
}

/// An address whose answer names the user while somebody is signed in, and not before.
pub fn who_am_i(
    recording: &Recording,
    logins: &[Login],
    logouts: &[usize],
    varying: &Varying,
) -> Option<WhoAmI> {
    let login = logins.iter().find(|login| !login.right.is_empty())?;
    let name = typed(recording, login)?;
    let index = *login.right.first()?;
    let anonymous = recording.exchanges.get(..index)?;
    let mut found: Vec<(usize, usize, WhoAmI)> = Vec::new();
    for exchange in recording.exchanges.iter().skip(index + 1) {
        let asked =
            exchange.method == Method::GET && exchange.status() == Some(200) && can_be_named(exchange.path());
        // What names one person says nothing of the others.
        if !asked
            || varying.is_personal(&exchange.target)
            || exchange
                .query
                .iter()
                .any(|field| names::is_token(&field.name) || field.print.random)
        {
            continue;
        }
        // What answers to a page's own nonce only does not answer to a probe, which has none.
        if exchange.headers.iter().any(|(name, _)| name.contains("nonce")) {
            continue;
        }
        let told_before = anonymous
            .iter()
            .any(|earlier| earlier.target == exchange.target && naming(earlier, &name).is_some());
        let Some(pointer) = naming(exchange, &name).filter(|_| !told_before) else {
            continue;
        };
        let words = [
            "me",
            "whoami",
            "current",
            "currentuser",
            "user",
            "session",
            "profile",
            "account",
            "userinfo",
            "self",
        ];
        let says_so = exchange
            .path()
            .split('/')
            .any(|part| words.contains(&names::bare(part).as_str()));
        let size = exchange
            .answer
            .as_ref()
            .and_then(|answer| answer.body.as_ref())
            .map_or(0, |body| body.len());
        found.push((
            usize::from(!says_so),
            size,
            WhoAmI {
                path: exchange.target.clone(),
                place: Place::Json(pointer),
            },
        ));
    }
    found.sort_by_key(|(words, size, _)| (*words, *size));
    let by_json = found.into_iter().next().map(|(_, _, found)| found);
    by_json.or_else(|| {
        let named = named::find(recording, &name, &signed_in(recording, logins, logouts), varying)?;
        Some(WhoAmI {
            path: named.path,
            place: Place::Page(named.pattern),
        })
    })
}
