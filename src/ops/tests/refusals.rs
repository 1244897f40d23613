//! What every address refuses alike, walked through the OpenAPI document: no route can be forgotten.

use serde_json::{Value, json};

use super::world::{ALL, Sent, World};
use crate::ops::openapi::document;
use crate::ops::scope::Scope;

/// Every operation: method, address with names that nothing bears, and its description.
fn operations() -> Vec<(String, String, Value)> {
    let document = document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let target = path.replace("{id}", "nothing").replace("{login}", "nobody");
            all.push((method.to_uppercase(), target, operation.clone()));
        }
    }
    assert!(all.len() > 25, "{}", all.len());
    all
}

#[tokio::test]
async fn any_fault_of_the_token_is_401_on_every_address() {
    let world = World::new().await;
    let (id, gone) = world.token("gone", &["firms:read"]).await;
    world
        .ask("DELETE", &format!("/v1/tokens/{id}"), None)
        .await
        .is(204);
    let mut targets: Vec<(String, String)> = operations()
        .into_iter()
        .map(|(method, target, _)| (method, target))
        .collect();
    targets.extend(
        [
            ("GET", "/metrics"),
            ("GET", "/v1/nothing"),
            ("GET", "/scim/v2/Users"),
            ("DELETE", "/v1/firms"),
        ]
        .map(|(m, t)| (m.into(), t.into())),
    );
    for (method, target) in targets {
        for given in [
            vec![],
            vec!["Bearer wrong"],
            vec!["Bearer "],
            vec!["Basic eDp5"],
            vec![ALL],
            vec!["Bearer a", "Bearer b"],
        ] {
            let mut sent = Sent::to(&method, &target);
            for line in &given {
                sent = sent.with("authorization", line);
            }
            let answer = world.send(sent).await.is(401);
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {target}");
        }
        world.send(Sent::to(&method, &target).by(&gone)).await.is(401);
    }
}

#[tokio::test]
async fn a_missing_scope_is_403_on_every_address_whatever_else_is_wrong() {
    let world = World::new().await;
    let (_, none) = world.token("none", &["metrics"]).await;
    for (method, target, _) in operations() {
        if target != "/v1/openapi.json" {
            let answer = world
                .send(Sent::to(&method, &target).by(&none).text("not json"))
                .await;
            assert_eq!(answer.status, 403, "{method} {target}: {answer:?}");
        }
    }
    world.send(Sent::to("GET", "/metrics").by(&none)).await.is(200);
    let (_, other) = world.token("other", &["firms:read"]).await;
    world.send(Sent::to("GET", "/metrics").by(&other)).await.is(403);
}

