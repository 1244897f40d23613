//! The rule of one kind of login: where it is sent, who it names, what makes it one.

use http::Method;
use serde_json::Value;

use super::analysis::Unlearned;
use super::attempts::{Login, Way, told_of};
use super::criterion::{Bench, Criteria, with_too_many};
use super::exchange::{Body, Exchange, Field, Recording};
use super::names;
use super::place::can_be_named;
use super::section::Rule;
use super::told;

/// The rule of one kind of login.
///
/// # Errors
/// Why none can be written.
pub fn rule(bench: &Bench<'_>, login: &Login) -> Result<Rule, Unlearned> {
    let recording = bench.recording;
    let of = |index: &usize| recording.exchanges.get(*index);
    let told = |indices: &[usize]| indices.first().and_then(of).map(told_of).unwrap_or_default();
    if login.way == Way::Basic {
        return basic_rule(bench, login);
    }
    let Some(criteria) = bench.criteria(login) else {
        return Err(Unlearned::Alike(told(&login.wrong), told(&login.right)));
    };
    let all: Vec<&Exchange> = login.wrong.iter().chain(&login.right).filter_map(of).collect();
    let (path, shared) = path_of_all(recording, login, &all)?;
    let answer = told::answer(recording, login);
    let username = match (&login.username, login.way) {
        (Some(name), Way::Form) => vec![("form", name.clone())],
        (Some(name), Way::Multipart) => vec![("multipart", name.clone())],
        (Some(name), Way::Json) => vec![("json", name.clone())],
        _ => Vec::new(),
    };
    let username: Vec<(&'static str, String)> = username
        .into_iter()
        .chain(answer.map(|pointer| ("answer", pointer)))
        .collect();
    if username.is_empty() {
        return Err(Unlearned::NoName(told(&login.right)));
    }
    let mut rule = Rule {
        method: login.method.clone(),
        path,
        username,
        basic: false,
        password: login
            .password
            .clone()
            .filter(|name| matches!(login.way, Way::Form | Way::Multipart) && name != "password"),
        where_query: common(&all, |exchange| &exchange.query, true),
        where_form: Vec::new(),
        where_json: Vec::new(),
        bearer: told::bearer(recording, login),
        everywhere: false,
        criteria,
        remarks: Vec::new(),
    };
    if login.way == Way::Json {
        rule.where_json = constants(&all);
    } else if rule.where_query.is_empty() {
        rule.where_form = common(&all, Exchange::fields, true);
    }
    let bare = rule.where_query.is_empty() && rule.where_form.is_empty() && rule.where_json.is_empty();
    if shared && bare {
        // What stands in the address tells other requests apart before anybody reads their bodies.
        rule.where_query = apart(recording, login, &all, &rule.path);
        if rule.where_query.is_empty() {
            rule.where_form = common(&all, Exchange::fields, false)
                .into_iter()
                .take(1)
                .collect();
        }
        if rule.where_query.is_empty() && rule.where_form.is_empty() {
            rule.remarks.push(format!(
                "{} shows other things too, and nothing in the login tells it from them: GET and HEAD of it are open.",
                rule.path
            ));
        }
    }
    if let Some((kind, name)) = rule.username.first()
        && shared
        && matches!(*kind, "form" | "multipart")
        && !(rule.where_query.is_empty() && rule.where_form.is_empty())
    {
        rule.remarks.push(format!(
            "Other requests go to {} too. If the portal signs in whoever puts {name} into one of those, add everywhere = true: \
             the field is refused then in whatever is not this login.",
            rule.path
        ));
    }
    say_for_whom(&mut rule, bench);
    Ok(rule)
}

/// Says where a path is one person's: a star opens the place to anybody's login, so it is for its operator to write.
fn say_for_whom(rule: &mut Rule, bench: &Bench<'_>) {
    let starred = bench.varying.path(&rule.path);
    if starred != rule.path {
        rule.remarks.push(format!(
            "The path holds the name that signed in, so this rule fits nobody else. {starred} fits everybody. Look first what else \
             is done there: a login's place takes its method from anybody, and where that is POST, GET and HEAD too."
        ));
    }
}

fn basic_rule(bench: &Bench<'_>, login: &Login) -> Result<Rule, Unlearned> {
    let recording = bench.recording;
    let of = |index: &usize| recording.exchanges.get(*index);
    let told = |indices: &[usize]| indices.first().and_then(of).map(told_of).unwrap_or_default();
    // The probe must ask for credentials, and answer them by itself.
    let asks = |path: &str| {
        recording
            .exchanges
            .iter()
            .any(|exchange| exchange.path() == path && exchange.status() == Some(401))
    };
    let mut probes: Vec<&Exchange> = login
        .right
        .iter()
        .filter_map(of)
        .filter(|exchange| exchange.method == Method::GET && exchange.status() == Some(200))
        .filter(|exchange| {
            can_be_named(exchange.path()) && !exchange.target.contains('?') && asks(exchange.path())
        })
        .collect();
    let size = |exchange: &Exchange| {
        exchange.answer.as_ref().map_or(0, |answer| {
            answer.body.as_ref().map_or(usize::MAX, |body| body.len())
        })
    };
    probes.sort_by_key(|exchange| (exchange.path() != "/", size(exchange), exchange.path().len()));
    let Some(probe) = probes.first() else {
        return Err(Unlearned::NoProbe(told(&login.right)));
    };
    let right: Vec<usize> = login
        .right
        .iter()
        .copied()
        .filter(|index| of(index).is_some_and(|one| one.path() == probe.path() && one.status() == Some(200)))
        .collect();
    let sides = Login {
        way: Way::Basic,
        method: Method::GET,
        username: None,
        password: None,
        wrong: login.wrong.clone(),
        right,
    };
    let status = |status| super::says::Says {
        status: vec![status],
        ..Default::default()
    };
    let refused = sides
        .wrong
        .iter()
        .filter_map(of)
        .all(|exchange| exchange.status() == Some(401));
    // Every part of Basic is said by the status (RFC 9110 11.6.1); pages differ from path to path.
    let criteria = match refused {
        true => Criteria {
            success: status(200),
            failure: Some(with_too_many(status(401), &[200])),
            remarks: Vec::new(),
        },
        false => bench
            .criteria(&sides)
            .ok_or_else(|| Unlearned::Alike(told(&login.wrong), told(&login.right)))?,
    };
    Ok(Rule {
        method: Method::GET,
        path: probe.path().to_owned(),
        username: Vec::new(),
        basic: true,
        password: None,
        where_query: Vec::new(),
        where_form: Vec::new(),
        where_json: Vec::new(),
        bearer: None,
        everywhere: false,
        criteria,
        remarks: Vec::new(),
    })
}

/// The path of the logins, or what they have in common; and whether other things share it.
fn path_of_all(recording: &Recording, login: &Login, all: &[&Exchange]) -> Result<(String, bool), Unlearned> {
    let first = all.first().map_or("/", |exchange| exchange.path());
    let is_one = all.iter().all(|exchange| exchange.path() == first);
    let path = match is_one {
        true => first.to_owned(),
        false => {
            let mut common = first.to_owned();
            for exchange in all {
                while !exchange.path().starts_with(&common) {
                    common.pop();
                }
            }
            let folder = common.rfind('/').map_or(1, |at| at + 1);
            format!("{}**", common.get(..folder).unwrap_or("/"))
        }
    };
    if !can_be_named(path.trim_end_matches('*')) {
        return Err(Unlearned::NoPlainPath(path));
    }
    let Ok(glob) = crate::gate::Glob::parse(&path) else {
        return Err(Unlearned::NoPlainPath(path));
    };
    let shared = recording.exchanges.iter().enumerate().any(|(index, exchange)| {
        let is_login = login.wrong.contains(&index) || login.right.contains(&index);
        let posts = exchange.method == login.method;
        let shows = exchange.method == Method::GET
            && exchange.status() == Some(200)
            && exchange.is_page()
            && !exchange
                .answer
                .as_ref()
                .is_some_and(super::exchange::Answered::asks_for_a_password);
        !is_login && glob.matches(exchange.path()) && (posts || shows)
    });
    Ok((path, shared || !is_one))
}

/// Fields that all logins have with one value: those that say that it is a login, or any word of the portal's own.
fn common(all: &[&Exchange], fields: impl Fn(&Exchange) -> &[Field], strong: bool) -> Vec<(String, String)> {
    let Some((first, rest)) = all.split_first() else {
        return Vec::new();
    };
    let same = |field: &Field| {
        rest.iter().all(|exchange| {
            let mut alike = fields(exchange).iter().filter(|other| other.name == field.name);
            alike.next().is_some_and(|other| other.print == field.print) && alike.next().is_none()
        })
    };
    let pairs = fields(first)
        .iter()
        .filter(|field| same(field))
        .filter_map(|field| {
            let text = field.text.clone()?;
            let says = names::is_discriminator(&field.name) && names::says_login(&text);
            let word = field.given && !names::is_target(&field.name) && !text.is_empty();
            (if strong { says } else { word }).then(|| (field.name.clone(), text))
        });
    pairs.collect()
}

/// The pair of the login's query that nothing else has which was sent to its path by its method: `route=/login`.
fn apart(recording: &Recording, login: &Login, all: &[&Exchange], path: &str) -> Vec<(String, String)> {
    let Ok(path) = crate::gate::Glob::parse(path) else {
        return Vec::new();
    };
    let others: Vec<&Exchange> = recording
        .exchanges
        .iter()
        .enumerate()
        .filter(|(index, _)| !login.wrong.contains(index) && !login.right.contains(index))
        .map(|(_, exchange)| exchange)
        .filter(|exchange| exchange.method == login.method && path.matches(exchange.path()))
        .collect();
    let is_apart = |(name, text): &(String, String)| {
        let print = recording.prints.of(text);
        let has = |field: &Field| field.name == *name && field.print == print;
        !others.is_empty() && !others.iter().any(|other| other.query.iter().any(has))
    };
    let pairs = common(all, |exchange| &exchange.query, false).into_iter();
    pairs.filter(is_apart).take(1).collect()
}

/// Values of JSON that say that it is a login.
fn constants(all: &[&Exchange]) -> Vec<(String, Value)> {
    let pairs = common(all, Exchange::fields, true);
    let is_json = all.iter().all(|exchange| matches!(exchange.body, Body::Json(..)));
    pairs
        .into_iter()
        .filter(|_| is_json)
        .map(|(pointer, text)| (pointer, Value::from(text)))
        .collect()
}
