//! SCIM with the examples of RFC 7644, and as Azure and Okta send it.

use serde_json::{Value, json};

use super::world::{ALL, Answer, Sent, World};
use crate::gate::Login;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

impl World {
    async fn scim(&self, method: &str, path: &str, body: Value) -> Answer {
        let sent = Sent::to(method, &format!("/scim/v2{path}"))
            .by(ALL)
            .with("host", "ops.example");
        let sent = if body.is_null() {
            sent
        } else {
            sent.text(&body.to_string())
                .with("content-type", "application/scim+json")
        };
        let answer = self.send(sent).await;
        if answer.status != 204 {
            assert_eq!(
                answer.header("content-type"),
                "application/scim+json",
                "{answer:?}"
            );
        }
        if answer.status.as_u16() >= 400 {
            let error = answer.json();
            assert_eq!(
                error["schemas"],
                json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
            );
            assert_eq!(error["status"], answer.status.as_str());
        }
        answer
    }

    async fn user(&self, name: &str) -> String {
        let made = self
            .scim("POST", "/Users", json!({"schemas": [USER], "userName": name}))
            .await
            .is(201);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let made = self
            .scim(
                "POST",
                "/Groups",
                json!({"displayName": name, "members": members}),
            )
            .await
            .is(201);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    async fn patch(&self, path: &str, operations: Value) -> Answer {
        self.scim(
            "PATCH",
            path,
            json!({"schemas": [PATCH], "Operations": operations}),
        )
        .await
    }
}

#[tokio::test]
async fn a_user_lives_as_in_the_examples_of_rfc_7644() {
    let world = World::new().await;
    // 3.3
    let example = json!({
        "schemas": [USER], "userName": "bjensen", "externalId": "bjensen",
        "name": {"formatted": "Ms. Barbara J Jensen III", "familyName": "Jensen", "givenName": "Barbara"},
    });
    let made = world.scim("POST", "/Users", example.clone()).await.is(201);
    let user = made.json();
    let id = user["id"].as_str().unwrap().to_owned();
    assert_eq!(
        made.header("location"),
        format!("http://ops.example/scim/v2/Users/{id}")
    );
    assert_eq!(user["meta"]["location"], made.header("location"));
    assert_eq!(
        (&user["userName"], &user["externalId"], &user["active"]),
        (&json!("bjensen"), &json!("bjensen"), &json!(false))
    );
    assert_eq!(user["name"], example["name"]);
    let again = world.scim("POST", "/Users", example).await.is(409).json();
    assert_eq!(again["scimType"], "uniqueness");
    // 3.4.1, 3.4.2, 3.9
    let at = format!("/Users/{id}");
    assert_eq!(world.scim("GET", &at, Value::Null).await.is(200).json(), user);
    let some = world
        .scim("GET", &format!("{at}?attributes=userName"), Value::Null)
        .await
        .json();
    assert_eq!(some, json!({"schemas": [USER], "id": id, "userName": "bjensen"}));
    for filter in [
        "userName%20eq%20%22BJENSEN%22",
        "externalId%20eq%20%22bjensen%22",
        "name.familyName%20co%20%22ens%22",
    ] {
        let found = world
            .scim("GET", &format!("/Users?filter={filter}"), Value::Null)
            .await
            .is(200)
            .json();
        assert_eq!(
            (&found["totalResults"], &found["Resources"][0]["id"]),
            (&json!(1), &json!(id)),
            "{filter}"
        );
    }
    for filter in [
        "userName%20eq%20%22nobody%22",
        "userName%20eq%20%22%22",
        "id%20eq%20%22x%22",
        "externalId%20eq%20%22x%22",
    ] {
        let found = world
            .scim("GET", &format!("/Users?filter={filter}"), Value::Null)
            .await
            .is(200)
            .json();
        assert_eq!(
            (&found["totalResults"], &found["Resources"]),
            (&json!(0), &json!([])),
            "{filter}"
        );
    }
    let unfit = world
        .scim("GET", "/Users?filter=userName", Value::Null)
        .await
        .is(400)
        .json();
    assert_eq!(unfit["scimType"], "invalidFilter");
    // 3.5.1, 3.6
    let replaced = json!({"schemas": [USER], "userName": "bjensen", "displayName": "Babs",
        "emails": [{"value": "bjensen@example.com"}, {"value": "babs@jensen.org"}],
        "phoneNumbers": [{"value": "tel:+1-415-555-0102", "type": "mobile"}]});
    let after = world.scim("PUT", &at, replaced).await.is(200).json();
    assert_eq!(
        (&after["displayName"], &after["externalId"]),
        (&json!("Babs"), &Value::Null)
    );
    assert_eq!(after["emails"][0]["value"], "bjensen@example.com");
    assert_eq!(after["phoneNumbers"][0]["value"], "tel:+1-415-555-0102");
    world.scim("DELETE", &at, Value::Null).await.is(204);
    world.scim("GET", &at, Value::Null).await.is(404);
    world.scim("DELETE", &at, Value::Null).await.is(404);
    assert!(
        !world.get("/v1/audit").await.to_string().contains("4155550102"),
        "I12"
    );
}

#[tokio::test]
async fn a_user_in_no_group_exists_and_cannot_sign_in() {
    let world = World::new().await;
    let id = world.user("anna").await;
    let login = Login::parse("anna").unwrap();
    assert!(world.door.directory.standing(&login).await.unwrap().is_none());
    let firm = world.group("Corp A", &[&id]).await;
    assert_eq!(firm, "corp-a");
    assert!(
        world
            .door
            .directory
            .standing(&login)
            .await
            .unwrap()
            .unwrap()
            .active
    );
    let user = world
        .scim("GET", &format!("/Users/{id}"), Value::Null)
        .await
        .json();
    assert_eq!(
        (&user["active"], &user["groups"][0]["value"]),
        (&json!(true), &json!("corp-a"))
    );
    assert_eq!(world.get("/v1/firms/corp-a").await["name"], "Corp A");
    world.totp("anna").await;
    let leave = json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]);
    world.patch("/Groups/corp-a", leave).await.is(200);
    assert!(
        world.door.directory.standing(&login).await.unwrap().is_none(),
        "sessions are over"
    );
    let user = world
        .scim("GET", &format!("/Users/{id}"), Value::Null)
        .await
        .is(200)
        .json();
    assert_eq!((&user["active"], &user["groups"]), (&json!(false), &Value::Null));
    assert_eq!(
        world.audited("employee.removed").await["details"]["left"],
        "corp-a"
    );
    // Back again, with no factor left from before.
    world
        .patch(
            "/Groups/corp-a",
            json!([{"op": "add", "path": "members", "value": [{"value": id}]}]),
        )
        .await
        .is(200);
    assert_eq!(world.get("/v1/employees/anna/factors").await["items"], json!([]));
}

