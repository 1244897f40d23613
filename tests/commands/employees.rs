//! Employees, their keys, and imports.

use serde_json::{Value, json};

use crate::place::Place;

#[test]
fn an_employee_is_added_shown_changed_and_removed() {
    let place = Place::new();
    place.with_anna();
    let anna = json!({
        "login": "anna", "firm": "corp-a", "name": "Anna", "phone": "+14155552671", "email": null,
        "role": "tech", "state": "ready",
    });
    assert_eq!(place.json(&["employee", "show", "ANNA"]), anna);
    assert_eq!(place.json(&["employee", "list"]), json!([anna]));
    place.ok(&[
        "employee", "set", "anna", "--role", "admin", "--phone", "", "--alias", "a.smith",
    ]);
    let shown = place.json(&["employee", "show", "a.smith"]);
    let told = (&shown["role"], &shown["phone"], &shown["state"]);
    assert_eq!(told, (&json!("admin"), &Value::Null, &json!("no_phone")));
    assert_eq!(place.ok(&["employee", "list", "--state", "ready"]), "");
    place.ok(&["employee", "set", "anna", "--state", "inactive"]);
    assert!(
        place
            .ok(&["employee", "show", "anna"])
            .contains("state  inactive\n")
    );
    place.ok(&["employee", "remove", "anna"]);
    assert!(
        place
            .refused(1, &["employee", "show", "anna"])
            .contains("there is no employee anna")
    );
    assert!(place.refused(1, &["employee", "unlock", "anna"]).contains("anna"));
}

#[test]
fn an_enrolled_key_is_handed_over_counts_at_once_and_goes_with_a_reset() {
    let place = Place::new();
    place.with_anna();
    let uri = place.json(&["employee", "enroll-totp", "anna"])["uri"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        totp_rs::Totp::from_url(&uri).unwrap().issuer(),
        Some("Example Portal")
    );
    let printed = place.ok(&["employee", "enroll-totp", "anna", "--name", "Second"]);
    assert!(
        printed.starts_with("otpauth://totp/") && printed.contains('▄'),
        "{printed}"
    );
    let shown = place.ok(&["employee", "show", "anna"]);
    assert!(
        shown.contains("factor  totp (Authenticator app)") && shown.contains("factor  totp (Second)"),
        "{shown}"
    );
    let reset = place.json(&["employee", "reset", "anna"]);
    assert_eq!(reset["login"], "anna");
    let passcode = reset["passcode"].as_str().unwrap();
    assert_eq!(passcode.len(), 19);
    assert!(reset["expires_at"].as_str().unwrap().ends_with('Z'));
    assert!(!place.ok(&["employee", "show", "anna"]).contains("factor  "));
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    let audit = place.ok(&["audit", "list"]);
    assert!(
        audit.contains("employee.reset") && !audit.contains(secret) && !audit.contains(passcode),
        "{audit}"
    );
}

#[test]
fn an_import_is_all_or_nothing_and_names_every_bad_line() {
    let place = Place::new();
    place.with_anna();
    let header = "\u{feff}login,name,phone,firm,role,email\r\n";
    let rows =
        "ben,Ben,,corp-a,tech,\r\nANNA,Anna,,corp-a,,\r\ncarl,Carl,12,corp-a,,\r\ndan,Dan,,corp-b,,\r\n";
    let bad = place.write("bad.csv", format!("{header}{rows}"));
    let err = place.refused(1, &["employee", "import", &bad]);
    for line in [3, 4, 5] {
        assert!(err.contains(&format!("{bad}:{line}: ")), "{line}: {err}");
    }
    assert!(!err.contains(&format!("{bad}:2:")), "{err}");
    let firm = place.write(
        "firm.csv",
        format!("{header}ben,Ben,,corp-a,,\r\ndan,Dan,,corp-b,,\r\n"),
    );
    assert!(
        place
            .refused(1, &["employee", "import", &firm])
            .contains("firm.csv:3: ")
    );
    assert_eq!(place.ok(&["employee", "list"]).lines().count(), 1);
    let row = "ben,\"Ben, B.\",+1 415 555 2672,corp-a,admin,b@corp-a.example";
    let good = place.write("good.csv", format!("{header}{row}\r\n"));
    assert_eq!(place.json(&["employee", "import", &good]), json!({"imported": 1}));
    let exported = place.ok(&["employee", "export"]);
    assert_eq!(
        exported,
        "login,name,phone,firm,role,email\nanna,Anna,+14155552671,corp-a,tech,\n\
         ben,\"Ben, B.\",+14155552672,corp-a,admin,b@corp-a.example\n"
    );
    let other = Place::new();
    other.ok(&["firm", "add", "corp-a", "--name", "Corp A"]);
    let file = other.write("again.csv", &exported);
    other.ok(&["employee", "import", &file]);
    assert_eq!(other.ok(&["employee", "export"]), exported);
}
