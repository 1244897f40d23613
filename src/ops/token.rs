//! The bearer tokens of the ops address: that of the token file, and those of `/v1/tokens`.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;

use super::problem::Problem;
use super::scope::{Bearer, Scope};
use crate::access::Doorstep;
use crate::directory::Actor;
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

/// From where a request to the ops address comes; put on it by the edge.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What [`require`] asks.
pub struct Doorkeeper {
    /// The token of the token file.
    pub token: Token,
    /// Where the others are.
    pub door: Arc<Doorstep>,
}

/// Lets only requests with a good token through: 401 and a problem (RFC 9457) otherwise.
pub async fn require(State(keeper): State<Arc<Doorkeeper>>, mut request: Request, next: Next) -> Response {
    let Some(presented) = presented(request.headers()) else {
        return refused();
    };
    let peer = request.extensions().get::<Peer>();
    let from = peer.map_or_else(|| "api".to_owned(), |peer| peer.0.to_canonical().to_string());
    let actor = |name: &str| Actor {
        name: format!("api:{name}"),
        from: from.clone(),
    };
    let bearer = if keeper.token.is(presented) {
        Bearer {
            id: String::new(),
            scopes: Scope::ALL.to_vec(),
            actor: actor("ops"),
        }
    } else {
        let directory = &keeper.door.directory;
        match directory.api_token_presented(presented, keeper.door.now()).await {
            Ok(Some(token)) => Bearer {
                scopes: token.scopes.iter().filter_map(|word| Scope::of(word)).collect(),
                actor: actor(&token.name),
                id: token.id,
            },
            Ok(None) => return refused(),
            Err(unknown) => return Problem::from(unknown).into_response(),
        }
    };
    request.extensions_mut().insert(Arc::new(bearer));
    let mut response = next.run(request).await;
    // Tokens, passcodes and people's numbers: nothing between here and the caller keeps them.
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The one bearer token of a request; two `Authorization` lines are none.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next()?.to_str().ok()?;
    if lines.next().is_some() {
        return None;
    }
    let (scheme, token) = line.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn refused() -> Response {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "send a token that holds, that of [ops] token_file or one of /v1/tokens, as: Authorization: Bearer TOKEN",
    );
    let mut response = problem.into_response();
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
