//! Lists and searches (RFC 7644 3.4.2, 3.4.3), and which attributes an answer shows (3.9).

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::header::{CONTENT_TYPE, HOST, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::{Value, json};

use super::error::{SCIM_JSON, ScimError};
use super::filter::{Filter, attribute, first};
use crate::ops::input::{Asked, Body};

/// Resources of a page when none is asked for, and at most.
const PAGE: i64 = 100;
/// See [`PAGE`].
pub const PAGE_MOST: i64 = 500;

/// The query of a list, or of one resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    #[serde(default)]
    schemas: Vec<String>,
    filter: Option<String>,
    sort_by: Option<String>,
    #[serde(default)]
    sort_order: SortOrder,
    start_index: Option<i64>,
    count: Option<i64>,
    #[serde(default, deserialize_with = "paths")]
    attributes: Option<Vec<Vec<String>>>,
    #[serde(default, deserialize_with = "paths")]
    excluded_attributes: Option<Vec<Vec<String>>>,
}

/// Which way a list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    /// The smallest first; what has no value last.
    #[default]
    Ascending,
    /// The other way round.
    Descending,
}

/// Names of attributes: one text with commas as in an address, or a list of texts as in a body.
fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Vec<String>>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        Text(String),
        List(Vec<String>),
    }
    let names = match Option::<Names>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Names::Text(text)) => text.split(',').map(str::to_owned).collect(),
        Some(Names::List(names)) => names,
    };
    if names.iter().all(|name| name.trim().is_empty()) {
        return Ok(None);
    }
    // What is no attribute's name names nothing that could be shown or left out.
    Ok(Some(
        names.iter().filter_map(|name| attribute(name.trim())).collect(),
    ))
}

impl Query {
    /// The filter, if any.
    pub fn filter(&self) -> Result<Option<Filter>, ScimError> {
        self.filter.as_deref().map(Filter::parse).transpose()
    }

    /// By which attribute it is sorted, if by any.
    pub fn sort(&self) -> Result<Option<(Vec<String>, SortOrder)>, ScimError> {
        let unfit = || ScimError::unfit("invalidPath", "sortBy is no attribute");
        let by = self.sort_by.as_deref().filter(|by| !by.trim().is_empty());
        by.map(|by| Ok((attribute(by.trim()).ok_or_else(unfit)?, self.sort_order)))
            .transpose()
    }

    /// How many resources stand before this page; a number below 1 is taken as 1.
    fn offset(&self) -> i64 {
        self.start_index.unwrap_or(1).max(1) - 1
    }

    /// How many it has at most; a negative number is taken as 0.
    fn count(&self) -> i64 {
        self.count.unwrap_or(PAGE).clamp(0, PAGE_MOST)
    }

    /// Whether anything of this attribute is shown.
    pub fn shows(&self, name: &str) -> bool {
        let is = |path: &Vec<String>| path.first().is_some_and(|first| first.eq_ignore_ascii_case(name));
        if ["schemas", "id"].contains(&name) {
            return true;
        }
        let asked = self.attributes.as_ref().is_none_or(|paths| paths.iter().any(is));
        let whole = |path: &Vec<String>| path.len() == 1 && is(path);
        asked && !self.excluded_attributes.iter().flatten().any(whole)
    }

    /// A resource with what is asked for.
    pub fn trimmed(&self, mut resource: Value) -> Value {
        let Some(map) = resource.as_object_mut() else {
            return resource;
        };
        map.retain(|key, _| self.shows(key));
        for (key, value) in map {
            let parts = |paths: &Option<Vec<Vec<String>>>| -> Vec<Option<String>> {
                let paths = paths.iter().flatten();
                let of_this =
                    paths.filter(|path| path.first().is_some_and(|one| one.eq_ignore_ascii_case(key)));
                of_this.map(|path| path.get(1).cloned()).collect()
            };
            let (wanted, unwanted) = (parts(&self.attributes), parts(&self.excluded_attributes));
            let named = |list: &[Option<String>], part: &str| {
                list.iter().flatten().any(|name| name.eq_ignore_ascii_case(part))
            };
            let whole = wanted.iter().any(Option::is_none) || wanted.is_empty();
            if (whole && unwanted.is_empty()) || ["schemas", "id"].contains(&key.as_str()) {
                continue;
            }
            let items = match value {
                Value::Array(items) => items.iter_mut().collect(),
                one => vec![one],
            };
            for part in items.into_iter().filter_map(Value::as_object_mut) {
                part.retain(|name, _| (whole || named(&wanted, name)) && !named(&unwanted, name));
            }
        }
        resource
    }

