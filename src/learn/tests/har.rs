//! Recordings as different browsers export them.

use serde_json::{Value, json};

use super::*;
use crate::learn::read_har;

const LOGIN: &str = "<form method=post><input name=user><input name=password type=password></form>";

fn read(entries: &Value) -> Recording {
    let file = json!({"log": {"version": "1.2", "entries": entries}}).to_string();
    read_har(file.as_bytes(), Some("http://127.0.0.1:8081"), "a.har", NOW)
        .unwrap_or_else(|why| panic!("{why}"))
}

fn entry(method: &str, url: &str, status: u16) -> Value {
    json!({
        "startedDateTime": "2026-11-24T10:00:00.000+01:00",
        "request": {"method": method, "url": url, "headers": [], "cookies": []},
        "response": {"status": status, "headers": [], "cookies": [], "content": {"size": 0, "mimeType": "text/html"}},
    })
}

#[test]
fn cookies_stand_in_lists_of_their_own_or_in_joined_lines() {
    let mut in_list = entry("GET", "http://p.example/", 200);
    in_list["request"]["cookies"] = json!([{"name": "a", "value": "1"}]);
    in_list["response"]["cookies"] = json!([
        {"name": "sid", "value": "x", "path": "/", "httpOnly": true, "expires": "2030-01-01T00:00:00.000Z"},
        {"name": "gone", "value": "x", "expires": "1970-01-01T00:00:00.000Z"},
    ]);
    let mut joined = entry("GET", "http://p.example/b", 200);
    joined["response"]["headers"] = json!([{"name": "Set-Cookie", "value": "one=1; HttpOnly\ntwo=2"}]);
    let recording = read(&json!([in_list, joined]));
    let answers: Vec<Vec<(&str, bool, bool)>> = recording
        .exchanges
        .iter()
        .map(|exchange| {
            let cookies = &exchange.answer.as_ref().unwrap().cookies;
            cookies
                .iter()
                .map(|cookie| (cookie.name.as_str(), cookie.http_only, cookie.alive))
                .collect()
        })
        .collect();
    assert_eq!(answers[0], [("sid", true, true), ("gone", false, false)]);
    assert_eq!(answers[1], [("one", true, true), ("two", false, true)]);
    assert_eq!(recording.exchanges[0].cookies[0].0, "a");
    assert!(recording.remarks.is_empty(), "{:?}", recording.remarks);
}

#[test]
fn a_form_stands_as_text_as_parameters_or_as_parts() {
    let post = |data: Value, password: &str, status: u16| {
        let mut entry = entry("POST", "http://p.example/login", status);
        let filled = data.to_string().replace("PASSWORD", password);
        entry["request"]["postData"] = serde_json::from_str(&filled).unwrap();
        entry
    };
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(LOGIN);
    let mut page = entry("GET", "http://p.example/login", 200);
    page["response"]["content"] = json!({"mimeType": "text/html", "encoding": "base64", "text": encoded});
    for (data, username) in [
        (
            json!({"mimeType": "application/x-www-form-urlencoded; charset=UTF-8", "text": "user=anna&password=PASSWORD"}),
            "form",
        ),
        (
            json!({"mimeType": "application/x-www-form-urlencoded", "params": [
                {"name": "user", "value": "anna%40x"}, {"name": "password", "value": "PASSWORD"}]}),
            "form",
        ),
        (
            json!({"mimeType": "multipart/form-data; boundary=----x", "params": [
                {"name": "user", "value": "anna"}, {"name": "password", "value": "PASSWORD"}]}),
            "multipart",
        ),
        (
            json!({"mimeType": "application/json", "text": "{\"user\":\"anna\",\"password\":\"PASSWORD\"}"}),
            "json",
        ),
    ] {
        let mut right = post(data.clone(), RIGHT, 302);
        right["response"]["headers"] = json!([
            {"name": "location", "value": "/home"}, {"name": "set-cookie", "value": "sid=0123456789abcdef0123; HttpOnly"}]);
        let recording = read(&json!([page, post(data, WRONG, 401), right]));
        let learned = learn(&recording, NOW).unwrap_or_else(|why| panic!("{username}: {why}"));
        let place = if username == "json" { "/user" } else { "user" };
        has(
            &learned,
            &[
                &format!("username = {{ {username} = \"{place}\" }}"),
                "login_page = \"/login\"",
            ],
        );
        assert!(!learned.section.contains(WRONG) && !learned.section.contains(RIGHT));
    }
}

#[test]
fn requests_without_an_answer_and_odd_addresses_are_passed_over() {
    let recording = read(&json!([
        entry("GET", "data:text/plain,x", 200),
        entry("GET", "chrome-extension://x/y", 200),
        entry("GET", "http://p.example/lost", 0),
        entry("GET", "http://p.example/there", 200),
    ]));
    assert_eq!(recording.exchanges.len(), 2);
    assert!(recording.exchanges[0].answer.is_none());
}
