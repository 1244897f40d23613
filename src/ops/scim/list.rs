//! Lists (RFC 7644 3.4.2), and which attributes an answer shows (3.9).

use axum::http::header::{CONTENT_TYPE, HOST, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{SCIM_JSON, ScimError};
use super::filter::{Filter, attribute};

/// Resources of a page when none is asked for, and at most.
const PAGE: i64 = 100;
/// See [`PAGE`].
pub const PAGE_MOST: i64 = 500;

/// The query of a list, or of one resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

impl Query {
    /// The filter, if any.
    pub fn filter(&self) -> Result<Option<Filter>, ScimError> {
        self.filter.as_deref().map(Filter::parse).transpose()
    }

    /// How many resources stand before this page; a number below 1 is taken as 1.
    pub fn offset(&self) -> i64 {
        self.start_index.unwrap_or(1).max(1) - 1
    }

    /// How many it has at most; a negative number is taken as 0.
    pub fn count(&self) -> i64 {
        self.count.unwrap_or(PAGE).clamp(0, PAGE_MOST)
    }

    /// Whether this attribute is shown.
    pub fn shows(&self, name: &str) -> bool {
        let names = |list: &Option<String>| {
            let list = list.as_deref()?;
            Some(list.split(',').any(|one| {
                let path = attribute(one.trim());
                path.is_some_and(|path| path.first().is_some_and(|first| first.eq_ignore_ascii_case(name)))
            }))
        };
        if ["schemas", "id"].contains(&name) {
            return true;
        }
        names(&self.attributes).unwrap_or(true) && !names(&self.excluded_attributes).unwrap_or(false)
    }

    /// A resource with what is asked for.
    pub fn trimmed(&self, mut resource: Value) -> Value {
        if let Some(map) = resource.as_object_mut() {
            map.retain(|key, _| self.shows(key));
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

    /// What of all that fits stands on the page, and how much fits.
    pub fn cut<T>(&self, fitting: Vec<T>) -> (i64, Vec<T>) {
        let total = i64::try_from(fitting.len()).unwrap_or(i64::MAX);
        let skip = usize::try_from(self.offset()).unwrap_or(usize::MAX);
        let take = usize::try_from(self.count()).unwrap_or(0);
        (total, fitting.into_iter().skip(skip).take(take).collect())
    }
}

/// An answer in SCIM's JSON.
pub fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, SCIM_JSON)], body.to_string()).into_response()
}

/// The answer to what was made: 201, and where it stands (RFC 7644 3.3).
pub fn made(resource: &Value) -> Response {
    let mut response = answer(StatusCode::CREATED, resource);
    let location = resource["meta"]["location"].as_str().unwrap_or_default();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Where the resources stand, as the client named this address.
pub fn base(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.map_or_else(|| "/scim/v2".to_owned(), |host| format!("http://{host}/scim/v2"))
}
