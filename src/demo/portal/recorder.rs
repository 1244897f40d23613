//! What reached the portal: the oracle of tests, which never trust a status alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;

/// How many requests are kept, the first ones.
pub const KEPT: usize = 10_000;

/// What the portal saw, in order of arrival.
pub type SeenLog = Arc<Mutex<Vec<Seen>>>;

/// One request as it reached the portal.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Path and query, as sent.
    pub path: String,
    /// All Cookie lines, joined by `; `.
    pub cookie: Option<String>,
    /// All header fields.
    pub headers: HeaderMap,
    body_length: Arc<AtomicU64>,
}

impl Seen {
    /// Bytes of its body that were read so far.
    pub fn body_length(&self) -> u64 {
        self.body_length.load(Ordering::Relaxed)
    }
}

pub(super) async fn record(State(log): State<SeenLog>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let length = Arc::new(AtomicU64::new(0));
    let cookies: Vec<_> = parts
        .headers
        .get_all(header::COOKIE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let seen = Seen {
        method: parts.method.clone(),
        path: parts
            .uri
            .path_and_query()
            .map_or_else(|| parts.uri.to_string(), ToString::to_string),
        cookie: (!cookies.is_empty()).then(|| cookies.join("; ")),
        headers: parts.headers.clone(),
        body_length: length.clone(),
    };
    {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < KEPT {
            log.push(seen);
        }
    }
    let counted = body.map_frame(move |frame| {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        length.fetch_add(bytes, Ordering::Relaxed);
        frame
    });
    next.run(Request::from_parts(parts, Body::new(counted))).await
}
