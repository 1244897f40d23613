use serde_json::json;

use super::world::{ALL, Sent, World};

#[tokio::test]
async fn firms_are_made_listed_changed_and_never_lost_to_a_race() {
    let world = World::new().await;
    let made = world
        .post(
            "/v1/firms",
            json!({"id": "corp-a", "name": "Corp A", "policy": {"factors": ["sms", "totp"], "idle_timeout": "15m"}}),
        )
        .await
        .is(201);
    assert_eq!(made.header("location"), "/v1/firms/corp-a");
    assert_eq!(
        made.json(),
        json!({"id": "corp-a", "name": "Corp A", "two_factor": {"enabled": false, "from": null},
            "policy": {"factors": ["sms", "totp"], "idle_timeout": "15m"}})
    );
    world
        .post("/v1/firms", json!({"id": "corp-a", "name": "Again"}))
        .await
        .is(409);
    let shown = world.ask("GET", "/v1/firms/corp-a", None).await.is(200);
    let etag = shown.header("etag").to_owned();
    assert_eq!(etag, made.header("etag"));
    let patch = |etag: &str, body: serde_json::Value| {
        let sent = Sent::to("PATCH", "/v1/firms/corp-a").by(ALL).json(&body);
        world.send(sent.with("if-match", etag))
    };
    let changed = patch(
        &etag,
        json!({"name": "Corp B", "policy": {"idle_timeout": null, "carry_over": false}}),
    )
    .await
    .is(200);
    assert_eq!(changed.json()["name"], "Corp B");
    assert_eq!(
        changed.json()["policy"],
        json!({"factors": ["sms", "totp"], "carry_over": false})
    );
    assert_ne!(changed.header("etag"), etag);
    patch(&etag, json!({"name": "Lost"})).await.is(412);
    patch("*", json!({"name": "Corp C"})).await.is(200);
    assert_eq!(world.get("/v1/firms/corp-a").await["name"], "Corp C");
    let row = world.audited("firm.changed").await;
    assert_eq!(
        (&row["actor"], &row["from"]),
        (&json!("api:ops"), &json!("192.0.2.7"))
    );
}

#[tokio::test]
async fn what_does_not_fit_a_firm_is_422_and_changes_nothing() {
    let world = World::new().await;
    world.firm("corp-a", &[]).await;
    for body in [
        json!({"name": ""}),
        json!({"name": "a\u{0}b"}),
        json!({"colour": "red"}),
        json!({"two_factor": {"enabled": true}}),
        json!({"policy": {"colour": "red"}}),
        json!({"policy": {"factors": ["email"]}}),
        json!({"policy": {"factors": ["sms,totp"]}}),
        json!({"policy": {"networks": ["0.0.0.0/0"]}}),
        json!({"policy": {"idle_timeout": "2h"}}),
        json!({"policy": {"sessions_per_employee": 0}}),
        json!({"policy": {"logins": "all"}}),
        json!([]),
    ] {
        world.ask("PATCH", "/v1/firms/corp-a", Some(body)).await.is(422);
    }
    for body in [
        json!({"id": "Corp-B", "name": "b"}),
        json!({"id": "a/b", "name": "b"}),
        json!({"id": "b"}),
    ] {
        world.post("/v1/firms", body).await.is(422);
    }
    assert_eq!(world.get("/v1/firms/corp-a").await["name"], "corp-a");
    assert_eq!(world.get("/v1/firms").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn i10_the_flag_is_switched_with_the_list_of_who_is_not_ready() {
    let world = World::new().await;
    world
        .firm("corp-a", &[("anna", "+14155550102"), ("ben", ""), ("carl", "")])
        .await;
    world.session("anna").await;
    world.totp("carl").await;
    let put = |body: serde_json::Value| world.ask("PUT", "/v1/firms/corp-a/two-factor", Some(body));
    let epoch = world.epoch("corp-a").await;
    let dry = put(json!({"enabled": true, "dry_run": true}))
        .await
        .is(200)
        .json();
    assert_eq!(
        dry,
        json!({"firm": "corp-a", "enabled": false, "dry_run": true, "from": null, "ready": 2,
            "not_ready": ["ben"], "signed_in": ["anna"]})
    );
    let refused = put(json!({"enabled": true})).await.is(409).json();
    assert_eq!(refused["not_ready"], json!(["ben"]));
    assert_eq!(world.epoch("corp-a").await, epoch);
    let from = "2026-12-24T08:00:00Z";
    let forced = put(json!({"enabled": true, "force": true, "from": from}))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&forced["enabled"], &forced["from"]),
        (&json!(true), &json!(from))
    );
    let shown = world.get("/v1/firms/corp-a").await;
    assert_eq!(shown["two_factor"], json!({"enabled": true, "from": from}));
    assert!(world.epoch("corp-a").await > epoch);
    assert_eq!(world.audited("firm.two_factor_enabled").await["actor"], "api:ops");
    put(json!({"enabled": false})).await.is(200);
    assert_eq!(
        world.get("/v1/firms/corp-a").await["two_factor"]["enabled"],
        false
    );
    put(json!({"enabled": false, "from": from})).await.is(422);
    put(json!({"enabled": "yes"})).await.is(422);
    put(json!({})).await.is(422);
}

#[tokio::test]
async fn break_glass_is_bounded_and_has_a_reason() {
    let world = World::new().await;
    world.firm("corp-a", &[]).await;
    let post = |body| world.post("/v1/firms/corp-a/break-glass", body);
    for body in [
        json!({"for": "1h", "reason": " "}),
        json!({"for": "1h"}),
        json!({"for": "0", "reason": "x"}),
        json!({"for": "31d", "reason": "x"}),
        json!({"for": "soon", "reason": "x"}),
    ] {
        post(body).await.is(422);
    }
    let open = post(json!({"for": "1h", "reason": "provider down"}))
        .await
        .is(200)
        .json();
    assert_eq!(open["reason"], "provider down");
    assert_eq!(
        world.audited("firm.break_glass").await["details"]["reason"],
        "provider down"
    );
}

#[tokio::test]
async fn a_list_pages_by_cursor_to_its_end() {
    let world = World::new().await;
    for number in 0..7 {
        let id = format!("f{number}");
        world
            .post("/v1/firms", json!({"id": id, "name": id}))
            .await
            .is(201);
    }
    let (mut ids, mut target) = (Vec::new(), "/v1/firms?limit=3".to_owned());
    loop {
        let page = world.get(&target).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        ids.extend(items.iter().map(|firm| firm["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => target = format!("/v1/firms?limit=3&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(ids, ["f0", "f1", "f2", "f3", "f4", "f5", "f6"]);
    for query in ["limit=0", "limit=501", "limit=x", "cursor=%25", "colour=red"] {
        world
            .ask("GET", &format!("/v1/firms?{query}"), None)
            .await
            .is(422);
    }
}
