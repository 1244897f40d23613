//! I13: what ends a session ends its open connections too.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::world::{ANNA, OLGA, SOON};
use crate::support::{Browser, Gateway, StoreKind, World, never};

type Socket = WebSocketStream<TcpStream>;

/// Opens the portal's WebSocket with a browser's cookies.
async fn open_socket(gateway: &Gateway, browser: &Browser) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{}/app/socket", gateway.address).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("origin", gateway.origin.parse().unwrap());
    headers.insert("sec-fetch-mode", "websocket".parse().unwrap());
    if let Ok(cookies) = browser.cookie_header("/app/socket").parse() {
        headers.insert("cookie", cookies);
    }
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    Ok(client_async(request, stream).await?.0)
}

async fn echoes(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
    let back = tokio::time::timeout(Duration::from_secs(5), socket.next()).await;
    assert_eq!(back.unwrap().unwrap().unwrap(), Message::text(text));
}

/// Waits for the end of a WebSocket.
async fn ends(socket: &mut Socket) {
    let end = async { while matches!(socket.next().await, Some(Ok(message)) if !message.is_close()) {} };
    assert!(
        tokio::time::timeout(SOON, end).await.is_ok(),
        "the WebSocket is still open"
    );
}

/// Opens the portal's event stream; it has begun when this returns.
async fn open_events(gateway: &Gateway, browser: &Browser) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = format!(
        "GET /app/events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nCookie: {}\r\n\r\n",
        gateway.address,
        browser.cookie_header("/app/events")
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let begun = async {
        while !String::from_utf8_lossy(&got).contains("data: 1") {
            let mut chunk = [0; 1024];
            let length = stream.read(&mut chunk).await.unwrap();
            assert!(length > 0, "closed: {}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&chunk[..length]);
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(5), begun).await.is_ok());
    stream
}

/// Waits for the end of an event stream.
async fn stream_ends(stream: &mut TcpStream) {
    let end = async {
        let mut chunk = [0; 1024];
        while matches!(stream.read(&mut chunk).await, Ok(1..)) {}
    };
    assert!(
        tokio::time::timeout(SOON, end).await.is_ok(),
        "the event stream goes on"
    );
}

over_each_store![
    i13_a_socket_and_an_event_stream_end_with_a_sign_out,
    i13_a_socket_and_an_event_stream_end_with_a_revocation,
    i13_they_end_when_the_policy_asks_for_more,
    i13_no_socket_opens_before_the_factor,
    i13_what_others_do_closes_nothing,
];

async fn i13_a_socket_and_an_event_stream_end_with_a_sign_out(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let mut socket = open_socket(&world.gateway, &anna).await.unwrap();
    echoes(&mut socket, "hello").await;
    let mut events = open_events(&world.gateway, &anna).await;
    anna.get("/logout").await;
    tokio::join!(ends(&mut socket), stream_ends(&mut events));
}

async fn i13_a_socket_and_an_event_stream_end_with_a_revocation(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let carol = world.carol_signed_in().await;
    let mut socket = open_socket(&world.gateway, &anna).await.unwrap();
    echoes(&mut socket, "hello").await;
    let mut events = open_events(&world.gateway, &anna).await;
    let mut others = open_socket(&world.gateway, &carol).await.unwrap();
    world.gateway.ok(&["session", "revoke", "--login", ANNA]);
    tokio::join!(ends(&mut socket), stream_ends(&mut events));
    echoes(&mut others, "still here").await;
}

async fn i13_they_end_when_the_policy_asks_for_more(kind: StoreKind) {
    let world = World::new(kind).await;
    let olga = world.olga_signed_in().await;
    let mut socket = open_socket(&world.gateway, &olga).await.unwrap();
    echoes(&mut socket, "hello").await;
    let mut events = open_events(&world.gateway, &olga).await;
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    tokio::join!(ends(&mut socket), stream_ends(&mut events));
}

async fn i13_no_socket_opens_before_the_factor(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    assert!(open_socket(&world.gateway, &browser).await.is_err());
    browser.password(ANNA).await.expect(303);
    let refused = open_socket(&world.gateway, &browser).await;
    let Err(tungstenite::Error::Http(answer)) = refused else {
        panic!("not refused by an answer: {refused:?}");
    };
    assert_eq!(answer.status(), 401, "{answer:?}");
    assert!(world.portal.protected_seen().is_empty());
}

async fn i13_what_others_do_closes_nothing(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let mut socket = open_socket(&world.gateway, &anna).await.unwrap();
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    world.gateway.ok(&["session", "revoke", "--login", OLGA]);
    let other = world.browser();
    other.password(ANNA).await.expect(303);
    never("the session ends", Duration::from_secs(2), || async {
        anna.get("/app/secret").await.status != 200
    })
    .await;
    echoes(&mut socket, "still here").await;
}