#[tokio::test]
async fn each_scope_opens_only_what_it_names() {
    let world = World::new().await;
    for scope in Scope::ALL {
        let (_, token) = world.token(scope.as_str(), &[scope.as_str()]).await;
        for (method, target, operation) in operations() {
            if target == "/v1/openapi.json" {
                continue;
            }
            let tag = operation["tags"][0].as_str().unwrap().to_owned();
            let noun = match tag.as_str() {
                "factors" | "devices" | "phone changes" => "employees",
                "reports" => "audit",
                tag => tag,
            };
            let needed = format!("{noun}:{}", if method == "GET" { "read" } else { "write" });
            let answer = world.send(Sent::to(&method, &target).by(&token)).await;
            let opened = answer.status != 403;
            assert_eq!(
                opened,
                needed == scope.as_str(),
                "{} on {method} {target}",
                scope.as_str()
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_an_unknown_method_405_with_allow() {
    let world = World::new().await;
    for (method, target, operation) in operations() {
        if target.contains("nothing") || target.contains("nobody") {
            let body = match target.rsplit('/').next() {
                Some("two-factor") => json!({"enabled": true}),
                Some("phone-change") => json!({"approve": true}),
                Some("break-glass") => json!({"for": "1h", "reason": "x"}),
                _ => json!({}),
            };
            let sent = Sent::to(&method, &target).by(ALL);
            let sent = if operation["requestBody"].is_null() {
                sent
            } else {
                sent.json(&body)
            };
            world.send(sent).await.is(404);
        }
        let allowed: Vec<String> = operations()
            .into_iter()
            .filter(|(_, other, _)| *other == target)
            .map(|(method, ..)| method)
            .collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if allowed.iter().any(|one| one == method) {
                continue;
            }
            let answer = world.send(Sent::to(method, &target).by(ALL)).await.is(405);
            let allow = answer.header("allow");
            assert!(
                allowed.iter().all(|one| allow.contains(one.as_str())),
                "{target}: {allow}"
            );
        }
    }
    world.ask("GET", "/v1/nothing", None).await.is(404);
    world.ask("GET", "/v1/firms/%00", None).await.is(404);
    world.ask("GET", "/v1/firms/%ff", None).await.is(404);
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_422_on_every_address_that_reads_one() {
    let world = World::new().await;
    world.firm("nothing", &[("nobody", "")]).await;
    for (method, target, operation) in operations() {
        if operation["requestBody"].is_null() {
            continue;
        }
        for body in ["", "{", "[]", "7", "null", r#"{"odd": 1}"#, r#"{"name": 7}"#] {
            world
                .send(Sent::to(&method, &target).by(ALL).text(body))
                .await
                .is(422);
        }
    }
}

#[tokio::test]
async fn i9_a_directory_that_does_not_answer_is_503_and_never_401() {
    let world = World::new().await;
    let (_, token) = world.token("reader", &["firms:read"]).await;
    world.lose("firms").await;
    let answer = world.send(Sent::to("GET", "/v1/firms").by(&token)).await.is(503);
    assert!(!answer.header("retry-after").is_empty());
    assert!(
        !answer.body.contains("SELECT") && !answer.body.contains("no such table"),
        "{answer:?}"
    );
    world.lose("api_tokens").await;
    world.send(Sent::to("GET", "/v1/firms").by(&token)).await.is(503);
    world
        .send(Sent::to("GET", "/v1/firms").by("doorstep_guess"))
        .await
        .is(503);
}

#[tokio::test]
async fn nobody_gets_more_out_of_a_token_than_it_has() {
    let world = World::new().await;
    let (strong, _) = world.token("strong", &["firms:write", "tokens:write"]).await;
    let (_, weak) = world.token("weak", &["tokens:write", "firms:read"]).await;
    let make = |scopes: &[&str]| {
        Sent::to("POST", "/v1/tokens")
            .by(&weak)
            .json(&json!({"name": "more", "scopes": scopes}))
    };
    world.send(make(&["firms:write"])).await.is(403);
    world.send(make(&["firms:read", "scim"])).await.is(403);
    world
        .send(Sent::to("POST", &format!("/v1/tokens/{strong}/rotate")).by(&weak))
        .await
        .is(403);
    world.send(make(&["firms:read"])).await.is(201);
}

#[tokio::test]
async fn a_token_is_shown_once_kept_hashed_rotated_and_runs_out() {
    let world = World::new().await;
    let made = world
        .post(
            "/v1/tokens",
            json!({"name": "ci", "scopes": ["firms:read"], "expires_at": "2026-12-01"}),
        )
        .await
        .is(201);
    let (id, token) = (
        made.json()["id"].as_str().unwrap().to_owned(),
        made.json()["token"].as_str().unwrap().to_owned(),
    );
    let reads = |token: &str| world.send(Sent::to("GET", "/v1/firms").by(token));
    reads(&token).await.is(200);
    let shown = world.get(&format!("/v1/tokens/{id}")).await;
    assert_eq!(
        (&shown["name"], &shown["scopes"], &shown["token"]),
        (&json!("ci"), &json!(["firms:read"]), &Value::Null)
    );
    assert_eq!(world.get("/v1/tokens").await["items"][0], shown);
    for (body, status) in [
        (json!({"name": "ci", "scopes": ["firms:read"]}), 409),
        (json!({"name": "ops", "scopes": ["firms:read"]}), 409),
        (json!({"name": "", "scopes": ["firms:read"]}), 422),
        (json!({"name": "x", "scopes": []}), 422),
        (json!({"name": "x", "scopes": ["all"]}), 422),
        (
            json!({"name": "x", "scopes": ["firms:read"], "expires_at": "2020-01-01"}),
            422,
        ),
    ] {
        world.post("/v1/tokens", body).await.is(status);
    }
    let rotated = world
        .ask("POST", &format!("/v1/tokens/{id}/rotate"), None)
        .await
        .is(200)
        .json();
    let new = rotated["token"].as_str().unwrap().to_owned();
    reads(&token).await.is(401);
    reads(&new).await.is(200);
    let audit = world.get("/v1/audit").await.to_string();
    assert!(
        audit.contains("token.rotated") && !audit.contains(&new) && !audit.contains(&token),
        "I12"
    );
    world
        .clock
        .advance(std::time::Duration::from_secs(60 * 60 * 24 * 60));
    reads(&new).await.is(401);
}
