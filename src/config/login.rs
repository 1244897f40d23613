//! `[[portal.login]]`: how the portal signs in, and what its answers mean.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use http::{HeaderName, Method};
use regex::bytes::Regex;
use toml::Spanned;

use super::Origin;
use super::duration::parse_positive_duration;
use super::factors::statuses;
use super::portal::{not_empty, parse_path};
use super::reader::Reader;
use super::text::{CriterionText, HeaderText, LoginText, UsernameText, WhereText};
use crate::gate::rules::{Criterion, LoginRule, UsernameSource};
use crate::gate::{Glob, Json, JsonPointer};

/// The largest request and the largest answer that are held in memory.
const REQUEST_LIMIT: u64 = 64 * 1024;
const ANSWER_LIMIT: u64 = 1024 * 1024;
const MOST_ANSWER: u64 = 16 * 1024 * 1024;

pub(super) fn rule(reader: &mut Reader<'_>, text: &LoginText, span: &Range<usize>) -> Option<LoginRule> {
    let source = username(reader, &text.username);
    let is_basic = matches!(source, Some((UsernameSource::Basic, _)));
    let default_method = if is_basic { Method::GET } else { Method::POST };
    let method = reader.value_or(text.method.as_ref(), default_method, |method| {
        match (method, is_basic) {
            ("GET", true) => Ok(Method::GET),
            ("HEAD", true) => Ok(Method::HEAD),
            (other, true) => Err(format!(
                "{other:?} is no safe probe of Basic credentials; write \"GET\" or \"HEAD\""
            )),
            ("POST", false) => Ok(Method::POST),
            ("PUT", false) => Ok(Method::PUT),
            ("PATCH", false) => Ok(Method::PATCH),
            (other, false) => Err(format!(
                "a login sent with {other:?} is not built yet; the method is \"POST\", \"PUT\" or \"PATCH\""
            )),
        }
    });
    let path = reader.value(&text.path, |path| {
        let glob = parse_path(path)?;
        match is_basic && !glob.is_exact() {
            true => Err("the probe of Basic credentials is one path, not a pattern".into()),
            false => Ok(glob),
        }
    });
    let bearer = reader.optional(text.bearer.as_ref(), JsonPointer::parse);
    if is_basic && (text.bearer.is_some() || text.r#where.is_some()) {
        reader.refuse(
            span.clone(),
            "a Basic rule has neither bearer nor where: the credentials come with each request",
        );
    }
    let password = match &text.password {
        None => Some("password".to_owned()),
        Some(password) => not_empty(reader, &password.form, "the field's name"),
    };
    let success = match &text.success {
        Some(success) => criterion(reader, success, "success"),
        None => {
            let what = "success is missing: say what an accepted password looks like, such as \
                        success = { status = [302], location_not = \"/login**\" }";
            reader.refuse(span.clone(), what);
            None
        }
    };
    let failure = match &text.failure {
        None => Some(None),
        Some(failure) => criterion(reader, failure, "failure").map(Some),
    };
    let wheres = text
        .r#where
        .as_ref()
        .map_or(Some(Conditions::default()), |text| conditions(reader, text));
    let from = reader.values(&text.from, |origin| Ok(Origin::parse(origin)?.to_string()));
    let request = text.request_limit.as_ref();
    let request_limit = reader.number("request_limit", request, REQUEST_LIMIT, 1..=REQUEST_LIMIT);
    let answer = text.answer_limit.as_ref();
    let answer_limit = reader.number("answer_limit", answer, ANSWER_LIMIT, 1..=MOST_ANSWER);
    let timeout = reader.value_or(
        text.timeout.as_ref(),
        Duration::from_secs(30),
        parse_positive_duration,
    );
    let everywhere = text.everywhere.as_ref().is_some_and(|word| *word.get_ref());
    let (username, answer) = source?;
    let by_form = matches!(username, UsernameSource::Form(_) | UsernameSource::Multipart(_));
    if let (Some(word), true, false) = (&text.everywhere, everywhere, by_form) {
        let what =
            "everywhere speaks of a form's field: username is { form = \"…\" } or { multipart = \"…\" }";
        reader.refuse(word.span(), what);
    }
    let wheres = wheres?;
    Some(LoginRule {
        method: method?,
        path: path?,
        where_query: wheres.query,
        where_form: wheres.form,
        where_json: wheres.json,
        username,
        answer,
        bearer: bearer?,
        everywhere,
        password: password?,
        success: success?,
        failure: failure?,
        from: from?,
        request_limit: usize::try_from(request_limit?).ok()?,
        answer_limit: usize::try_from(answer_limit?).ok()?,
        timeout: timeout?,
    })
}

