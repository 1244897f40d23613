//! The phones page: who may open it, and what it says.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::{get, post};
use tower::ServiceExt as _;

use super::view::phone;
use super::*;
use crate::clock::Timestamp;
use crate::demo::seed::people;
use crate::secret::random_id;

fn guarded() -> Router {
    let own = SocketAddr::from(([127, 0, 0, 1], 9000));
    Router::new()
        .route("/", get(|| async { "keys" }))
        .route("/switch", post(|| async { "switched" }))
        .layer(axum::middleware::from_fn_with_state(own, guard::own_pages_only))
}

async fn status(method: &str, path: &str, fields: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    guarded()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
        .status()
}

#[tokio::test]
async fn only_its_own_address_opens_the_page() {
    assert_eq!(
        status("GET", "/", &[("host", "127.0.0.1:9000")]).await,
        StatusCode::OK
    );
    assert_eq!(
        status("GET", "/", &[("host", "localhost:9000")]).await,
        StatusCode::OK
    );
    for host in [
        "evil.example:9000",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1.evil.example:9000",
        "",
    ] {
        let got = status("GET", "/", &[("host", host)]).await;
        assert_eq!(got, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    assert_eq!(status("GET", "/", &[]).await, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn f4_another_sites_page_switches_nothing() {
    let host = ("host", "127.0.0.1:9000");
    for own in [
        ("origin", "http://127.0.0.1:9000"),
        ("sec-fetch-site", "same-origin"),
    ] {
        assert_eq!(
            status("POST", "/switch", &[host, own]).await,
            StatusCode::OK,
            "{own:?}"
        );
    }
    for other in [
        &[][..],
        &[("origin", "null")],
        &[("origin", "http://evil.example")],
        &[("origin", "https://127.0.0.1:9000")],
        &[
            ("origin", "http://127.0.0.1:8080"),
            ("sec-fetch-site", "same-site"),
        ],
        &[
            ("origin", "http://127.0.0.1:8080"),
            ("sec-fetch-site", "same-origin"),
        ],
        &[("sec-fetch-site", "none")],
    ] {
        let fields = [&[host], other].concat();
        assert_eq!(
            status("POST", "/switch", &fields).await,
            StatusCode::FORBIDDEN,
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn a_phone_shows_its_own_messages_newest_first_and_skips_half_a_line() {
    let path = std::env::temp_dir().join(format!("doorstep-inbox-{}", random_id()));
    assert_eq!(inbox::read(&path).await.unwrap(), []);
    let line = |to: &str, token: &str| {
        let at = "2026-11-24T14:30:00Z";
        serde_json::json!({ "to": to, "text": format!("Token {token}"), "token": token, "at": at })
            .to_string()
    };
    let people = people().unwrap();
    let bob = people
        .iter()
        .find(|person| person.login.starts_with("bob"))
        .unwrap();
    let bella = people
        .iter()
        .find(|person| person.login.starts_with("bella"))
        .unwrap();
    let lines = [
        line(bob.phone, "111111"),
        line(bella.phone, "222222"),
        line(bob.phone, "333333"),
    ];
    std::fs::write(&path, lines.join("\n") + "\n{\"to\":\"+1415").unwrap();
    let messages = inbox::read(&path).await.unwrap();
    std::fs::remove_file(&path).unwrap();

    let now = Timestamp(1_795_533_000_000);
    let shown = serde_json::json!(phone(bob, &messages, now));
    assert_eq!(shown["messages"][0]["token"], "333333");
    assert_eq!(shown["messages"][1]["token"], "111111");
    assert_eq!(shown["messages"].as_array().unwrap().len(), 2);
    assert_eq!(shown["key"]["key"], bob.key.as_ref().unwrap().at(now).0);
    assert_eq!(shown["login"], "bob@corp-b.example");
    let bella = serde_json::json!(phone(bella, &messages, now));
    assert!(bella["key"].is_null());
    assert_eq!(bella["messages"][0]["token"], "222222");
}

#[tokio::test]
async fn what_the_page_answers_stays_on_it() {
    let request = Request::get("/")
        .header("host", "localhost:9000")
        .body(Body::empty())
        .unwrap();
    let answer = guarded().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
}
