//! Other ways to sign in than a form: JSON with a cookie, a bearer token, HTTP Basic, and doors that no rule
//! names but who-am-I sees.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::browser::CHALLENGE;
use crate::support::portal::{CANARY, Knobs, SECRET, password_of};
use crate::support::world::{ANNA, CAROL, NORA, OLGA};
use crate::support::{Answer, Browser, Reply, StoreKind, World};

const JSON: &str = "application/json";

const JSON_LOGIN: &str = r#"
[[portal.login]]
path = "/api/login"
username = { json = "/user/name", answer = "/user/name" }
success = { status = [200], json = "/user/name", sets_cookie = "sid" }
failure = { status = [401] }
"#;

const TOKEN_LOGIN: &str = r#"
[[portal.login]]
path = "/api/token"
username = { json = "/user/name" }
bearer = "/access_token"
success = { status = [200], json = "/access_token" }
failure = { status = [403], json = { pointer = "/error", equals = "invalid_grant" } }
"#;

const BASIC_LOGIN: &str = r#"
[[portal.login]]
path = "/basic/probe"
username = { basic = true }
success = { status = [200] }
failure = { status = [401] }
"#;

const WHO_AM_I: &str = r#"
[portal.who_am_i]
path = "/api/me"
username = { json = "/user/email" }
timeout = "2s"
"#;

async fn world_of(rules: &str) -> World {
    World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.rules = rules.to_owned();
        if !rules.contains("form =") {
            settings.portal = settings.portal.replace("login_page = \"/login\"\n", "");
        }
    })
    .await
}

fn credentials(login: &str) -> String {
    json!({"user": {"name": login}, "password": password_of(login)}).to_string()
}

fn basic_of(login: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{login}:{password}")))
}

/// The same browser, with a header of its own.
fn with(browser: &Browser, world: &World, name: &str, value: &str) -> Browser {
    browser.via(&world.gateway).with(name, value)
}

