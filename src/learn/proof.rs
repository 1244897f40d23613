//! Tries the section with what the gateway itself is made of: its parser, its classes, its matchers.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::assets::signed_in;
use super::attempts::{Login, Way};
use super::exchange::{Body, Exchange, Field, Recording, TAKEN_OUT};
use super::logout::Logout;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::gate::body::FormKind;
use crate::gate::login::{Answer, Asked, Judgement, judge};
use crate::gate::path::Target;
use crate::gate::rules::UsernameSource;
use crate::gate::{BadBody, FormBody, HeadClass, PortalRules, Route, class_body, class_head};

/// Why a section is not written as it stands.
#[derive(Debug)]
pub enum Fault {
    /// This entry of `public` opens content.
    Opens { entry: String, content: String },
    /// Anything else, in words.
    Refused(String),
}

/// What stands before the section while it is tried.
const BEFORE: &str = "[listen]\naddress = \"127.0.0.1:1\"\npublic_url = \"http://127.0.0.1:1\"\n\n";
const BOUNDARY: &str = "doorstep-learn";

/// Whether the section does what it should; what it does beside that, in words.
pub fn check(
    recording: &Recording,
    section: &str,
    logins: &[Login],
    page: Option<usize>,
    logouts: &[Logout],
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    let config = Config::parse(&format!("{BEFORE}{section}"), Path::new("learned.toml"))
        .map_err(|errors| Fault::Refused(errors.to_string()))?;
    let rules = &config.portal.rules;
    let inside = signed_in(
        recording,
        logins,
        &logouts.iter().map(|out| out.index).collect::<Vec<_>>(),
    );
    let mut remarks = Vec::new();
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        let route = route(rules, exchange);
        let is_attempt = logins
            .iter()
            .any(|login| login.wrong.contains(&index) || login.right.contains(&index));
        if is_attempt {
            continue;
        }
        if Some(index) == page && !matches!(route, Route::LoginPage | Route::LoginPageWithName) {
            let what = format!("the login page {} would be shut", exchange.path());
            return Err(Fault::Refused(what));
        }
        let is_out = logouts.iter().any(|out| out.index == index);
        if is_out && route != Route::Logout {
            remarks.push(format!(
                "The logout {} {} is not seen as one by these rules: it does not end doorstep's session.",
                exchange.method,
                super::varying::masked(exchange.path())
            ));
        }
        let is_content = inside.get(index) == Some(&true)
            && !is_out
            && exchange.status() == Some(200)
            && !super::assets::is_static(exchange)
            && exchange.authorization.is_none();
        if is_content && route == Route::Public && changed_with_the_login(recording, &inside, exchange) {
            let entry = rules
                .public
                .iter()
                .find(|entry| entry.path.matches(exchange.path()));
            return Err(Fault::Opens {
                entry: entry.map_or_else(String::new, |entry| entry.path.as_str().to_owned()),
                content: exchange.path().to_owned(),
            });
        }
    }
    judge_all(recording, &config, logins, now)?;
    remarks.dedup();
    Ok(remarks)
}

/// Whether strangers were never shown it.
fn changed_with_the_login(recording: &Recording, inside: &[bool], exchange: &Exchange) -> bool {
    !recording.exchanges.iter().zip(inside).any(|(other, inside)| {
        !inside
            && other.method == exchange.method
            && other.target == exchange.target
            && other.status() == Some(200)
    })
}

/// Each login is one by the rules, and each answer means what it meant.
fn judge_all(recording: &Recording, config: &Config, logins: &[Login], now: Timestamp) -> Result<(), Fault> {
    let rules = &config.portal.rules;
    for login in logins {
        for (indices, wanted) in [
            (&login.right, Judgement::Accepted),
            (&login.wrong, Judgement::Refused),
        ] {
            for exchange in indices.iter().filter_map(|index| recording.exchanges.get(*index)) {
                let place = match login.way {
                    Way::Basic => match rules.basic() {
                        // Only the probe is judged.
                        Some((place, rule))
                            if rule.path.matches(exchange.path()) && exchange.method == rule.method =>
                        {
                            place
                        }
                        _ => continue,
                    },
                    _ => match route(rules, exchange) {
                        Route::Login(place) => place,
                        other => {
                            return Err(Fault::Refused(format!(
                                "the login {} {} is no login by these rules, but {other:?}",
                                exchange.method,
                                exchange.path()
                            )));
                        }
                    },
                };
                let Some((rule, answer)) = rules.logins.get(place).zip(exchange.answer.as_ref()) else {
                    continue;
                };
                let asked = Asked {
                    path_and_query: &exchange.target,
                    public: &recording.public,
                    upstream: &recording.upstream,
                };
                let mut headers = answer.headers.clone();
                headers.remove(header::CONTENT_ENCODING);
                let recorded = Answer {
                    status: answer.status,
                    headers: &headers,
                    body: answer.body.as_ref().map(|body| body.as_slice()),
                };
                let judged = judge(rule, &asked, &recorded, now);
                if judged != wanted
                    && !(rule.username == UsernameSource::Basic && wanted == Judgement::Accepted)
                {
                    return Err(Fault::Refused(format!(
                        "the answer {} to {} {} is judged {judged:?} and was {wanted:?}",
                        answer.status,
                        exchange.method,
                        exchange.path()
                    )));
                }
            }
        }
    }
    Ok(())
}

/// How the gateway classes a recorded request.
fn route(rules: &PortalRules, exchange: &Exchange) -> Route {
    let Ok(target) = Target::parse(exchange.target.as_bytes()) else {
        return Route::Ambiguous;
    };
    match class_head(rules, &exchange.method, &target) {
        HeadClass::Settled(route) => route,
        HeadClass::NeedsBody { .. } => {
            let (headers, body) = written(&exchange.body);
            let body = match &exchange.body {
                Body::Other(why) => Err(*why),
                _ => FormBody::read(&headers, &body),
            };
            class_body(
                rules,
                &exchange.method,
                &target,
                body.as_ref().map_err(|why| why as &BadBody),
            )
        }
    }
}

/// A body of the same shape: what was taken out stands as `x`.
fn written(body: &Body) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    let mut typed = |kind: &str| {
        if let Ok(kind) = HeaderValue::from_str(kind) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
    };
    let shown = |field: &Field| match (&field.text, field.print.len) {
        (Some(text), _) => text.clone(),
        (None, 0) => String::new(),
        (None, _) => TAKEN_OUT.to_owned(),
    };
    let bytes = match body {
        Body::Form(FormKind::Multipart, fields) => {
            typed(&format!("multipart/form-data; boundary={BOUNDARY}"));
            let parts: String = fields
                .iter()
                .map(|field| {
                    format!(
                        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                        field.name,
                        shown(field)
                    )
                })
                .collect();
            format!("{parts}--{BOUNDARY}--\r\n").into_bytes()
        }
        Body::Form(_, fields) => {
            typed("application/x-www-form-urlencoded");
            let pairs = fields.iter().map(|field| (field.name.as_str(), shown(field)));
            url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish()
                .into_bytes()
        }
        Body::Json(document, _) => {
            typed("application/json");
            document.to_string().into_bytes()
        }
        Body::Empty | Body::Other(_) => Vec::new(),
    };
    (headers, bytes.into())
}
