//! Usage, configuration, keys, audit.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::place::{CONFIG, Place};

#[test]
fn check_explains_a_good_file_and_points_at_what_is_wrong_in_a_bad_one() {
    let place = Place::new();
    let words = place.ok(&["check"]);
    assert!(
        words.contains("A POST of /login is a login") && words.contains("\nHoles\n"),
        "{words}"
    );
    assert_eq!(place.json(&["check"])["valid"], true);
    let bad = place.write("bad.toml", CONFIG.replace("upstream", "upstraem"));
    for words in [
        ["check", "--config", &bad],
        ["--config", &bad, "check"],
        ["run", "--config", &bad],
    ] {
        let err = place.refused(2, &words);
        assert!(
            err.contains(&format!("{bad}:9:1: unknown key `upstraem`")),
            "{err}"
        );
        assert!(
            err.contains(&format!("{bad}:7:1: missing key `upstream`")),
            "{err}"
        );
    }
    let err = place.refused(2, &["check", "--config", "/nowhere.toml"]);
    assert!(
        err.contains("/nowhere.toml:1:1:") && err.contains("--config"),
        "{err}"
    );
}

#[test]
fn usage_errors_exit_with_2() {
    let place = Place::new();
    for words in [
        &["fly"] as &[&str],
        &["firm", "add", "corp a", "--name", "A"],
        &["firm", "break-glass", "corp-a", "--for", "soon", "--reason", "x"],
        &["session", "revoke"],
        &["session", "revoke", "--all", "--login", "anna"],
        &["session", "revoke", "xyz"],
        &["employee", "set", "anna"],
        &[
            "employee", "add", "anna", "--firm", "a", "--name", "A", "--phone", "12",
        ],
        &["audit", "list", "--since", "yore"],
    ] {
        place.refused(2, words);
    }
}

#[test]
fn a_key_file_is_made_once_without_any_configuration() {
    let place = Place::bare();
    std::fs::remove_file(place.folder.join("doorstep.toml")).unwrap();
    let key = place.folder.join("doorstep.key");
    let words = ["key", "new", key.to_str().unwrap()];
    place.ok(&words);
    let before = std::fs::read(&key).unwrap();
    assert!(place.refused(1, &words).contains("never overwritten"));
    assert_eq!(std::fs::read(&key).unwrap(), before);
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_missing_key_file_is_told_with_what_to_do() {
    let err = Place::bare().refused(1, &["firm", "list"]);
    assert!(
        err.contains("doorstep.key") && err.contains("doorstep key new"),
        "{err}"
    );
}

#[test]
fn the_audit_chain_holds_until_somebody_writes_into_it() {
    let place = Place::new();
    place.with_anna();
    assert_eq!(place.json(&["audit", "verify"])["holds"], true);
    let entries = place.json(&["audit", "list", "--limit", "1"]);
    assert_eq!(
        (&entries[0]["actor"], &entries[0]["login"]),
        (&json!("ops"), &json!("anna"))
    );
    assert!(entries[0]["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(place.ok(&["audit", "list", "--since", "2100-01-01"]), "");
    let file = place.folder.join("doorstep.db");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        use sqlx::Connection as _;
        sqlx::any::install_default_drivers();
        let mut db = sqlx::AnyConnection::connect(&format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        let change = sqlx::query("UPDATE audit SET actor = 'nobody' WHERE seq = 1");
        assert_eq!(change.execute(&mut db).await.unwrap().rows_affected(), 1);
    });
    assert!(place.refused(1, &["audit", "verify"]).contains("broken at row 1"));
}

#[test]
fn keys_are_rotated_and_what_was_sealed_opens() {
    let place = Place::new();
    place.with_anna();
    place.ok(&["employee", "enroll-totp", "anna"]);
    let file = place.folder.join("doorstep.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let rotated = place.json(&["key", "rotate"]);
    assert!(rotated["resealed"].as_u64().unwrap() >= 2, "{rotated}");
    let new = std::fs::read_to_string(&file).unwrap();
    let old_key = old.lines().last().unwrap();
    assert!(new.ends_with(&format!("{old_key}\n")) && new.len() > old.len());
    assert!(place.ok(&["employee", "show", "anna"]).contains("+14155552671"));
    // Nothing needs the old key any more.
    let newest: Vec<&str> = new.lines().filter(|line| *line != old_key).collect();
    place.write("doorstep.key", newest.join("\n"));
    assert!(place.ok(&["employee", "show", "anna"]).contains("+14155552671"));
}

#[test]
fn keys_rotated_twice_at_once_lose_nothing() {
    let place = Place::new();
    place.with_anna();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| place.ok(&["key", "rotate"]));
        }
    });
    let keys = std::fs::read_to_string(place.folder.join("doorstep.key")).unwrap();
    assert_eq!(
        keys.lines().filter(|line| line.starts_with('k')).count(),
        5,
        "{keys}"
    );
    assert!(place.ok(&["employee", "show", "anna"]).contains("+14155552671"));
}
