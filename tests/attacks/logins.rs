//! THREATS E5, F1, F5 and I4: many logins at once, in one browser and in several.

use std::time::Duration;

use crate::support::browser::CHALLENGE;
use crate::support::gateway::FORM_LOGIN;
use crate::support::portal::{Accepted, CANARY, Knobs, SECRET, password_of};
use crate::support::world::{ANNA, CAROL, OLGA};
use crate::support::{Browser, Reply, StoreKind, World, until};

over_each_store![
    i4_a_login_in_flight_keeps_the_jar_its_own,
    i4_two_names_at_once_in_one_jar_never_share_it,
    i4_two_tabs_with_two_names_end_the_first,
    i4_a_name_that_only_some_server_finds_is_not_sent,
    i4_a_login_by_another_method_is_not_sent,
    i5_a_wrong_password_while_a_factor_is_owed_releases_nothing,
    f1_a_token_planted_before_the_login_opens_nothing_after_it,
    e5_a_logout_beside_a_verification_leaves_nobody_signed_in,
    e5_a_logout_beside_a_login_leaves_nobody_signed_in,
];

async fn post_login(browser: &Browser, login: &str, password: &str) -> crate::support::Answer {
    browser
        .post("/login", &[("email", login), ("password", password)])
        .await
}

/// The rule of the sample portal, with what a wrong password is answered.
fn with_failure() -> String {
    format!("{FORM_LOGIN}failure = {{ status = [200] }}\n")
}

/// CAROL is the intruder's own account, with a factor; of ANNA only the password is known. The portal keeps
/// its cookie across logins, so that whoever signs in last under it owns it there. A wrong password that
/// is refused while another login is on its way must not open the jar for a third.
async fn i4_a_login_in_flight_keeps_the_jar_its_own(kind: StoreKind) {
    let knobs = Knobs {
        keeps_cookie: true,
        accepted: Accepted::Slow,
        ..Knobs::default()
    };
    let mut world = World::with(kind, knobs, |settings| settings.rules = with_failure()).await;
    let browser = world.browser();
    browser.get("/login").await.expect(200);
    let [one, two, three] = [0, 1, 2].map(|_| browser.via(&world.gateway));
    let sent = |count: usize| {
        let portal = &world.portal;
        async move {
            until("a login reaches the portal", Duration::from_secs(5), || async {
                (portal.logins_sent() >= count).then_some(())
            })
            .await;
        }
    };
    let first = post_login(&one, CAROL, password_of(CAROL));
    let others = async {
        sent(1).await;
        post_login(&two, CAROL, "wrong").await.expect(200);
        post_login(&three, ANNA, password_of(ANNA)).await
    };
    let (first, third) = futures_util::join!(first, others);
    if first.status == 303 && first.location().ends_with(CHALLENGE) {
        one.type_token(&world.carol.fresh().await).await;
        let page = one.go("/app/secret").await;
        assert!(
            !page.holds(ANNA),
            "CAROL's factor opened ANNA's session: {}",
            page.shown()
        );
    }
    assert!(!third.holds(CANARY), "{}", third.shown());
    for seen in world.portal.protected_seen() {
        assert_eq!(seen.method, "GET", "{seen:?}");
    }
}

/// Two names at once under one anonymous session: at most one is sent with its jar.
async fn i4_two_names_at_once_in_one_jar_never_share_it(kind: StoreKind) {
    let knobs = Knobs {
        keeps_cookie: true,
        ..Knobs::default()
    };
    for failure in [false, true] {
        let mut world = World::with(kind, knobs, |settings| {
            if failure {
                settings.rules = with_failure();
            }
        })
        .await;
        for _ in 0..6 {
            let browser = world.browser();
            browser.get("/login").await.expect(200);
            let names = [CAROL, OLGA, CAROL, OLGA, ANNA];
            let tabs: Vec<Browser> = names.iter().map(|_| browser.via(&world.gateway)).collect();
            world.portal.take_seen();
            let logins = tabs
                .iter()
                .zip(names)
                .map(|(tab, name)| post_login(tab, name, password_of(name)));
            let answers = futures_util::future::join_all(logins).await;
            let mut of_jar = std::collections::HashMap::<String, Vec<String>>::new();
            for seen in world.portal.seen() {
                if let Some(sid) = seen.cookie("sid") {
                    of_jar
                        .entry(sid)
                        .or_default()
                        .push(seen.field("email").unwrap_or_default());
                }
            }
            for (sid, mut names) in of_jar {
                names.sort();
                names.dedup();
                assert_eq!(names.len(), 1, "{sid} was sent with {names:?}");
            }
            for ((tab, name), answer) in tabs.iter().zip(names).zip(&answers) {
                let page = tab.go("/app/secret").await;
                let is_own = name == OLGA && page.holds(OLGA);
                assert!(
                    !page.holds(SECRET) || is_own,
                    "{name}: {} then {}",
                    answer.shown(),
                    page.shown()
                );
            }
        }
        // who is left over can sign in
        let carol = world.carol_signed_in().await;
        assert!(carol.get("/app/secret").await.expect(200).holds(CAROL));
    }
}

