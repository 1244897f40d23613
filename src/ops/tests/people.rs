use serde_json::{Value, json};

use super::world::{ALL, Sent, World};

#[tokio::test]
async fn employees_are_made_found_changed_and_removed() {
    let world = World::new().await;
    world.firm("corp-a", &[("zoe", "")]).await;
    let new = json!({"login": "anna+x@corp-a.example", "firm": "corp-a", "name": "Anna", "phone": "+1 415 555 2671",
        "email": "anna@corp-a.example", "role": "admin"});
    let made = world.post("/v1/employees", new.clone()).await.is(201);
    let at = made.header("location").to_owned();
    let mut expected = new.clone();
    expected["phone"] = json!("+14155552671");
    expected["state"] = json!("ready");
    assert_eq!(made.json(), expected);
    assert_eq!(world.get(&at).await, expected);
    world.post("/v1/employees", new).await.is(409);
    let changed = world
        .ask(
            "PATCH",
            &at,
            Some(json!({"phone": null, "role": "tech", "aliases": ["anna2"], "state": "inactive"})),
        )
        .await
        .is(200)
        .json();
    assert_eq!(
        (&changed["phone"], &changed["role"], &changed["state"]),
        (&Value::Null, &json!("tech"), &json!("inactive"))
    );
    assert_eq!(world.get("/v1/employees/ANNA2").await["name"], "Anna");
    world
        .ask("PATCH", "/v1/employees/zoe", Some(json!({"aliases": ["Anna2"]})))
        .await
        .is(409);
    for (query, logins) in [
        ("", vec!["anna+x@corp-a.example", "zoe"]),
        ("?q=ANN", vec!["anna+x@corp-a.example"]),
        ("?state=inactive", vec!["anna+x@corp-a.example"]),
        ("?state=no_phone&firm=corp-a", vec!["zoe"]),
        ("?firm=corp-b", vec![]),
    ] {
        let listed = world.get(&format!("/v1/employees{query}")).await;
        let found: Vec<&str> = listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["login"].as_str().unwrap())
            .collect();
        assert_eq!(found, logins, "{query}");
    }
    world.ask("DELETE", &at, None).await.is(204);
    world.ask("DELETE", &at, None).await.is(404);
    world.ask("GET", &at, None).await.is(404);
}

#[tokio::test]
async fn what_does_not_fit_an_employee_is_422() {
    let world = World::new().await;
    world.firm("corp-a", &[("ben", "")]).await;
    let new = json!({"login": "x", "firm": "corp-a", "name": "X"});
    for (key, value) in [
        ("login", json!("")),
        ("login", json!("a\u{200b}b")),
        ("firm", json!("corp-z")),
        ("phone", json!("12")),
        ("phone", json!(12)),
        ("email", json!("nobody")),
        ("role", json!("root")),
        ("state", json!("ready")),
        ("name", json!("a\nb")),
    ] {
        let mut body = new.clone();
        body[key] = value;
        world.post("/v1/employees", body).await.is(422);
    }
    for query in ["state=odd", "limit=501", "firm=a%2Fb"] {
        world
            .ask("GET", &format!("/v1/employees?{query}"), None)
            .await
            .is(422);
    }
    let form = Sent::to("POST", "/v1/employees")
        .by(super::world::ALL)
        .text("login=x");
    world
        .send(form.with("content-type", "application/x-www-form-urlencoded"))
        .await
        .is(415);
}

#[tokio::test]
async fn a_page_of_a_state_is_full_where_there_are_enough() {
    let world = World::new().await;
    let people: Vec<String> = (0..9).map(|number| format!("p{number}")).collect();
    let people: Vec<(&str, &str)> = people
        .iter()
        .enumerate()
        .map(|(place, login)| (login.as_str(), if place % 3 == 0 { "+14155550102" } else { "" }))
        .collect();
    world.firm("corp-a", &people).await;
    let first = world.get("/v1/employees?state=ready&limit=2").await;
    let logins = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|one| one["login"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(logins(&first), ["p0", "p3"]);
    let next = first["next"].as_str().unwrap();
    let second = world
        .get(&format!("/v1/employees?state=ready&limit=2&cursor={next}"))
        .await;
    assert_eq!(
        (logins(&second), &second["next"]),
        (vec!["p6".to_owned()], &Value::Null)
    );
}

#[tokio::test]
async fn a_reset_answers_its_passcode_once_and_takes_the_factors() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", "+14155550102")]).await;
    let factor = world.totp("anna").await;
    let listed = world.get("/v1/employees/anna/factors").await;
    assert_eq!(listed["items"][0]["id"], factor.as_str());
    assert_eq!(
        world.get(&format!("/v1/employees/anna/factors/{factor}")).await["kind"],
        "totp"
    );
    let reset = world.ask("POST", "/v1/employees/Anna/reset", None).await.is(200);
    assert_eq!(reset.json()["login"], "anna");
    let passcode = reset.json()["passcode"].as_str().unwrap().to_owned();
    assert_eq!(passcode.len(), 19);
    assert_eq!(world.get("/v1/employees/anna/factors").await["items"], json!([]));
    let audit = world.get("/v1/audit").await.to_string();
    assert!(!audit.contains(&passcode) && !audit.contains("4155550102"), "I12");
    world.ask("POST", "/v1/employees/anna/unlock", None).await.is(200);
}

