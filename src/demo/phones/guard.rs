//! Keeps other sites' pages out: the page shows keys, and its switches open doors.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where the page is, and what it may do.
#[derive(Clone)]
pub(super) struct Guard {
    own: SocketAddr,
    policy: HeaderValue,
}

impl Guard {
    /// For the page at `own`, one of whose buttons leads to the phone page at `gateway`.
    pub(super) fn new(own: SocketAddr, gateway: SocketAddr) -> Self {
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
             form-action 'self' http://{gateway}; base-uri 'none'; frame-ancestors 'none'"
        );
        Self {
            own,
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    }
}

/// Refuses a Host that is not ours (another site's name that was pointed here), and changes that another
/// site's page sends.
pub(super) async fn own_pages_only(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Some(host) = own_host(request.headers(), guard.own) else {
        return (
            StatusCode::MISDIRECTED_REQUEST,
            "Open this page by its own address.\n",
        )
            .into_response();
    };
    if !request.method().is_safe() && !is_same_origin(request.headers(), &host) {
        return (
            StatusCode::FORBIDDEN,
            "Only this page's own buttons may do this.\n",
        )
            .into_response();
    }
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, guard.policy);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // `no-referrer` would turn the switches' own Origin into `null`.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

fn own_host(headers: &HeaderMap, own: SocketAddr) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let is_own = host == own.to_string() || host == format!("localhost:{}", own.port());
    is_own.then(|| host.to_owned())
}

fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    match (headers.get(header::ORIGIN), headers.get(SEC_FETCH_SITE)) {
        (Some(origin), _) => origin.as_bytes() == format!("http://{host}").as_bytes(),
        (None, Some(site)) => site == "same-origin",
        (None, None) => false,
    }
}