    /// A page of `total` resources.
    pub fn page(&self, total: i64, resources: Vec<Value>) -> Response {
        let resources: Vec<Value> = resources.into_iter().map(|one| self.trimmed(one)).collect();
        answer(
            StatusCode::OK,
            &json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": total,
                "startIndex": self.offset() + 1,
                "itemsPerPage": resources.len(),
                "Resources": resources,
            }),
        )
    }

    /// The page.
    pub fn window(&self) -> Window {
        Window {
            offset: self.offset(),
            count: self.count(),
        }
    }
}

/// What a list is asked for: in the address of a GET, or in the body of a POST (RFC 7644 3.4.3).
pub struct Sought(pub Query);

impl<S: Send + Sync> FromRequest<S> for Sought {
    type Rejection = ScimError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ScimError> {
        if request.method() != Method::POST {
            let (mut parts, _) = request.into_parts();
            let Asked(query) = Asked::from_request_parts(&mut parts, state).await?;
            return Ok(Self(query));
        }
        let Body(query): Body<Query> = Body::from_request(request, state).await?;
        let named = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
        match query.schemas.iter().any(|schema| schema == named) {
            true => Ok(Self(query)),
            false => Err(ScimError::unfit(
                "invalidSyntax",
                "a search has the schema SearchRequest",
            )),
        }
    }
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How many stand before it.
    pub offset: i64,
    /// How many it has at most.
    pub count: i64,
}

impl Window {
    /// What of all that fits is within, and how much fits.
    pub fn cut<T>(self, fitting: Vec<T>) -> (i64, Vec<T>) {
        let total = i64::try_from(fitting.len()).unwrap_or(i64::MAX);
        let skip = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let take = usize::try_from(self.count).unwrap_or(0);
        (total, fitting.into_iter().skip(skip).take(take).collect())
    }

    /// What is left of it for the list that follows one of `total`, of which `taken` were within.
    pub fn rest(self, total: i64, taken: usize) -> Self {
        Self {
            offset: (self.offset - total).max(0),
            count: self.count - i64::try_from(taken).unwrap_or(self.count),
        }
    }
}

/// By what a resource is sorted: without a value it is the last (RFC 7644 3.4.2.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// Its value, without regard to case.
    Value(String),
    /// It has none.
    Missing,
}

impl SortKey {
    /// The key of a resource: the primary one of several values, else the first.
    pub fn of(resource: &Value, path: &[String]) -> Self {
        match first(resource, path) {
            Some(Value::String(text)) => Self::Value(text.to_lowercase()),
            Some(Value::Bool(truth)) => Self::Value(truth.to_string()),
            _ => Self::Missing,
        }
    }
}

/// Sorts what fits; what is alike stays in the order that it had.
pub fn sort<T>(fitting: &mut [(SortKey, T)], order: SortOrder) {
    match order {
        SortOrder::Ascending => fitting.sort_by(|a, b| a.0.cmp(&b.0)),
        SortOrder::Descending => fitting.sort_by(|a, b| b.0.cmp(&a.0)),
    }
}

/// An answer in SCIM's JSON.
pub fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, SCIM_JSON)], body.to_string()).into_response()
}

/// The answer to what was made: 201, and where it stands (RFC 7644 3.3).
pub fn made(resource: &Value, query: &Query) -> Response {
    let location = resource["meta"]["location"].as_str().unwrap_or_default();
    let location = HeaderValue::from_str(location);
    let mut response = answer(StatusCode::CREATED, &query.trimmed(resource.clone()));
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Where the resources stand, as the client named this address.
pub fn base(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.map_or_else(|| "/scim/v2".to_owned(), |host| format!("http://{host}/scim/v2"))
}
