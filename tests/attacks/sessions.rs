//! THREATS B3, E3 and F: hop-by-hop tricks, cookies brought along, tossed, piled up; forms; where people are sent.

use super::Siege;
use crate::support::browser::CHALLENGE;
use crate::support::page;
use crate::support::portal::SECRET;
use crate::support::raw::raw_for;
use crate::support::world::ANNA;
use crate::support::{StoreKind, World};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_hop_by_hop_headers_take_nothing_away() {
    let mut world = World::with(StoreKind::Memory, Default::default(), |settings| {
        settings.portal += "identity_header = \"X-Identity\"\n";
    })
    .await;
    let anna = world.anna_signed_in().await;
    let tricky = anna.via(&world.gateway).with(
        "connection",
        "close, Cookie, X-Forwarded-For, X-Forwarded-Proto, X-Identity, Host",
    );
    let answer = tricky.get("/app/secret").await;
    if answer.status == 200 {
        let seen = world.portal.last("/app/secret");
        assert!(seen.cookie("sid").is_some(), "{seen:?}");
        assert_eq!(seen.all("x-identity"), [ANNA]);
        assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(seen.all("host").len(), 1);
    } else {
        assert_eq!(answer.status, 400, "{}", answer.shown());
    }
}

/// A portal that takes a session in the address shows its id on the login page, so that whoever has another's password
/// knows it. Nobody's own session opens that: not where the portal ended its own, so that it gets no cookie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_session_in_the_address_is_ones_own_or_is_not_sent() {
    let mut world = World::new(StoreKind::Memory).await;
    let anna = world.anna_signed_in().await;
    let foreign = "0123456789abcdef0123";
    world.portal.answer(
        "/app/quit",
        crate::support::Reply::page("").cookie("sid=; Path=/; Max-Age=0"),
    );
    anna.get("/app/quit").await.expect(200);
    world.portal.take_seen();
    for path in [
        format!("/app/secret;sid={foreign}"),
        format!("/app/secret;JSESSIONID={foreign}?a=1"),
        format!("/app/secret%3Bsid={foreign}"),
    ] {
        let answer = anna.get(&path).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.shown());
    }
    for query in [
        format!("sid={foreign}"),
        format!("a=1&PHPSESSID={foreign}"),
        format!("SID={foreign}&a=1"),
    ] {
        anna.get(&format!("/app/secret?{query}")).await;
    }
    let seen = world.portal.take_seen();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen.iter().all(|seen| !seen.target.contains(foreign)), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e3_a_raw_portal_cookie_is_stripped() {
    let siege = Siege::lay().await;
    let stolen = siege.world.portal.session_for(ANNA);
    let mut pieces = Vec::new();
    let lines = [
        format!("Cookie: sid={stolen}\r\n"),
        format!("Cookie: sid=\"{stolen}\"\r\n"),
        format!("Cookie: a=b; sid={stolen}; sid={stolen}\r\n"),
        format!("Cookie: a=b\r\nCookie: sid={stolen}\r\n"),
        format!("Cookie: $Version=1; sid={stolen}; $Path=/\r\n"),
        format!("Cookie: SID={stolen}; Sid={stolen}\r\n"),
        format!("Cookie: =sid={stolen}\r\n"),
        format!("Cookie: theme=x,sid={stolen}\r\n"),
        format!("Cookie: theme=\"x; sid={stolen}\"\r\n"),
        format!("Cookie:sid={stolen}\t;\r\n"),
    ];
    for line in &lines {
        for path in ["/app/secret", "/public/../app/secret"] {
            let piece =
                format!("GET {path} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n{{cookie}}{line}\r\n");
            pieces.push((line.as_str(), piece));
        }
    }
    siege.pieces(&pieces).await;
    for line in &lines {
        let request = format!(
            "GET /public/ping HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{line}\r\n",
            siege.host()
        );
        siege.send(request.as_bytes()).await;
    }
    for seen in siege.world.portal.seen() {
        let cookies = seen.all("cookie").join("; ");
        let up = seen.cookie("sid").is_some() || cookies.split("; ").any(|pair| pair.starts_with("sid="));
        assert!(!up, "a session brought along went up: {cookies}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_tossed_session_cookies_do_not_count() {
    let mut world = World::new(StoreKind::Memory).await;
    let anna = world.anna_signed_in().await;
    let token = anna.session().unwrap();
    let host = world.gateway.address;
    for line in [
        format!("doorstep={token}; doorstep=forged"),
        format!("doorstep=forged; doorstep={token}"),
        format!("doorstep={token}; doorstep={token}"),
        format!("doorstep=\"{token}\""),
        format!("=doorstep={token}"),
        format!("\u{2000}doorstep={token}"),
        format!("$Version=1; $doorstep={token}"),
        format!("DOORSTEP={token}"),
        format!("__Host-doorstep={token}"),
        format!("a=doorstep={token}"),
        format!("doorstep={}", &token[..token.len() - 1]),
        format!("doorstep={token}x"),
        "doorstep=".to_owned(),
    ] {
        let request = format!(
            "GET /app/secret HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\nCookie: {line}\r\n\r\n"
        );
        let answer = raw_for(host, request.as_bytes(), Duration::from_secs(5)).await;
        assert!(!answer.text().contains(SECRET), "{line} was honoured");
        assert!(matches!(answer.status(), 303 | 400), "{line}: {}", answer.text());
    }
    // The same in two lines: a name that comes twice counts in neither.
    for (one, two) in [
        (format!("doorstep={token}"), "doorstep=forged".to_owned()),
        ("doorstep=forged".into(), format!("doorstep={token}")),
        (format!("a=b; doorstep={token}"), format!("doorstep={token}; c=d")),
    ] {
        let request = format!(
            "GET /app/secret HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\
             Cookie: {one}\r\nCookie: {two}\r\n\r\n"
        );
        let answer = raw_for(host, request.as_bytes(), Duration::from_secs(5)).await;
        assert!(!answer.text().contains(SECRET), "{one}, {two} was honoured");
        assert!(
            matches!(answer.status(), 303 | 400),
            "{one}, {two}: {}",
            answer.text()
        );
    }
    anna.get("/app/secret").await.expect(200);
    assert_eq!(world.portal.protected_seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_piles_of_cookies_open_nothing() {
    let siege = Siege::lay().await;
    let many: String = (0..180).map(|number| format!("c{number}={number}; ")).collect();
    let long = format!("pad={}", "x".repeat(64 * 1024));
    let huge = format!("pad={}", "x".repeat(2 << 20));
    for cookies in [many, long, huge] {
        for path in ["/app/secret", CHALLENGE] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n",
                siege.host()
            );
            let answer = siege.send(request.as_bytes()).await;
            assert!(!matches!(answer.status(), 200..=299), "{}", answer.text());
        }
    }
    let lines: String = (0..400)
        .map(|number| format!("Cookie: c{number}=1\r\n"))
        .collect();
    let request = format!(
        "GET /app/secret HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}\r\n",
        siege.host()
    );
    assert!(!matches!(
        siege.send(request.as_bytes()).await.status(),
        200..=299
    ));
    siege.assert_nothing_came_through();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_forms_want_a_proof_of_their_origin() {
    let mut siege = Siege::lay().await;
    let page = siege.waiting.get(CHALLENGE).await.expect(200).text();
    let verify = page::form(&page, "challenge/verify");
    let sms = page::form(&page, "challenge/sms");
    let key = siege.world.anna.fresh().await;
    let gateway = &siege.world.gateway;
    for (origin, site) in [
        ("null", "cross-site"),
        ("http://evil.example", "cross-site"),
        ("http://evil.example", "same-origin"),
        ("http://127.0.0.1:1", "same-site"),
        ("https://127.0.0.1", "none"),
        ("null", "same-origin"),
    ] {
        let foreign = siege
            .waiting
            .via(gateway)
            .with("origin", origin)
            .with("sec-fetch-site", site);
        for form in [&verify, &sms] {
            let answer = foreign.send_challenge_form(form, &[("token", &key)]).await;
            assert_eq!(answer.status, 403, "{origin} {site}: {}", answer.shown());
        }
    }
    // another session's token in the form
    let other = siege.world.browser();
    other.password(crate::support::world::CAROL).await.expect(303);
    let answer = other.send_challenge_form(&verify, &[("token", &key)]).await;
    assert_eq!(answer.status, 403, "{}", answer.shown());
    // a GET changes nothing
    let query: String = verify
        .fields
        .iter()
        .map(|(name, value)| format!("&{name}={value}"))
        .collect();
    let target = format!("{}/verify?token={key}{query}", CHALLENGE);
    assert!(
        !siege.waiting.get(&target).await.status.is_redirection()
            || !siege.waiting.go("/app/secret").await.holds(SECRET)
    );
    let answer = siege.waiting.get("/.doorstep/logout").await;
    assert!(answer.status.is_client_error(), "{}", answer.shown());
    assert!(
        crate::support::token::messages(&gateway.sms_file()).is_empty(),
        "an SMS went out"
    );
    siege.assert_nothing_came_through();
    siege.waiting.type_token(&key).await.expect(303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_nobody_is_sent_elsewhere() {
    let mut world = World::new(StoreKind::Memory).await;
    let targets = [
        "//evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "/%5cevil.example",
        "/..//evil.example",
        "/app/%0d%0aLocation:%20http://evil.example",
        "/app/secret?next=//evil.example",
    ];
    let host = world.gateway.address;
    for target in targets {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nConnection: close\r\n\r\n"
        );
        let answer = raw_for(host, request.as_bytes(), Duration::from_secs(5)).await;
        let text = answer.text();
        assert!(matches!(answer.status(), 303 | 400), "{target}: {text}");
        assert!(
            !text.to_lowercase().contains("location: //") && !text.contains("\nLocation: http://evil"),
            "{text}"
        );
        // the cookie of that request goes on to the login
        let Some(cookie) = text
            .split("doorstep=")
            .nth(1)
            .and_then(|rest| rest.split(';').next())
        else {
            continue;
        };
        let browser = world.browser();
        browser.set_cookie(&format!("doorstep={cookie}; Path=/; HttpOnly"));
        let answer = browser.password(crate::support::world::OLGA).await;
        let location = answer.location();
        assert!(
            !location.starts_with("//") && !location.starts_with("/\\"),
            "{target} leads to {location}"
        );
        assert!(
            !location.contains("//evil.example") || location.starts_with("/app/"),
            "{target} leads to {location}"
        );
    }
    // nor by the portal's own word
    for location in [
        "//evil.example/x",
        "http://evil.example/x",
        "javascript:alert(1)",
        "https:evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "http:\\\\evil.example",
        "/.//evil.example",
        "/..//evil.example",
        "//evil.example@127.0.0.1/",
        "data:text/html,x",
    ] {
        let reply = crate::support::Reply::redirect(302, location).cookie("sid=x; Path=/");
        world.portal.answer("/login", reply);
        let browser = world.browser();
        browser.password(ANNA).await;
        let page = browser.get(CHALLENGE).await;
        if page.status == 200 {
            let form = page::form(&page.text(), "challenge/verify");
            let key = world.anna.fresh().await;
            let answer = browser.send_challenge_form(&form, &[("token", &key)]).await;
            assert!(
                !answer.location().contains("evil.example") && !answer.location().contains("javascript"),
                "{}",
                answer.shown()
            );
        }
    }
}
