//! How requests to Duo's Auth API are signed (its version 5): `Authorization: Basic ikey:hex(HMAC-SHA512)`
//! over date, method, host, path, query, body and Duo's own headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};

use crate::secret::hex;

/// RFC 3986 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is signed of a request.
pub(super) struct Signed<'a> {
    /// As the `Date` header says it (RFC 2822).
    pub(super) date: &'a str,
    /// `GET` or `POST`.
    pub(super) method: &'a str,
    /// Without port.
    pub(super) host: &'a str,
    /// From `/` on.
    pub(super) path: &'a str,
    /// As [`params`] writes it; empty for a POST.
    pub(super) params: &'a str,
    /// Empty for a GET.
    pub(super) body: &'a str,
}

impl Signed<'_> {
    /// The value of `Authorization`.
    pub(super) fn authorization(&self, integration_key: &str, secret_key: &str) -> String {
        let (host, method) = (self.host.to_ascii_lowercase(), self.method.to_ascii_uppercase());
        let canonical = [
            self.date,
            &method,
            &host,
            self.path,
            self.params,
            &sha512(self.body.as_bytes()),
            // No header of Duo's own is sent.
            &sha512(b""),
        ]
        .join("\n");
        let key = hmac::Key::new(hmac::HMAC_SHA512, secret_key.as_bytes());
        let signature = hex(hmac::sign(&key, canonical.as_bytes()).as_ref());
        format!(
            "Basic {}",
            STANDARD.encode(format!("{integration_key}:{signature}"))
        )
    }
}

/// `k=v` pairs, sorted by their escaped keys and joined by `&`.
pub(super) fn params(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(key, value)| (escape(key), escape(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join("&")
}

fn sha512(data: &[u8]) -> String {
    hex(digest::digest(&digest::SHA512, data).as_ref())
}
