//! THREATS C: framing. Each piece is followed by a request for a protected page, or carries one inside.

use super::Siege;
use crate::support::raw::raw_for;
use std::time::Duration;

/// A request with these lines and this body, and a smuggled one behind it.
fn post(lines: &str, body: &str) -> String {
    format!(
        "POST /login HTTP/1.1\r\nHost: {{host}}\r\nOrigin: http://{{host}}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n{{cookie}}{lines}\r\n{body}\
         GET /app/secret HTTP/1.1\r\nHost: {{host}}\r\n{{cookie}}\r\n"
    )
}

fn get(lines: &str) -> String {
    format!(
        "GET /public/ping HTTP/1.1\r\nHost: {{host}}\r\n{{cookie}}{lines}\r\n\
         GET /app/secret HTTP/1.1\r\nHost: {{host}}\r\n{{cookie}}\r\n"
    )
}

/// These must be refused outright, not only kept from the protected page.
async fn refused(siege: &Siege, pieces: &[(&str, String)]) {
    siege.pieces(pieces).await;
    for (name, piece) in pieces {
        let bytes = piece.replace("{host}", &siege.host()).replace("{cookie}", "");
        let answer = raw_for(
            siege.world.gateway.address,
            bytes.as_bytes(),
            Duration::from_secs(2),
        )
        .await;
        assert_eq!(answer.statuses(), [400], "{name}: {}", answer.text());
        assert!(answer.closed, "{name}: the connection stays open");
    }
    let seen = siege.world.portal.seen();
    assert!(seen.is_empty(), "reached the portal: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_content_length_and_transfer_encoding() {
    let siege = Siege::lay().await;
    let body = "0\r\n\r\n";
    refused(
        &siege,
        &[
            (
                "CL, TE",
                post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body),
            ),
            (
                "TE, CL",
                post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", body),
            ),
            (
                "CL 0, TE",
                post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", body),
            ),
            (
                "GET, both",
                get("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c2_odd_transfer_encodings() {
    let siege = Siege::lay().await;
    let body = "0\r\n\r\n";
    let codings = [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked;x=1\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: \x0cchunked\r\n",
        "Transfer-Encoding: \0chunked\r\n",
        "Transfer-Encoding: chunked\x0b\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: CHUNKED,\r\n",
        "transfer-encoding:\tchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
    ];
    let pieces: Vec<_> = codings
        .iter()
        .map(|coding| (*coding, post(coding, body)))
        .collect();
    refused(&siege, &pieces).await;
    let old = post("Transfer-Encoding: chunked\r\n", body).replacen("HTTP/1.1", "HTTP/1.0", 1);
    siege
        .pieces(&[
            ("HTTP/1.0", old),
            ("underscore", post("Transfer_Encoding: chunked\r\n", "")),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c3_odd_content_lengths() {
    let siege = Siege::lay().await;
    let lengths = [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -0\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 1_0\r\n",
        "Content-Length: \r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: 05\r\n",
        "Content-Length: 5\0\r\n",
        "Content-Length: 5;x\r\n",
        "Content-Length: \u{ff15}\r\n",
        "Content-Length: 5,\r\n",
        "Content.Length: 5\r\n",
        "Content-Length : 5\r\n",
    ];
    let pieces: Vec<_> = lengths
        .iter()
        .map(|length| (*length, post(length, "a=b&c")))
        .collect();
    refused(&siege, &pieces).await;
    siege
        .pieces(&[
            ("underscore", post("Content_Length: 5\r\n", "")),
            ("05", post("Content-Length: 05\r\n", "a=b&c")),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_odd_header_lines() {
    let siege = Siege::lay().await;
    refused(
        &siege,
        &[
            ("fold", get("X-A: b\r\n c\r\n")),
            ("space first", get("").replacen("\r\nHost", "\r\n Host", 1)),
            ("bare CR", get("X-A: b\rX-B: c\r\n")),
            ("NUL", get("X-A: b\0c\r\n")),
            ("control", get("X-A: b\x01c\r\n")),
            ("no colon", get("X-A\r\n")),
            ("no name", get(": b\r\n")),
            ("space before colon", get("X-A : b\r\n")),
            (
                "two Authorization lines",
                get("Authorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n"),
            ),
        ],
    )
    .await;
    siege
        .pieces(&[(
            "bare LF",
            get("X-A: b\nX-B: c\n").replace("/public/ping", "/app/secret"),
        )])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c5_odd_chunks() {
    let siege = Siege::lay().await;
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    siege
        .pieces(&[
            ("extension", chunked("5;x=y\r\na=b&c\r\n0\r\n\r\n")),
            ("empty extension", chunked("5;\r\na=b&c\r\n0\r\n\r\n")),
            ("LF in extension", chunked("5;a\nb\r\na=b&c\r\n0\r\n\r\n")),
            ("bare LF", chunked("5\na=b&c\r\n0\r\n\r\n")),
            ("0x", chunked("0x5\r\na=b&c\r\n0\r\n\r\n")),
            ("plus", chunked("+5\r\na=b&c\r\n0\r\n\r\n")),
            ("underscore", chunked("0_5\r\na=b&c\r\n0\r\n\r\n")),
            ("overflow", chunked("ffffffffffffffff5\r\na=b&c\r\n0\r\n\r\n")),
            ("missing CRLF", chunked("5\r\na=b&c0\r\n\r\n")),
            ("negative", chunked("-5\r\na=b&c\r\n0\r\n\r\n")),
            (
                "trailer",
                chunked("5\r\na=b&c\r\n0\r\nContent-Length: 50\r\nCookie: sid=x\r\nHost: x\r\n\r\n"),
            ),
        ])
        .await;
}

/// A body that is a request must not become one on a connection that goes on after an early answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c6_early_answers_leave_no_body_behind() {
    let siege = Siege::lay().await;
    let inner = "GET /app/smuggled HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n";
    let mut pieces = Vec::new();
    for (name, line) in [
        ("gate, POST", "POST /app/secret HTTP/1.1"),
        ("gate, GET", "GET /app/secret HTTP/1.1"),
        ("gate, HEAD", "HEAD /app/secret HTTP/1.1"),
        ("gate, OPTIONS", "OPTIONS /app/secret HTTP/1.1"),
        ("challenge", "POST /.doorstep/challenge HTTP/1.1"),
        ("challenge, GET", "GET /.doorstep/challenge HTTP/1.1"),
        ("verify", "POST /.doorstep/challenge/verify HTTP/1.1"),
        ("status", "GET /.doorstep/challenge/status HTTP/1.1"),
        ("login", "POST /login HTTP/1.1"),
    ] {
        for expect in ["", "Expect: 100-continue\r\n", "Expect: y 100-continue\r\n"] {
            // the length counts the inner request as it will stand with the longest filling
            let body = inner.replace("{host}", &siege.host()).replace("{cookie}", "");
            let piece = format!(
                "{line}\r\nHost: {{host}}\r\nAccept: text/html\r\n{{cookie}}{expect}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            pieces.push((name, piece));
        }
    }
    let sent = pieces.iter().flat_map(|(name, piece)| {
        siege.cookies.iter().map(|cookie| {
            let bytes = piece.replace("{host}", &siege.host()).replace("{cookie}", cookie);
            let (siege, name) = (&siege, *name);
            async move { (name, siege.send(bytes.as_bytes()).await) }
        })
    });
    for (name, answer) in futures_util::future::join_all(sent).await {
        let finals: Vec<u16> = answer
            .statuses()
            .into_iter()
            .filter(|status| *status != 100)
            .collect();
        assert!(
            finals.len() <= 1,
            "{name}: the body was answered: {}",
            answer.text()
        );
    }
    siege.assert_nothing_came_through();
}
