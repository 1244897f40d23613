//! Remembered devices, changes of number, and all factors at once.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{ALL, START, Sent, World};
use crate::directory::{Actor, NewDevice, Phone};
use crate::gate::{FactorKind, Login};

fn actor() -> Actor {
    Actor {
        name: "anna".into(),
        from: "198.51.100.4".into(),
    }
}

fn anna() -> Login {
    Login::parse("anna").unwrap()
}

async fn remembered(world: &World, id: &str) {
    let person = world.door.directory.employee(&anna()).await.unwrap().unwrap();
    let device = NewDevice {
        id: id.into(),
        factor: FactorKind::Totp,
        hash: format!("hash of {id}"),
        password: "digest".into(),
        browser: "Firefox on Linux".into(),
        address: "198.51.100.4".into(),
        employee_epoch: person.standing.epoch,
        firm_epoch: person.standing.firm.epoch,
        expires: START.plus(Duration::from_secs(86_400)),
    };
    let directory = &world.door.directory;
    directory
        .remember_device(&actor(), &anna(), &device, START)
        .await
        .unwrap();
}

#[tokio::test]
async fn devices_are_listed_and_forgotten_one_by_one_or_all_at_once() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", ""), ("ben", "")]).await;
    for id in ["d1", "d2", "d3"] {
        remembered(&world, id).await;
    }
    let listed = world.get("/v1/employees/anna/devices").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert_eq!(listed["items"][0]["browser"], "Firefox on Linux");
    assert!(!listed.to_string().contains("hash"), "{listed}");
    assert_eq!(world.get("/v1/employees/anna/devices/d1").await["id"], "d1");
    world
        .ask("GET", "/v1/employees/ben/devices/d1", None)
        .await
        .is(404);
    world
        .ask("DELETE", "/v1/employees/ben/devices/d1", None)
        .await
        .is(404);
    world
        .ask("DELETE", "/v1/employees/anna/devices/d1", None)
        .await
        .is(204);
    world
        .ask("DELETE", "/v1/employees/anna/devices/d1", None)
        .await
        .is(404);
    assert_eq!(world.audited("device.forgotten").await["details"]["device"], "d1");
    world
        .ask("DELETE", "/v1/employees/anna/devices", None)
        .await
        .is(204);
    world
        .ask("DELETE", "/v1/employees/anna/devices", None)
        .await
        .is(204);
    assert_eq!(world.get("/v1/employees/anna/devices").await["items"], json!([]));
    world
        .ask("DELETE", "/v1/employees/nobody/devices", None)
        .await
        .is(404);
}

#[tokio::test]
async fn all_factors_go_at_once_and_the_sessions_with_them() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", "+14155550102")]).await;
    world.totp("anna").await;
    remembered(&world, "d1").await;
    let epoch = world.door.directory.employee(&anna()).await.unwrap().unwrap();
    world
        .ask("DELETE", "/v1/employees/anna/factors", None)
        .await
        .is(204);
    assert_eq!(world.get("/v1/employees/anna/factors").await["items"], json!([]));
    assert_eq!(world.get("/v1/employees/anna/devices").await["items"], json!([]));
    let after = world.door.directory.employee(&anna()).await.unwrap().unwrap();
    assert!(after.standing.epoch > epoch.standing.epoch);
    assert_eq!(after.phone, epoch.phone, "the number stays");
    assert_eq!(world.audited("factor.removed").await["details"]["kind"], "totp");
}

async fn asks(world: &World, number: &str) {
    let phone = Phone::parse(number, None).unwrap();
    let directory = &world.door.directory;
    directory
        .ask_phone_change(&actor(), &anna(), &phone, number, START)
        .await
        .unwrap();
}

#[tokio::test]
async fn i14_a_change_of_number_is_approved_or_cancelled_as_it_was_shown() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", "+14155550102")]).await;
    let at = "/v1/employees/anna/phone-change";
    world.ask("GET", at, None).await.is(404);
    world.post(at, json!({"approve": true})).await.is(404);
    world.ask("DELETE", at, None).await.is(404);
    asks(&world, "+14155550103").await;
    let shown = world.ask("GET", at, None).await.is(200);
    let first = shown.header("etag").to_owned();
    let change = shown.json();
    assert_eq!(change["phone"], "+14155550103");
    assert_eq!(
        (&change["approved_by"], &change["counts_from"]),
        (&Value::Null, &Value::Null)
    );
    let listed = world.get("/v1/employees?state=change_pending").await;
    assert_eq!(listed["items"][0]["login"], "anna");
    for unfit in [
        json!({}),
        json!({"approve": false}),
        json!({"approve": 1}),
        json!({"approve": true, "x": 1}),
    ] {
        world.post(at, unfit).await.is(422);
    }
    // Another number is asked for while ops look at the first.
    asks(&world, "+14155550104").await;
    for method in ["POST", "DELETE"] {
        let sent = Sent::to(method, at).by(ALL).with("if-match", &first);
        let sent = match method {
            "POST" => sent.json(&json!({"approve": true})),
            _ => sent,
        };
        world.send(sent).await.is(412);
    }
    let approved = world.post(at, json!({"approve": true})).await.is(200).json();
    assert_eq!(approved["phone"], "+14155550104");
    assert_eq!(approved["approved_by"], "api:ops");
    let hold = START.plus(Duration::from_secs(72 * 3600)).to_string();
    assert_eq!(approved["counts_from"], hold);
    world.post(at, json!({"approve": true})).await.is(409);
    assert_eq!(
        world.get("/v1/employees/anna").await["phone"],
        "+14155550102",
        "not before the hold is over"
    );
    world.ask("DELETE", at, None).await.is(204);
    world.ask("GET", at, None).await.is(404);
    let audit = world.get("/v1/audit?event=phone_change.*").await;
    let events: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        [
            "phone_change.asked",
            "phone_change.asked",
            "phone_change.approved",
            "phone_change.cancelled"
        ]
    );
    assert!(!audit.to_string().contains("4155550"), "I12");
}

#[tokio::test]
async fn an_employee_that_changed_since_is_412() {
    let world = World::new().await;
    world.firm("corp-a", &[("anna", "+14155550102")]).await;
    let shown = world.ask("GET", "/v1/employees/anna", None).await.is(200);
    let tag = shown.header("etag").to_owned();
    let patch = |body: Value| {
        Sent::to("PATCH", "/v1/employees/anna")
            .by(ALL)
            .with("if-match", &tag)
            .json(&body)
    };
    let changed = world.send(patch(json!({"aliases": ["anna2"]}))).await.is(200);
    assert_ne!(changed.header("etag"), tag);
    world.send(patch(json!({"name": "Anna"}))).await.is(412);
    assert_eq!(world.get("/v1/employees/anna").await["name"], "anna");
}
