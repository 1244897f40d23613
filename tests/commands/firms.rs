//! Firms, their flag and their policy.

use serde_json::json;

use crate::place::Place;

#[test]
fn a_firm_is_added_shown_and_changed() {
    let place = Place::new();
    place.ok(&["firm", "add", "corp-a", "--name", "Corp A"]);
    assert!(
        place
            .refused(1, &["firm", "add", "Corp-A", "--name", "Again"])
            .contains("corp-a")
    );
    assert_eq!(place.ok(&["firm", "list"]), "corp-a\tCorp A\toff\t\n");
    let shown = place.ok(&["firm", "show", "corp-a"]);
    assert!(shown.lines().any(|line| line == "two_factor  off"), "{shown}");
    let words = [
        "firm",
        "set",
        "corp-a",
        "factors=sms,totp",
        "idle_timeout=15m",
        "name=Corp & A",
        "carry_over=no",
    ];
    place.ok(&words);
    assert_eq!(
        place.json(&["firm", "show", "corp-a"]),
        json!({
            "id": "corp-a", "name": "Corp & A", "two_factor": {"enabled": false, "from": null},
            "policy": {"factors": ["sms", "totp"], "idle_timeout": "15m", "carry_over": false},
        })
    );
    place.ok(&[
        "firm",
        "set",
        "corp-a",
        "factors=",
        "idle_timeout=",
        "carry_over=",
    ]);
    assert_eq!(place.json(&["firm", "list"])[0]["policy"], json!({}));
    assert!(
        place
            .refused(2, &["firm", "set", "corp-a", "colour=red"])
            .contains("colour")
    );
    assert!(
        place
            .refused(2, &["firm", "set", "corp-a", "idle_timeout=2h"])
            .contains("30m")
    );
    assert!(
        place
            .refused(1, &["firm", "show", "corp-b"])
            .contains("there is no firm corp-b")
    );
}

#[test]
fn enabling_is_refused_with_the_logins_that_are_not_ready() {
    let place = Place::new();
    place.with_anna();
    place.ok(&["employee", "add", "ben", "--firm", "corp-a", "--name", "Ben"]);
    let plan = place.json(&["firm", "enable-2fa", "corp-a", "--dry-run"]);
    let told = (&plan["ready"], &plan["not_ready"], &plan["enabled"]);
    assert_eq!(told, (&json!(1), &json!(["ben"]), &json!(false)));
    let err = place.refused(1, &["firm", "enable-2fa", "corp-a"]);
    assert!(
        err.contains("\n  ben\n") && err.contains("--force") && !err.contains("anna"),
        "{err}"
    );
    assert!(
        place
            .ok(&["firm", "show", "corp-a"])
            .contains("two_factor  off\n")
    );
    place.ok(&["firm", "enable-2fa", "corp-a", "--from", "2100-01-01", "--force"]);
    assert_eq!(
        place.json(&["firm", "show", "corp-a"])["two_factor"],
        json!({"enabled": true, "from": "2100-01-01T00:00:00Z"})
    );
    place.ok(&["employee", "enroll-totp", "ben"]);
    place.ok(&["firm", "enable-2fa", "corp-a"]);
    assert!(format!("{}\n", place.ok(&["firm", "show", "corp-a"])).contains("two_factor  on\n"));
    place.ok(&[
        "firm",
        "break-glass",
        "corp-a",
        "--for",
        "1h",
        "--reason",
        "phones are down",
    ]);
    assert!(place.ok(&["firm", "show", "corp-a"]).contains("phones are down"));
    place.ok(&["firm", "disable-2fa", "corp-a"]);
    assert!(
        place
            .ok(&["firm", "show", "corp-a"])
            .contains("two_factor  off\n")
    );
    let audit = place.ok(&["audit", "list", "--firm", "corp-a", "--event", "firm.*"]);
    let events: Vec<&str> = audit.lines().filter_map(|line| line.split('\t').nth(2)).collect();
    assert!(
        events.contains(&"firm.two_factor_enabled") && events.contains(&"firm.two_factor_disabled"),
        "{events:?}"
    );
}
