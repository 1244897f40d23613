//! Finding over SCIM: `.search`, sorting, parts of attributes, and filters that the directory judges itself.

use serde_json::{Value, json};

use super::world::{ALL, Sent, World};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Four in a firm, two who wait, and another firm.
async fn filled() -> World {
    let world = World::new().await;
    world
        .firm(
            "corp-a",
            &[
                ("anna", "+14155550102"),
                ("Ben@corp-a.example", ""),
                ("carl_1", ""),
                ("dora", ""),
            ],
        )
        .await;
    world.firm("corp-b", &[]).await;
    let off = json!({"state": "inactive"});
    world.ask("PATCH", "/v1/employees/dora", Some(off)).await.is(200);
    for user in [
        json!({"userName": "ÉMILE", "externalId": "Ext-1", "name": {"familyName": "Zola", "givenName": "Émile"},
            "emails": [{"value": "e@home.example", "type": "home"}, {"value": "e@work.example", "type": "work", "primary": true}]}),
        json!({"userName": "finn", "displayName": "finn the waiting", "active": true}),
    ] {
        world.post("/scim/v2/Users", user).await.is(201);
    }
    world
}

async fn found(world: &World, path: &str, query: Value) -> Value {
    let mut query = query;
    query["schemas"] = json!([SEARCH]);
    let answer = world
        .post(&format!("/scim/v2{path}/.search"), query)
        .await
        .is(200);
    assert_eq!(answer.header("content-type"), "application/scim+json");
    answer.json()
}

