//! The request that signs out.

use http::Method;

use super::attempts::Login;
use super::exchange::{Exchange, Recording};
use super::names;

/// A logout that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// Which exchange.
    pub index: usize,
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// What in its query makes it one.
    pub query: Vec<(String, String)>,
    /// What in its form makes it one.
    pub form: Vec<(String, String)>,
    /// Whether its name says so; otherwise it was told by the cookie that it deletes.
    pub named: bool,
}

/// Whether a request's path or a field of it says that it signs out.
pub fn says_logout(exchange: &Exchange) -> bool {
    exchange.path().split('/').any(names::says_logout)
        || !words(exchange).0.is_empty()
        || !words(exchange).1.is_empty()
}

/// Names and values.
type Pairs = Vec<(String, String)>;

/// The pairs of query and form that mean a logout.
fn words(exchange: &Exchange) -> (Pairs, Pairs) {
    let pairs = |fields: &[super::exchange::Field]| -> Pairs {
        let said = fields.iter().filter_map(|field| {
            let value = field.text.as_deref();
            let by_value = names::is_discriminator(&field.name) && value.is_some_and(names::says_logout);
            let by_name = names::says_logout(&field.name) && field.print.len > 0 && !field.print.random;
            match value {
                Some(value) if by_value || by_name => Some((field.name.clone(), value.to_owned())),
                _ => None,
            }
        });
        said.collect()
    };
    (pairs(&exchange.query), pairs(exchange.fields()))
}

/// The logouts after an accepted login, the surest first.
pub fn find(recording: &Recording, logins: &[Login]) -> Vec<Logout> {
    let Some(first) = logins.iter().flat_map(|login| login.right.iter().copied()).min() else {
        return Vec::new();
    };
    let is_login = |index: usize| {
        logins
            .iter()
            .any(|login| login.right.contains(&index) || login.wrong.contains(&index))
    };
    let session: Vec<&str> = logins
        .iter()
        .flat_map(|login| &login.right)
        .filter_map(|index| recording.exchanges.get(*index)?.answer.as_ref())
        .flat_map(|answer| answer.living())
        .map(|cookie| cookie.name.as_str())
        .collect();
    let mut found: Vec<Logout> = Vec::new();
    for (index, exchange) in recording.exchanges.iter().enumerate().skip(first + 1) {
        let is_asset = super::assets::is_static(exchange);
        if is_login(index) || is_asset || exchange.status().is_none_or(|status| status >= 400) {
            continue;
        }
        let (query, form) = words(exchange);
        let in_path = exchange.path().split('/').any(names::says_logout);
        let revokes = exchange.method != Method::GET && exchange.path().split('/').any(names::says_revoke);
        let deletes_session = exchange.method == Method::DELETE
            && exchange
                .path()
                .split('/')
                .any(|part| matches!(part, "session" | "sessions" | "login" | "auth" | "token"));
        let named = in_path || revokes || deletes_session || !query.is_empty() || !form.is_empty();
        let deletes_cookie = exchange.answer.as_ref().is_some_and(|answer| {
            let kills = |name: &str| {
                let last = answer.cookies.iter().rev().find(|cookie| cookie.name == name);
                last.is_some_and(|cookie| !cookie.alive)
            };
            session.iter().any(|name| kills(name))
        });
        if !named && !deletes_cookie {
            continue;
        }
        let logout = Logout {
            index,
            method: exchange.method.clone(),
            path: exchange.path().to_owned(),
            query: if in_path { Vec::new() } else { query },
            form: if in_path { Vec::new() } else { form },
            named,
        };
        let known = found.iter().any(|known| {
            known.method == logout.method && known.path == logout.path && known.query == logout.query
        });
        if !known {
            found.push(logout);
        }
    }
    // A page on the way out may carry the same word; a cookie deleted beside a named logout is no second one.
    if found.iter().any(|logout| logout.named) {
        found.retain(|logout| logout.named);
    }
    found
}
