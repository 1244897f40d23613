//! THREATS B5, D5, E2, E7, E8, F1, F5: what belongs to one session, browser or person, brought into another; and what
//! changed while somebody waited at the challenge.

use super::Siege;
use crate::support::browser::CHALLENGE;
use crate::support::gateway::OPS_TOKEN;
use crate::support::portal::{CANARY, Knobs, SECRET};
use crate::support::raw::raw_for;
use crate::support::world::{ANNA, ANNA_PHONE, BEN, BEN_PHONE, CAROL, OLGA};
use crate::support::{Answer, Browser, Gateway, Reply, StoreKind, World, client, last_sms, page};
use std::time::Duration;

async fn challenged(world: &World, login: &str) -> Browser {
    let browser = world.browser();
    browser.password(login).await.expect(303).expect_to(CHALLENGE);
    browser
}

/// Shut: neither the answer nor a request after it shows anything, and the portal saw nothing.
async fn stays_out(world: &World, browser: &Browser, answer: &Answer, what: &str) {
    assert!(
        !answer.holds(SECRET) && !answer.holds(CANARY),
        "{what}: {}",
        answer.shown()
    );
    let after = browser.get("/app/secret").await;
    assert!(!after.holds(SECRET), "{what}: {}", after.shown());
    let seen = world.portal.protected_seen();
    assert!(seen.is_empty(), "{what}: {seen:?}");
}

async fn ops(gateway: &Gateway, method: &str, path: &str, body: &str) -> Answer {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", gateway.ops.to_string())
        .header("authorization", format!("Bearer {OPS_TOKEN}"))
        .header("content-type", "application/json")
        .body(bytes::Bytes::from(body.to_owned()))
        .unwrap();
    client::send(gateway.ops, request).await.unwrap()
}

over_each_store![
    e7_what_belongs_to_one_session_is_worth_nothing_in_another,
    e8_what_changed_while_somebody_waited_counts,
    f1_every_step_gives_a_new_token_and_the_old_ones_are_dead_everywhere,
];

async fn e7_what_belongs_to_one_session_is_worth_nothing_in_another(kind: StoreKind) {
    let mut world = World::new(kind).await;
    // ANNA and BEN share a telephone.
    world.gateway.ok(&["employee", "set", BEN, "--phone", ANNA_PHONE]);
    let anna = challenged(&world, ANNA).await;
    let ben = challenged(&world, BEN).await;
    anna.ask_for_sms().await.expect(303);
    let token = last_sms(&world.gateway.sms_file(), ANNA_PHONE).unwrap();
    // Her token, at the same number, in his session; and his form, sent by her browser and the other way round.
    let answer = ben.type_token(&token).await.expect(422);
    stays_out(&world, &ben, &answer, "her token in his session").await;
    let (hers, his) = (
        anna.challenge_form("challenge/verify").await,
        ben.challenge_form("challenge/verify").await,
    );
    let answer = ben
        .send_challenge_form(&hers, &[("token", &token)])
        .await
        .expect(403);
    stays_out(&world, &ben, &answer, "her form in his session").await;
    let answer = anna
        .send_challenge_form(&his, &[("token", &token)])
        .await
        .expect(403);
    stays_out(&world, &anna, &answer, "his form in her session").await;
    // Her own token in another session of hers: it was sent for the other challenge.
    let second = challenged(&world, ANNA).await;
    let answer = second.type_token(&token).await.expect(422);
    stays_out(&world, &second, &answer, "her token in her other session").await;
    // Her key in his session, and fields that name a challenge, a session or a person.
    let key = world.anna.fresh().await;
    let form = ben.challenge_form("challenge/verify").await;
    for (name, value) in [
        ("login", ANNA),
        ("challenge", "1"),
        ("session", &anna.session().unwrap()),
        ("email", ANNA),
        ("employee", ANNA),
        ("firm", "open"),
        ("factor", "totp"),
    ] {
        let answer = ben
            .send_challenge_form(&form, &[("token", &key), (name, value)])
            .await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 422 | 429),
            "{name}: {}",
            answer.shown()
        );
        stays_out(&world, &ben, &answer, name).await;
    }
    // None of which cost her anything: her own token, in her own session.
    anna.type_token(&token).await.expect(303);
    assert!(anna.get("/app/secret").await.expect(200).holds(ANNA));
    world.portal.take_seen();
    let answer = second.type_token(&token).await.expect(422);
    stays_out(&world, &second, &answer, "her token once more").await;
}