fn names(found: &Value) -> Vec<String> {
    let name = |one: &Value| {
        one["userName"]
            .as_str()
            .or(one["id"].as_str())
            .unwrap()
            .to_owned()
    };
    found["Resources"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn a_search_by_post_finds_what_the_list_finds() {
    let world = filled().await;
    let listed = world.get("/scim/v2/Users").await;
    assert_eq!(found(&world, "/Users", json!({})).await, listed);
    assert_eq!(
        names(&listed),
        ["anna", "Ben@corp-a.example", "carl_1", "dora", "finn", "ÉMILE"]
    );
    assert_eq!(
        found(&world, "/Groups", json!({})).await,
        world.get("/scim/v2/Groups").await
    );
    let page = found(
        &world,
        "/Users",
        json!({"startIndex": 2, "count": 2, "attributes": ["userName"]}),
    )
    .await;
    assert_eq!(
        (&page["totalResults"], &page["startIndex"], &page["itemsPerPage"]),
        (&json!(6), &json!(2), &json!(2))
    );
    assert_eq!(names(&page), ["Ben@corp-a.example", "carl_1"]);
    assert_eq!(page["Resources"][0].as_object().unwrap().len(), 3, "{page}");
    assert_eq!(
        page,
        world
            .get("/scim/v2/Users?startIndex=2&count=2&attributes=userName")
            .await
    );
    let filtered = found(&world, "/Users", json!({"filter": "name.familyName eq \"zola\""})).await;
    assert_eq!(names(&filtered), ["ÉMILE"]);
    for body in [
        json!({}),
        json!({"schemas": ["x"]}),
        json!({"schemas": [SEARCH], "filter": "userName"}),
        json!({"schemas": [SEARCH], "count": "many"}),
        json!({"schemas": [SEARCH], "sortBy": "a.b.c.d"}),
        json!({"schemas": [SEARCH], "sortOrder": "sideways"}),
        json!([]),
    ] {
        for path in ["/Users", "/Groups", ""] {
            let refused = world
                .post(&format!("/scim/v2{path}/.search"), body.clone())
                .await
                .is(400);
            assert!(refused.json()["scimType"].is_string(), "{refused:?}");
        }
    }
    let answer = world.ask("GET", "/scim/v2/Users/.search", None).await.is(405);
    assert_eq!(answer.header("allow"), "POST");
    let (_, reader) = world.token("reader", &["employees:read"]).await;
    for path in ["/Users", "/Groups", ""] {
        let sent = Sent::to("POST", &format!("/scim/v2{path}/.search")).by(&reader);
        world.send(sent.json(&json!({"schemas": [SEARCH]}))).await.is(403);
    }
}

#[tokio::test]
async fn a_search_at_the_root_finds_users_and_groups_and_pages_over_both() {
    let world = filled().await;
    let all = found(&world, "", json!({})).await;
    assert_eq!(all["totalResults"], 8);
    let whole = names(&all);
    assert_eq!(whole[6..], ["corp-a", "corp-b"]);
    for sort in [
        json!({}),
        json!({"sortBy": "displayName"}),
        json!({"sortBy": "meta.resourceType", "sortOrder": "descending"}),
    ] {
        let mut paged = Vec::new();
        for start in (1..=9).step_by(3) {
            let mut query = sort.clone();
            query["startIndex"] = json!(start);
            query["count"] = json!(3);
            let page = found(&world, "", query).await;
            assert_eq!(page["totalResults"], 8);
            paged.extend(names(&page));
        }
        let together = names(&found(&world, "", sort.clone()).await);
        assert_eq!(paged, together, "{sort}");
        assert_eq!(together.len(), 8);
    }
    let groups = found(&world, "", json!({"filter": "meta.resourceType eq \"Group\""})).await;
    assert_eq!(names(&groups), ["corp-a", "corp-b"]);
    assert_eq!(groups["Resources"][0]["members"].as_array().unwrap().len(), 4);
    let lean = found(
        &world,
        "",
        json!({"excludedAttributes": ["members"], "count": 500}),
    )
    .await;
    assert!(!lean.to_string().contains("\"members\""));
}

#[tokio::test]
async fn lists_are_sorted_and_what_has_no_value_comes_last() {
    let world = filled().await;
    for (query, expected) in [
        (
            "sortBy=userName&sortOrder=descending",
            "ÉMILE finn dora carl_1 Ben@corp-a.example anna",
        ),
        ("sortBy=USERNAME&count=2", "anna Ben@corp-a.example"),
        (
            "sortBy=externalId",
            "ÉMILE anna Ben@corp-a.example carl_1 dora finn",
        ),
        ("sortBy=emails&count=1", "ÉMILE"),
        (
            "sortBy=name.familyName&sortOrder=descending",
            "anna Ben@corp-a.example carl_1 dora finn ÉMILE",
        ),
        (
            "sortBy=active&sortOrder=descending&count=3",
            "anna Ben@corp-a.example carl_1",
        ),
        (
            "sortBy=userName&sortOrder=descending&filter=active%20eq%20true",
            "carl_1 Ben@corp-a.example anna",
        ),
    ] {
        let list = world.get(&format!("/scim/v2/Users?{query}")).await;
        assert_eq!(names(&list).join(" "), expected, "{query}");
    }
    let list = world
        .get("/scim/v2/Groups?sortBy=displayName&sortOrder=descending")
        .await;
    assert_eq!(names(&list), ["corp-b", "corp-a"]);
}

/// A filter that the directory judges itself, and the same one judged on each resource, find the same.
#[tokio::test]
async fn what_the_directory_judges_is_what_the_filter_says() {
    let world = filled().await;
    for (filter, expected) in [
        (r#"userName eq "ANNA""#, 1),
        (r#"userName eq " anna ""#, 1),
        (r#"userName ne "anna""#, 5),
        (r#"userName co "N""#, 3),
        (r#"userName sw "émi""#, 1),
        (r#"userName sw "_""#, 0),
        (r#"userName co "_""#, 1),
        (r#"userName co "%""#, 0),
        (r#"userName ew ".EXAMPLE""#, 1),
        (r#"userName sw "an" or userName sw "do""#, 2),
        (r#"active eq true"#, 3),
        (r#"active eq "False""#, 3),
        (r#"active ne true"#, 3),
        (r#"not (active eq true) and userName ne "finn""#, 2),
        (r#"externalId eq "Ext-1""#, 1),
        (r#"externalId eq "ext-1""#, 0),
        (r#"externalId ne "Ext-1""#, 5),
        (r#"groups.value eq "corp-a""#, 4),
        (r#"groups eq "CORP-A" and active eq true"#, 3),
        (r#"not (groups.value eq "corp-a")"#, 2),
        (r#"id eq "YW5uYQ""#, 1),
        (r#"id eq "yw5uyq""#, 0),
        (r#"id ne "YW5uYQ""#, 5),
        ("userName pr", 6),
        ("not (userName pr)", 0),
        (r#"userName eq """#, 0),
    ] {
        let by = |filter: String| {
            let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
            let world = &world;
            async move { world.get(&format!("/scim/v2/Users?filter={filter}")).await }
        };
        let directly = by(filter.to_owned()).await;
        let each = by(format!(r#"({filter}) and schemas pr"#)).await;
        assert_eq!(directly, each, "{filter}");
        assert_eq!(directly["totalResults"], expected, "{filter}");
    }
}

#[tokio::test]
async fn parts_of_attributes_are_shown_and_left_out() {
    let world = filled().await;
    let id = world
        .get("/scim/v2/Users?filter=userName%20eq%20%22%C3%A9mile%22")
        .await["Resources"][0]["id"]
        .clone();
    let at = format!("/scim/v2/Users/{}", id.as_str().unwrap());
    let shown = world
        .get(&format!("{at}?attributes=name.familyName,emails.value"))
        .await;
    assert_eq!(
        shown,
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": id, "name": {"familyName": "Zola"},
            "emails": [{"value": "e@home.example"}, {"value": "e@work.example"}]})
    );
    let shown = world
        .get(&format!(
            "{at}?excludedAttributes=name.familyName,emails.type,meta"
        ))
        .await;
    assert_eq!(shown["name"], json!({"givenName": "Émile"}));
    assert_eq!(
        shown["emails"][1],
        json!({"value": "e@work.example", "primary": true})
    );
    assert!(shown["meta"].is_null() && shown["userName"] == "ÉMILE");
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User:userName";
    let shown = world.get(&format!("{at}?attributes={urn}")).await;
    assert_eq!(shown.as_object().unwrap().len(), 3, "{shown}");
    // What was made or changed is shown alike.
    let body = json!({"userName": "gus", "displayName": "Gus"});
    let sent = Sent::to("POST", "/scim/v2/Users?attributes=userName")
        .by(ALL)
        .json(&body);
    let made = world.send(sent).await.is(201);
    assert!(made.header("location").ends_with("/Users/Z3Vz"));
    assert_eq!(made.json().as_object().unwrap().len(), 3);
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": "Z3Vz"}]}]});
    let lean = world
        .ask(
            "PATCH",
            "/scim/v2/Groups/corp-b?excludedAttributes=members",
            Some(patch),
        )
        .await
        .is(200)
        .json();
    assert_eq!(
        (&lean["displayName"], &lean["members"]),
        (&json!("corp-b"), &Value::Null)
    );
    assert_eq!(
        world.get("/scim/v2/Groups/corp-b").await["members"][0]["value"],
        "Z3Vz"
    );
}
