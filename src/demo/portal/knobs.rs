//! What tests turn: in which shapes portals answer an accepted login.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

/// How the portal answers a login.
#[derive(Clone, Debug, Default)]
pub struct Knobs {
    /// The answer to a right password.
    pub success: Success,
    /// How that answer's body is sent.
    pub framing: Framing,
    /// The session cookie that the login page set stays the same across the login, as some portals have it.
    pub keeps_cookie: bool,
    /// How long every login takes.
    pub delay: Duration,
    /// A text put wherever an accepted login's answer has room for it: body (but for [`Framing::Gzip`], whose
    /// body is fixed), a cookie, `Link`, `Refresh` and a token header. Whoever sees it saw the answer.
    pub canary: Option<String>,
}

/// The answer to a right password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Success {
    /// 303 to where the form's `next` says, with a short body.
    #[default]
    Redirect,
    /// 200 with a page that links there.
    Page,
}

/// How a body is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// With a Content-Length.
    #[default]
    Length,
    /// In several chunks.
    Chunked,
    /// `Content-Encoding: gzip`, whatever the request accepts; the body is [`GZIP_BODY`]'s.
    Gzip,
}

/// `<!doctype html><title>Signed in</title><p>Signed in (gzip-canary). <a href="/dashboard">Go on</a></p>` and
/// a line end, compressed beforehand.
const GZIP_BODY: &[u8] = include_bytes!("signed_in.html.gz");

impl Knobs {
    /// The answer to a right password that leads to `next`.
    pub(super) fn signed_in(&self, next: &str) -> Response {
        let canary = self.canary.as_deref();
        let mut answer = Response::new(self.body(next));
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        if self.framing == Framing::Gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(canary) = canary {
            for (name, value) in [
                (header::LINK, format!("</{canary}.css>; rel=preload")),
                (header::REFRESH, format!("60; url=/{canary}")),
                (
                    header::HeaderName::from_static("x-portal-token"),
                    canary.to_owned(),
                ),
                (header::SET_COOKIE, format!("canary={canary}; Path=/")),
            ] {
                if let Ok(value) = HeaderValue::try_from(value) {
                    headers.append(name, value);
                }
            }
        }
        if self.success == Success::Page {
            return answer;
        }
        let Ok(location) = HeaderValue::try_from(next) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        headers.insert(header::LOCATION, location);
        *answer.status_mut() = StatusCode::SEE_OTHER;
        answer
    }

    fn body(&self, next: &str) -> Body {
        let head = "<!doctype html><title>Signed in</title>";
        let canary = self.canary.as_deref().unwrap_or_default();
        let next = next
            .replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('<', "&lt;");
        let rest = format!("<p>Signed in. {canary} <a href=\"{next}\">Go on</a></p>\n");
        match self.framing {
            Framing::Length => Body::from(format!("{head}{rest}")),
            Framing::Gzip => Body::from(GZIP_BODY),
            Framing::Chunked => {
                let chunks = [Bytes::from(head), Bytes::from(rest)].map(Ok::<_, std::convert::Infallible>);
                Body::from_stream(futures_util::stream::iter(chunks))
            }
        }
    }
}