/// E8: between the accepted password and the right key somebody is reset, removed, deactivated, signed out, or
/// loses the very factor.
async fn e8_what_changed_while_somebody_waited_counts(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let gateway = &world.gateway;
    let factors = ops(gateway, "GET", &format!("/v1/employees/{CAROL}/factors"), "").await;
    let factor = factors.expect(200).json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let person = format!("/v1/employees/{CAROL}");
    let changes = [
        ("POST", format!("{person}/sign-out"), ""),
        ("PATCH", person.clone(), r#"{"state": "inactive"}"#),
        ("PATCH", person.clone(), r#"{"state": "active"}"#),
        (
            "PATCH",
            "/v1/firms/acme".into(),
            r#"{"policy": {"factors": ["sms"]}}"#,
        ),
        (
            "PATCH",
            "/v1/firms/acme".into(),
            r#"{"policy": {"factors": ["totp", "sms"]}}"#,
        ),
        ("DELETE", format!("{person}/factors/{factor}"), ""),
        ("POST", format!("{person}/reset"), ""),
        ("DELETE", person.clone(), ""),
    ];
    for (method, path, body) in changes {
        let what = format!("{method} {path} {body}");
        let mends = body.contains("\"active\"") || body.contains("totp");
        if mends {
            let done = ops(&world.gateway, method, &path, body).await;
            assert!(done.status.is_success(), "{what}: {}", done.shown());
            continue;
        }
        let waiting = world.browser();
        let answer = waiting.password(CAROL).await;
        if !answer.location().ends_with(CHALLENGE) {
            // (reset: what leads in is a passcode; the challenge page says so)
            assert!(!answer.holds(CANARY), "{what}: {}", answer.shown());
            continue;
        }
        let page = waiting.get(CHALLENGE).await;
        let done = ops(&world.gateway, method, &path, body).await;
        assert!(done.status.is_success(), "{what}: {}", done.shown());
        if page.status == 200 && page.text().contains("challenge/verify") {
            let form = page::form(&page.text(), "challenge/verify");
            let key = world.carol.fresh().await;
            let answer = waiting.send_challenge_form(&form, &[("token", &key)]).await;
            assert!(
                matches!(answer.status.as_u16(), 303 | 401 | 403 | 409 | 422 | 429),
                "{what}: {}",
                answer.shown()
            );
            stays_out(&world, &waiting, &answer, &what).await;
        }
    }
    let answer = world.browser().password(CAROL).await;
    assert!(
        !answer.holds(CANARY) && !answer.location().ends_with(CHALLENGE),
        "{}",
        answer.shown()
    );
}

async fn f1_every_step_gives_a_new_token_and_the_old_ones_are_dead_everywhere(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let other = match kind {
        StoreKind::Memory => None,
        StoreKind::Redis => {
            let mut other = world.gateway.sibling();
            other.run().await;
            Some(other)
        }
    };
    let browser = world.browser();
    let mut tokens = Vec::new();
    browser.get("/app/devices").await.expect(303);
    tokens.extend(browser.session());
    browser.password(ANNA).await.expect(303);
    tokens.extend(browser.session());
    browser.type_token(&world.anna.fresh().await).await.expect(303);
    tokens.extend(browser.session());
    browser.get("/app/secret").await.expect(200);
    // Signing in again carries the factor over, under yet another token.
    browser.password(ANNA).await;
    tokens.extend(browser.session());
    browser.get("/app/secret").await.expect(200);
    browser.get("/logout").await.expect(302);
    assert_eq!(browser.session(), None);
    browser.get("/app/devices").await.expect(303);
    let last = browser.session().unwrap();
    let mut all = tokens.clone();
    all.push(last);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5, "a token came twice");
    world.portal.take_seen();
    let gateways: Vec<&Gateway> = std::iter::once(&world.gateway).chain(&other).collect();
    for gateway in gateways {
        for token in &tokens {
            let old = Browser::at(gateway);
            old.set_cookie(&format!("doorstep={token}; Path=/; HttpOnly"));
            for path in [
                "/app/secret",
                CHALLENGE,
                "/.doorstep/account",
                "/.doorstep/challenge/status",
            ] {
                let answer = old.get(path).await;
                assert!(
                    matches!(answer.status.as_u16(), 303 | 401 | 409) && !answer.holds(SECRET),
                    "{}",
                    answer.shown()
                );
            }
        }
    }
    assert!(world.portal.protected_seen().is_empty());
}

/// F5: somebody signs in, and sends the challenge, the form or the link on to another: nothing of it works in a browser
/// that did not give the password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_a_challenge_is_answered_only_where_the_password_was_given() {
    let mut world = World::new(StoreKind::Memory).await;
    let intruder = challenged(&world, ANNA).await;
    let form = intruder.challenge_form("challenge/verify").await;
    let key = world.anna.fresh().await;
    let victim = world.browser();
    let answer = victim
        .send_challenge_form(&form, &[("token", &key)])
        .await
        .expect(401);
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    // A victim who has a session of their own keeps it, and is not made to work for the intruder's.
    let own = challenged(&world, CAROL).await;
    let before = own.session();
    let answer = own
        .send_challenge_form(&form, &[("token", &key)])
        .await
        .expect(403);
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    assert_eq!(own.session(), before);
    stays_out(&world, &intruder, &answer, "the intruder, after the victim's key").await;
    // A page of another site posts the login: refused, and no session of somebody else's is put into the browser.
    for (origin, site) in [
        ("http://evil.example", "cross-site"),
        ("null", "cross-site"),
        ("http://evil.example", "same-origin"),
    ] {
        let lured = world
            .browser()
            .with("origin", origin)
            .with("sec-fetch-site", site);
        let fields = [("email", OLGA), ("password", "olga-password")];
        let answer = lured.post("/login", &fields).await;
        assert!(
            answer.status.is_client_error(),
            "{origin} {site}: {}",
            answer.shown()
        );
        assert_eq!(lured.session(), None, "{origin} {site}");
    }
    assert_eq!(world.portal.logins_sent(), 2);
    intruder.type_token(&key).await.expect(303);
}

