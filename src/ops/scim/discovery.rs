//! What this SCIM service can do (RFC 7644 4).

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::error::ScimError;
use super::list::{Query, answer};
use super::resource::{GROUP, USER};
use crate::ops::input::{Asked, Named};
use crate::ops::scope::{Caller, may};

/// What is supported.
pub async fn provider(_: Caller<may::Scim>) -> Response {
    answer(
        StatusCode::OK,
        &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": true},
            "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": true, "maxResults": super::list::PAGE_MOST},
            "changePassword": {"supported": false},
            "sort": {"supported": true},
            "etag": {"supported": false},
            "authenticationSchemes": [{
                "type": "oauthbearertoken", "name": "Bearer token",
                "description": "A token of /v1/tokens with the scope scim", "primary": true,
            }],
            "meta": {"resourceType": "ServiceProviderConfig", "location": "/scim/v2/ServiceProviderConfig"},
        }),
    )
}

/// The kinds of resources.
pub async fn resource_types(_: Caller<may::Scim>, Asked(query): Asked<Query>) -> Result<Response, ScimError> {
    all(&query, types())
}

/// One kind of resources.
pub async fn resource_type(_: Caller<may::Scim>, Named(id): Named<String>) -> Result<Response, ScimError> {
    one(types(), &id)
}

/// The schemas.
pub async fn schemas(_: Caller<may::Scim>, Asked(query): Asked<Query>) -> Result<Response, ScimError> {
    all(&query, schema_list())
}

/// One schema.
pub async fn schema(_: Caller<may::Scim>, Named(id): Named<String>) -> Result<Response, ScimError> {
    one(schema_list(), &id)
}

/// All of them: neither filtered, which RFC 7644 4 has refused with 403, nor paged.
fn all(query: &Query, resources: Vec<Value>) -> Result<Response, ScimError> {
    if query.filter()?.is_some() {
        return Err(ScimError::filtered_discovery());
    }
    Ok(answer(
        StatusCode::OK,
        &json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": resources.len(), "startIndex": 1, "itemsPerPage": resources.len(),
            "Resources": resources,
        }),
    ))
}

/// `/Bulk` and `/Me`: 501, as RFC 7644 3.11 and 3.12 have it.
pub async fn not_offered(_: Caller<may::Scim>) -> ScimError {
    ScimError::not_offered()
}

fn one(resources: Vec<Value>, id: &str) -> Result<Response, ScimError> {
    let found = resources.into_iter().find(|resource| resource["id"] == id);
    let found = found.ok_or_else(ScimError::not_found)?;
    Ok(answer(StatusCode::OK, &found))
}

fn types() -> Vec<Value> {
    [("User", "Users", USER), ("Group", "Groups", GROUP)]
        .map(|(id, end, schema)| {
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "id": id, "name": id, "endpoint": format!("/{end}"), "schema": schema,
                "meta": {"resourceType": "ResourceType", "location": format!("/scim/v2/ResourceTypes/{id}")},
            })
        })
        .to_vec()
}

fn schema_list() -> Vec<Value> {
    let text = |name: &str, required: bool, mutability: &str, uniqueness: &str| {
        json!({
            "name": name, "type": "string", "multiValued": false, "required": required,
            "caseExact": false, "mutability": mutability, "returned": "default", "uniqueness": uniqueness,
        })
    };
    let plain = |name: &str| text(name, false, "readWrite", "none");
    let several = |name: &str, mutability: &str, parts: Vec<Value>| {
        json!({
            "name": name, "type": "complex", "multiValued": true, "required": false,
            "mutability": mutability, "returned": "default", "subAttributes": parts,
        })
    };
    let truth = |name: &str| {
        json!({
            "name": name, "type": "boolean", "multiValued": false, "required": false,
            "mutability": "readWrite", "returned": "default",
        })
    };
    let one_of = |name: &str, mutability: &str, words: &[&str]| {
        let mut attribute = text(name, false, mutability, "none");
        attribute["canonicalValues"] = json!(words);
        attribute
    };
    let reference = |mutability: &str, to: &str| {
        let mut attribute = text("$ref", false, mutability, "none");
        attribute["type"] = json!("reference");
        attribute["referenceTypes"] = json!([to]);
        attribute["caseExact"] = json!(true);
        attribute
    };
    let valued = |name: &str, kinds: &[&str]| {
        let parts = vec![
            plain("value"),
            one_of("type", "readWrite", kinds),
            truth("primary"),
        ];
        several(name, "readWrite", parts)
    };
    let reads = |name: &str| text(name, false, "readOnly", "none");
    let user = vec![
        text("userName", true, "immutable", "server"),
        json!({
            "name": "name", "type": "complex", "multiValued": false, "required": false,
            "mutability": "readWrite", "returned": "default",
            "subAttributes": [plain("formatted"), plain("givenName"), plain("familyName")],
        }),
        plain("displayName"),
        json!({
            "name": "active", "type": "boolean", "multiValued": false, "required": false,
            "mutability": "readWrite", "returned": "default",
            "description": "false as well while the user is in no group",
        }),
        valued("emails", &["work", "home", "other"]),
        valued("phoneNumbers", &["mobile", "work", "home", "other"]),
        several(
            "roles",
            "readWrite",
            vec![
                one_of("value", "readWrite", &["tech", "admin"]),
                plain("type"),
                truth("primary"),
            ],
        ),
        several(
            "groups",
            "readOnly",
            vec![
                reads("value"),
                reads("display"),
                one_of("type", "readOnly", &["direct"]),
                reference("readOnly", "Group"),
            ],
        ),
    ];
    let mut member = text("value", true, "immutable", "none");
    member["caseExact"] = json!(true);
    let group = vec![
        text("displayName", true, "readWrite", "none"),
        several(
            "members",
            "readWrite",
            vec![
                member,
                reads("display"),
                one_of("type", "immutable", &["User"]),
                reference("immutable", "User"),
            ],
        ),
    ];
    [
        (
            USER,
            "User",
            "A person: an employee, or somebody who waits for a firm.",
            user,
        ),
        (GROUP, "Group", "A firm.", group),
    ]
    .map(|(id, name, description, attributes)| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": id, "name": name, "description": description, "attributes": attributes,
            "meta": {"resourceType": "Schema", "location": format!("/scim/v2/Schemas/{id}")},
        })
    })
    .to_vec()
}
