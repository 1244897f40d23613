//! What a request says: names in its address, its query, its body. What does not fit is a problem.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::clock::Timestamp;
use crate::directory::Phone;
use crate::gate::{FirmId, Login};
use crate::views::moment::moment;

/// The longest body.
pub const BODY_LIMIT: usize = 1 << 20;

/// A body in JSON; 415 where it says that it is something else, 422 where it does not fit.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .map(|value| value.to_str().unwrap_or_default().to_ascii_lowercase());
        if let Some(kind) = kind {
            let media = kind.split(';').next().unwrap_or_default().trim();
            let is_json = media.starts_with("application/") && media.ends_with("json");
            if !is_json {
                return Err(Problem::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "send application/json",
                ));
            }
        }
        let bytes = read(request).await?;
        let body = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::unfit(format!("the body does not fit: {error}")))?;
        Ok(Self(body))
    }
}

/// A request's whole body.
pub async fn read(request: Request) -> Result<Bytes, Problem> {
    to_bytes(request.into_body(), BODY_LIMIT)
        .await
        .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))
}

/// A query; 422 where it does not fit.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(asked)| Self(asked))
            .map_err(|refused| Problem::unfit(format!("the query does not fit: {}", refused.body_text())))
    }
}

/// The names in the address; what can be no name is not there: 404.
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(names)| Self(names))
            .map_err(|_| Problem::not_found("there is nothing of that name"))
    }
}

/// A firm's id out of the address.
pub fn firm_named(text: &str) -> Result<FirmId, Problem> {
    FirmId::parse(text).map_err(|_| Problem::not_found("there is no such firm"))
}

/// A login out of the address.
pub fn login_named(text: &str) -> Result<Login, Problem> {
    Login::parse(text).map_err(|_| Problem::not_found("there is no such employee"))
}

/// A firm's id out of query or body.
pub fn firm_id(text: &str) -> Result<FirmId, Problem> {
    FirmId::parse(text).map_err(|why| Problem::unfit(format!("firm: {why}")))
}

/// A login out of query or body.
pub fn login(text: &str) -> Result<Login, Problem> {
    Login::parse(text).map_err(|why| Problem::unfit(format!("login: {why}")))
}

/// A number out of a body.
pub fn phone(text: &str) -> Result<Phone, Problem> {
    Phone::parse(text, None).map_err(|why| Problem::unfit(format!("phone {why}")))
}

/// A moment out of query or body.
pub fn at(key: &str, text: &str) -> Result<Timestamp, Problem> {
    moment(text).map_err(|why| Problem::unfit(format!("{key}: {why}")))
}

/// Items of a page when none is asked for, and at most.
const PAGE: u32 = 100;
const PAGE_MOST: u32 = 500;

/// How many items a page has.
pub fn page_length(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(PAGE) {
        limit @ 1..=PAGE_MOST => Ok(limit),
        _ => Err(Problem::unfit("limit: between 1 and 500")),
    }
}

/// Where a page begins: what the page before it gave as `next`.
pub fn cursor(text: Option<&str>) -> Result<Option<String>, Problem> {
    let unfit = || Problem::unfit("cursor: send what the page before it gave as next");
    text.map(|text| {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| unfit())?;
        let text = String::from_utf8(bytes).map_err(|_| unfit())?;
        if text.contains('\0') {
            return Err(unfit());
        }
        Ok(text)
    })
    .transpose()
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Send it as `cursor` for the page after this one; null: this is the last.
    #[schema(required = true)]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of `rows`, of which one more than `limit` was asked for where there is a page after this one.
    pub fn of<R>(mut rows: Vec<R>, limit: u32, key: impl Fn(&R) -> String, view: impl Fn(&R) -> T) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        Self {
            next: last.map(|row| URL_SAFE_NO_PAD.encode(key(row))),
            items: rows.iter().map(view).collect(),
        }
    }
}

/// For a key that may be absent (leave it), null (clear it) or given.
pub fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}
