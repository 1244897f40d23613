//! What an identity provider said comes back as it said it, as long as it is true.

use serde_json::{Value, json};

use super::world::{Answer, World};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

async fn patch(world: &World, at: &str, operations: Value) -> Answer {
    let body = json!({"schemas": [PATCH], "Operations": operations});
    world.ask("PATCH", at, Some(body)).await
}

#[tokio::test]
async fn what_was_said_comes_back_in_its_shape_and_nothing_else_does() {
    let world = World::new().await;
    let user = json!({
        "userName": "anna", "name": {"givenName": "Anna", "familyName": "Ase", "middleName": "B"}, "displayName": "Ms Ase",
        "emails": [{"value": "a@home.example", "type": "home"}, {"value": "a@work.example", "type": "work", "primary": true}],
        "phoneNumbers": [{"value": "tel:+1-415-555-0102", "type": "mobile", "display": "mine"}],
        "roles": [{"value": "Admin", "type": "x", "primary": "True"}], "nickName": "An",
    });
    let made = world.post("/scim/v2/Users", user.clone()).await.is(201).json();
    let at = format!("/scim/v2/Users/{}", made["id"].as_str().unwrap());
    world
        .post(
            "/scim/v2/Groups",
            json!({"displayName": "Corp A", "members": [{"value": made["id"]}]}),
        )
        .await
        .is(201);
    for shown in [made, world.get(&at).await] {
        assert_eq!(shown["name"], json!({"givenName": "Anna", "familyName": "Ase"}));
        assert_eq!(
            (&shown["displayName"], &shown["emails"]),
            (&user["displayName"], &user["emails"])
        );
        assert_eq!(
            shown["phoneNumbers"],
            json!([{"value": "tel:+1-415-555-0102", "type": "mobile"}])
        );
        assert_eq!(
            shown["roles"],
            json!([{"value": "Admin", "type": "x", "primary": true}])
        );
        assert_eq!(shown["nickName"], Value::Null);
    }
    let person = world.get("/v1/employees/anna").await;
    assert_eq!(
        person,
        json!({"login": "anna", "firm": "corp-a", "name": "Ms Ase", "phone": "+14155550102",
            "email": "a@work.example", "role": "admin", "state": "ready"})
    );
    // What is not true any more is shown as it is.
    let others = json!({"name": "Anna Berg", "role": "tech", "phone": "+14155550103"});
    world
        .ask("PATCH", "/v1/employees/anna", Some(others))
        .await
        .is(200);
    let shown = world.get(&at).await;
    assert_eq!(
        (&shown["displayName"], &shown["name"]["formatted"]),
        (&json!("Anna Berg"), &json!("Anna Berg"))
    );
    assert_eq!(shown["roles"], json!([{"value": "tech", "primary": true}]));
    assert_eq!(
        shown["phoneNumbers"],
        json!([{"value": "+14155550103", "type": "mobile", "primary": true}])
    );
    assert_eq!(shown["emails"], user["emails"]);
    // I12
    assert!(!world.get("/v1/audit").await.to_string().contains("555010"));
}

#[tokio::test]
async fn what_is_removed_is_gone_and_what_is_not_said_is_not_made_up() {
    let world = World::new().await;
    let user = json!({"userName": "anna", "displayName": "A", "name": {"givenName": "Anna"},
        "emails": [{"value": "a@b.example"}], "roles": [{"value": "admin"}]});
    let id = world.post("/scim/v2/Users", user).await.is(201).json()["id"].clone();
    let at = format!("/scim/v2/Users/{}", id.as_str().unwrap());
    world
        .post(
            "/scim/v2/Groups",
            json!({"displayName": "Corp A", "members": [{"value": id}]}),
        )
        .await
        .is(201);
    for (attribute, name, role) in [
        ("displayName", "Anna", "admin"),
        ("emails", "Anna", "admin"),
        ("roles", "Anna", "tech"),
        ("name", "anna", "tech"),
    ] {
        let after = patch(&world, &at, json!([{"op": "remove", "path": attribute}]))
            .await
            .is(200)
            .json();
        assert_eq!(after[attribute], Value::Null, "{attribute}");
        assert_eq!(world.get(&at).await, after);
        let person = world.get("/v1/employees/anna").await;
        assert_eq!(
            (&person["name"], &person["role"]),
            (&json!(name), &json!(role)),
            "{attribute}"
        );
    }
    // A change that changes nothing leaves no trace.
    let rows = world.get("/v1/audit").await;
    let epoch = world.epoch("corp-a").await;
    for operations in [
        json!([{"op": "remove", "path": "displayName"}]),
        json!([{"op": "replace", "path": "active", "value": true}]),
        json!([]),
    ] {
        patch(&world, &at, operations).await.is(200);
    }
    assert_eq!(world.get("/v1/audit").await, rows);
    assert_eq!(world.epoch("corp-a").await, epoch);
    // Whom nobody spoke of is shown as doorstep knows them.
    world
        .post(
            "/v1/employees",
            json!({"login": "ben", "firm": "corp-a", "name": "Ben"}),
        )
        .await
        .is(201);
    let ben = world.get("/scim/v2/Users/YmVu").await;
    assert_eq!(
        (&ben["displayName"], &ben["roles"][0]["value"]),
        (&json!("Ben"), &json!("tech"))
    );
}

#[tokio::test]
async fn one_value_is_the_primary_one() {
    let world = World::new().await;
    let two = json!({"userName": "anna", "emails": [{"value": "a@x", "primary": true}, {"value": "b@x", "primary": true}]});
    let refused = world.post("/scim/v2/Users", two).await.is(400);
    assert_eq!(refused.json()["scimType"], "invalidValue");
    let one = json!({"userName": "anna", "emails": [{"value": "a@x", "primary": true}, {"value": "b@x"}]});
    let id = world.post("/scim/v2/Users", one).await.is(201).json()["id"].clone();
    let at = format!("/scim/v2/Users/{}", id.as_str().unwrap());
    for (operations, emails) in [
        (
            json!([{"op": "add", "path": "emails", "value": [{"value": "c@x", "primary": true}]}]),
            json!([{"value": "a@x", "primary": false}, {"value": "b@x"}, {"value": "c@x", "primary": true}]),
        ),
        (
            json!([{"op": "replace", "path": "emails[value eq \"b@x\"].primary", "value": true}]),
            json!([{"value": "a@x", "primary": false}, {"value": "b@x", "primary": true}, {"value": "c@x", "primary": false}]),
        ),
        (
            json!([{"op": "remove", "path": "emails[primary eq true]"}]),
            json!([{"value": "a@x", "primary": false}, {"value": "c@x", "primary": false}]),
        ),
    ] {
        let after = patch(&world, &at, operations.clone()).await.is(200).json();
        assert_eq!(after["emails"], emails, "{operations}");
    }
}

#[tokio::test]
async fn what_is_too_much_to_keep_is_kept_as_it_counts() {
    let world = World::new().await;
    let emails: Vec<Value> = (0..500)
        .map(|n| json!({"value": format!("mail-{n}@corp-a.example")}))
        .collect();
    let made = world
        .post("/scim/v2/Users", json!({"userName": "anna", "emails": emails}))
        .await
        .is(201)
        .json();
    assert_eq!(
        made["emails"],
        json!([{"value": "mail-0@corp-a.example", "type": "work", "primary": true}])
    );
}
