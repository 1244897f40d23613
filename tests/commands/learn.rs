//! `doorstep learn --har`: from a browser's recording to a section that `check` takes.

use serde_json::{Value, json};

use super::place::Place;

const WRONG: &str = "Tr0ub4dor-and-3";
const RIGHT: &str = "correct-horse-battery";
const FORM: &str =
    "<form method=post action=/login><input name=\"email\"><input name=password type=password></form>";

fn pairs(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}

/// One entry as browsers write it.
fn entry(
    second: u32,
    method: &str,
    path: &str,
    sent: &[(&str, &str)],
    status: u16,
    got: &[(&str, &str)],
    text: &str,
) -> Value {
    json!({
        "startedDateTime": format!("2026-11-24T10:00:{second:02}.000Z"),
        "time": 12.5,
        "request": {
            "method": method, "url": format!("https://portal.example{path}"), "httpVersion": "h2",
            "headers": pairs(sent), "queryString": [], "cookies": [], "headersSize": -1, "bodySize": -1,
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "h2", "headers": pairs(got), "cookies": [],
            "content": {"size": text.len(), "mimeType": "text/html", "text": text},
            "redirectURL": "", "headersSize": -1, "bodySize": -1,
        },
        "cache": {}, "timings": {"send": 0, "wait": 1, "receive": 1},
    })
}

fn login(second: u32, password: &str, status: u16, got: &[(&str, &str)], text: &str) -> Value {
    let kind = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-mode", "navigate"),
    ];
    let mut entry = entry(second, "POST", "/login", &kind, status, got, text);
    entry["request"]["postData"] = json!({
        "mimeType": "application/x-www-form-urlencoded",
        "text": format!("email=anna%40acme.example&password={password}"),
        "params": [],
    });
    entry
}

fn recording(with_cookies: bool) -> Value {
    let html = [("content-type", "text/html")];
    let session = ("set-cookie", "sid=0123456789abcdef0123; Path=/; HttpOnly; Secure");
    let mut accepted = vec![("location", "https://portal.example/home")];
    accepted.extend(with_cookies.then_some(session));
    let navigates = [("sec-fetch-mode", "navigate"), (":authority", "portal.example")];
    let mut entries = vec![
        entry(1, "GET", "/login", &navigates, 200, &html, FORM),
        entry(
            2,
            "GET",
            "/static/a.css",
            &[],
            200,
            &[("content-type", "text/css")],
            "",
        ),
        login(3, WRONG, 200, &html, FORM),
        // Out of order, as some exports are.
        entry(
            9,
            "GET",
            "/logout",
            &navigates,
            302,
            &[("location", "/login")],
            "",
        ),
        login(5, RIGHT, 302, &accepted, ""),
        entry(6, "GET", "/home", &navigates, 200, &html, "in"),
    ];
    let mut elsewhere = entry(
        7,
        "GET",
        "/count.js",
        &[],
        200,
        &[("content-type", "text/javascript")],
        "",
    );
    elsewhere["request"]["url"] = "https://counter.example/count.js".into();
    entries.push(elsewhere);
    json!({"log": {"version": "1.2", "creator": {"name": "a browser", "version": "1"}, "entries": entries}})
}

#[test]
fn a_recording_becomes_a_section_that_check_takes() {
    let place = Place::new();
    let har = place.write("portal.har", recording(true).to_string());
    let section = place.ok(&["learn", "--har", &har, "--portal", "http://127.0.0.1:8081"]);
    for line in [
        "upstream = \"http://127.0.0.1:8081\"",
        "public = [\"/static/**\"]",
        "login_page = \"/login\"",
        "logout = [\"/logout\"]",
        "session_cookies = [\"sid\"]",
        "username = { form = \"email\" }",
        "success = { status = [302], location_not = \"/login**\", sets_cookie = \"sid\" }",
        "failure = { status = [200], body_contains = \"name=\\\"email\\\"\" }",
    ] {
        assert!(section.lines().any(|have| have == line), "{line}\n{section}");
    }
    assert!(
        section.contains("other addresses than https://portal.example"),
        "{section}"
    );
    let config =
        format!("[listen]\naddress = \"127.0.0.1:9\"\npublic_url = \"http://127.0.0.1:9\"\n{section}");
    let file = place.write("learned.toml", config);
    let said = place.ok(&["check", "--config", &file]);
    assert!(said.contains("A POST of /login is a login"), "{said}");
}

