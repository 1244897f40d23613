//! What all pages share: the frame of the templates and the headers that every own page carries.

use askama::Template;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// Nothing runs, loads or frames but what these pages bring themselves; QR codes are `data:` images.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The frame around a page.
#[derive(Clone, Debug)]
pub(super) struct Shell<'a> {
    /// The portal's name, as people know it.
    pub portal: &'a str,
    /// The state, as the window's title says it.
    pub title: &'a str,
    /// A wider card, for what is read rather than filled in.
    pub wide: bool,
    /// Loads an address again by itself.
    pub again: Option<Again<'a>>,
}

/// When and where a page tries again by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again<'a> {
    /// After so many seconds.
    pub seconds: u32,
    /// Where; `None`: its own address.
    pub to: Option<&'a str>,
}

impl<'a> Shell<'a> {
    /// A page of this title that stays as it is.
    pub fn new(portal: &'a str, title: &'a str) -> Self {
        Self {
            portal,
            title,
            wide: false,
            again: None,
        }
    }
}

/// Renders a page and gives it its headers.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response<Bytes> {
    let (status, html) = match template.render() {
        Ok(html) => (status, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
    };
    answer(status, "text/html; charset=utf-8", html.into())
}

/// An answer for a script.
pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Bytes> {
    answer(status, "application/json", value.to_string().into())
}

/// An answer in plain words.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    answer(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(text.as_bytes()),
    )
}

/// 303 (RFC 9110 15.4.4): whatever the method was, the next one is GET.
pub(super) fn see_other(location: &str) -> Response<Bytes> {
    let mut response = answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new());
    // A deep link is a path that came in a request line, so it fits; the root is the safe way out.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// Says from when on it is worth asking again, in whole seconds (RFC 9110 10.2.3).
pub(super) fn retry_after(mut response: Response<Bytes>, seconds: u64) -> Response<Bytes> {
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    guard(headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The headers of everything that is served here.
pub(super) fn guard(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Not `no-referrer`: under it browsers send `Origin: null` with forms, and the proof would refuse them.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}