/// Where the request names somebody, and where the answer does.
fn username(
    reader: &mut Reader<'_>,
    text: &Spanned<UsernameText>,
) -> Option<(UsernameSource, Option<JsonPointer>)> {
    let source = text.get_ref();
    let answer = reader.optional(source.answer.as_ref(), JsonPointer::parse);
    let is_basic = source.basic.as_ref().is_some_and(|basic| *basic.get_ref());
    let given = [
        source.form.is_some(),
        source.multipart.is_some(),
        source.json.is_some(),
        is_basic,
    ];
    match given.iter().filter(|given| **given).count() {
        0 if source.answer.is_some() => return Some((UsernameSource::Answer, answer?)),
        0 => {
            let what = "username is empty; write { form = \"FIELD\" }, { multipart = \"FIELD\" }, \
                        { json = \"/POINTER\" }, { answer = \"/POINTER\" } or { basic = true }";
            reader.refuse(text.span(), what);
            return None;
        }
        1 => {}
        _ => {
            let what = "username is read in one way: keep one of form, multipart, json and basic";
            reader.refuse(text.span(), what);
            return None;
        }
    }
    let read = if let Some(field) = &source.form {
        not_empty(reader, field, "the field's name").map(UsernameSource::Form)
    } else if let Some(field) = &source.multipart {
        not_empty(reader, field, "the field's name").map(UsernameSource::Multipart)
    } else if let Some(pointer) = &source.json {
        reader
            .value(pointer, JsonPointer::parse)
            .map(UsernameSource::Json)
    } else {
        Some(UsernameSource::Basic)
    };
    Some((read?, answer?))
}

/// What makes a request in the rule's place a login.
#[derive(Default)]
struct Conditions {
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
    json: Vec<(JsonPointer, Json)>,
}

fn conditions(reader: &mut Reader<'_>, text: &Spanned<WhereText>) -> Option<Conditions> {
    let pairs = |map: &BTreeMap<String, String>| map.clone().into_iter().collect();
    let wheres = text.get_ref();
    let mut read = Conditions {
        query: pairs(&wheres.query),
        form: pairs(&wheres.form),
        json: Vec::new(),
    };
    for (pointer, value) in &wheres.json {
        let pointer = reader.value(pointer, JsonPointer::parse)?;
        read.json.push((pointer, scalar(reader, value)?));
    }
    if read.query.is_empty() && read.form.is_empty() && read.json.is_empty() {
        reader.refuse(
            text.span(),
            "where is empty; write { query = { NAME = \"VALUE\" } }, { form = { … } } or { json = { … } }, or leave it out",
        );
        return None;
    }
    Some(read)
}

/// A text, a whole number or a flag to compare with.
fn scalar(reader: &mut Reader<'_>, value: &Spanned<toml::Value>) -> Option<Json> {
    match value.get_ref() {
        toml::Value::String(text) => Some(Json::Text(text.clone())),
        toml::Value::Integer(number) => Some(Json::Number(number.to_string())),
        toml::Value::Boolean(flag) => Some(Json::Flag(*flag)),
        _ => {
            reader.refuse(
                value.span(),
                "JSON is compared with a text, a whole number, true or false",
            );
            None
        }
    }
}

