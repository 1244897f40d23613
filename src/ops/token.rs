//! The bearer token of the ops address.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;

use crate::secret::Redacted;

/// The token of `[ops] token_file`; without one, nothing that needs a token is served.
#[derive(Debug)]
pub struct Token(Option<Redacted<String>>);

impl Token {
    /// Reads the token file; trailing white space is ignored.
    ///
    /// # Errors
    /// Where the file cannot be read or is empty.
    pub fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(file) = file else {
            return Ok(Self(None));
        };
        let text = std::fs::read_to_string(file)
            .map(Redacted::new)
            .with_context(|| format!("[ops] token_file: {} cannot be read", file.display()))?;
        let token = text.reveal().trim_end();
        if token.is_empty() {
            anyhow::bail!("[ops] token_file: {} is empty", file.display());
        }
        Ok(Self(Some(Redacted::new(token.to_owned()))))
    }

    fn is(&self, given: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|token| token.reveal().as_bytes().ct_eq(given.as_bytes()).into())
    }
}

/// Lets only requests with the token through: 401 and a problem (RFC 9457) otherwise.
pub async fn require(State(token): State<Arc<Token>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let bearer = given.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    if bearer.is_some_and(|given| token.is(given)) {
        return next.run(request).await;
    }
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "send the token of [ops] token_file as: Authorization: Bearer TOKEN",
    });
    let headers = [
        (WWW_AUTHENTICATE, "Bearer"),
        (CONTENT_TYPE, "application/problem+json"),
    ];
    (StatusCode::UNAUTHORIZED, headers, problem.to_string()).into_response()
}
