//! Tokens: in headers, queries and messages, one's own and another's, and other ways to get one.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::super::app::{ANNA, BEN, password_of};
use super::super::same::directly;
use super::super::site::Site;
use super::start::{SECRET, TICK};
use super::{open, post_login, protected_requests, token_of};
use crate::support::{Answer, Browser, PATIENCE};

const URLENCODED: &str = "application/x-www-form-urlencoded";

/// Every way to use a token.
async fn every_way(browser: &Browser, token: &str) -> Vec<(String, Answer)> {
    let in_query: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let mut answers = Vec::new();
    for value in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("Token {token}"),
    ] {
        let browser = browser.also("authorization", &value);
        for path in ["/flows", "/settings", "/settings/user", "/context/global"] {
            answers.push((value.clone(), browser.fetch("GET", path).await));
        }
    }
    for path in [
        format!("/flows?access_token={in_query}"),
        format!("/flows?x=1&access_token={in_query}"),
        format!("/settings?access_token={in_query}"),
        format!("/?access_token={in_query}"),
        format!("/red/../flows?access_token={in_query}"),
        format!("/flows?ACCESS_TOKEN=x&access_token={in_query}"),
        format!("/flows?access_token[]={in_query}"),
    ] {
        answers.push((path.clone(), browser.fetch("GET", &path).await));
        answers.push((path.clone(), browser.get(&path).await));
    }
    let body = format!("access_token={in_query}");
    answers.push((
        "body".into(),
        browser.fetch_with("/flows", URLENCODED, &body).await,
    ));
    answers
}

/// Opens `/comms`, says hello with a token; what came back until it closed, or until the flow ticked.
async fn says_hello(site: &Site, browser: &Browser, token: &str) -> String {
    let address = site.gateway.address;
    let mut request = format!("ws://{address}/comms").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("origin", site.gateway.origin.parse().unwrap());
    headers.insert("cookie", browser.cookie_header("/").parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    let Ok((mut socket, _)) = client_async(request, stream).await else {
        return "refused".into();
    };
    let _ = socket
        .send(Message::text(json!({"auth": token}).to_string()))
        .await;
    let mut heard = String::new();
    let listening = async {
        while let Some(Ok(message)) = socket.next().await {
            heard += &message
                .into_text()
                .map(|text| text.to_string())
                .unwrap_or_default();
            if heard.contains(TICK) {
                return;
            }
            // Node-RED takes a subscription that comes before it has looked the token up for a stranger's
            if heard == r#"{"auth":"ok"}"# {
                let subscribe = Message::text(json!({"subscribe": "debug"}).to_string());
                let _ = socket.send(subscribe).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, listening)
        .await
        .expect("a tick, or the end of the connection");
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_password_alone_never_sees_a_protected_byte() {
    let site = open(true).await;
    // the right password, at the portal itself: what somebody has who goes around the gateway once
    let token = token_of(&post_login(&directly(&site.app), ANNA, password_of(ANNA)).await);
    let stranger = Browser::at(&site.gateway);
    let owes = Browser::at(&site.gateway);
    let withheld = post_login(&owes, ANNA, password_of(ANNA)).await.expect(401);
    assert_eq!(withheld.json()["error"], "second_factor_required");
    assert!(!withheld.holds("access_token"), "{}", withheld.shown());
    for browser in [&stranger, &owes] {
        for (way, answer) in every_way(browser, &token).await {
            assert!(
                !answer.holds(SECRET) && !answer.holds("\"username\""),
                "{way}: {}",
                answer.shown()
            );
            assert!(
                [303, 401].contains(&answer.status.as_u16()),
                "{way}: {}",
                answer.shown()
            );
        }
        assert_eq!(says_hello(&site, browser, &token).await, "refused");
    }
    // other grants and other shapes of the same login
    for body in [
        format!("client_id=node-red-admin&grant_type=client_credentials&username={ANNA}"),
        format!("client_id=node-red-editor&grant_type=refresh_token&refresh_token={token}"),
        format!(
            "grant_type=password&username={ANNA}&username={BEN}&password={}",
            password_of(ANNA)
        ),
        "client_id=node-red-editor&grant_type=password".to_owned(),
    ] {
        let answer = stranger.fetch_with("/auth/token", URLENCODED, &body).await;
        assert!(!answer.holds("access_token"), "{body}: {}", answer.shown());
    }
    let by_json = json!({"client_id": "node-red-editor", "grant_type": "password", "username": ANNA,
                         "password": password_of(ANNA), "scope": ""});
    let answer = stranger
        .fetch_with("/auth/token", "application/json", &by_json.to_string())
        .await;
    assert!(!answer.holds("access_token"), "{}", answer.shown());
    let mut seen = protected_requests(&site).await;
    seen.retain(|line| line != "GET /settings");
    assert!(seen.is_empty(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_token_is_good_within_its_own_session_only() {
    let mut site = open(true).await;
    let anna = Browser::at(&site.gateway);
    post_login(&anna, ANNA, password_of(ANNA)).await.expect(401);
    anna.type_token(&site.anna.fresh().await).await.expect(303);
    let own = token_of(&post_login(&anna, ANNA, password_of(ANNA)).await.expect(200));
    let bearer = anna.also("authorization", &format!("Bearer {own}"));
    let settings = bearer.fetch("GET", "/settings").await.expect(200);
    assert_eq!(settings.json()["user"]["username"], ANNA);
    let in_query: String = url::form_urlencoded::byte_serialize(own.as_bytes()).collect();
    let by_query = anna
        .fetch("GET", &format!("/settings?access_token={in_query}"))
        .await;
    assert_eq!(by_query.expect(200).json()["user"]["username"], ANNA);
    assert!(says_hello(&site, &anna, &own).await.contains(TICK));

    let bens = token_of(&post_login(&directly(&site.app), BEN, password_of(BEN)).await);
    for (way, answer) in every_way(&anna, &bens).await {
        assert!(
            !answer.holds(SECRET) && !answer.holds("\"username\""),
            "{way}: {}",
            answer.shown()
        );
    }
    let heard = says_hello(&site, &anna, &bens).await;
    assert!(!heard.contains(TICK), "{heard}");
    // another's login in this session ends it, and is not sent
    let other = post_login(&anna, BEN, password_of(BEN)).await;
    assert!(!other.holds("access_token"), "{}", other.shown());
    bearer.fetch("GET", "/settings").await.expect(401);
    // ANNA's token is no use to anybody else
    let ben = Browser::at(&site.gateway);
    post_login(&ben, BEN, password_of(BEN)).await.expect(401);
    ben.type_token(&site.ben.fresh().await).await.expect(303);
    for (way, answer) in every_way(&ben, &own).await {
        assert!(
            !answer.holds(SECRET) && !answer.holds("\"username\""),
            "{way}: {}",
            answer.shown()
        );
    }
}
