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
use crate::gate::Glob;
use crate::gate::rules::{Criterion, LoginRule, UsernameSource};

/// The largest request and the largest answer that are held in memory.
const REQUEST_LIMIT: u64 = 64 * 1024;
const ANSWER_LIMIT: u64 = 1024 * 1024;
const MOST_ANSWER: u64 = 16 * 1024 * 1024;

pub(super) fn rule(reader: &mut Reader<'_>, text: &LoginText, span: &Range<usize>) -> Option<LoginRule> {
    let method = reader.value_or(text.method.as_ref(), Method::POST, |method| match method {
        "POST" => Ok(Method::POST),
        other => Err(format!(
            "a login sent with {other:?} is not built yet; the method is \"POST\""
        )),
    });
    let path = reader.value(&text.path, parse_path);
    let username = username(reader, &text.username);
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
        .map_or(Some((Vec::new(), Vec::new())), |text| conditions(reader, text));
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
    let (where_query, where_form) = wheres?;
    Some(LoginRule {
        method: method?,
        path: path?,
        where_query,
        where_form,
        username: username?,
        password: password?,
        success: success?,
        failure: failure?,
        from: from?,
        request_limit: usize::try_from(request_limit?).ok()?,
        answer_limit: usize::try_from(answer_limit?).ok()?,
        timeout: timeout?,
    })
}

fn username(reader: &mut Reader<'_>, text: &Spanned<UsernameText>) -> Option<UsernameSource> {
    let source = text.get_ref();
    reader.not_built("username = { json = … }", &source.json, None);
    reader.not_built("username = { answer = … }", &source.answer, None);
    reader.not_built("username = { basic = … }", &source.basic, None);
    match (&source.form, &source.multipart) {
        (Some(field), None) => not_empty(reader, field, "the field's name").map(UsernameSource::Form),
        (None, Some(field)) => not_empty(reader, field, "the field's name").map(UsernameSource::Multipart),
        (Some(_), Some(_)) => {
            reader.refuse(text.span(), "username is read in one way: keep form or multipart");
            None
        }
        (None, None) => {
            // With one of the unbuilt sources, that was said already.
            if source.json.is_none() && source.answer.is_none() && source.basic.is_none() {
                reader.refuse(
                    text.span(),
                    "username is empty; write { form = \"FIELD\" } or { multipart = \"FIELD\" }",
                );
            }
            None
        }
    }
}

type Pairs = Vec<(String, String)>;

fn conditions(reader: &mut Reader<'_>, text: &Spanned<WhereText>) -> Option<(Pairs, Pairs)> {
    let pairs = |map: &BTreeMap<String, String>| map.clone().into_iter().collect::<Pairs>();
    let (query, form) = (pairs(&text.get_ref().query), pairs(&text.get_ref().form));
    if query.is_empty() && form.is_empty() {
        reader.refuse(
            text.span(),
            "where is empty; write { query = { NAME = \"VALUE\" } } or { form = { … } }, or leave it out",
        );
        return None;
    }
    Some((query, form))
}

fn criterion(reader: &mut Reader<'_>, text: &Spanned<CriterionText>, name: &str) -> Option<Criterion> {
    let span = text.span();
    let text = text.get_ref();
    reader.not_built(&format!("{name} = {{ json = … }}"), &text.json, None);
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
    let criterion = Criterion {
        status: status?,
        location: location?,
        location_not: location_not?,
        sets_cookie: sets_cookie?,
        body_contains: body_contains?,
        header: header?,
    };
    if asks_nothing(&criterion) && text.json.is_none() {
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
