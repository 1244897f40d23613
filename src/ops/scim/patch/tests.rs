use super::*;

fn patched(resource: &Value, operations: Value) -> Result<Value, ScimError> {
    let patch: Patch = serde_json::from_value(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations,
    }))
    .unwrap();
    let mut resource = resource.clone();
    patch.apply(&mut resource)?;
    Ok(resource)
}

#[test]
fn the_operations_of_rfc_7644_and_of_the_large_providers_are_applied() {
    let user = json!({"userName": "b", "active": true, "name": {"givenName": "Barbara"},
        "emails": [{"value": "b@work", "type": "work"}, {"value": "b@home", "type": "home"}]});
    for (operations, path, expected) in [
        (
            json!([{"op": "replace", "path": "active", "value": false}]),
            "/active",
            json!(false),
        ),
        (
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
            "/active",
            json!("False"),
        ),
        (
            json!([{"op": "replace", "value": {"active": false}}]),
            "/active",
            json!(false),
        ),
        (
            json!([{"op": "Add", "value": {"name.familyName": "J"}}]),
            "/name",
            json!({"givenName": "Barbara", "familyName": "J"}),
        ),
        (
            json!([{"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName", "value": "J"}]),
            "/name/familyName",
            json!("J"),
        ),
        (
            json!([{"op": "add", "path": "name", "value": {"familyName": "J"}}]),
            "/name",
            json!({"givenName": "Barbara", "familyName": "J"}),
        ),
        (
            json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x@work"}]),
            "/emails/0/value",
            json!("x@work"),
        ),
        (
            json!([{"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1"}]),
            "/phoneNumbers",
            json!([{"type": "mobile", "value": "+1"}]),
        ),
        (
            json!([{"op": "remove", "path": "emails[type eq \"work\" and value ew \"work\"]"}]),
            "/emails",
            json!([{"value": "b@home", "type": "home"}]),
        ),
        (
            json!([{"op": "add", "path": "EMAILS", "value": [{"value": "b@work"}, {"value": "c@work"}]}]),
            "/emails/2",
            json!({"value": "c@work"}),
        ),
        (
            json!([{"op": "replace", "path": "emails", "value": [{"value": "z"}]}]),
            "/emails",
            json!([{"value": "z"}]),
        ),
        (
            json!([{"op": "remove", "path": "emails"}]),
            "/emails",
            Value::Null,
        ),
        (
            json!([{"op": "remove", "path": "emails", "value": [{"value": "b@work"}]}]),
            "/emails",
            json!([{"value": "b@home", "type": "home"}]),
        ),
    ] {
        let after =
            patched(&user, operations.clone()).unwrap_or_else(|error| panic!("{operations}: {error:?}"));
        assert_eq!(after.pointer(path), Some(&expected), "{operations}");
    }
}

#[test]
fn who_joins_and_leaves_is_read_where_nothing_else_is_said() {
    let two = json!([{"value": "YQ"}, {"value": "Yg", "display": "b"}]);
    for (operations, expected) in [
        (
            json!([{"op": "Add", "path": "members", "value": two}]),
            Some("YQ Yg - "),
        ),
        (
            json!([{"op": "add", "path": "members", "value": two[0]}]),
            Some("YQ - "),
        ),
        (
            json!([{"op": "remove", "path": "members", "value": two}]),
            Some(" - YQ Yg"),
        ),
        (
            json!([{"op": "Remove", "path": "members[value eq \"YQ\"]"}]),
            Some(" - YQ"),
        ),
        (
            json!([{"op": "add", "path": "members", "value": two}, {"op": "remove", "path": "members", "value": [two[0]]}]),
            Some("Yg - YQ"),
        ),
        (json!([{"op": "remove", "path": "members"}]), None),
        (json!([{"op": "replace", "path": "members", "value": two}]), None),
        (json!([{"op": "add", "value": {"members": two}}]), None),
        (
            json!([{"op": "remove", "path": "members[display eq \"YQ\"]"}]),
            None,
        ),
        (
            json!([{"op": "remove", "path": "members[value eq \"a\" or value eq \"b\"]"}]),
            None,
        ),
        (
            json!([{"op": "add", "path": "members", "value": [{"display": "b"}]}]),
            None,
        ),
        (json!([{"op": "add", "path": "displayName", "value": "x"}]), None),
    ] {
        let patch: Patch = serde_json::from_value(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations,
        }))
        .unwrap();
        let read = patch.joins_and_leaves().unwrap();
        let read = read.map(|moves| format!("{} - {}", moves.joins.join(" "), moves.leaves.join(" ")));
        assert_eq!(read.as_deref(), expected, "{operations}");
    }
}

#[test]
fn what_is_no_patch_is_refused() {
    let user = json!({"userName": "b"});
    for operations in [
        json!([{"op": "remove"}]),
        json!([{"op": "move", "path": "a", "value": 1}]),
        json!([{"op": "add", "path": "a"}]),
        json!([{"op": "add", "value": "a"}]),
        json!([{"op": "add", "path": "a[b", "value": 1}]),
        json!([{"op": "add", "path": "", "value": 1}]),
        json!([{"op": "replace", "path": "emails[type pr]", "value": {}}]),
        json!([{"op": "replace", "path": "userName.part", "value": 1}]),
    ] {
        assert!(patched(&user, operations.clone()).is_err(), "{operations}");
    }
}