/// B5: the factor's guesses are the employee's, wherever a header says that they come from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b5_guesses_at_a_factor_are_one_count_from_wherever_they_say_they_come() {
    for listen in ["", "trusted_proxies = [\"127.0.0.0/8\"]\n"] {
        let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
            settings.listen = listen.into();
        })
        .await;
        for number in 0..5 {
            let from = match number % 2 {
                0 => format!("203.0.113.{number}"),
                _ => format!("2001:db8:1:2::{number}"),
            };
            let browser = world
                .browser()
                .with("x-forwarded-for", &from)
                .with("x-real-ip", &from);
            browser.password(ANNA).await.expect(303);
            let expected = if number == 4 { 429 } else { 422 };
            browser.type_token(&world.anna.wrong()).await.expect(expected);
        }
        let owner = challenged(&world, ANNA).await;
        let key = world.anna.fresh().await;
        owner.type_token(&key).await.expect(429);
    }
}

/// D5: a page of another site opens no WebSocket with somebody's cookies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_another_sites_page_opens_no_socket() {
    let mut world = World::new(StoreKind::Memory).await;
    let anna = world.anna_signed_in().await;
    let host = world.gateway.address;
    let cookie = anna.cookie_header("/app");
    let ask = |origin: &str, upgrade: &str| {
        format!(
            "GET /app/socket HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookie}\r\n{origin}\r\n"
        )
    };
    let port = host.port();
    for origin in [
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".into(),
        "Origin: \r\n".into(),
        format!("Origin: https://127.0.0.1:{port}\r\n"),
        "Origin: http://127.0.0.1\r\n".into(),
        format!("Origin: http://127.0.0.1:{port}.evil.example\r\n"),
        format!("Origin: http://127.0.0.1:{port}@evil.example\r\n"),
        format!("Origin: http://127.0.0.1:{port}/\r\n"),
        format!("Origin: http://evil.example, http://127.0.0.1:{port}\r\n"),
        format!("Origin: http://evil.example\r\nOrigin: http://127.0.0.1:{port}\r\n"),
        format!("Origin: http://127.0.0.1:{port}\r\nOrigin: http://evil.example\r\n"),
    ] {
        for upgrade in ["websocket", "WebSocket"] {
            let answer = raw_for(host, ask(&origin, upgrade).as_bytes(), Duration::from_secs(3)).await;
            assert!(
                matches!(answer.status(), 400 | 403),
                "{origin}: {}",
                answer.text()
            );
        }
    }
    assert!(
        world
            .portal
            .seen()
            .iter()
            .all(|seen| seen.path() != "/app/socket")
    );
    let own = format!("Origin: http://{host}\r\n");
    let answer = raw_for(host, ask(&own, "websocket").as_bytes(), Duration::from_secs(1)).await;
    assert_eq!(answer.status(), 101, "{}", answer.text());
}