#[tokio::test]
async fn i14_removing_a_factor_ends_the_sessions_made_with_it() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", ""), ("ben", "")]).await;
    let factor = world.totp("anna").await;
    let epoch = |login: &'static str| {
        let world = &world;
        async move {
            let login = crate::gate::Login::parse(login).unwrap();
            world
                .door
                .directory
                .standing(&login)
                .await
                .unwrap()
                .unwrap()
                .epoch
        }
    };
    let (anna, ben) = (epoch("anna").await, epoch("ben").await);
    world
        .ask("DELETE", &format!("/v1/employees/ben/factors/{factor}"), None)
        .await
        .is(404);
    world
        .ask("DELETE", &format!("/v1/employees/anna/factors/{factor}"), None)
        .await
        .is(204);
    world
        .ask("DELETE", &format!("/v1/employees/anna/factors/{factor}"), None)
        .await
        .is(404);
    assert!(epoch("anna").await > anna);
    assert_eq!(epoch("ben").await, ben);
    let row = world.audited("factor.removed").await;
    assert_eq!(
        (&row["login"], &row["details"]["factor"]),
        (&json!("anna"), &json!(factor))
    );
}

#[tokio::test]
async fn i14_recovery_codes_are_listed_as_one_factor_and_removed_as_one() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", ""), ("ben", "")]).await;
    let anna = crate::gate::Login::parse("anna").unwrap();
    let actor = crate::directory::Actor {
        name: "anna".into(),
        from: "test".into(),
    };
    let directory = &world.door.directory;
    let at = "/v1/employees/anna/factors";
    let codes = || directory.make_recovery_codes(&actor, &anna, super::world::START);
    let factor = world.totp("anna").await;
    let code = codes().await.unwrap().remove(0);
    directory
        .spend_recovery_code(&anna, code.reveal(), super::world::START)
        .await
        .unwrap();
    let listed = world.get(at).await;
    assert_eq!(
        listed["items"][1],
        json!({"id": "recovery_codes", "kind": "recovery_code", "name": "9 codes left", "added": "2026-11-18T11:06:40Z"}),
        "{listed}"
    );
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(code.reveal()), "I12");
    let one = format!("{at}/recovery_codes");
    assert_eq!(world.get(&one).await, listed["items"][1]);
    let epoch = directory.standing(&anna).await.unwrap().unwrap().epoch;
    world
        .ask("DELETE", "/v1/employees/ben/factors/recovery_codes", None)
        .await
        .is(404);
    world.ask("DELETE", &one, None).await.is(204);
    assert_eq!(directory.recovery_codes_left(&anna).await.unwrap(), 0);
    assert!(directory.standing(&anna).await.unwrap().unwrap().epoch > epoch);
    let row = world.audited("factor.removed").await;
    assert_eq!(
        (&row["login"], &row["details"]["kind"], &row["details"]["name"]),
        (&json!("anna"), &json!("recovery_code"), &json!("9 codes left"))
    );
    assert_eq!(world.get(at).await["items"][0]["id"], factor.as_str());
    world.ask("GET", &one, None).await.is(404);
    world.ask("DELETE", &one, None).await.is(404);
    // With all the rest.
    codes().await.unwrap();
    world.ask("DELETE", at, None).await.is(204);
    assert_eq!(world.get(at).await["items"], json!([]));
    assert_eq!(directory.recovery_codes_left(&anna).await.unwrap(), 0);
}