async fn i4_two_tabs_with_two_names_end_the_first(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let first = world.browser();
    first.get("/login").await.expect(200);
    let second = first.via(&world.gateway);
    post_login(&first, ANNA, password_of(ANNA)).await.expect(303);
    // the second tab still has the token from before: it was replaced
    let answer = post_login(&second, OLGA, password_of(OLGA)).await.expect(409);
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    // and with the new one, OLGA is somebody else
    post_login(&first, OLGA, password_of(OLGA))
        .await
        .expect(303)
        .expect_to("/login");
    assert_eq!(world.portal.logins_sent(), 1);
    first.get(CHALLENGE).await.expect(401);
    // two browsers do not know of each other
    let (anna, olga) = (world.browser(), world.browser());
    anna.password(ANNA).await.expect(303);
    olga.password(OLGA).await.expect(302);
    anna.type_token(&world.anna.fresh().await).await.expect(303);
    assert!(anna.get("/app/secret").await.expect(200).holds(ANNA));
    assert!(olga.get("/app/secret").await.expect(200).holds(OLGA));
}

/// CAROL's own factor must not open what ANNA's password opened: two names in one login, of which the gateway's own
/// parser finds CAROL's, and that of some portal ANNA's.
async fn i4_a_name_that_only_some_server_finds_is_not_sent(kind: StoreKind) {
    let world = World::new(kind).await;
    for name in [
        "]email",
        "%5Bemail%5D",
        "ema%C4%B1l",
        "%EF%BB%BFemail",
        "model.Email",
        "model%5BEmail%5D",
    ] {
        let browser = world.browser();
        browser.get("/login").await.expect(200);
        let body = format!(
            "email={CAROL}&password=x&{name}={ANNA}&model.Password={}",
            password_of(ANNA)
        );
        let answer = browser
            .post_bytes("/login", "application/x-www-form-urlencoded", body.into_bytes())
            .await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.shown());
    }
    assert_eq!(world.portal.logins_sent(), 0);
}

/// A portal that looks at the body only would make CAROL's session ANNA's.
async fn i4_a_login_by_another_method_is_not_sent(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let carol = world.carol_signed_in().await;
    let host = world.gateway.address;
    let cookie = carol.cookie_header("/");
    let form = format!("email={ANNA}&password={}", password_of(ANNA));
    let json = format!("{{\"email\":\"{ANNA}\"}}");
    world.portal.take_seen();
    for method in ["PUT", "PATCH", "DELETE", "GET", "OPTIONS"] {
        for path in ["/login", "/Login", "/login/"] {
            for (content_type, body) in [
                ("application/x-www-form-urlencoded", &form),
                ("application/json", &json),
                ("text/plain", &json),
            ] {
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n\
                     X-HTTP-Method-Override: POST\r\nCookie: {cookie}\r\nContent-Type: {content_type}\r\n\
                     Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let answer = crate::support::raw::raw(host, request.as_bytes()).await;
                assert_eq!(
                    answer.status(),
                    400,
                    "{method} {path} {content_type}: {}",
                    answer.text()
                );
            }
        }
    }
    // nor is one in the address turned into a POST by a header
    let overriding = carol.via(&world.gateway).with("x-http-method-override", "POST");
    overriding.get("/Login?next=/").await;
    overriding.fetch("PUT", "/login").await;
    let seen = world.portal.take_seen();
    for request in &seen {
        assert!(
            request.body.is_empty() && request.all("x-http-method-override").is_empty(),
            "{request:?}"
        );
    }
    assert!(carol.get("/app/secret").await.expect(200).holds(CAROL));
}

