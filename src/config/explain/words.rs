//! Parts of sentences.

use url::Url;

use crate::gate::rules::{Criterion, Matcher};

/// `a`, `a and b`, `a, b and c`.
pub(super) fn and<S: AsRef<str>>(items: &[S]) -> String {
    listed(items, "and")
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn or<S: AsRef<str>>(items: &[S]) -> String {
    listed(items, "or")
}

fn listed<S: AsRef<str>>(items: &[S], word: &str) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// `a=b and c=d`.
pub(super) fn pairs(pairs: &[(String, String)]) -> String {
    let shown: Vec<String> = pairs
        .iter()
        .map(|(name, value)| match value.is_empty() {
            true => format!("no {name}"),
            false => format!("{name}={value}"),
        })
        .collect();
    and(&shown)
}

/// `GET and HEAD of /static/**`, with its conditions.
pub(super) fn entry(matcher: &Matcher) -> String {
    let methods: Vec<&str> = matcher.methods.iter().map(http::Method::as_str).collect();
    let mut text = format!("{} of {}", and(&methods), matcher.path.as_str());
    let mut conditions = Vec::new();
    if !matcher.query.is_empty() {
        conditions.push(format!("with {} in the query", pairs(&matcher.query)));
    }
    if !matcher.form.is_empty() {
        conditions.push(format!("with {} in the form", pairs(&matcher.form)));
    }
    if !matcher.fields.is_empty() {
        conditions.push(format!("even with the login's field {}", or(&matcher.fields)));
    }
    if !conditions.is_empty() {
        text.push(' ');
        text.push_str(&and(&conditions));
    }
    text
}

/// What an answer must be like: `has the status 302 or 303, and leads elsewhere than /login**`.
pub(super) fn criterion(criterion: &Criterion) -> String {
    let mut parts = Vec::new();
    if !criterion.status.is_empty() {
        let statuses: Vec<String> = criterion.status.iter().map(u16::to_string).collect();
        parts.push(format!("has the status {}", or(&statuses)));
    }
    if let Some(glob) = &criterion.location {
        parts.push(format!("leads to {}", glob.as_str()));
    }
    if let Some(glob) = &criterion.location_not {
        parts.push(format!("leads elsewhere than {}", glob.as_str()));
    }
    if let Some(glob) = &criterion.sets_cookie {
        parts.push(format!("sets the cookie {}", glob.as_str()));
    }
    if let Some(text) = &criterion.body_contains {
        parts.push(format!("says {text:?}"));
    }
    if let Some((pointer, value)) = &criterion.json {
        let pointer = pointer.as_str();
        parts.push(match value {
            Some(value) => format!("is JSON in which {pointer} is {}", value.shown()),
            None => format!("is JSON that has {pointer}"),
        });
    }
    if let Some((name, regex)) = &criterion.header {
        parts.push(format!("has a header {name} that matches {:?}", regex.as_str()));
    }
    and(&parts)
}

/// Where a URL leads, without credentials, query or path: `redis://10.0.0.5:6379`, or a SQLite file.
pub(super) fn place_of(url: &str) -> String {
    if let Some(file) = url.strip_prefix("sqlite://") {
        return file.split('?').next().unwrap_or(file).to_owned();
    }
    match Url::parse(url) {
        Ok(url) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
        }
        Err(_) => "what the file names".to_owned(),
    }
}
