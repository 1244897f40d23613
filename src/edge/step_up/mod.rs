//! `step_up_script`: a small script is added to the portal's HTML pages, so that an unchanged single-page app
//! goes to the challenge by itself when one of its requests is told that a second factor is owed.

mod place;
mod policy;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, Method};
use pingora::http::{RequestHeader, ResponseHeader};

use self::place::Insertion;
use self::policy::{Allowed, allowed};
use super::arrival::Arrival;
use crate::gate::Asker;
use crate::pages::step_up_script;

/// What an answer says of its bytes, which are others with the script in them.
const OF_THE_BYTES: [HeaderName; 5] = [
    CONTENT_LENGTH,
    ACCEPT_RANGES,
    LAST_MODIFIED,
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// A page into which the script is put as it passes. The lock is never waited for: it only makes this `Sync`.
pub struct StepUp(Mutex<Insertion>);

impl StepUp {
    /// What of the page goes on, now that `chunk` has come.
    pub fn pass(&mut self, chunk: Option<Bytes>, is_last: bool) -> Option<Bytes> {
        match self.0.get_mut() {
            Ok(insertion) => insertion.pass(chunk, is_last),
            Err(_) => chunk,
        }
    }

    /// Looks at an answer that is about to go out. `Some`: it is a page into which the script goes, and its head
    /// says so.
    pub fn begin(arrival: &Arrival, answer: &mut ResponseHeader) -> Option<Self> {
        if !wants_pages(arrival) {
            return None;
        }
        if answer.status == 304 {
            mark_validator(answer);
        }
        if !is_page(answer) {
            return None;
        }
        let public = &arrival.settings.config.listen.public_url;
        let nonce = match allowed(&answer.headers, public) {
            Allowed::Plainly => String::new(),
            Allowed::WithNonce(nonce) => format!(" nonce=\"{nonce}\""),
            Allowed::No => {
                note_forbidden(arrival);
                return None;
            }
        };
        for name in OF_THE_BYTES {
            answer.remove_header(&name);
        }
        for name in ["content-digest", "repr-digest"] {
            answer.remove_header(name);
        }
        mark_validator(answer);
        let script = format!("<script src=\"{}\"{nonce}></script>", step_up_script());
        Some(Self(Mutex::new(Insertion::of(Bytes::from(script)))))
    }
}

/// Prepares a request whose answer may be such a page: it must come as it is, and only if the browser's copy has
/// this script in it may the portal say that nothing changed.
pub fn prepare(arrival: &Arrival, head: &mut RequestHeader) -> pingora::Result<()> {
    if !wants_pages(arrival) {
        return Ok(());
    }
    head.insert_header(ACCEPT_ENCODING, "identity")?;
    head.remove_header(&IF_MODIFIED_SINCE);
    let known: Vec<String> = head
        .headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|validator| {
            validator
                .trim()
                .strip_suffix(&mark())
                .map(|bare| format!("{bare}\""))
        })
        .collect();
    head.remove_header(&IF_NONE_MATCH);
    if !known.is_empty() {
        head.insert_header(IF_NONE_MATCH, known.join(", "))?;
    }
    Ok(())
}

/// Whether a browser asks for something to show.
fn wants_pages(arrival: &Arrival) -> bool {
    arrival.settings.config.portal.step_up_script
        && arrival.asker == Asker::Page
        && arrival.method != Method::HEAD
        && !arrival.is_upgrade
}

fn is_page(answer: &ResponseHeader) -> bool {
    let text = |name: HeaderName| answer.headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let has_body = !matches!(answer.status.as_u16(), 100..=199 | 204 | 206 | 304)
        && text(CONTENT_LENGTH).is_none_or(|length| length != "0");
    let is_plain = text(CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
    let is_shown = text(CONTENT_DISPOSITION)
        .is_none_or(|how| !how.trim_start().to_ascii_lowercase().starts_with("attachment"));
    has_body && is_plain && is_shown && is_html(&answer.headers)
}

/// HTML in an encoding in which a tag is written as in ASCII.
fn is_html(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(one), None) = (types.next(), types.next()) else {
        return false;
    };
    let text = one.to_str().unwrap_or("").to_ascii_lowercase();
    let (kind, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let is_wide = ["utf-16", "utf-32", "ucs-2", "iso-2022", "utf-7"]
        .iter()
        .any(|wide| parameters.contains(wide));
    kind.trim() == "text/html" && !is_wide
}

/// How a page's ETag ends that has this version of the script in it.
fn mark() -> String {
    let script = step_up_script();
    let version = script.rsplit('.').nth(1).unwrap_or_default();
    format!("--{}\"", version.get(..8).unwrap_or(version))
}

/// A validator of the page with the script: weak, since the portal vouches for its own bytes only.
fn mark_validator(answer: &mut ResponseHeader) {
    let etag = answer.headers.get(ETAG).and_then(|value| value.to_str().ok());
    let marked = etag.and_then(|etag| {
        let bare = etag.trim().strip_suffix('"')?;
        let weak = if bare.starts_with("W/") { "" } else { "W/" };
        Some(format!("{weak}{bare}{}", mark()))
    });
    answer.remove_header(&ETAG);
    if let Some(marked) = marked {
        // It was a header's value, and nothing but letters came to it.
        let _ = answer.insert_header(ETAG, marked);
    }
}

/// Says once that a page's policy keeps the script out.
fn note_forbidden(arrival: &Arrival) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            path = arrival.target.path(),
            "step_up_script: the Content-Security-Policy of this page allows no script from its own origin and \
             has no nonce; such pages stay as they are"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, lines: &[(&'static str, &str)]) -> ResponseHeader {
        let mut head = ResponseHeader::build(status, None).unwrap();
        for (name, value) in lines {
            head.append_header(*name, *value).unwrap();
        }
        head
    }

    #[test]
    fn only_pages_in_plain_html_are_touched() {
        let html = ("content-type", "text/html; charset=utf-8");
        for (status, lines, expected) in [
            (200, vec![html], true),
            (404, vec![html], true),
            (200, vec![("content-type", "Text/HTML")], true),
            (200, vec![html, ("content-encoding", "identity")], true),
            (200, vec![html, ("content-encoding", "gzip")], false),
            (200, vec![html, ("content-encoding", "br")], false),
            (
                200,
                vec![html, ("content-disposition", "attachment; filename=x")],
                false,
            ),
            (200, vec![html, ("content-length", "0")], false),
            (200, vec![("content-type", "text/html; charset=UTF-16LE")], false),
            (200, vec![("content-type", "application/xhtml+xml")], false),
            (200, vec![("content-type", "text/plain")], false),
            (200, vec![html, html], false),
            (200, vec![], false),
            (206, vec![html], false),
            (204, vec![html], false),
            (304, vec![html], false),
            (101, vec![html], false),
        ] {
            assert_eq!(is_page(&answer(status, &lines)), expected, "{status} {lines:?}");
        }
    }

    #[test]
    fn a_validator_says_which_bytes_it_is_of() {
        let marked = |etag: &str| {
            let mut head = answer(200, &[("etag", etag)]);
            mark_validator(&mut head);
            head.headers
                .get(ETAG)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let mark = mark();
        assert_eq!(marked("\"abc\""), Some(format!("W/\"abc{mark}")));
        assert_eq!(marked("W/\"abc\""), Some(format!("W/\"abc{mark}")));
        assert_eq!(marked("abc"), None);
    }
}
