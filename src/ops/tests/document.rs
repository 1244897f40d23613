use crate::ops::openapi::document;

/// The document as it was last looked at; `DOORSTEP_UPDATE=1` writes it anew.
#[test]
fn the_openapi_document_is_the_one_that_was_reviewed() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let made = format!("{:#}\n", document());
    if std::env::var_os("DOORSTEP_UPDATE").is_some() {
        std::fs::write(file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        kept == made,
        "docs/openapi.json differs: look at it with DOORSTEP_UPDATE=1 and git diff"
    );
}

#[test]
fn every_operation_says_how_it_refuses_and_needs_the_bearer() {
    let document = document();
    assert_eq!(document["security"][0]["bearer"], serde_json::json!([]));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.contains_key("401") && responses.contains_key("503"),
                "{method} {path}"
            );
            for (status, response) in responses {
                let has_body = status != "204";
                assert_eq!(
                    response["content"].is_object(),
                    has_body,
                    "{method} {path} {status}"
                );
            }
        }
    }
}
