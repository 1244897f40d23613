//! `/v1/tokens`: the API's own tokens. Each is shown once, and kept hashed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Asked, Body, Named, Page, at, cursor, page_length};
use super::problem::Problem;
use super::scope::{Bearer, Caller, Scope, may};
use crate::access::Doorstep;
use crate::directory::ApiToken;

/// Which tokens are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// At most so many items: 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is called, in the audit too; no two alike.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it may do; nothing that the maker may not.
    #[schema(min_items = 1)]
    scopes: Vec<Scope>,
    /// Worth nothing from then on: 2026-12-01 (midnight UTC) or RFC 3339; absent: until it is removed.
    expires_at: Option<String>,
}

/// A token, without what is secret.
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    id: String,
    /// What it is called.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// When it was made (RFC 3339).
    created_at: String,
    /// Worth nothing from then on (RFC 3339); null: until it is removed.
    #[schema(required = true)]
    expires_at: Option<String>,
}

/// A token with its secret, which is shown once.
#[derive(Serialize, ToSchema)]
pub struct NewTokenView {
    /// The token.
    #[serde(flatten)]
    view: TokenView,
    /// What is sent as `Authorization: Bearer …`. It cannot be read again.
    token: String,
}

impl TokenView {
    fn of(token: &ApiToken) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scopes: token.scopes.iter().filter_map(|word| Scope::of(word)).collect(),
            created_at: token.created.to_string(),
            expires_at: token.expires.map(|at| at.to_string()),
        }
    }
}

/// Lists tokens, in the order of their names.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", params(List),
    responses((status = 200, description = "A page of tokens.", body = Page<TokenView>)))]
pub async fn list(
    _: Caller<may::TokensRead>,
    State(door): State<Arc<Doorstep>>,
    Asked(asked): Asked<List>,
) -> Result<Response, Problem> {
    let limit = page_length(asked.limit)?;
    let after = cursor(asked.cursor.as_deref())?;
    let tokens = door.directory.api_tokens(after.as_deref(), limit + 1).await?;
    let page = Page::of(tokens, limit, |token| token.name.clone(), TokenView::of);
    Ok(Json(page).into_response())
}

/// Makes a token. It is shown in this answer, once.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 201, description = "Made.", body = NewTokenView, headers(("location" = String)))))]
pub async fn add(
    caller: Caller<may::TokensWrite>,
    State(door): State<Arc<Doorstep>>,
    Body(new): Body<NewToken>,
) -> Result<Response, Problem> {
    let mut scopes = new.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Problem::unfit("scopes: at least one"));
    }
    within_own(&caller.bearer, &scopes)?;
    let now = door.now();
    let expires = new
        .expires_at
        .as_deref()
        .map(|text| at("expires_at", text))
        .transpose()?;
    if expires.is_some_and(|expires| expires <= now) {
        return Err(Problem::unfit("expires_at: is over"));
    }
    let words: Vec<String> = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    let (token, secret) = door
        .directory
        .add_api_token(caller.actor(), &new.name, &words, expires, now)
        .await?;
    let location = [(LOCATION, format!("/v1/tokens/{}", token.id))];
    let view = NewTokenView {
        view: TokenView::of(&token),
        token: secret.reveal().clone(),
    };
    Ok((StatusCode::CREATED, location, Json(view)).into_response())
}

/// Shows a token, without its secret.
#[utoipa::path(get, path = "/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "The token's id.")),
    responses((status = 200, description = "The token.", body = TokenView)))]
pub async fn show(
    _: Caller<may::TokensRead>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let token = find(&door, &id).await?;
    Ok(Json(TokenView::of(&token)).into_response())
}

/// Gives a token a new secret, shown once; the old one is worth nothing from then on.
#[utoipa::path(post, path = "/v1/tokens/{id}/rotate", tag = "tokens",
    params(("id" = String, Path, description = "The token's id.")),
    responses((status = 200, description = "Rotated.", body = NewTokenView)))]
pub async fn rotate(
    caller: Caller<may::TokensWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let token = find(&door, &id).await?;
    let scopes: Vec<Scope> = token.scopes.iter().filter_map(|word| Scope::of(word)).collect();
    within_own(&caller.bearer, &scopes)?;
    let (token, secret) = door
        .directory
        .rotate_api_token(caller.actor(), &id, door.now())
        .await?;
    let view = NewTokenView {
        view: TokenView::of(&token),
        token: secret.reveal().clone(),
    };
    Ok(Json(view).into_response())
}

/// Removes a token: it is worth nothing from then on.
#[utoipa::path(delete, path = "/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "The token's id.")),
    responses((status = 204, description = "Removed.")))]
pub async fn remove(
    caller: Caller<may::TokensWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
) -> Result<StatusCode, Problem> {
    door.directory
        .remove_api_token(caller.actor(), &id, door.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(door: &Doorstep, id: &str) -> Result<ApiToken, Problem> {
    let token = door.directory.api_token(id).await?;
    token.ok_or_else(|| Problem::not_found("there is no token of that id"))
}

/// Nobody gets out of a token more than they put into it.
fn within_own(bearer: &Bearer, scopes: &[Scope]) -> Result<(), Problem> {
    match scopes.iter().find(|scope| !bearer.scopes.contains(scope)) {
        None => Ok(()),
        Some(scope) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!(
                "this token has not the scope {} and cannot give it",
                scope.as_str()
            ),
        )),
    }
}
