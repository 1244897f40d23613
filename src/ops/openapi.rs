//! `/v1/openapi.json`: generated from the handlers, with what every one of them can refuse.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::problem::{PROBLEM_JSON, Problem};
use super::scope::Scope;
use super::{audit, devices, employees, factors, firms, phone_change, reports, sessions, tokens, two_factor};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "doorstep",
        description = "Firms, employees, factors, sessions, tokens and the audit, on the ops address.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        show,
        firms::list,
        firms::add,
        firms::show,
        firms::change,
        two_factor::switch,
        firms::break_glass,
        employees::list,
        employees::add,
        employees::show,
        employees::change,
        employees::remove,
        employees::reset,
        employees::unlock,
        employees::sign_out,
        factors::list,
        factors::remove_all,
        factors::show,
        factors::remove,
        devices::list,
        devices::remove_all,
        devices::show,
        devices::remove,
        phone_change::show,
        phone_change::approve,
        phone_change::cancel,
        sessions::list,
        sessions::show,
        sessions::remove,
        tokens::list,
        tokens::add,
        tokens::show,
        tokens::rotate,
        tokens::remove,
        audit::list,
        audit::verify,
        reports::passed,
    ),
    components(schemas(Problem, Scope, employees::State_))
)]
struct Described;

static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "openapi",
    responses((status = 200, description = "OpenAPI.", body = Object)))]
pub async fn show() -> Response {
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

/// Whether a refusal belongs to an operation: by its path, its method, and its description.
type Belongs = fn(&str, &str, &Value) -> bool;

/// What all refuse alike: the status, and to which operations it belongs.
const REFUSALS: [(&str, &str, Belongs); 8] = [
    ("401", "No token, or none that holds.", |_, _, _| true),
    ("403", "The token has not the scope.", |path, _, _| {
        path != "/v1/openapi.json"
    }),
    ("404", "There is nothing of that name.", |path, _, _| {
        path.contains('{')
    }),
    (
        "409",
        "It is there already, or its Idempotency-Key is being carried out.",
        |_, method, _| method == "post",
    ),
    ("413", "The body is too large.", |_, _, operation| {
        operation.get("requestBody").is_some()
    }),
    ("415", "The body is not JSON.", |_, _, operation| {
        operation.get("requestBody").is_some()
    }),
    (
        "422",
        "Body, query or Idempotency-Key do not fit.",
        |_, method, operation| {
            let query = operation.get("parameters").and_then(Value::as_array);
            let query = query.is_some_and(|all| all.iter().any(|one| one["in"] == "query"));
            method == "post" || query || operation.get("requestBody").is_some()
        },
    ),
    ("503", "Directory or session store do not answer.", |_, _, _| true),
];

/// The document: what utoipa makes of the handlers, the bearer scheme, and [`REFUSALS`].
pub fn document() -> Value {
    let mut document = serde_json::to_value(Described::openapi()).unwrap_or_default();
    document["security"] = json!([{"bearer": []}]);
    document["components"]["securitySchemes"] = json!({"bearer": {"type": "http", "scheme": "bearer"}});
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return document;
    };
    for (path, item) in paths {
        let Some(item) = item.as_object_mut() else {
            continue;
        };
        for (method, operation) in item {
            complete(path, method, operation);
        }
    }
    document
}

fn complete(path: &str, method: &str, operation: &mut Value) {
    let applies: Vec<(&str, &str)> = REFUSALS
        .iter()
        .filter(|(_, _, belongs)| belongs(path, method, operation))
        .map(|(status, description, _)| (*status, *description))
        .collect();
    if method == "post" {
        let key = json!({
            "name": "idempotency-key", "in": "header", "required": false,
            "description": "Sent again within 24 hours, it is answered again and not carried out again.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        });
        match operation.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.push(key),
            None => operation["parameters"] = json!([key]),
        }
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    let problem = json!({PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}});
    for (status, description) in applies {
        responses
            .entry(status)
            .or_insert_with(|| json!({"description": description, "content": problem}));
    }
    let mut sorted: Vec<(String, Value)> = std::mem::take(responses).into_iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    *responses = Map::from_iter(sorted);
}