/// `"/pointer"`, or `{ pointer = "/pointer", equals = VALUE }`.
fn json_criterion(
    reader: &mut Reader<'_>,
    value: &Spanned<toml::Value>,
) -> Option<(JsonPointer, Option<Json>)> {
    let wrong = "json is a pointer such as \"/access_token\", or { pointer = \"/ok\", equals = true }";
    match value.get_ref() {
        toml::Value::String(text) => {
            let pointer = reader.value(&Spanned::new(value.span(), text.clone()), JsonPointer::parse)?;
            Some((pointer, None))
        }
        toml::Value::Table(table) => {
            let known = |key: &String| matches!(key.as_str(), "pointer" | "equals");
            let Some(toml::Value::String(text)) = table.get("pointer").filter(|_| table.keys().all(known))
            else {
                reader.refuse(value.span(), wrong);
                return None;
            };
            let pointer = reader.value(&Spanned::new(value.span(), text.clone()), JsonPointer::parse)?;
            let equals = match table.get("equals") {
                Some(equals) => Some(scalar(reader, &Spanned::new(value.span(), equals.clone()))?),
                None => None,
            };
            Some((pointer, equals))
        }
        _ => {
            reader.refuse(value.span(), wrong);
            None
        }
    }
}

fn criterion(reader: &mut Reader<'_>, text: &Spanned<CriterionText>, name: &str) -> Option<Criterion> {
    let span = text.span();
    let text = text.get_ref();
    let status = statuses(reader, &text.status);
    let location = reader.optional(text.location.as_ref(), parse_location);
    let location_not = reader.optional(text.location_not.as_ref(), parse_location);
    let sets_cookie = reader.optional(text.sets_cookie.as_ref(), Glob::parse);
    let body_contains = match &text.body_contains {
        None => Some(None),
        Some(body) => not_empty(reader, body, "body_contains").map(Some),
    };
    let header = match &text.header {
        None => Some(None),
        Some(header) => self::header(reader, header).map(Some),
    };
    let json = match &text.json {
        None => Some(None),
        Some(value) => json_criterion(reader, value).map(Some),
    };
    let criterion = Criterion {
        status: status?,
        location: location?,
        location_not: location_not?,
        sets_cookie: sets_cookie?,
        body_contains: body_contains?,
        header: header?,
        json: json?,
    };
    if asks_nothing(&criterion) {
        let what = format!("{name} is empty and would fit every answer; say what the portal answers");
        reader.refuse(span, what);
        return None;
    }
    Some(criterion)
}

fn asks_nothing(criterion: &Criterion) -> bool {
    criterion.status.is_empty()
        && criterion.location.is_none()
        && criterion.location_not.is_none()
        && criterion.sets_cookie.is_none()
        && criterion.body_contains.is_none()
        && criterion.header.is_none()
        && criterion.json.is_none()
}

/// Path and query of a Location: begins with `/`, or with a star that stands for it.
fn parse_location(text: &str) -> Result<Glob, String> {
    if !text.starts_with('/') && !text.starts_with("**") {
        return Err(format!(
            "{text:?} is compared with path and query, so it begins with / (or **)"
        ));
    }
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(format!(
            "{text:?} holds {odd:?}; a Location is compared as sent, percent-encoded"
        ));
    }
    Glob::parse(text)
}

fn header(reader: &mut Reader<'_>, text: &Spanned<HeaderText>) -> Option<(HeaderName, Regex)> {
    let span = text.span();
    let text = text.get_ref();
    let name = reader.value(&text.name, |name| {
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header's name"))
    });
    let regex = match (&text.matches, &text.contains) {
        (Some(pattern), None) => reader.value(pattern, |pattern| {
            Regex::new(pattern).map_err(|error| {
                // The last line of the crate's message is the reason; those before it draw the place.
                let message = error.to_string();
                let reason = message
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned();
                format!("{pattern:?} is no regular expression: {reason}")
            })
        }),
        (None, Some(part)) => reader.value(part, |part| {
            if part.is_empty() {
                return Err("contains cannot be empty".into());
            }
            Regex::new(&regex::escape(part)).map_err(|error| error.to_string())
        }),
        _ => {
            reader.refuse(
                span,
                "a header is { name = \"…\", matches = \"REGEX\" } or { name = \"…\", contains = \"TEXT\" }",
            );
            None
        }
    };
    Some((name?, regex?))
}