#[tokio::test]
async fn who_changed_since_is_not_removed_and_no_cache_keeps_an_answer() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", ""), ("ben", "")]).await;
    let shown = world.ask("GET", "/v1/employees/anna", None).await.is(200);
    assert_eq!(shown.header("cache-control"), "no-store");
    let etag = shown.header("etag").to_owned();
    let remove = |login: &str, etag: &str| {
        let sent = Sent::to("DELETE", &format!("/v1/employees/{login}")).by(ALL);
        world.send(sent.with("if-match", etag))
    };
    let changes = json!({"name": "Anna B"});
    world
        .ask("PATCH", "/v1/employees/anna", Some(changes))
        .await
        .is(200);
    remove("anna", &etag).await.is(412);
    let now = world.ask("GET", "/v1/employees/anna", None).await.is(200);
    let etag = now.header("etag").to_owned();
    remove("anna", &format!("W/{etag}")).await.is(412);
    remove("anna", &format!("\"x\", {etag}")).await.is(204);
    remove("anna", &etag).await.is(404);
    remove("ben", "*").await.is(204);
}

#[tokio::test]
async fn sessions_are_listed_shown_and_ended() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", "")]).await;
    world.firm("corp-b", &[("ben", "")]).await;
    let (anna, ben) = (world.session("anna").await, world.session("ben").await);
    assert_eq!(
        world.get("/v1/sessions").await["items"].as_array().unwrap().len(),
        2
    );
    let first = world.get("/v1/sessions?limit=1").await;
    let next = first["next"].as_str().unwrap();
    let second = world.get(&format!("/v1/sessions?limit=1&cursor={next}")).await;
    assert_ne!(first["items"], second["items"]);
    assert_eq!(
        world.get("/v1/sessions?login=ANNA").await["items"][0]["id"],
        anna.as_str()
    );
    assert_eq!(
        world.get("/v1/sessions?firm=corp-b").await["items"][0]["id"],
        ben.as_str()
    );
    assert_eq!(world.get(&format!("/v1/sessions/{ben}")).await["login"], "ben");
    world
        .ask("DELETE", &format!("/v1/sessions/{ben}"), None)
        .await
        .is(204);
    world.door.copies.refresh().await.unwrap();
    world
        .ask("DELETE", &format!("/v1/sessions/{ben}"), None)
        .await
        .is(404);
    assert_eq!(
        world.get("/v1/sessions").await["items"].as_array().unwrap().len(),
        1
    );
    let before = world.door.directory.counter().await.unwrap();
    world
        .ask("POST", "/v1/employees/anna/sign-out", None)
        .await
        .is(204);
    assert!(world.door.directory.counter().await.unwrap() > before, "I10");
    assert_eq!(world.audited("session.revoked").await["login"], "anna");
}

#[tokio::test]
async fn the_audit_pages_onwards_and_its_chain_is_verified() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", ""), ("ben", "")]).await;
    let first = world.get("/v1/audit?limit=2").await;
    let next = first["next"].as_str().unwrap();
    let second = world.get(&format!("/v1/audit?limit=2&cursor={next}")).await;
    let seqs = |page: &Value| -> Vec<i64> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["seq"].as_i64().unwrap())
            .collect()
    };
    assert_eq!((seqs(&first), seqs(&second)), (vec![1, 2], vec![3]));
    assert_eq!(seqs(&world.get("/v1/audit?login=ben").await), [3]);
    assert_eq!(seqs(&world.get("/v1/audit?event=firm.*").await), [1]);
    assert_eq!(seqs(&world.get("/v1/audit?since=2030-01-01").await), [0_i64; 0]);
    assert_eq!(
        world.get("/v1/audit/verify").await,
        json!({"holds": true, "rows": 3})
    );
    world.ask("GET", "/v1/audit?since=soon", None).await.is(422);
}

#[tokio::test]
async fn who_passed_on_a_password_is_reported_newest_first() {
    use crate::directory::{Actor, AuditEvent};
    use crate::gate::{FirmId, Login};
    let world = World::new().await;
    world.firm("corp-a", &[]).await;
    for login in ["anna", "ben", "carl"] {
        let event = AuditEvent {
            event: "login.passed_without_second_factor",
            actor: Actor {
                name: login.into(),
                from: "198.51.100.4".into(),
            },
            firm: FirmId::parse("corp-a").ok(),
            login: Login::parse(login).ok(),
            details: json!({"reason": "policy_off"}),
        };
        world
            .door
            .directory
            .audit(&event, super::world::START)
            .await
            .unwrap();
    }
    let first = world
        .get("/v1/reports/passed-without-2fa?firm=corp-a&limit=2")
        .await;
    assert_eq!(first["items"][0]["login"], "carl");
    assert_eq!(first["items"][0]["reason"], "policy_off");
    let next = first["next"].as_str().unwrap();
    let second = world
        .get(&format!("/v1/reports/passed-without-2fa?cursor={next}"))
        .await;
    assert_eq!(second["items"][0]["login"], "anna");
    assert_eq!(second["next"], Value::Null);
}
