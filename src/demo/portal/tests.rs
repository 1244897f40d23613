//! The portal by itself, without doorstep: what tests rely on when it stands behind.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;

fn app() -> PortalApp {
    let account = |name: &str, firm: &str| Account {
        email: format!("{name}@example.com"),
        password: format!("{name}-secret"),
        name: name.to_owned(),
        firm: firm.to_owned(),
    };
    PortalApp::new(vec![account("anna", "Corp A"), account("bob", "Corp B")])
}

async fn send(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

fn get_as(cookie: &str, path: &str) -> Request<Body> {
    Request::get(path)
        .header(header::COOKIE, cookie)
        .body(Body::empty())
        .unwrap()
}

fn login(form: &str, cookie: &str) -> Request<Body> {
    Request::post("/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie)
        .body(Body::from(form.to_owned()))
        .unwrap()
}

const BOB: &str = "email=Bob%40example.com&password=bob-secret&next=%2Fdevices%2F7%3Ftab%3Dlog";

fn session_of(answer: &Response<Body>) -> Option<String> {
    let mut lines = answer
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let line = lines.rfind(|line| line.starts_with("portal_session="))?;
    Some(line.split(';').next().unwrap_or_default().to_owned())
}

async fn signed_in(router: &Router) -> String {
    session_of(&send(router, login(BOB, "")).await).expect("a session cookie")
}

async fn text(answer: Response<Body>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_wrong_password_is_answered_200_with_the_form_and_no_cookie() {
    let router = portal_router(app());
    for form in [
        "email=bob%40example.com&password=wrong",
        "email=bob%40example.com&password=",
        "email=eve%40example.com&password=bob-secret",
    ] {
        let answer = send(&router, login(form, "")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{form}");
        assert_eq!(session_of(&answer), None, "{form}");
        assert!(text(answer).await.contains("is wrong"), "{form}");
    }
}

#[tokio::test]
async fn a_right_password_leads_to_next_with_both_cookies() {
    let router = portal_router(app());
    let answer = send(&router, login(BOB, "")).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[header::LOCATION], "/devices/7?tab=log");
    let cookies: Vec<_> = answer.headers().get_all(header::SET_COOKIE).iter().collect();
    assert!(
        cookies
            .iter()
            .any(|line| line.to_str().unwrap().contains("HttpOnly")),
        "{cookies:?}"
    );
    assert!(
        cookies
            .iter()
            .any(|line| *line == "theme=light; SameSite=Lax; Path=/"),
        "{cookies:?}"
    );
    let page = send(
        &router,
        get_as(&session_of(&answer).unwrap(), "/devices/7?tab=log"),
    )
    .await;
    assert!(text(page).await.contains("Self test passed"));
}

#[tokio::test]
async fn next_never_leads_to_another_origin() {
    let router = portal_router(app());
    for next in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "/%0Ax",
        "",
    ] {
        let form = format!("email=bob%40example.com&password=bob-secret&next={next}");
        let answer = send(&router, login(&form, "")).await;
        assert_eq!(answer.headers()[header::LOCATION], "/dashboard", "{next}");
    }
}

#[tokio::test]
async fn without_a_session_pages_lead_to_the_login_and_scripts_get_401() {
    let router = portal_router(app());
    for path in [
        "/dashboard",
        "/devices/7?tab=log",
        "/live",
        "/live/events",
        "/files/sample.bin",
        "/nowhere",
    ] {
        let answer = send(&router, get_as("portal_session=made-up", path)).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let location = answer.headers()[header::LOCATION].to_str().unwrap();
        assert!(location.starts_with("/login?next=%2F"), "{path}: {location}");
    }
    let answer = send(&router, get_as("", "/api/tickets")).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_firm_sees_only_its_own() {
    let router = portal_router(app());
    let bob = signed_in(&router).await;
    assert_eq!(
        send(&router, get_as(&bob, "/devices/7")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        send(&router, get_as(&bob, "/devices/1")).await.status(),
        StatusCode::NOT_FOUND
    );
    let tickets = text(send(&router, get_as(&bob, "/api/tickets")).await).await;
    let tickets: serde_json::Value = serde_json::from_str(&tickets).unwrap();
    assert_eq!(tickets["firm"], "Corp B");
    assert!(
        tickets["tickets"]
            .as_array()
            .unwrap()
            .iter()
            .all(|ticket| ticket["device"].as_u64() > Some(4))
    );
}

#[tokio::test]
async fn a_logout_ends_the_session() {
    let router = portal_router(app());
    let bob = signed_in(&router).await;
    let out = Request::post("/logout")
        .header(header::COOKIE, &bob)
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&router, out).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        send(&router, get_as(&bob, "/dashboard")).await.status(),
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn the_download_has_the_size_and_the_part_that_were_asked_for() {
    let router = portal_router(app());
    let bob = signed_in(&router).await;
    for size in [0, 1, 65_536, 65_537, 1_000_000] {
        let answer = send(&router, get_as(&bob, &format!("/files/sample.bin?size={size}"))).await;
        assert_eq!(
            answer.headers()[header::CONTENT_LENGTH],
            size.to_string().as_str()
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), size);
        assert!(
            body.iter()
                .enumerate()
                .all(|(i, byte)| usize::from(*byte) == i % 256)
        );
    }
    for (range, from, length) in [("bytes=300-65999", 300, 65_700), ("bytes=99990-", 99_990, 10)] {
        let mut request = get_as(&bob, "/files/sample.bin?size=100000");
        request
            .headers_mut()
            .insert(header::RANGE, range.parse().unwrap());
        let answer = send(&router, request).await;
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            (usize::from(body[0]), body.len()),
            (from % 256, length),
            "{range}"
        );
    }
}

#[tokio::test]
async fn an_upload_is_counted_by_page_and_recorder() {
    let seen = SeenLog::default();
    let router = portal_router(app().with_recorder(seen.clone()));
    let bob = signed_in(&router).await;
    let file = vec![b'x'; 3_000_000];
    let mut body =
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n".to_vec();
    body.extend_from_slice(&file);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let length = body.len() as u64;
    let request = Request::post("/upload?x=1")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
        .header(header::COOKIE, &bob)
        .body(Body::from(body))
        .unwrap();
    let page = text(send(&router, request).await).await;
    assert!(
        page.contains("a.bin: <b id=\"received\">3000000</b> bytes"),
        "{page}"
    );
    let seen = seen.lock().unwrap();
    let upload = seen.last().unwrap();
    assert_eq!(
        (upload.method.as_str(), upload.path.as_str()),
        ("POST", "/upload?x=1")
    );
    assert_eq!(upload.cookie.as_deref(), Some(bob.as_str()));
    assert_eq!(upload.body_length(), length);
}

#[tokio::test]
async fn the_recorder_keeps_the_first_and_no_more() {
    let seen: SeenLog = Arc::new(Mutex::new(Vec::new()));
    let router = portal_router(app().with_recorder(seen.clone()));
    for _ in 0..recorder::KEPT + 5 {
        send(&router, get_as("", "/api/me")).await;
    }
    assert_eq!(seen.lock().unwrap().len(), recorder::KEPT);
}

#[tokio::test]
async fn each_shape_of_a_login_answer_is_what_it_says() {
    for success in [Success::Redirect, Success::Page] {
        for framing in [Framing::Length, Framing::Chunked, Framing::Gzip] {
            let knobs = Knobs {
                success,
                framing,
                canary: Some("canary-7".to_owned()),
                ..Knobs::default()
            };
            let answer = send(&portal_router(app().with_knobs(knobs)), login(BOB, "")).await;
            let status = if success == Success::Page { 200 } else { 303 };
            assert_eq!(answer.status(), status);
            assert!(session_of(&answer).is_some());
            assert_eq!(answer.headers()["x-portal-token"], "canary-7");
            let is_sized = axum::body::HttpBody::size_hint(answer.body()).exact().is_some();
            assert_eq!(is_sized, framing != Framing::Chunked, "{framing:?}");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            match framing {
                Framing::Gzip => assert!(body.starts_with(&[0x1f, 0x8b])),
                _ => assert!(String::from_utf8_lossy(&body).contains("canary-7")),
            }
        }
    }
}

#[tokio::test]
async fn a_portal_can_keep_its_cookie_across_the_login() {
    let router = portal_router(app().with_knobs(Knobs {
        keeps_cookie: true,
        ..Knobs::default()
    }));
    let before = session_of(&send(&router, get_as("", "/login")).await).expect("set by the login page");
    assert_eq!(
        send(&router, get_as(&before, "/dashboard")).await.status(),
        StatusCode::SEE_OTHER
    );
    let answer = send(&router, login(BOB, &before)).await;
    assert_eq!(session_of(&answer), None);
    assert_eq!(
        send(&router, get_as(&before, "/dashboard")).await.status(),
        StatusCode::OK
    );
    let made_up = send(&router, login(BOB, "portal_session=fixed-by-somebody")).await;
    assert!(
        session_of(&made_up).is_some(),
        "an id that the portal never gave out is not kept"
    );
}
