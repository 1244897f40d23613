//! THREATS D2, C6, E5: every method, on every kind of path, with headers that make servers answer otherwise, by a
//! stranger and by somebody who has only the password.

use super::Siege;
use crate::support::portal::SECRET;
use crate::support::raw::raw_for;
use futures_util::future::join_all;
use std::time::Duration;

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND", "MKCOL",
];
const PATHS: [&str; 10] = [
    "/login",
    "/login/",
    "/logout/",
    "/public/ping",
    "/app/secret",
    "/app/secret?next=/public/ping",
    "/.doorstep/challenge",
    "/.doorstep/challenge/status",
    "/.doorstep/account",
    "/.doorstep/enroll/totp",
];
const LINES: [&str; 9] = [
    "",
    "Range: bytes=0-3\r\n",
    "If-None-Match: *\r\nIf-Modified-Since: Thu, 01 Jan 2037 00:00:00 GMT\r\n",
    "If-Match: \"x\"\r\n",
    "Expect: 100-continue\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Purpose: prefetch\r\nSec-Purpose: prefetch\r\nX-Moz: prefetch\r\n",
    "Accept-Encoding: gzip, br\r\nTE: trailers\r\nMax-Forwards: 0\r\n",
    "Cache-Control: only-if-cached\r\nPragma: no-cache\r\nSave-Data: on\r\n",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e5_no_method_path_or_header_gets_past_the_gate() {
    let siege = Siege::lay().await;
    let host = siege.host();
    for lines in LINES {
        let asked = METHODS.iter().flat_map(|method| {
            let (siege, host) = (&siege, &host);
            PATHS.iter().flat_map(move |path| {
                siege.cookies.iter().map(move |cookie| {
                    let body = if *method == "POST" || *method == "PUT" {
                        "a=b"
                    } else {
                        ""
                    };
                    let close = if lines.contains("Connection") {
                        ""
                    } else {
                        "Connection: close\r\n"
                    };
                    let request = format!(
                        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n\
                         Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\
                         Content-Type: application/x-www-form-urlencoded\r\n{close}{lines}{cookie}\
                         Content-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    async move {
                        let address = siege.world.gateway.address;
                        let answer = raw_for(address, request.as_bytes(), Duration::from_millis(1500)).await;
                        (format!("{method} {path} {lines:?}"), !cookie.is_empty(), answer)
                    }
                })
            })
        });
        for (what, waits, answer) in join_all(asked).await {
            let text = answer.text();
            assert!(
                !text.contains(SECRET) && !text.contains("portalsession"),
                "{what}: {text}"
            );
            assert!(
                !text.contains("login-canary") && !answer.statuses().contains(&101),
                "{what}: {text}"
            );
            let finals: Vec<u16> = answer
                .statuses()
                .into_iter()
                .filter(|status| *status != 100)
                .collect();
            assert_eq!(finals.len(), 1, "{what}: {text}");
            assert!(finals[0] < 500, "{what}: {text}");
            // only the login page and public pages come from the portal, and the challenge page is for one who waits
            let open = what.contains(" /public/ping ") || what.contains(" /login ");
            let waiting = waits && what.contains("/.doorstep/challenge");
            assert!(open || waiting || finals[0] >= 300, "{what}: {text}");
        }
        siege.assert_nothing_came_through();
        let seen = siege.world.portal.take_seen();
        for request in seen {
            // the waiting session's vault stays where it is
            let signed_in = request
                .cookie("sid")
                .is_some_and(|sid| siege.world.portal.signed_in().contains(&sid));
            assert!(!signed_in, "{request:?}");
            assert!(request.method == "GET" || request.method == "HEAD", "{request:?}");
        }
    }
    // and all that has cost the waiting session nothing
    siege
        .waiting
        .get("/app/secret")
        .await
        .expect(303)
        .expect_to("/.doorstep/challenge");
}

/// C6, keep-alive: one connection, several people, one after the other and pipelined.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c6_a_connection_is_nobodys() {
    let siege = Siege::lay().await;
    let olga = siege.world.olga_signed_in().await;
    let host = siege.host();
    let get = |path: &str, cookie: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n{cookie}\r\n"
        )
    };
    let hers = format!("Cookie: {}\r\n", olga.cookie_header("/app"));
    let login = "email=anna%40acme.example&password=anna-password";
    let post = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{login}",
        login.len()
    );
    let pipelined = [
        get("/app/secret", &hers),
        get("/app/secret", ""),
        get("/app/secret", &siege.cookies[1]),
        post,
        get("/app/secret", ""),
        get("/.doorstep/challenge", ""),
        get("/app/secret", &hers),
    ]
    .concat();
    let answer = raw_for(
        siege.world.gateway.address,
        pipelined.as_bytes(),
        Duration::from_secs(2),
    )
    .await;
    let text = answer.text();
    let statuses = answer.statuses();
    let expected = [200, 303, 303, 303, 303, 401, 200];
    assert!(
        expected.starts_with(&statuses) && !statuses.is_empty(),
        "{statuses:?}: {text}"
    );
    assert_eq!(
        text.matches(SECRET).count(),
        statuses.iter().filter(|status| **status == 200).count(),
        "{text}"
    );
    assert!(!text.contains("anna@acme.example"), "{text}");
}
