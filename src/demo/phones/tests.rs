//! The phones page: who may open it, and what it says.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::{get, post};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::view::phone;
use super::*;
use crate::clock::{SystemClock, Timestamp};
use crate::demo::seed::{self, people};
use crate::demo::workspace::Workspace;
use crate::secret::{KeyRing, random_id};

fn guarded() -> Router {
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let own = guard::Guard::new(at(9000), at(8080));
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
    let shown = serde_json::json!(phone(bob, Vec::new(), &messages, now));
    assert_eq!(shown["messages"][0]["token"], "333333");
    assert_eq!(shown["messages"][1]["token"], "111111");
    assert_eq!(shown["messages"].as_array().unwrap().len(), 2);
    assert_eq!(shown["key"]["key"], bob.key.as_ref().unwrap().at(now).0);
    assert_eq!(shown["login"], "bob@corp-b.example");
    let bella = serde_json::json!(phone(bella, Vec::new(), &messages, now));
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

/// The real page over a real directory with the demo's people in it.
async fn played() -> (Router, Workspace) {
    let workspace = Workspace::new().unwrap();
    let keys = Arc::new(KeyRing::create(&workspace.join("keys")).unwrap());
    let url = format!("sqlite://{}", workspace.join("doorstep.db").display());
    let directory = Directory::open(&url, keys).await.unwrap();
    let people: Arc<[Person]> = people().unwrap().into();
    seed::fill(&directory, &people, SystemClock.now()).await.unwrap();
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let phones = Phones {
        people,
        directory,
        messages: workspace.join("sms.jsonl"),
        clock: Arc::new(SystemClock),
        addresses: Addresses {
            gateway: at(8080),
            phones: at(9000),
            portal: at(2),
            ops: at(3),
        },
    };
    (router(phones), workspace)
}

async fn asked_for(router: &Router, path: &str) -> axum::response::Response {
    let request = Request::get(path)
        .header("host", "127.0.0.1:9000")
        .body(Body::empty())
        .unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn asked(router: &Router, path: &str) -> String {
    let answer = asked_for(router, path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn switched(router: &Router, firm: &str, enabled: &str) -> StatusCode {
    let request = Request::post(format!("/firms/{firm}/two-factor"))
        .header("host", "127.0.0.1:9000")
        .header("origin", "http://127.0.0.1:9000")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!("enabled={enabled}")))
        .unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

async fn policies(router: &Router) -> [bool; 2] {
    let state: serde_json::Value = serde_json::from_str(&asked(router, "/state.json").await).unwrap();
    [0, 1].map(|firm| state["firms"][firm]["two_factor"].as_bool().unwrap())
}

#[tokio::test]
async fn the_switches_switch_their_own_firm_and_twice_is_as_once() {
    let (router, _workspace) = played().await;
    assert_eq!(policies(&router).await, [true, false]);
    for (firm, enabled, now) in [
        ("corp-b", "true", [true, true]),
        ("corp-b", "true", [true, true]),
        ("corp-a", "false", [false, true]),
        ("corp-a", "false", [false, true]),
        ("corp-b", "false", [false, false]),
    ] {
        assert_eq!(
            switched(&router, firm, enabled).await,
            StatusCode::SEE_OTHER,
            "{firm} {enabled}"
        );
        assert_eq!(policies(&router).await, now, "{firm} {enabled}");
    }
    assert_eq!(switched(&router, "corp-c", "true").await, StatusCode::NOT_FOUND);
    assert!(switched(&router, "corp-a", "perhaps").await.is_client_error());
}

#[tokio::test]
async fn the_page_shows_everybody_and_the_messages_text_is_escaped() {
    let (router, workspace) = played().await;
    let message = serde_json::json!({
        "to": "+14155550104", "text": "<b>1234</b>", "token": "1234", "at": "2026-11-24T14:30:00Z",
    });
    std::fs::write(workspace.join("sms.jsonl"), format!("{message}\n")).unwrap();
    let page = asked(&router, "/").await;
    for person in people().unwrap() {
        assert!(
            page.contains(person.login) && page.contains(person.phone),
            "{}",
            person.login
        );
    }
    assert!(page.contains("data-copy=\"1234\""));
    assert!(!page.contains("<b>1234"), "a message is text");
}

#[tokio::test]
async fn a_click_adds_the_phone_page_to_a_person_and_a_code_works_once() {
    let (router, _workspace) = played().await;
    let open = async |login: &str| {
        let request = Request::post(format!("/people/{login}/phone"))
            .header("host", "127.0.0.1:9000")
            .header("origin", "http://127.0.0.1:9000")
            .body(Body::empty())
            .unwrap();
        router.clone().oneshot(request).await.unwrap()
    };
    let answer = open("bob@corp-b.example").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = answer.headers()[header::LOCATION].to_str().unwrap();
    let code = location
        .strip_prefix("http://127.0.0.1:8080/.doorstep/phone/#enrol=")
        .unwrap();
    assert_eq!(code.len(), 22);
    assert_eq!(open("eve@corp-b.example").await.status(), StatusCode::NOT_FOUND);
    let policy = asked_for(&router, "/").await.headers()[header::CONTENT_SECURITY_POLICY].clone();
    assert!(
        policy
            .to_str()
            .unwrap()
            .contains("form-action 'self' http://127.0.0.1:8080;")
    );
}
