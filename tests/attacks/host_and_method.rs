//! THREATS D: host, method, WebSocket.

use super::Siege;
use crate::support::portal::SECRET;
use crate::support::raw::raw_for;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_hosts() {
    let siege = Siege::lay().await;
    let port = siege.world.gateway.address.port();
    let hosts = [
        String::new(),
        "Host: \r\n".into(),
        "Host: evil.example\r\n".into(),
        format!("Host: evil.example:{port}\r\n"),
        "Host: 127.0.0.1\r\n".into(),
        "Host: 127.0.0.1:1\r\n".into(),
        format!("Host: 127.0.0.1.:{port}\r\n"),
        format!("Host: localhost:{port}\r\n"),
        format!("Host: u@127.0.0.1:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}/x\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"),
        format!("Host: 127.0.0.1:{port}, evil.example\r\n"),
    ];
    for path in ["/public/ping", "/login", "/app/secret", "/.doorstep/challenge"] {
        for host in &hosts {
            let request = format!("GET {path} HTTP/1.1\r\n{host}{}\r\n", siege.cookies[1]);
            let answer = raw_for(
                siege.world.gateway.address,
                request.as_bytes(),
                Duration::from_secs(2),
            )
            .await;
            assert_eq!(answer.status(), 400, "{path} {host:?}: {}", answer.text());
            assert!(answer.closed, "{path} {host:?}: the connection stays open");
            assert!(!answer.text().contains("evil.example"), "{}", answer.text());
        }
    }
    assert!(
        siege.world.portal.seen().is_empty(),
        "{:?}",
        siege.world.portal.seen()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_links_are_built_from_the_configuration_only() {
    let siege = Siege::lay().await;
    for name in ["x-forwarded-host", "x-host", "forwarded", "x-original-host"] {
        let value = if name == "forwarded" {
            "host=evil.example"
        } else {
            "evil.example"
        };
        let browser = siege.world.browser().with(name, value);
        for path in ["/app/secret", "/login", "/.doorstep/challenge"] {
            let answer = browser.get(path).await;
            assert!(!answer.holds("evil.example"), "{name}: {}", answer.shown());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_methods() {
    let siege = Siege::lay().await;
    let methods = [
        "HEAD", "get", "Get", "PROPFIND", "TRACE", "CONNECT", "PATCH", "LOCK", "QUERY", "FOO", "G\u{cb}T",
        "POST",
    ];
    let mut pieces = Vec::new();
    for method in methods {
        let path = if method == "CONNECT" {
            "{host}"
        } else {
            "/app/secret"
        };
        let piece = format!(
            "{method} {path} HTTP/1.1\r\nHost: {{host}}\r\n{{cookie}}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        pieces.push((method, piece));
    }
    for (name, line) in [
        ("override", "X-HTTP-Method-Override: GET\r\n"),
        ("override 2", "X-Method-Override: HEAD\r\n"),
    ] {
        let piece = format!(
            "POST /app/secret?_method=GET HTTP/1.1\r\nHost: {{host}}\r\n{{cookie}}{line}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        pieces.push((name, piece));
    }
    siege.pieces(&pieces).await;
    // a login page is open to GET and HEAD, a public path likewise
    let mut others = Vec::new();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get"] {
        for path in ["/login", "/public/ping"] {
            let piece = format!(
                "{method} {path} HTTP/1.1\r\nHost: {{host}}\r\n{{cookie}}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            others.push((method, piece));
        }
    }
    siege.pieces(&others).await;
    assert!(
        siege.world.portal.seen().is_empty(),
        "{:?}",
        siege.world.portal.seen()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d3_websocket_handshakes() {
    let siege = Siege::lay().await;
    let handshake = |path: &str, version: &str, upgrade: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {{host}}\r\nOrigin: http://{{host}}\r\nConnection: Upgrade\r\n\
             Upgrade: {upgrade}\r\nSec-WebSocket-Version: {version}\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{{cookie}}\r\n\
             GET /app/secret HTTP/1.1\r\nHost: {{host}}\r\n\r\n"
        )
    };
    siege
        .pieces(&[
            ("plain", handshake("/app/socket", "13", "websocket")),
            ("version", handshake("/app/socket", "777", "websocket")),
            ("case", handshake("/app/socket", "13", "WebSocket")),
            ("other", handshake("/app/socket", "13", "foo")),
            ("h2c", handshake("/app/socket", "13", "h2c")),
            ("two", handshake("/app/socket", "13", "websocket, h2c")),
        ])
        .await;
}

/// C7: what is pipelined behind an upgrade that the portal does not make passes the gate by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c7_bytes_behind_an_upgrade_that_was_not_made() {
    let siege = Siege::lay().await;
    for upgrade in ["websocket", "foo", "h2c"] {
        let request = format!(
            "GET /public/ping HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\n\
             HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nGET /app/secret HTTP/1.1\r\nHost: {host}\r\n\r\n",
            host = siege.host()
        );
        let answer = siege.send(request.as_bytes()).await;
        assert!(!answer.text().contains(SECRET), "{upgrade}: {}", answer.text());
        for seen in siege.world.portal.seen() {
            assert!(
                seen.header("upgrade") != "h2c" && seen.header("http2-settings").is_empty(),
                "{seen:?}"
            );
        }
    }
    siege.assert_nothing_came_through();
}
