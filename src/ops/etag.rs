//! `ETag` and `If-Match` (RFC 9110 8.8.3, 13.1.1).

use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use ring::digest;

use crate::secret::hex;

/// The tag of something by all that is shown of it: what looks alike is alike.
pub fn of(shown: &str) -> String {
    let digest = digest::digest(&digest::SHA256, shown.as_bytes());
    quoted(&hex(digest.as_ref())[..32])
}

/// A tag of a name that changes with the thing.
pub fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// Whether `If-Match`, where given, names this tag; with strong comparison.
pub fn matches(headers: &HeaderMap, etag: &str) -> bool {
    let mut lines = headers.get_all(IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return true;
    }
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag == etag)
}