/// A portal that greets whoever is signed in on its login page, and passes cookies with what it knows.
async fn i5_a_wrong_password_while_a_factor_is_owed_releases_nothing(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    let greeting = Reply::page(format!("You are signed in already. {SECRET}")).cookie("theme=new; Path=/");
    world.portal.answer("/login", greeting);
    let answer = post_login(&browser, ANNA, "wrong").await;
    assert!(!answer.holds(SECRET), "{}", answer.shown());
    assert!(
        answer.set_cookies().iter().all(|line| !line.starts_with("theme")),
        "pass_cookies before the factor: {}",
        answer.shown()
    );
    assert!(browser.cookie("theme").is_none());
    // the challenge goes on, and what waited is still there
    browser
        .type_token(&world.anna.fresh().await)
        .await
        .expect(303)
        .expect_to("/app/home?login-canary-location");
    assert_eq!(browser.cookie("theme").as_deref(), Some("dark"));
}

async fn f1_a_token_planted_before_the_login_opens_nothing_after_it(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let intruder = world.browser();
    intruder.get("/app/devices").await.expect(303);
    let victim = intruder.via(&world.gateway);
    assert_eq!(victim.session(), intruder.session(), "planted");
    victim.sign_in(ANNA, &mut world.anna).await;
    victim.get("/app/secret").await.expect(200);
    let answer = intruder.get("/app/secret").await.expect(409);
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    for path in [CHALLENGE, "/.doorstep/account", "/.doorstep/challenge/status"] {
        let answer = intruder.get(path).await;
        assert!(
            matches!(answer.status.as_u16(), 401 | 409) && answer.set_cookies().is_empty(),
            "{}",
            answer.shown()
        );
    }
    // a token of nobody's making is nobody's
    let forged = world.browser();
    forged.set_cookie(&format!("doorstep={}; Path=/", "A".repeat(43)));
    forged.password(ANNA).await.expect(303);
    assert_ne!(forged.session().unwrap(), "A".repeat(43));
}

/// Whatever order the two take: once a logout has answered, no session of that browser goes on.
async fn e5_a_logout_beside_a_verification_leaves_nobody_signed_in(kind: StoreKind) {
    let mut world = World::new(kind).await;
    for round in 0..3 {
        let browser = world.browser();
        browser.password(ANNA).await.expect(303);
        let form = browser.challenge_form("challenge/verify").await;
        let key = world.anna.fresh().await;
        let (verifying, leaving) = (browser.via(&world.gateway), browser.via(&world.gateway));
        let fill = [("token", key.as_str())];
        let verify = verifying.send_challenge_form(&form, &fill);
        let leave = async {
            tokio::time::sleep(Duration::from_millis(round * 4)).await;
            leaving.get("/logout").await
        };
        let (verified, left) = futures_util::join!(verify, leave);
        if left.status != 302 {
            // the verification was first: the logout was told so
            assert_eq!(left.status, 409, "{}", left.shown());
            continue;
        }
        for tab in [&verifying, &leaving] {
            let page = tab.get("/app/secret").await;
            assert!(
                !page.holds(SECRET),
                "round {round}: signed in after a logout: {} then {}",
                verified.shown(),
                page.shown()
            );
        }
    }
}

async fn e5_a_logout_beside_a_login_leaves_nobody_signed_in(kind: StoreKind) {
    let world = World::new(kind).await;
    for round in 0..8 {
        let browser = world.olga_signed_in().await;
        let (again, leaving) = (browser.via(&world.gateway), browser.via(&world.gateway));
        let login = post_login(&again, OLGA, password_of(OLGA));
        let leave = async {
            tokio::time::sleep(Duration::from_millis(round * 2)).await;
            leaving.get("/logout").await
        };
        let (login, left) = futures_util::join!(login, leave);
        if left.status != 302 {
            assert_eq!(left.status, 409, "{}", left.shown());
            continue;
        }
        for tab in [&again, &leaving] {
            let page = tab.get("/app/secret").await;
            assert!(
                !page.holds(SECRET),
                "round {round}: signed in after a logout: {} then {}",
                login.shown(),
                page.shown()
            );
        }
    }
}
