//! Errors as SCIM has them (RFC 7644 3.12).

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::directory::{ChangeRefused, DirectoryUnknown};
use crate::ops::problem::Problem;

/// The content type of everything below `/scim/v2`.
pub const SCIM_JSON: &str = "application/scim+json";

/// Why a request was refused.
#[derive(Clone, Debug)]
pub struct ScimError {
    status: StatusCode,
    kind: Option<&'static str>,
    detail: String,
}

impl ScimError {
    /// 400 with one of the words of RFC 7644 table 9.
    pub fn unfit(kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: Some(kind),
            detail: detail.into(),
        }
    }

    /// 404.
    pub fn not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            kind: None,
            detail: "there is no resource of that id".into(),
        }
    }

    /// 403: what doorstep says of itself is not filtered.
    pub fn filtered_discovery() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            kind: None,
            detail: "schemas and resource types are not filtered".into(),
        }
    }

    /// 501.
    pub fn not_offered() -> Self {
        Self {
            status: StatusCode::NOT_IMPLEMENTED,
            kind: None,
            detail: "this is not offered; see /scim/v2/ServiceProviderConfig".into(),
        }
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "detail": self.detail,
            "status": self.status.as_u16().to_string(),
        });
        if let Some(kind) = self.kind {
            body["scimType"] = json!(kind);
        }
        body
    }
}

impl From<ChangeRefused> for ScimError {
    fn from(refused: ChangeRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            ChangeRefused::Invalid(_) => Self::unfit("invalidValue", detail),
            ChangeRefused::Duplicate(_) => Self {
                status: StatusCode::CONFLICT,
                kind: Some("uniqueness"),
                detail,
            },
            other => Problem::from(other).into(),
        }
    }
}

impl From<DirectoryUnknown> for ScimError {
    fn from(unknown: DirectoryUnknown) -> Self {
        Problem::from(unknown).into()
    }
}

impl From<Problem> for ScimError {
    fn from(problem: Problem) -> Self {
        let status = problem.status();
        let detail = problem.detail().to_owned();
        match status {
            StatusCode::UNPROCESSABLE_ENTITY => Self::unfit("invalidSyntax", detail),
            status => Self {
                status,
                kind: None,
                detail,
            },
        }
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        let body = self.body().to_string();
        (self.status, [(CONTENT_TYPE, SCIM_JSON)], body).into_response()
    }
}

/// Makes of the problems that the rest of the API answers what SCIM's clients read.
pub async fn of_problems(request: Request, next: Next) -> Response {
    let is_scim = request.uri().path().starts_with("/scim/");
    let response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE);
    if !is_scim || response.status().as_u16() < 400 || kind.is_some_and(|kind| kind == SCIM_JSON) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let said = to_bytes(body, 1 << 16).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&said).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or("the request does not fit");
    let error = match parts.status {
        StatusCode::UNPROCESSABLE_ENTITY => ScimError::unfit("invalidSyntax", detail),
        status => ScimError {
            status,
            kind: None,
            detail: detail.to_owned(),
        },
    };
    parts.status = error.status;
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(SCIM_JSON));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(error.body().to_string()))
}
