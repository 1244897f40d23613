//! Errors of the API (RFC 9457).

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response as HttpResponse, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::directory::{ChangeRefused, DirectoryUnknown};
use crate::sessions::StoreUnknown;

/// The content type of [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'static str,
    /// The status in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status.
    status: u16,
    /// What was wrong, and what to do.
    detail: String,
    /// Where enabling was refused: the logins of those who would be shut out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    not_ready: Option<Vec<String>>,
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            not_ready: None,
        }
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 422.
    pub fn unfit(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// What is not there is named by the body, not by the address: 422 instead of 404.
    pub fn in_body(mut self) -> Self {
        if self.status == StatusCode::NOT_FOUND.as_u16() {
            self = Self::unfit(self.detail);
        }
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What was wrong, in words.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<ChangeRefused> for Problem {
    fn from(refused: ChangeRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            ChangeRefused::NotFound(_) => Self::not_found(detail),
            ChangeRefused::Duplicate(_) => Self::new(StatusCode::CONFLICT, detail),
            ChangeRefused::Invalid(_) => Self::unfit(detail),
            ChangeRefused::NotReady { not_ready, .. } => Self {
                not_ready: Some(not_ready),
                ..Self::new(StatusCode::CONFLICT, detail)
            },
            ChangeRefused::Unknown(unknown) => unknown.into(),
        }
    }
}

impl From<DirectoryUnknown> for Problem {
    fn from(unknown: DirectoryUnknown) -> Self {
        tracing::warn!(%unknown, "the admin API cannot answer");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the directory does not answer: whether anything was changed is not known",
        )
    }
}

impl From<StoreUnknown> for Problem {
    fn from(unknown: StoreUnknown) -> Self {
        tracing::warn!(%unknown, "the admin API cannot answer");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the session store does not answer",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (self.status(), [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// The answer to a request whose body never came to the router; the connection closes.
pub fn refusal(status: u16, detail: &str) -> HttpResponse<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let problem = Problem::new(status, detail);
    let mut response = HttpResponse::new(Bytes::from(serde_json::to_vec(&problem).unwrap_or_default()));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, PROBLEM_JSON),
        (CACHE_CONTROL, "no-store"),
        (CONNECTION, "close"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Makes a problem of what the router itself refuses: 404, 405, and bodies and parameters that it cannot read.
pub async fn of_refusals(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_json = |value: &HeaderValue| value.as_bytes().ends_with(b"json");
    if status.as_u16() < 400 || response.headers().get(CONTENT_TYPE).is_some_and(is_json) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let said = to_bytes(body, 1 << 12).await.unwrap_or_default();
    let detail = match status {
        StatusCode::NOT_FOUND => "there is nothing at this address; see /v1/openapi.json".to_owned(),
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = parts.headers.get(ALLOW).and_then(|value| value.to_str().ok());
            format!("this address takes {}", allowed.unwrap_or("no such method"))
        }
        _ => String::from_utf8_lossy(&said).into_owned(),
    };
    let problem = Problem::new(status, detail);
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    parts.headers.remove(CONTENT_LENGTH);
    let body = serde_json::to_string(&problem).unwrap_or_default();
    Response::from_parts(parts, Body::from(body))
}