#[test]
fn i12_no_password_of_the_recording_is_printed() {
    let place = Place::new();
    let har = place.write("portal.har", recording(true).to_string());
    for words in [
        vec!["learn", "--har", &har],
        vec!["learn", "--har", &har, "--json"],
    ] {
        let said = place.run(&words);
        for secret in [WRONG, RIGHT, "0123456789abcdef0123"] {
            assert!(
                !said.out.contains(secret) && !said.err.contains(secret),
                "{}{}",
                said.out,
                said.err
            );
        }
    }
}

#[test]
fn the_answer_in_json_has_the_section_and_what_to_know() {
    let place = Place::new();
    let har = place.write("portal.har", recording(true).to_string());
    let answer = place.json(&["learn", "--har", &har]);
    assert!(
        answer["section"].as_str().unwrap().contains("[[portal.login]]"),
        "{answer}"
    );
    assert!(
        answer["seen"][0]
            .as_str()
            .unwrap()
            .starts_with("wrong password  POST /login"),
        "{answer}"
    );
    assert!(
        answer["warnings"].is_array() && answer["recipe"].is_null(),
        "{answer}"
    );
}

#[test]
fn a_recording_without_cookies_says_so() {
    let place = Place::new();
    let har = place.write("portal.har", recording(false).to_string());
    let section = place.ok(&["learn", "--har", &har]);
    let words = section.replace("\n#", "");
    assert!(words.contains("holds no cookies at all"), "{section}");
    assert!(words.contains("sensitive data"), "{section}");
}

#[test]
fn what_is_no_recording_is_a_usage_error() {
    let place = Place::new();
    for (name, text, words) in [
        ("a.har", "{", "no HAR file"),
        ("b.har", "{\"log\": {}}", "missing field `entries`"),
        ("c.har", "[]", "no HAR file"),
        ("d.har", "{\"log\": {\"entries\": []}}", "holds no request"),
        (
            "e.har",
            "{\"log\": {\"entries\": [{\"request\": {\"method\": \"hunter2-secret\"}}]}}",
            "missing field",
        ),
    ] {
        let har = place.write(name, text);
        let said = place.run(&["learn", "--har", &har]);
        assert_eq!(said.code, 2, "{name}: {}", said.err);
        assert!(
            said.err.contains(words) && said.err.contains(name),
            "{name}: {}",
            said.err
        );
        assert!(!said.err.contains("hunter2"), "{}", said.err);
    }
    let said = place.run(&["learn", "--har", "not-there.har"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert_eq!(place.run(&["learn"]).code, 2);
    assert_eq!(place.run(&["learn", "--portal", "nonsense"]).code, 2);
}

#[test]
fn a_recording_of_one_login_is_refused_with_what_is_missing() {
    let place = Place::new();
    let mut half = recording(true);
    half["log"]["entries"].as_array_mut().unwrap().retain(|entry| {
        entry["request"]["postData"]["text"]
            .as_str()
            .is_none_or(|text| !text.contains(RIGHT))
    });
    let har = place.write("half.har", half.to_string());
    let said = place.run(&["learn", "--har", &har]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("no accepted login was seen"), "{}", said.err);
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let place = Place::new();
    let har = place.write("portal.har", recording(true).to_string());
    let there = place.write("there.toml", "precious");
    let said = place.run(&["learn", "--har", &har, "--output", &there]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "precious");
    let new = place.folder.join("new.toml");
    let said = place.ok(&["learn", "--har", &har, "--output", new.to_str().unwrap()]);
    assert!(said.contains("in place of [portal]"), "{said}");
    assert!(std::fs::read_to_string(new).unwrap().contains("[portal]"));
}
