//! `[portal.who_am_i]`, `[[portal.exempt]]` and `[canary]`.

use std::time::Duration;

use http::{HeaderName, Method};
use ipnet::IpNet;
use regex::bytes::Regex;
use toml::Spanned;

use super::Canary;
use super::duration::parse_positive_duration;
use super::portal::{parse_method, parse_path};
use super::reader::Reader;
use super::text::{CanaryText, ExemptText, WhoAmIText};
use crate::gate::rules::Exempt;
use crate::gate::whoami::{Naming, WhoAmI};
use crate::gate::{JsonPointer, Login};

/// The longest answer to a probe that is read, unless the file says otherwise.
const ANSWER_LIMIT: u64 = 1024 * 1024;
const MOST_ANSWER: u64 = 16 * 1024 * 1024;

pub(super) fn who_am_i(reader: &mut Reader<'_>, text: &Spanned<WhoAmIText>) -> Option<WhoAmI> {
    let text = text.get_ref();
    let path = reader.value(&text.path, |text| {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if path.contains('*') {
            return Err("who_am_i asks one address, not a pattern".into());
        }
        parse_path(path)?;
        if query
            .chars()
            .any(|c| !c.is_ascii_graphic() || "#\"<>^`{}|\\".contains(c))
        {
            return Err(format!("{text:?} is no path and query as a request has them"));
        }
        Ok(text.to_owned())
    });
    let naming = text.username.get_ref();
    let username = match (&naming.json, &naming.body_regex, &naming.header) {
        (Some(pointer), None, None) => reader.value(pointer, JsonPointer::parse).map(Naming::Json),
        (None, Some(regex), None) => reader.value(regex, one_group).map(Naming::Body),
        (None, None, Some(header)) => reader
            .value(header, |name| {
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header's name"))
            })
            .map(Naming::Header),
        _ => {
            let what = "username is one of { json = \"/POINTER\" }, { body_regex = \"…(…)…\" } and { header = \"NAME\" }";
            reader.refuse(text.username.span(), what);
            None
        }
    };
    let nobody = reader.values(&text.nobody, |name| {
        Login::parse(name)
            .map(|name| name.as_str().to_owned())
            .map_err(|why| why.to_string())
    });
    let default = Duration::from_secs(10);
    let timeout = reader.value_or(text.timeout.as_ref(), default, parse_positive_duration);
    let answer = text.answer_limit.as_ref();
    let answer_limit = reader.number("answer_limit", answer, ANSWER_LIMIT, 1..=MOST_ANSWER);
    Some(WhoAmI {
        path: path?,
        username: username?,
        nobody: nobody?,
        timeout: timeout?,
        answer_limit: usize::try_from(answer_limit?).ok()?,
    })
}

fn one_group(pattern: &str) -> Result<Regex, String> {
    let regex = Regex::new(pattern).map_err(|_| format!("{pattern:?} is no regular expression"))?;
    match regex.captures_len() {
        2 => Ok(regex),
        _ => Err(format!(
            "{pattern:?} needs exactly one group, which catches the name: \"user=([^&]+)\""
        )),
    }
}

pub(super) fn exempt(reader: &mut Reader<'_>, texts: &[Spanned<ExemptText>]) -> Option<Vec<Exempt>> {
    let read: Vec<Option<Exempt>> = texts.iter().map(|text| one_exempt(reader, text)).collect();
    read.into_iter().collect()
}

fn one_exempt(reader: &mut Reader<'_>, text: &Spanned<ExemptText>) -> Option<Exempt> {
    let span = text.span();
    let text = text.get_ref();
    let path = reader.value(&text.path, parse_path);
    let methods = match &text.methods {
        None => Some(vec![Method::GET, Method::HEAD]),
        Some(names) => reader.values(names, parse_method),
    };
    let networks = reader.values(&text.networks, |network| {
        network
            .parse::<IpNet>()
            .map_err(|_| format!("{network:?} is no network, such as 10.0.0.0/8"))
    });
    if text.networks.is_empty() && !text.token {
        let what = "an exempt entry names networks, or asks for a client token with token = true: else anybody would pass";
        reader.refuse(span.clone(), what);
        return None;
    }
    if methods.as_ref().is_some_and(Vec::is_empty) {
        reader.refuse(span, "methods is empty: the entry would match nothing");
        return None;
    }
    Some(Exempt {
        path: path?,
        methods: methods?,
        networks: networks?,
        token: text.token,
    })
}

pub(super) fn canary(reader: &mut Reader<'_>, text: &CanaryText) -> Option<Canary> {
    let login = reader.value(&text.login, |text| {
        Login::parse(text).map_err(|why| why.to_string())
    });
    let password_file = reader.file_path(&text.password_file);
    Some(Canary {
        login: login?,
        password_file: password_file?,
        password_field: text.password_field.as_ref().map(|field| field.get_ref().clone()),
        fields: text.fields.clone().into_iter().collect(),
    })
}