fn token_of(answer: &Answer) -> String {
    answer.json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_signs_in_by_json_is_challenged_and_gets_its_answer_when_it_signs_in_again() {
    let mut world = world_of(JSON_LOGIN).await;
    let browser = world.browser();
    let wrong = browser
        .fetch_with(
            "/api/login",
            JSON,
            r#"{"user":{"name":"anna@acme.example"},"password":"x"}"#,
        )
        .await
        .expect(401);
    assert_eq!(wrong.json()["error"], "wrong");
    let withheld = browser
        .fetch_with("/api/login", JSON, &credentials(ANNA))
        .await
        .expect(401);
    assert_eq!(
        withheld.json()["error"],
        "second_factor_required",
        "{}",
        withheld.shown()
    );
    assert_eq!(withheld.header("doorstep-challenge"), CHALLENGE);
    assert!(!withheld.holds(CANARY), "{}", withheld.shown());
    browser.fetch("GET", "/api/data").await.expect(401);
    browser.type_token(&world.anna.fresh().await).await.expect(303);
    let again = browser
        .fetch_with("/api/login", JSON, &credentials(ANNA))
        .await
        .expect(200);
    assert!(again.holds(CANARY), "{}", again.shown());
    assert!(
        browser.cookie("sid").is_none(),
        "the portal's cookie has left the vault"
    );
    let data = browser.fetch("GET", "/api/data").await.expect(200);
    assert_eq!(data.json()["for"], ANNA);
    // A firm without the factor gets the portal's own answer at once.
    let olga = world.browser();
    let answer = olga
        .fetch_with("/api/login", JSON, &credentials(OLGA))
        .await
        .expect(200);
    assert!(answer.holds(CANARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn i4_a_json_login_that_can_be_read_in_two_ways_is_not_sent() {
    let world = world_of(JSON_LOGIN).await;
    let browser = world.browser();
    let double =
        format!(r#"{{"user":{{"name":"{OLGA}"}},"user":{{"name":"{ANNA}"}},"password":"anna-password"}}"#);
    let other_case = format!(r#"{{"user":{{"name":"{OLGA}","Name":"{ANNA}"}},"password":"anna-password"}}"#);
    let utf16: Vec<u8> = credentials(ANNA)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let bom = format!("\u{feff}{}", credentials(ANNA));
    for (kind, body) in [
        (JSON, double.into_bytes()),
        (JSON, other_case.into_bytes()),
        (JSON, utf16.clone()),
        ("application/json; charset=utf-16", utf16),
        (JSON, bom.into_bytes()),
        ("text/plain", credentials(ANNA).into_bytes()),
        ("application/json, text/plain", credentials(ANNA).into_bytes()),
        (JSON, b"{\"user\":{}}".to_vec()),
        (JSON, b"[]".to_vec()),
    ] {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = browser.post_bytes("/api/login", kind, body).await;
        assert_eq!(answer.status, 400, "{kind} {shown}: {}", answer.shown());
    }
    assert!(
        world.portal.seen().iter().all(|seen| seen.path() != "/api/login"),
        "something was sent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_is_withheld_then_bound_to_its_session() {
    let mut world = world_of(TOKEN_LOGIN).await;
    let anna = world.browser();
    let withheld = anna
        .fetch_with("/api/token", JSON, &credentials(ANNA))
        .await
        .expect(401);
    assert!(!withheld.holds(CANARY), "{}", withheld.shown());
    anna.type_token(&world.anna.fresh().await).await.expect(303);
    let token = token_of(
        &anna
            .fetch_with("/api/token", JSON, &credentials(ANNA))
            .await
            .expect(200),
    );
    let bearer = format!("Bearer {token}");
    let with_token = with(&anna, &world, "authorization", &bearer);
    assert_eq!(
        with_token.fetch("GET", "/api/data").await.expect(200).json()["for"],
        ANNA
    );
    let query = format!("/api/data?x=1&access_token={token}");
    assert_eq!(anna.fetch("GET", &query).await.expect(200).json()["for"], ANNA);

    // Nobody else gets anything for it, and a stranger least of all.
    let stranger = world.browser().with("authorization", &bearer);
    let refused = stranger.fetch("GET", "/api/data").await.expect(401);
    assert!(!refused.holds(SECRET));
    stranger.fetch("GET", &query).await.expect(401);
    let olga = world.browser();
    let olgas = token_of(
        &olga
            .fetch_with("/api/token", JSON, &credentials(OLGA))
            .await
            .expect(200),
    );
    let crossed = with(&olga, &world, "authorization", &bearer);
    world.portal.take_seen();
    let answer = crossed.fetch("GET", "/api/data").await;
    assert!(!answer.holds(SECRET), "{}", answer.shown());
    assert_eq!(world.portal.last("/api/data").header("authorization"), "");
    let answer = olga.fetch("GET", &query).await;
    assert!(!answer.holds(SECRET), "{}", answer.shown());
    assert_eq!(world.portal.last("/api/data").target, "/api/data?x=1");
    let own = with(&olga, &world, "authorization", &format!("Bearer {olgas}"));
    assert_eq!(
        own.fetch("GET", "/api/data").await.expect(200).json()["for"],
        OLGA
    );

    // As soon as a factor is owed, nothing of it goes up.
    world.gateway.ok(&["firm", "enable-2fa", "open"]);
    world.portal.take_seen();
    crate::support::until("the token is shut", crate::support::PATIENCE, || async {
        (own.fetch("GET", "/api/data").await.status == 401).then_some(())
    })
    .await;
    let owed = own
        .fetch("GET", &format!("/api/data?access_token={olgas}"))
        .await
        .expect(401);
    assert_eq!(owed.json()["error"], "second_factor_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basic_portal_is_signed_into_by_its_own_credentials_and_a_factor() {
    let mut world = world_of(BASIC_LOGIN).await;
    let nobody = world.browser().get("/basic/page").await.expect(401);
    assert_eq!(nobody.header("www-authenticate"), "Basic realm=\"Portal Realm\"");
    assert!(
        world
            .portal
            .seen()
            .iter()
            .all(|seen| seen.path() != "/basic/page")
    );
    let wrong = world.browser().with("authorization", &basic_of(ANNA, "x"));
    let wrong = wrong.get("/basic/page").await.expect(401);
    assert_eq!(wrong.header("www-authenticate"), "Basic realm=\"Portal Realm\"");
    assert!(wrong.set_cookies().is_empty(), "{}", wrong.shown());

    let anna = world
        .browser()
        .with("authorization", &basic_of(ANNA, password_of(ANNA)));
    let owed = anna.get("/basic/page?x=1").await.expect(303).expect_to(CHALLENGE);
    assert!(!owed.holds(SECRET));
    anna.fetch("GET", "/basic/page").await.expect(401);
    assert!(
        world
            .portal
            .seen()
            .iter()
            .all(|seen| seen.path() != "/basic/page")
    );
    let onward = anna.type_token(&world.anna.fresh().await).await.expect(303);
    assert!(
        onward.location().ends_with("/basic/page?x=1"),
        "{}",
        onward.shown()
    );
    let page = anna.get("/basic/page?x=1").await.expect(200);
    assert!(page.holds(SECRET) && page.holds(ANNA), "{}", page.shown());
    let probes = |world: &World| {
        world
            .portal
            .seen()
            .iter()
            .filter(|seen| seen.path() == "/basic/probe")
            .count()
    };
    let before = probes(&world);
    anna.get("/basic/other").await.expect(200);
    assert_eq!(
        probes(&world),
        before,
        "credentials that are bound are not tried again"
    );

    let session = anna.session().expect("a session");
    let crossed = world
        .browser()
        .with("cookie", &format!("doorstep={session}"))
        .with("authorization", &basic_of(CAROL, password_of(CAROL)));
    world.portal.take_seen();
    let crossed = crossed.get("/basic/page").await.expect(401);
    assert!(!crossed.holds(SECRET), "{}", crossed.shown());
    let sent = world.portal.take_seen();
    assert!(
        sent.iter().all(|seen| seen.header("authorization").is_empty()),
        "another's credentials went up"
    );
    // That session has ended; the credentials alone are a new sign-in.
    anna.get("/basic/page").await.expect(303).expect_to(CHALLENGE);

    let olga = world
        .browser()
        .with("authorization", &basic_of(OLGA, password_of(OLGA)));
    let page = olga.get("/basic/page").await.expect(200);
    assert!(page.holds(SECRET) && page.holds(OLGA));
    assert!(olga.session().is_some());
    let unreadable = world.browser().with("authorization", "Basic YW4AbmE6eA==");
    unreadable.get("/basic/page").await.expect(400);
    let twice = world
        .browser()
        .with("authorization", &basic_of(OLGA, password_of(OLGA)))
        .with("authorization", &basic_of(ANNA, password_of(ANNA)));
    twice.get("/basic/page").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_signs_in_is_a_login_all_the_same() {
    let rules = format!("{}{WHO_AM_I}", crate::support::gateway::FORM_LOGIN);
    let mut world = world_of(&rules).await;
    let anna = world.browser();
    let owed = anna
        .get(&format!("/public/sso?as={ANNA}"))
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    assert!(!owed.holds(CANARY), "{}", owed.shown());
    anna.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    let onward = anna.type_token(&world.anna.fresh().await).await.expect(303);
    assert!(onward.location().ends_with("/app/secret"), "{}", onward.shown());
    let page = anna.get("/app/secret").await.expect(200);
    assert!(page.holds(SECRET) && page.holds(ANNA));

    let olga = world.browser();
    olga.get(&format!("/public/sso?as={OLGA}")).await.expect(302);
    assert!(olga.get("/app/secret").await.expect(200).holds(OLGA));
    let nora = world.browser();
    let shut = nora.get(&format!("/public/sso?as={NORA}")).await.expect(403);
    assert!(!shut.holds(CANARY));
    assert!(!nora.get("/app/secret").await.holds(SECRET));

    // A session cookie that signs nobody in changes nothing.
    let visitor = world.browser();
    visitor.get("/public/visit").await.expect(200);
    visitor.get("/app/secret").await.expect(303).expect_to("/login");
    // Where nobody can say who it is, nothing of the answer goes out.
    world.portal.answer("/api/me", Reply::new(503));
    let unknown = world.browser();
    let down = unknown.get(&format!("/public/sso?as={OLGA}")).await.expect(502);
    assert!(
        !down.holds(CANARY) && unknown.cookie_names().is_empty(),
        "{}",
        down.shown()
    );
    let login = world.browser();
    let down = login.password(OLGA).await.expect(502);
    assert!(!down.holds(CANARY), "{}", down.shown());
    assert!(!login.get("/app/secret").await.holds(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn i4_what_the_portal_says_beats_what_was_typed_and_another_name_ends_the_session() {
    let rules = format!("{}{WHO_AM_I}", crate::support::gateway::FORM_LOGIN);
    let mut world = world_of(&rules).await;
    let anna = world.anna_signed_in().await;
    // Still the owner: asked once, and the session goes on.
    anna.get(&format!("/app/become?who={ANNA}")).await.expect(200);
    world.portal.take_seen();
    assert!(anna.get("/app/secret").await.expect(200).holds(ANNA));
    assert!(anna.get("/app/secret").await.expect(200).holds(ANNA));
    let probes = world
        .portal
        .take_seen()
        .iter()
        .filter(|seen| seen.path() == "/api/me")
        .count();
    assert_eq!(probes, 1, "asked once for each change");
    // The portal cannot say: the vault is not used.
    anna.get(&format!("/app/become?who={ANNA}")).await.expect(200);
    world.portal.answer("/api/me", Reply::new(503));
    world.portal.take_seen();
    anna.get("/app/secret").await.expect(502);
    assert!(
        world
            .portal
            .take_seen()
            .iter()
            .all(|seen| seen.path() == "/api/me")
    );
    let named = |login: &str| Reply::new(200).body(json!({"user": {"email": login}}).to_string());
    world.portal.answer("/api/me", named(ANNA));
    anna.get("/app/secret").await.expect(200);
    // Another name.
    anna.get(&format!("/app/become?who={CAROL}")).await.expect(200);
    world.portal.answer("/api/me", named(CAROL));
    world.portal.take_seen();
    let ended = anna.get("/app/secret").await.expect(303).expect_to("/login");
    assert!(!ended.holds(SECRET));
    assert!(
        world
            .portal
            .take_seen()
            .iter()
            .all(|seen| seen.path() == "/api/me"),
        "the vault was used"
    );
    let audit = world.gateway.ok(&["audit", "list"]);
    assert!(audit.contains("portal.drift"), "{audit}");

    // OLGA typed, and the portal says ANNA: ANNA's firm decides.
    world.portal.answer("/api/me", named(ANNA));
    let typed = world.browser();
    let fields = [("email", OLGA), ("password", password_of(OLGA))];
    typed
        .post("/login", &fields)
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    // The portal names nobody: refused.
    world.portal.answer("/api/me", Reply::new(401));
    let nobody = world.browser();
    let shut = nobody.password(OLGA).await.expect(502);
    assert!(!shut.holds(CANARY));
    assert!(!nobody.get("/app/secret").await.holds(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_portal_names_is_registered_with_the_firm_whose_logins_fit() {
    let rules = format!("{}{WHO_AM_I}[directory]\n", crate::support::gateway::FORM_LOGIN);
    let world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.rules = rules.replace("[directory]\n", "");
        settings.directory = format!("{}\"\nunknown_employee = \"register", settings.directory);
    })
    .await;
    let early = world.browser();
    early.password(NORA).await.expect(403);
    world
        .gateway
        .ok(&["firm", "set", "acme", "logins=*@nowhere.example"]);
    let nora = world.browser();
    nora.password(NORA).await.expect(303).expect_to(CHALLENGE);
    let shown = world.gateway.json(&["employee", "show", NORA]);
    assert_eq!(shown["firm"], "acme", "{shown}");
    world.gateway.ok(&["firm", "set", "acme", "logins="]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exempt_entry_passes_machine_clients_and_nobody_else() {
    let exempt = r#"
[[portal.exempt]]
path = "/basic/export/*"
token = true

[[portal.exempt]]
path = "/basic/local"
networks = ["127.0.0.0/8"]
"#;
    let rules = format!("{}{exempt}", crate::support::gateway::FORM_LOGIN);
    let world = world_of(&rules).await;
    let made = world.gateway.json(&["client-token", "add", "backup"]);
    let token = made["token"].as_str().expect("a token").to_owned();
    let basic = basic_of(OLGA, password_of(OLGA));
    let client = |token: &str| {
        Browser::at(&world.gateway)
            .with("authorization", &basic)
            .with("doorstep-client-token", token)
    };
    let export = client(&token).fetch("GET", "/basic/export/a").await.expect(200);
    assert!(
        export.holds(SECRET) && export.set_cookies().is_empty(),
        "{}",
        export.shown()
    );
    let seen = world.portal.last("/basic/export/a");
    assert_eq!(
        (seen.header("authorization"), seen.header("doorstep-client-token")),
        (basic.as_str(), "")
    );
    for (who, method, path) in [
        (client("doorstep_ct_wrong"), "GET", "/basic/export/a"),
        (client(&token), "POST", "/basic/export/a"),
        (client(&token), "GET", "/basic/export/a/b"),
        (client(&token), "GET", "/basic/export/../export/a"),
        (client(&token), "GET", "/basic/other"),
        (
            Browser::at(&world.gateway).with("authorization", &basic),
            "GET",
            "/basic/export/a",
        ),
    ] {
        let refused = who.fetch(method, path).await;
        assert_eq!(refused.status, 401, "{method} {path}: {}", refused.shown());
    }
    let local = Browser::at(&world.gateway).with("authorization", &basic);
    local.fetch("GET", "/basic/local").await.expect(200);
    // With a session of its own, nothing is exempt.
    let anna = world.browser();
    anna.password(ANNA).await.expect(303);
    with(&anna, &world, "doorstep-client-token", &token)
        .fetch("GET", "/basic/export/a")
        .await
        .expect(401);
    let own = client(&token)
        .fetch("GET", "/.doorstep/account")
        .await
        .expect(401);
    assert!(!own.holds(SECRET));
    let report = world.gateway.ok(&["report", "passed-without-2fa"]);
    assert!(report.contains("exempt") && report.contains("backup"), "{report}");
    assert!(
        world
            .gateway
            .ok(&["check"])
            .contains("needs no second factor and no session")
    );
    world.gateway.ok(&["client-token", "remove", "backup"]);
    client(&token).fetch("GET", "/basic/export/a").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_answers_otherwise_is_noticed_and_the_canary_says_so() {
    let rules = format!("{JSON_LOGIN}{WHO_AM_I}");
    let world = world_of(&rules).await;
    let password = world.gateway.file("canary.password");
    std::fs::write(&password, "olga-password\n").unwrap();
    let words = [
        "canary",
        "--login",
        OLGA,
        "--password-file",
        password.to_str().unwrap(),
    ];
    let sings = world.gateway.ok(&words);
    assert!(
        sings.contains("/api/login: a wrong password is refused and the right one accepted"),
        "{sings}"
    );
    let quiet = crate::support::client::get(world.gateway.ops, "/readyz")
        .await
        .unwrap();
    assert_eq!(quiet.json()["warnings"], json!([]));

    // The portal now answers both alike.
    world
        .portal
        .answer("/api/login", Reply::new(202).body("{\"state\":\"pending\"}"));
    let said = world.gateway.refused(&words, 1);
    assert!(
        said.contains("a wrong password fits neither") && said.contains("the right password fits neither"),
        "{said}"
    );
    assert!(!said.contains("olga-password"));
    let browser = world.browser();
    browser
        .fetch_with("/api/login", JSON, &credentials(OLGA))
        .await
        .expect(502);
    let ready = crate::support::client::get(world.gateway.ops, "/readyz")
        .await
        .unwrap();
    assert_eq!(ready.status, 200);
    assert!(
        ready
            .text()
            .contains("fitted neither success nor failure (/api/login)"),
        "{}",
        ready.text()
    );
    let audit = world.gateway.ok(&["audit", "list", "--event", "portal.drift"]);
    assert!(audit.contains("portal.drift"), "{audit}");

    // Everybody is let in: worse.
    world.portal.answer(
        "/api/login",
        Reply::new(200)
            .body("{\"user\":{\"name\":\"x\"}}")
            .cookie("sid=1"),
    );
    assert!(
        world
            .gateway
            .refused(&words, 1)
            .contains("everybody would be let in")
    );
    let usage = world.gateway.refused(&["canary"], 2);
    assert!(usage.contains("--login"), "{usage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canary_signs_in_by_form_and_by_basic() {
    let world = world_of(&format!("{}{BASIC_LOGIN}", crate::support::gateway::FORM_LOGIN)).await;
    let password = world.gateway.file("canary.password");
    std::fs::write(&password, "olga-password").unwrap();
    let words = [
        "canary",
        "--login",
        OLGA,
        "--password-file",
        password.to_str().unwrap(),
        "--json",
    ];
    let said: serde_json::Value = serde_json::from_str(&world.gateway.ok(&words)).unwrap();
    assert_eq!(said["fits"], true, "{said}");
    assert_eq!(said["rules"].as_array().unwrap().len(), 2);
}

type Socket = WebSocketStream<TcpStream>;

async fn open_socket(world: &World, browser: &Browser, protocol: Option<&str>) -> Result<Socket, Error> {
    let mut request = format!("ws://{}/api/socket", world.gateway.address).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("origin", world.gateway.origin.parse().unwrap());
    if let Ok(cookies) = browser.cookie_header("/").parse() {
        headers.insert("cookie", cookies);
    }
    if let Some(protocol) = protocol {
        headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    let stream = TcpStream::connect(world.gateway.address).await.unwrap();
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn says(socket: &mut Socket, text: &str) -> Option<String> {
    let _ = socket.send(Message::text(text)).await;
    let back = tokio::time::timeout(Duration::from_secs(5), socket.next())
        .await
        .expect("an answer or an end");
    back.and_then(Result::ok)
        .and_then(|message| message.into_text().ok())
        .map(|text| text.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn i4_a_foreign_token_goes_over_no_websocket() {
    let world = world_of(TOKEN_LOGIN).await;
    let sign_in = async || {
        let olga = world.browser();
        let token = token_of(
            &olga
                .fetch_with("/api/token", JSON, &credentials(OLGA))
                .await
                .expect(200),
        );
        (olga, token)
    };
    let ((olga, own), (_, other)) = (sign_in().await, sign_in().await);
    let mut socket = open_socket(&world, &olga, None).await.unwrap();
    let hello = json!({"auth": own}).to_string();
    assert_eq!(says(&mut socket, &hello).await.as_deref(), Some(hello.as_str()));
    assert_eq!(
        says(&mut socket, "{\"topic\":1}").await.as_deref(),
        Some("{\"topic\":1}")
    );
    let foreign = json!({"auth": other}).to_string();
    assert_eq!(
        says(&mut socket, &foreign)
            .await
            .filter(|said| said.contains("login-canary")),
        None
    );
    assert!(
        says(&mut socket, "still there?").await.is_none(),
        "the connection goes on"
    );
    assert!(
        open_socket(&world, &olga, Some(&format!("bearer, {other}")))
            .await
            .is_err()
    );
    assert!(open_socket(&world, &world.browser(), None).await.is_err());
    let seen = world.portal.last("/api/socket");
    assert_eq!(seen.header("sec-websocket-extensions"), "");
}
