//! The bridge to own pages: a router called in process, without a loopback hop.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{Extensions, Request, Response};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use tower::ServiceExt as _;

use super::answer;
use crate::access::Visitor;

/// The longest body of a request to an own page.
const BODY_LIMIT: usize = 64 * 1024;

/// For how long, and how much, is read on after a refusal.
const LINGER: Duration = Duration::from_secs(5);
/// See [`LINGER`].
const LINGER_LENGTH: usize = 32 << 20;

/// Why a request's body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRefused {
    /// 413: longer than the limit.
    TooLarge,
    /// 408: slower than the limit.
    TooSlow,
}

/// Reads a request's body, within bounds of length and time.
///
/// # Errors
/// Where the client is gone; the inner error where a bound was passed.
pub async fn read_body(
    session: &mut Session,
    limit: usize,
    time: Duration,
) -> pingora::Result<Result<Bytes, BodyRefused>> {
    let declared = session
        .get_header(http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if declared
        .and_then(|text| text.parse::<usize>().ok())
        .is_some_and(|length| length > limit)
    {
        return Ok(Err(BodyRefused::TooLarge));
    }
    if session.get_header(http::header::EXPECT).is_some() {
        session.as_downstream_mut().write_continue_response().await?;
    }
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = session.downstream_session.read_request_body().await? {
            if body.len() + chunk.len() > limit {
                return Ok(Err(BodyRefused::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Ok(body.freeze()))
    };
    tokio::time::timeout(time, read)
        .await
        .unwrap_or(Ok(Err(BodyRefused::TooSlow)))
}

/// Answers a body that was not read, and closes the connection.
///
/// # Errors
/// Where the client is gone.
pub async fn refuse_body(session: &mut Session, refused: BodyRefused) -> pingora::Result<()> {
    let (status, words) = refused.said();
    answer::plain(session, status, words).await?;
    let_finish(session, refused).await;
    Ok(())
}

/// Reads on for a while after a body was refused for its length, and keeps nothing: a connection that is closed at
/// once is reset under a client that is still sending, which then never sees the answer (RFC 9112 9.6).
pub async fn let_finish(session: &mut Session, refused: BodyRefused) {
    if refused == BodyRefused::TooSlow {
        return;
    }
    let rest = async {
        let mut read = 0;
        while let Ok(Some(chunk)) = session.downstream_session.read_request_body().await {
            read += chunk.len();
            if read > LINGER_LENGTH {
                return;
            }
        }
    };
    // Whether it finished or not, the connection closes.
    let _ = tokio::time::timeout(LINGER, rest).await;
}

impl BodyRefused {
    /// The status, and what is said of it.
    pub fn said(self) -> (u16, &'static str) {
        match self {
            Self::TooLarge => (413, "the body of the request is too large"),
            Self::TooSlow => (408, "the body of the request took too long"),
        }
    }
}

/// Serves a request by a router.
///
/// # Errors
/// Where the client is gone.
pub async fn serve(
    session: &mut Session,
    router: &axum::Router,
    visitor: Arc<Visitor>,
    time: Duration,
) -> pingora::Result<()> {
    let mut known = Extensions::new();
    let path = String::from_utf8_lossy(session.req_header().raw_path());
    let limit = BODY_LIMIT.max(crate::pages::longest_body(&path, &visitor));
    // 8 MiB over a slow line take longer than a form: an admin's import only.
    let time = if limit > BODY_LIMIT { time * 9 } else { time };
    known.insert(visitor);
    match serve_knowing(session, router, known, limit, time).await? {
        Ok(()) => Ok(()),
        Err(refused) => refuse_body(session, refused).await,
    }
}

/// Serves a request by a router that is told what is `known` of it.
///
/// # Errors
/// Where the client is gone; the inner error where the body was not read, and nothing is answered yet.
pub async fn serve_knowing(
    session: &mut Session,
    router: &axum::Router,
    known: Extensions,
    body_limit: usize,
    body_time: Duration,
) -> pingora::Result<Result<(), BodyRefused>> {
    let body = match read_body(session, body_limit, body_time).await? {
        Ok(body) => body,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(mut request) = to_request(session, body) else {
        answer::plain(session, 400, "the target is not a path").await?;
        return Ok(Ok(()));
    };
    request.extensions_mut().extend(known);
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    write_streaming(session, response).await?;
    Ok(Ok(()))
}

fn to_request(session: &Session, body: Bytes) -> Option<Request<Body>> {
    let head = session.req_header();
    let path = std::str::from_utf8(head.raw_path()).ok()?;
    let mut request = Request::builder()
        .method(head.method.clone())
        .uri(path)
        .body(Body::from(body))
        .ok()?;
    *request.headers_mut() = head.headers.clone();
    Some(request)
}

/// Writes a router's answer as it comes: event streams go out at once, and end when the browser leaves.
async fn write_streaming(session: &mut Session, response: Response<Body>) -> pingora::Result<()> {
    let (parts, body) = response.into_parts();
    if let Some(length) = axum::body::HttpBody::size_hint(&body).exact()
        && length <= 1 << 20
    {
        let whole = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
        return answer::write(session, Response::from_parts(parts, whole)).await;
    }
    let mut head = ResponseHeader::build(parts.status, Some(parts.headers.len() + 1))?;
    for (name, value) in &parts.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    head.insert_header(http::header::TRANSFER_ENCODING, "chunked")?;
    session.write_response_header(Box::new(head), false).await?;
    let mut frames = body.into_data_stream();
    loop {
        tokio::select! {
            frame = frames.next() => match frame {
                Some(Ok(frame)) => session.write_response_body(Some(frame), false).await?,
                Some(Err(_)) | None => break,
            },
            gone = session.downstream_session.read_body_or_idle(true) => {
                gone?;
                return Ok(());
            }
        }
    }
    session.write_response_body(None, true).await
}
