//! Signatures of callbacks: pure functions over what was received.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use serde_json::Value;
use url::Url;

use crate::secret::hex;

/// What Python's `quote_plus` leaves as it is, but for the space.
const QUOTE_PLUS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'~');
/// What ECMAScript's `encodeURIComponent` leaves as it is.
const URI_COMPONENT: &AsciiSet = &QUOTE_PLUS
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Whether `signature` is `X-Authy-Signature` over this callback: HMAC-SHA256 with the application's key over
/// `nonce|METHOD|url|params`. The vendor's own samples sort and escape in two ways each; any of them counts,
/// for all of them are over the same body. `url` has no query.
pub fn authy_signature_fits(
    key: &str,
    nonce: &str,
    method: &str,
    url: &str,
    body: &Value,
    signature: &str,
) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    authy_params(body).iter().any(|params| {
        let signed = format!("{nonce}|{method}|{url}|{params}");
        hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
    })
}

/// The body as a query string, in each of the ways in which it may have been signed.
pub fn authy_params(body: &Value) -> Vec<String> {
    let mut flat = Vec::new();
    flatten(body, String::new(), &mut flat);
    let mut all: Vec<String> = Vec::with_capacity(4);
    for escaped in [QUOTE_PLUS, URI_COMPONENT] {
        let escape = |text: &str| utf8_percent_encode(text, escaped).to_string().replace("%20", "+");
        let pairs: Vec<(String, String)> = flat
            .iter()
            .map(|(key, value)| (escape(key), escape(value)))
            .collect();
        let mut by_key = pairs.clone();
        by_key.sort_by(|one, other| one.0.cmp(&other.0));
        let joined = |pairs: &[(String, String)]| -> Vec<String> {
            pairs
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect()
        };
        let mut by_pair = joined(&pairs);
        by_pair.sort();
        for params in [joined(&by_key).join("&"), by_pair.join("&")] {
            if !all.contains(&params) {
                all.push(params);
            }
        }
    }
    all
}

/// `a[b][c]`, arrays as `[]` without an index; null is empty, `{}` and `[]` are left out.
fn flatten(value: &Value, name: String, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let name = match name.is_empty() {
                    true => key.clone(),
                    false => format!("{name}[{key}]"),
                };
                flatten(member, name, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                flatten(item, format!("{name}[]"), out);
            }
        }
        Value::Null => out.push((name, String::new())),
        Value::String(text) => out.push((name, text.clone())),
        other => out.push((name, other.to_string())),
    }
}

/// Whether `signature` is `X-Twilio-Signature` over a form: HMAC-SHA1 with the account's token over the URL
/// and each parameter, sorted by name, a repeated one with each distinct value once.
pub fn twilio_form_fits(token: &str, url: &str, params: &[(String, String)], signature: &str) -> bool {
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort();
    sorted.dedup();
    let tail: String = sorted
        .iter()
        .flat_map(|(name, value)| [name.as_str(), value.as_str()])
        .collect();
    twilio_fits(token, url, &tail, signature)
}

/// The same over a body that is no form: the URL alone is signed, and its query holds the body's SHA-256.
pub fn twilio_body_fits(token: &str, url: &str, body: &[u8], signature: &str) -> bool {
    let Ok(parsed) = Url::parse(url) else {
        return false;
    };
    let mut hashes = parsed.query_pairs().filter(|(name, _)| name == "bodySHA256");
    let (Some((_, hash)), None) = (hashes.next(), hashes.next()) else {
        return false;
    };
    let own = hex(digest::digest(&digest::SHA256, body).as_ref());
    own.eq_ignore_ascii_case(&hash) && twilio_fits(token, url, "", signature)
}

fn twilio_fits(token: &str, url: &str, tail: &str, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    with_and_without_port(url)
        .iter()
        .any(|url| hmac::verify(&key, format!("{url}{tail}").as_bytes(), &signature).is_ok())
}

/// The URL as it is, with its scheme's port, and without any: senders differ in which they sign.
fn with_and_without_port(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return all;
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let default = if scheme == "http" { 80 } else { 443 };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            all.push(format!("{scheme}://{host}{path}"));
        }
        _ => all.push(format!("{scheme}://{authority}:{default}{path}")),
    }
    all
}
