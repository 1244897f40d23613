//! `Idempotency-Key`: a POST sent twice is carried out once, and answered twice alike.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::input::{self, BODY_LIMIT};
use super::problem::Problem;
use super::scope::Bearer;
use crate::access::Doorstep;
use crate::directory::{Kept, KeptAnswer};

const KEY: &str = "idempotency-key";
/// The headers of an answer that are kept with it.
const HEADERS: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// An answer as it is kept, before it is sealed.
#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Carries out a POST with a key once. What was refused for its headers (token, method, kind of body), or could not be
/// answered, is not kept: the same body may come again with others.
pub async fn keep(State(door): State<Arc<Doorstep>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    match carry_out_once(&door, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn carry_out_once(door: &Doorstep, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let key = parts.headers.get(KEY).and_then(|value| value.to_str().ok());
    let several = parts.headers.get_all(KEY).iter().count() > 1;
    let key = key
        .filter(|key| {
            !several && (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .ok_or_else(|| Problem::unfit("Idempotency-Key: one, of 1 to 255 visible characters"))?;
    let Some(bearer) = parts.extensions.get::<Arc<Bearer>>() else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "send a bearer token"));
    };
    let bytes = input::read(Request::new(body)).await?;
    let route = format!("{} {}", parts.method, parts.uri);
    let kept = KeptAnswer::new(&bearer.id, route, key, &bytes);
    match door.directory.begin_request(&kept, door.now()).await? {
        Kept::Begun => {}
        Kept::Underway => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "a request with this Idempotency-Key is being carried out; try again in a moment",
            ));
        }
        Kept::OtherBody => {
            return Err(Problem::unfit(
                "this Idempotency-Key was used with another body in the last 24 hours",
            ));
        }
        Kept::Answered(answer) => return replayed(&answer),
    }
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    finish(door, &kept, response).await
}

async fn finish(door: &Doorstep, kept: &KeptAnswer, response: Response) -> Result<Response, Problem> {
    let status = response.status();
    let carried_out = status.as_u16() < 500
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::UNSUPPORTED_MEDIA_TYPE
        );
    if !carried_out {
        // 503: whether it was carried out is not known, and the same request may be sent again.
        door.directory.forget_request(kept).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let header = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    let answer = Answer {
        status: status.as_u16(),
        headers: HEADERS.iter().filter_map(header).collect(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    let text = serde_json::to_vec(&answer).unwrap_or_default();
    if let Err(unknown) = door.directory.keep_answer(kept, &text).await {
        // It was carried out: the client gets its answer, and a repetition waits until this counts as lost.
        tracing::warn!(%unknown, "an answer cannot be kept for its Idempotency-Key");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn replayed(answer: &[u8]) -> Result<Response, Problem> {
    let unreadable = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the kept answer cannot be read");
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| unreadable())?;
    let mut response = Response::builder()
        .status(answer.status)
        .header("idempotency-replayed", "true");
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).map_err(|_| unreadable())
}