#[tokio::test]
async fn nobody_is_in_two_groups_and_a_refusal_changes_nothing() {
    let world = World::new().await;
    let (anna, ben) = (world.user("anna").await, world.user("ben").await);
    world.group("Corp A", &[&anna]).await;
    world.group("Corp B", &[]).await;
    let both = json!([{"op": "add", "path": "members", "value": [{"value": ben}, {"value": anna}]}]);
    world.patch("/Groups/corp-b", both).await.is(409);
    let group = world
        .scim("GET", "/Groups/corp-b", Value::Null)
        .await
        .is(200)
        .json();
    assert_eq!(group["members"], json!([]));
    let refused = json!({"displayName": "Corp C", "members": [{"value": anna}]});
    world.scim("POST", "/Groups", refused).await.is(409);
    world.scim("GET", "/Groups/corp-c", Value::Null).await.is(404);
    let unknown = world
        .patch(
            "/Groups/corp-b",
            json!([{"op": "add", "path": "members", "value": [{"value": "eA"}]}]),
        )
        .await
        .is(400);
    assert_eq!(unknown.json()["scimType"], "invalidValue");
    world.scim("DELETE", "/Groups/corp-a", Value::Null).await.is(409);
    world.scim("DELETE", "/Groups/corp-b", Value::Null).await.is(204);
    world.scim("DELETE", "/Groups/corp-b", Value::Null).await.is(404);
    world
        .scim("POST", "/Groups", json!({"displayName": "corp a"}))
        .await
        .is(409);
}

