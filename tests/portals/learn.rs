//! What `doorstep learn` writes after it has watched the sample portal stands up to a crossing.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::lesson::{Lesson, without_upstream};
use crate::support::browser::CHALLENGE;
use crate::support::gateway::Settings;
use crate::support::portal::{Accepted, CANARY, Knobs, SECRET, password_of};
use crate::support::world::{ANNA, ANNA_PHONE};
use crate::support::{Answer, Browser, Gateway, PATIENCE, Portal, Reply, client, until};

const WRONG: &str = "not-annas-password";

/// Signs in wrongly, rightly, and out, as a browser does.
async fn learned(portal: &Portal) -> String {
    let lesson = Lesson::begin(portal.address).await;
    let address = lesson.origin.trim_start_matches("http://").parse().unwrap();
    let browser = Browser::to(&lesson.origin, address);
    browser.go("/app/home").await;
    browser
        .post("/login", &[("email", ANNA), ("password", WRONG), ("next", "")])
        .await;
    lesson.until_seen("wrong").await;
    let right = browser
        .post(
            "/login",
            &[("email", ANNA), ("password", password_of(ANNA)), ("next", "")],
        )
        .await;
    browser.follow(right).await;
    lesson.until_seen("right").await;
    assert!(browser.get("/app/deep").await.holds(SECRET));
    browser.get("/logout").await;
    lesson.until_seen("logout").await;
    lesson.section(&[WRONG, password_of(ANNA)]).await
}

async fn crosses_with(portal: &Portal, section: &str) {
    let mut settings = Settings::new(portal.address);
    settings.portal = without_upstream(section);
    settings.rules = String::new();
    let mut gateway = Gateway::prepare(settings);
    let said = gateway.ok(&["check"]);
    assert!(said.contains("A POST of /login is a login"), "{said}");
    gateway.add_firm("acme", "Acme");
    gateway.add_employee(ANNA, "acme", Some(ANNA_PHONE));
    let mut key = gateway.enrol_totp(ANNA);
    gateway.ok(&["firm", "enable-2fa", "acme"]);
    gateway.run().await;
    let browser = Browser::at(&gateway);
    browser.get("/app/deep").await.expect(303).expect_to("/login");
    browser.get("/login").await.expect(200);
    browser.type_password(ANNA, WRONG).await.expect(200);
    let withheld = browser.type_password(ANNA, password_of(ANNA)).await.expect(303);
    assert!(!withheld.holds(CANARY));
    withheld.expect_to(CHALLENGE);
    assert!(!browser.get("/app/deep").await.holds(SECRET));
    browser.type_token(&key.fresh().await).await.expect(303);
    assert!(browser.get("/app/deep").await.holds(SECRET));
    assert!(browser.cookie("sid").is_none(), "{:?}", browser.cookie_names());
    gateway.ok(&["firm", "disable-2fa", "acme"]);
    let other = Browser::at(&gateway);
    other.get("/login").await.expect(200);
    other.type_password(ANNA, password_of(ANNA)).await;
    // Within a second (I10).
    until("the firm asks for nothing any more", PATIENCE, || async {
        other.get("/app/deep").await.holds(SECRET).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_login_becomes_a_section_that_stands_up_to_a_crossing() {
    for knobs in [
        Knobs::default(),
        Knobs {
            accepted: Accepted::Page,
            ..Knobs::default()
        },
        Knobs {
            keeps_cookie: true,
            ..Knobs::default()
        },
    ] {
        let portal = Portal::open(knobs).await;
        let section = learned(&portal).await;
        assert!(section.contains("\"sid\""), "{section}");
        assert!(section.contains("\"csrftoken\""), "{section}");
        crosses_with(&portal, &section).await;
    }
}

async fn raw(address: SocketAddr, host: &str, path: &str) -> Answer {
    let request = http::Request::builder()
        .uri(path)
        .header("host", host)
        .header("referer", format!("http://{host}/from"))
        .header("x-forwarded-host", "elsewhere.example")
        .body(bytes::Bytes::new())
        .unwrap();
    client::send(address, request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_gateway_passes_everything_under_its_own_name_only() {
    let portal = Portal::open(Knobs::default()).await;
    let lesson = Lesson::begin(portal.address).await;
    let address: SocketAddr = lesson.origin.trim_start_matches("http://").parse().unwrap();
    let host = address.to_string();
    let line = "sid=\"a=b\"; Domain=127.0.0.1; Path=/; Secure; HttpOnly";
    let upstream = format!("http://{}/next?x=1", portal.address);
    portal.answer("/there", Reply::redirect(302, &upstream).cookie(line));
    let answer = raw(address, &host, "/there").await.expect(302);
    assert_eq!(answer.location(), format!("{}/next?x=1", lesson.origin));
    assert_eq!(answer.header("set-cookie"), "sid=\"a=b\"; Path=/; HttpOnly");
    let seen = portal.last("/there");
    assert_eq!(seen.header("host"), host);
    assert_eq!(seen.header("x-forwarded-host"), host);
    assert_eq!(seen.header("referer"), format!("http://{host}/from"));

    // Another site's name for the loopback address reaches nothing.
    portal.take_seen();
    raw(address, "rebound.example", "/app/home").await.expect(421);
    assert!(portal.take_seen().is_empty());

    let mut request = format!("ws://{host}/app/socket").into_client_request().unwrap();
    let cookie = format!("sid={}", portal.session_for(ANNA));
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    socket.send(Message::text("are you there?")).await.unwrap();
    let back = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(
        back.unwrap()
            .unwrap()
            .to_text()
            .unwrap()
            .contains("are you there?")
    );
    lesson.interrupt();
    let said = lesson.refusal().await;
    assert!(said.contains("no login was seen"), "{said}");
}