/// E2: other doors than the login. Whatever answer sets a session cookie, for whatever reason, it stays here; and with
/// what it is worth nobody gets in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e2_a_session_that_the_portal_gives_elsewhere_opens_nothing() {
    let siege = Siege::lay().await;
    let world = &siege.world;
    let given = world.portal.session_for(ANNA);
    let line = format!("sid={given}; Path=/; HttpOnly");
    for (path, reply) in [
        // a remember-me cookie, a reset that signs in, the way back from a single sign-on
        ("/public/remembered", Reply::page("Welcome back").cookie(&line)),
        ("/public/reset", Reply::redirect(302, "/app/secret").cookie(&line)),
        (
            "/static/sso",
            Reply::redirect(303, "/app/secret")
                .cookie(&line)
                .cookie("rememberme=1; Path=/"),
        ),
        ("/login", Reply::page("You are signed in").cookie(&line)),
        ("/public/fails", Reply::new(500).cookie(&line)),
        (
            "/public/basic",
            Reply::new(401)
                .header("WWW-Authenticate", "Basic realm=x")
                .cookie(&line),
        ),
    ] {
        world.portal.answer(path, reply);
        for browser in [world.browser(), siege.waiting.via(&world.gateway)] {
            for credentials in [false, true] {
                let browser = match credentials {
                    true => browser.also(
                        "authorization",
                        "Basic YW5uYUBhY21lLmV4YW1wbGU6YW5uYS1wYXNzd29yZA==",
                    ),
                    false => browser.via(&world.gateway),
                };
                let answer = browser.get(path).await;
                assert!(!answer.holds(&given), "{path}: {}", answer.shown());
                let inside = browser.get("/app/secret").await;
                assert!(!inside.holds(SECRET), "{path}: {}", inside.shown());
            }
        }
        world.portal.forget(path);
    }
    siege.assert_nothing_came_through();
    for seen in world.portal.seen() {
        assert!(seen.all("authorization").is_empty(), "{seen:?}");
    }
    // A login that is sent in another shape is no other door.
    let json = r#"{"email": "anna@acme.example", "password": "anna-password"}"#;
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nanna@acme.example\r\n--x\r\n\
                     Content-Disposition: form-data; name=\"password\"\r\n\r\nanna-password\r\n--x--\r\n";
    for (kind, body) in [
        ("application/json", json),
        ("multipart/form-data; boundary=x", multipart),
        ("text/plain", "email=anna@acme.example&password=anna-password"),
    ] {
        let browser = world.browser();
        let answer = browser.post_bytes("/login", kind, body.as_bytes().to_vec()).await;
        assert!(!answer.holds(CANARY), "{kind}: {}", answer.shown());
        assert!(!browser.get("/app/secret").await.holds(SECRET), "{kind}");
    }
    let browser = world.browser();
    let answer = browser
        .get("/login?email=anna%40acme.example&password=anna-password")
        .await;
    assert!(!answer.holds(CANARY), "{}", answer.shown());
    siege.assert_nothing_came_through();
    assert!(last_sms(&world.gateway.sms_file(), BEN_PHONE).is_none());
}