#[tokio::test]
async fn groups_are_changed_as_in_rfc_7644_and_as_azure_and_okta_do() {
    let world = World::new().await;
    let ids = [
        world.user("anna").await,
        world.user("ben").await,
        world.user("carl").await,
    ];
    world.group("Corp A", &[&ids[0]]).await;
    let members = |answer: Answer| -> Vec<String> {
        let json = answer.is(200).json();
        json["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["value"].as_str().unwrap().to_owned())
            .collect()
    };
    let add = json!([{"op": "Add", "path": "members", "value": [{"value": ids[1], "display": "Ben"}]}]);
    assert_eq!(members(world.patch("/Groups/corp-a", add).await), ids[..2]);
    let azure = json!([{"op": "Remove", "path": "members", "value": [{"value": ids[0]}]}]);
    assert_eq!(members(world.patch("/Groups/corp-a", azure).await), ids[1..2]);
    let okta = json!([{"op": "replace", "value": {"id": "corp-a", "displayName": "Corp Alpha"}}]);
    let renamed = world.patch("/Groups/corp-a", okta).await.is(200).json();
    assert_eq!(renamed["displayName"], "Corp Alpha");
    let replace =
        json!([{"op": "replace", "path": "members", "value": [{"value": ids[0]}, {"value": ids[2]}]}]);
    assert_eq!(
        members(world.patch("/Groups/corp-a", replace).await),
        [ids[0].clone(), ids[2].clone()]
    );
    let put = json!({"displayName": "Corp A", "externalId": "ext-1", "members": [{"value": ids[1]}]});
    assert_eq!(members(world.scim("PUT", "/Groups/corp-a", put).await), ids[1..2]);
    for (query, total) in [
        ("filter=displayName%20eq%20%22corp%20a%22", 1),
        ("filter=externalId%20eq%20%22ext-1%22", 1),
        (&format!("filter=members.value%20eq%20%22{}%22", ids[1]), 1),
        (&format!("filter=members%5Bvalue%20eq%20%22{}%22%5D", ids[0]), 0),
        ("startIndex=2", 1),
        ("count=0", 1),
    ] {
        let found = world
            .scim("GET", &format!("/Groups?{query}"), Value::Null)
            .await
            .is(200)
            .json();
        assert_eq!(found["totalResults"], total, "{query}");
    }
    let lean = world
        .scim("GET", "/Groups/corp-a?excludedAttributes=members", Value::Null)
        .await
        .is(200)
        .json();
    assert_eq!(lean["members"], Value::Null);
    let lean = world
        .scim("GET", "/Groups?excludedAttributes=members", Value::Null)
        .await
        .is(200)
        .json();
    assert_eq!(lean["Resources"][0]["members"], Value::Null);
    let empty = json!([{"op": "remove", "path": "members"}]);
    assert!(members(world.patch("/Groups/corp-a", empty).await).is_empty());
    world
        .patch(
            "/Groups/corp-a",
            json!([{"op": "replace", "path": "id", "value": "x"}]),
        )
        .await
        .is(400);
}

#[tokio::test]
async fn users_are_changed_as_azure_and_okta_do() {
    let world = World::new().await;
    let id = world.user("anna@corp-a.example").await;
    world.group("Corp A", &[&id]).await;
    let at = format!("/Users/{id}");
    let epoch = |world: &World| {
        let directory = world.door.directory.clone();
        async move {
            directory
                .standing(&Login::parse("anna@corp-a.example").unwrap())
                .await
                .unwrap()
                .unwrap()
        }
    };
    let before = epoch(&world).await;
    let off = world
        .patch(
            &at,
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
        )
        .await
        .is(200)
        .json();
    assert_eq!(off["active"], false);
    let after = epoch(&world).await;
    assert!(
        !after.active && after.epoch > before.epoch,
        "deactivating ends sessions"
    );
    // What is not spoken of is not switched on again.
    world
        .scim(
            "PUT",
            &at,
            json!({"userName": "anna@corp-a.example", "name": {"givenName": "A"}}),
        )
        .await
        .is(200);
    world
        .patch(&at, json!([{"op": "remove", "path": "active"}]))
        .await
        .is(200);
    assert!(!epoch(&world).await.active);
    world
        .patch(&at, json!([{"op": "replace", "value": {"active": true}}]))
        .await
        .is(200);
    assert!(epoch(&world).await.active);
    let changed = world
        .patch(
            &at,
            json!([
                {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 415 555 0102"},
                {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "a@corp-a.example"},
                {"op": "Add", "path": "name.familyName", "value": "Ase"},
                {"op": "Add", "value": {"name.givenName": "Anna", "externalId": "e1"}},
                {"op": "Add", "path": "roles", "value": [{"value": "admin"}]},
            ]),
        )
        .await;
    let changed = changed.is(200).json();
    assert_eq!(
        (&changed["name"], &changed["externalId"]),
        (&json!({"givenName": "Anna", "familyName": "Ase"}), &json!("e1"))
    );
    let person = world.get("/v1/employees/anna@corp-a.example").await;
    assert_eq!(
        person,
        json!({"login": "anna@corp-a.example", "firm": "corp-a", "name": "Anna Ase", "phone": "+14155550102",
            "email": "a@corp-a.example", "role": "admin", "state": "ready"})
    );
    for operations in [
        json!([{"op": "replace", "path": "userName", "value": "ben"}]),
        json!([{"op": "replace", "path": "roles", "value": [{"value": "root"}]}]),
        json!([{"op": "replace", "path": "phoneNumbers", "value": [{"value": "555-555-8377"}]}]),
        json!([{"op": "replace", "path": "active", "value": "perhaps"}]),
        json!([{"op": "replace", "path": "emails", "value": "x"}]),
        json!([{"op": "remove"}]),
    ] {
        world.patch(&at, operations.clone()).await.is(400);
    }
    assert_eq!(world.get("/v1/employees/anna@corp-a.example").await, person);
    // Of two roles the first counts where none is the primary one: adding takes nothing away.
    let add = json!([{"op": "add", "path": "roles", "value": [{"value": "tech"}]}]);
    world.patch(&at, add).await.is(200);
    assert_eq!(world.get("/v1/employees/anna@corp-a.example").await, person);
}

#[tokio::test]
async fn a_name_that_is_taken_away_or_is_no_name_breaks_nothing() {
    let world = World::new().await;
    let made = json!({"userName": "anna", "displayName": "Anna Ase", "name": {"givenName": "Anna"}});
    let id = world.scim("POST", "/Users", made).await.is(201).json()["id"].clone();
    let at = format!("/Users/{}", id.as_str().unwrap());
    for (operations, status) in [
        (json!([{"op": "replace", "path": "name", "value": "Anna"}]), 400),
        (
            json!([{"op": "replace", "path": "name.formatted", "value": 7}]),
            400,
        ),
        (json!([{"op": "remove", "path": "name.givenName"}]), 200),
        (json!([{"op": "remove", "path": "name"}]), 200),
        (json!([{"op": "remove", "path": "name"}]), 200),
    ] {
        world.patch(&at, operations).await.is(status);
    }
    let user = world.scim("GET", &at, Value::Null).await.is(200).json();
    assert_eq!(
        (&user["displayName"], &user["name"]),
        (&json!("Anna Ase"), &Value::Null),
        "{user}"
    );
}

#[tokio::test]
async fn i14_leaving_and_joining_confirms_no_number_that_a_reset_suspended() {
    let world = World::new().await;
    let made = json!({"userName": "anna", "phoneNumbers": [{"value": "+14155550102"}]});
    let id = world.scim("POST", "/Users", made).await.is(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.group("Corp A", &[&id]).await;
    world.ask("POST", "/v1/employees/anna/reset", None).await.is(200);
    let login = Login::parse("anna").unwrap();
    let usable = || async {
        let person = world.door.directory.employee(&login).await.unwrap().unwrap();
        person.usable_phone().is_some()
    };
    world
        .patch(
            &format!("/Users/{id}"),
            json!([{"op": "replace", "path": "displayName", "value": "Anna B"}]),
        )
        .await
        .is(200);
    assert!(!usable().await);
    world
        .patch("/Groups/corp-a", json!([{"op": "remove", "path": "members"}]))
        .await
        .is(200);
    world
        .patch(
            "/Groups/corp-a",
            json!([{"op": "add", "path": "members", "value": [{"value": id}]}]),
        )
        .await
        .is(200);
    assert!(!usable().await);
}

#[tokio::test]
async fn people_made_otherwise_are_users_too_and_lists_page() {
    let world = World::new().await;
    world
        .firm("corp-a", &[("anna", "+14155550102"), ("ben", "")])
        .await;
    world.user("carl").await;
    world.ask("DELETE", "/v1/employees/ben", None).await.is(204);
    let names = |page: Value| -> Vec<String> {
        page["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["userName"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = world.scim("GET", "/Users", Value::Null).await.is(200).json();
    assert_eq!((&all["totalResults"], &all["startIndex"]), (&json!(2), &json!(1)));
    assert_eq!(names(all), ["anna", "carl"]);
    let second = world
        .scim("GET", "/Users?startIndex=2&count=1", Value::Null)
        .await
        .is(200)
        .json();
    assert_eq!(
        (&second["totalResults"], &second["itemsPerPage"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(names(second), ["carl"]);
    let none = world
        .scim("GET", "/Users?count=0", Value::Null)
        .await
        .is(200)
        .json();
    assert_eq!(
        (&none["totalResults"], &none["Resources"]),
        (&json!(2), &json!([]))
    );
    world
        .scim("GET", "/Users?startIndex=-1&count=-1", Value::Null)
        .await
        .is(200);
    world
        .scim("GET", "/Users?startIndex=x", Value::Null)
        .await
        .is(400);
    // A login or alias that is taken cannot be added, and a user who waits cannot join beside one.
    world
        .scim("POST", "/Users", json!({"userName": "ANNA"}))
        .await
        .is(409);
    world
        .post(
            "/v1/employees",
            json!({"login": "carl", "firm": "corp-a", "name": "Other"}),
        )
        .await
        .is(201);
    assert_eq!(
        names(world.scim("GET", "/Users", Value::Null).await.json()),
        ["anna", "carl"]
    );
}

#[tokio::test]
async fn every_scim_address_refuses_in_scim_s_words() {
    let world = World::new().await;
    for path in [
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/ResourceTypes/User",
        "/Schemas",
        &format!("/Schemas/{USER}"),
    ] {
        world.scim("GET", path, Value::Null).await.is(200);
    }
    let (_, none) = world.token("none", &["metrics"]).await;
    for (method, path) in [
        ("GET", "/Users"),
        ("POST", "/Users"),
        ("GET", "/Users/x"),
        ("PUT", "/Users/x"),
        ("PATCH", "/Users/x"),
        ("DELETE", "/Users/x"),
        ("GET", "/Groups"),
        ("POST", "/Groups"),
        ("GET", "/Groups/x"),
        ("PUT", "/Groups/x"),
        ("PATCH", "/Groups/x"),
        ("DELETE", "/Groups/x"),
        ("GET", "/ServiceProviderConfig"),
        ("GET", "/ResourceTypes"),
        ("GET", "/ResourceTypes/User"),
        ("GET", "/Schemas"),
        ("GET", "/Schemas/x"),
    ] {
        let target = format!("/scim/v2{path}");
        for (sent, status) in [
            (Sent::to(method, &target), 401),
            (Sent::to(method, &target).by(&none), 403),
        ] {
            let answer = world.send(sent).await.is(status);
            assert_eq!(
                answer.header("content-type"),
                "application/scim+json",
                "{method} {path}"
            );
        }
        let unfit = world.send(Sent::to(method, &target).by(ALL).text("{")).await;
        assert!(
            unfit.status.as_u16() < 500 && (method == "GET" || unfit.status.as_u16() >= 400),
            "{method} {path} {unfit:?}"
        );
    }
    for (method, path) in [
        ("GET", "/Users/x"),
        ("DELETE", "/Groups/x"),
        ("GET", "/Groups/A%2FB"),
        ("GET", "/Nothing"),
        ("GET", "/Schemas/x"),
        ("GET", "/Users/%ff"),
    ] {
        world.scim(method, path, Value::Null).await.is(404);
    }
    for (method, path) in [("POST", "/Bulk"), ("GET", "/Me"), ("PATCH", "/Me")] {
        world.scim(method, path, json!({})).await.is(501);
    }
    for path in ["/Schemas", "/ResourceTypes"] {
        let filtered = format!("{path}?filter=id%20pr");
        world.scim("GET", &filtered, Value::Null).await.is(403);
    }
    let refused = world.scim("DELETE", "/Users", Value::Null).await.is(405);
    assert!(refused.header("allow").contains("POST"));
    for body in [
        json!([]),
        json!({}),
        json!({"userName": 7}),
        json!({"userName": "a\u{200b}b"}),
        json!({"userName": "x", "name": "y"}),
    ] {
        world.scim("POST", "/Users", body).await.is(400);
    }
    for body in [
        json!([]),
        json!({}),
        json!({"displayName": ""}),
        json!({"displayName": "\u{4e2d}"}),
        json!({"displayName": "x", "members": "y"}),
    ] {
        world.scim("POST", "/Groups", body).await.is(400);
    }
}
