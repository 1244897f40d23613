//! Chromium: the admin of one firm, with a second factor, tries every address and form of Manage Employees with what is
//! another firm's, from the desk's own page with its own cookies and form token; and a tech tries them all.

use serde_json::{Value, json};

use crate::support::browser::CHALLENGE;
use crate::support::portal::password_of;
use crate::support::webdriver::Chromium;
use crate::support::world::{ANNA, BEN, BEN_PHONE, OLGA};
use crate::support::{PATIENCE, StoreKind, World, last_sms, until};

const TOKEN: &str = "#token";
/// What stands on pages only where they show something of the other firm.
const THEIRS: [&str; 3] = ["Quasar", "2025550177", "••• 0177"];

/// The addresses that the in-process walk goes through, which a test there holds complete against the router.
fn addresses() -> Vec<(String, bool)> {
    let source = include_str!("../../../src/pages/tests/admin/access.rs");
    let list = source.split("pub const ADDRESSES").nth(1).unwrap();
    let list = list.split("= &[").nth(1).unwrap().split("];").next().unwrap();
    let lines = list.lines().map(str::trim).filter(|line| line.starts_with('('));
    let found: Vec<(String, bool)> = lines
        .map(|line| {
            let posts = line.contains("true");
            let path = line.split('"').nth(1).unwrap_or("/.doorstep/admin/");
            (path.to_owned(), posts)
        })
        .collect();
    assert!(found.len() > 25, "{found:?}");
    found
}

/// Asks all of them in the page that is open; what each answered.
async fn asked(window: &Chromium, requests: &[Value]) -> Vec<Value> {
    let script = r#"
        const csrf = document.querySelector('[name=csrf]').value;
        const answers = [];
        for (const { method, path, fields } of JSON.parse(REQUESTS)) {
            const options = { method, redirect: 'manual', headers: { Accept: 'text/html' } };
            if (method === 'POST') options.body = new URLSearchParams({ ...fields, csrf });
            const answer = await fetch(path, options);
            answers.push({ method, path, status: answer.status, type: answer.type, text: await answer.text() });
        }
        return answers;
    "#;
    let requests = serde_json::to_string(&json!(requests)).unwrap();
    let script = script.replace("REQUESTS", &serde_json::to_string(&requests).unwrap());
    let answers = window.script_later(&script).await;
    let answers = answers.as_array().unwrap_or_else(|| panic!("{answers}")).clone();
    assert!(!answers.is_empty());
    answers
}

async fn password(world: &World, window: &Chromium, login: &str) {
    window.go(&format!("{}/login", world.gateway.origin)).await;
    window.fill("input[name=email]", login).await;
    window.fill("input[name=password]", password_of(login)).await;
    window.click("form button").await;
    window
        .until_at("the challenge", |url| url.ends_with(CHALLENGE))
        .await;
}

/// Types a token at the challenge.
async fn verify(window: &Chromium, token: &str) {
    window.fill(TOKEN, token).await;
    if window.url().await.ends_with(CHALLENGE) && window.has("form[action$='challenge/verify'] button").await
    {
        window.click("form[action$='challenge/verify'] button").await;
    }
    window
        .until_at("the portal", |url| !url.ends_with(CHALLENGE))
        .await;
}

/// What a browser brings to the desk that tests in process do not see: searching as one types, a number looked at as it
/// is typed, a file looked over and imported with its progress shown, and taking back what was saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_an_admin_searches_imports_saves_and_takes_it_back() {
    let mut world = World::new(StoreKind::Memory).await;
    world.gateway.ok(&["employee", "set", ANNA, "--role", "admin"]);
    world
        .gateway
        .ok(&["firm", "set", "acme", "logins=*@acme.example"]);
    let at = |path: &str| format!("{}/.doorstep/admin/{path}", world.gateway.origin);
    let (import, table, ben) = (
        at("import"),
        at("employees"),
        at(&format!("employee?login={BEN}")),
    );
    let sheet = world.gateway.file("people.csv");
    let mut lines = String::from("login,name,phone,role\n");
    for number in 0..60 {
        lines.push_str(&format!("t{number:02}@acme.example,Tech {number:02},,tech\n"));
    }
    std::fs::write(&sheet, lines).unwrap();

    let admin = Chromium::open().await;
    password(&world, &admin, ANNA).await;
    verify(&admin, &world.anna.fresh().await).await;
    admin.go(&import).await;
    // A file field cannot be emptied as others are: it is only typed into.
    admin.choose("input[type=file]", sheet.to_str().unwrap()).await;
    admin.click("form:last-of-type .choice button").await;
    admin.until_shown("60 employees can be imported").await;
    admin.fill(TOKEN, &world.anna.fresh().await).await;
    admin.click("form .choice button").await;
    admin.until_shown("Imported.").await;
    admin.until_shown("1–50 of 63").await;

    // The field keeps the focus, and what was typed, while the table changes under it.
    admin.go(&format!("{table}?sort=-login")).await;
    admin.fill("#q", "tech 5").await;
    admin.until_shown("1–10 of 10").await;
    let state = "return [document.activeElement.id, document.activeElement.value, location.search];";
    let state = admin.script(state).await;
    assert_eq!((&state[0], &state[1]), (&json!("q"), &json!("tech 5")));
    assert!(state[2].as_str().unwrap().contains("sort=-login"), "{state}");
    let sorted = "return [...document.querySelectorAll('th[aria-sort]')].map((th) => [th.textContent.trim(), th.ariaSort]);";
    assert_eq!(admin.script(sorted).await, json!([["Login ▼", "descending"]]));
    admin.go(&format!("{table}?q=tech&state=no_phone")).await;
    admin.click("a[rel=next]").await;
    admin.until_shown("51–60 of 60").await;
    let address = admin.url().await;
    assert!(
        address.contains("q=tech") && address.contains("state=no_phone"),
        "{address}"
    );

    admin.go(&ben).await;
    admin.fill("[data-phone]", "+1 999").await;
    admin.until_shown("The number is").await;
    admin.fill("[data-phone]", "+44 7400 123456").await;
    admin.until_shown("United Kingdom. This number will do.").await;
    admin.fill("#name", "Ben Bell").await;
    admin.fill(TOKEN, &world.anna.fresh().await).await;
    admin.click(".grid form .choice button").await;
    admin.until_shown("Saved.").await;
    admin.click(".box.good a").await;
    admin.until_shown("Undo the change of this profile?").await;
    admin.until_shown("+44 ••• ••• 3456").await;
    admin.fill(TOKEN, &world.anna.fresh().await).await;
    admin.click("form .choice button").await;
    admin.until_shown("Undone: it is as it was before.").await;
    let after = world.gateway.json(&["employee", "show", BEN]);
    assert_eq!(after["phone"], BEN_PHONE, "{after}");
    admin.close().await;
}

/// All that is known of the other firm, as ops see it.
fn theirs(world: &World) -> Value {
    let gateway = &world.gateway;
    let mut sessions = gateway.json(&["session", "list", "--firm", "open"]);
    for session in sessions.as_array_mut().into_iter().flatten() {
        session.as_object_mut().map(|session| session.remove("last_seen"));
    }
    json!([
        gateway.json(&["firm", "show", "open"]),
        gateway.json(&["employee", "show", OLGA]),
        sessions,
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_an_admin_walks_every_address_with_another_firms_ids_and_gets_nothing() {
    let mut world = World::new(StoreKind::Memory).await;
    let gateway = &world.gateway;
    gateway.ok(&["employee", "set", ANNA, "--role", "admin"]);
    gateway.ok(&["firm", "set", "open", "name=Quasar"]);
    gateway.ok(&[
        "employee",
        "set",
        OLGA,
        "--name",
        "Quasar Olga",
        "--phone",
        "+12025550177",
    ]);
    // Olga is signed in, so that there is a session of hers to end.
    let _olga = world.olga_signed_in().await;
    let factors = world
        .gateway
        .ask_ops(&format!("/v1/employees/{OLGA}/factors"))
        .await;
    let factors = serde_json::from_str::<Value>(&factors.text()).unwrap();
    let factor = factors["items"][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{factors}"))
        .to_owned();
    let before = theirs(&world);
    let session = before[2][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{before}"))
        .to_owned();

    let admin = Chromium::open().await;
    password(&world, &admin, ANNA).await;
    verify(&admin, &world.anna.fresh().await).await;
    // An address of theirs, typed into the bar.
    for path in [
        format!("/.doorstep/admin/employee?login={OLGA}"),
        format!("/.doorstep/admin/employee/reset?login={OLGA}"),
        format!("/.doorstep/admin/employee/end-session?login={OLGA}&id={session}"),
    ] {
        admin.go(&format!("{}{path}", world.gateway.origin)).await;
        admin.until_shown("There is no page at this address").await;
    }
    admin
        .go(&format!("{}/.doorstep/admin/employee/new", world.gateway.origin))
        .await;
    admin.until_shown("Add an employee").await;

    let mut requests = Vec::new();
    for (address, posts) in addresses() {
        let theirs = address.replace("login=anna", &format!("login={OLGA}"));
        let join = if theirs.contains('?') { '&' } else { '?' };
        let of_ids = [&factor, &session].map(|id| format!("firm=open&login={OLGA}&id={id}&q=quasar&event=*"));
        for more in of_ids.iter().map(String::as_str).chain(["", "firm=open"]) {
            let path = format!("{theirs}{join}{more}").replace("&id=1&", "&");
            requests.push(json!({"method": "GET", "path": path}));
        }
        // Sending tokens to oneself, and confirming that it is oneself, have nothing of anybody else's.
        if posts && !address.contains("admin/confirm") {
            for id in [&factor, &session] {
                let fields = json!({
                    "login": OLGA, "firm": "open", "id": id, "name": "Mallory", "role": "admin", "enable": "no",
                    "phone": "+12025550199", "logins": "*", "factor_totp": "yes", "aliases": OLGA,
                });
                let path = theirs.split('?').next().unwrap();
                requests.push(json!({"method": "POST", "path": path, "fields": fields}));
            }
        }
    }
    let answers = asked(&admin, &requests).await;
    assert_eq!(answers.len(), requests.len());
    for answer in &answers {
        let (path, text) = (answer["path"].as_str().unwrap(), answer["text"].as_str().unwrap());
        for word in THEIRS {
            assert!(
                !text.contains(word),
                "{word} stands in {} {path}: {text}",
                answer["method"]
            );
        }
        let status = answer["status"].as_u64().unwrap();
        // A redirect that is not followed shows as 0.
        if answer["method"] == "POST" && !path.ends_with("phone-check") {
            assert!((400..500).contains(&status), "POST {path}: {answer}");
        }
        if path.contains("admin/employee/") && !path.contains("employee/new") {
            assert_eq!(status, 404, "{path}: {text}");
        }
    }
    // With a right key: what is exported and saved is the own firm's, whatever the form says.
    let key = world.anna.fresh().await;
    let export = json!({"firm": "open", "login": OLGA, "token": key});
    let export = json!({"method": "POST", "path": "/.doorstep/admin/export", "fields": export});
    let export = asked(&admin, &[export]).await.remove(0);
    let text = export["text"].as_str().unwrap();
    assert_eq!(export["status"], 200, "{text}");
    assert!(
        text.contains(BEN) && !text.contains(OLGA) && !text.contains("Quasar"),
        "{text}"
    );
    assert_eq!(theirs(&world), before);
    let events = world.gateway.json(&["audit", "list"]);
    let by_anna = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["actor"] == ANNA && row["firm"] == "open");
    assert_eq!(by_anna.count(), 0, "{events}");
    admin.close().await;

    // A tech of the same firm, with both factors, opens none of it.
    let tech = Chromium::open().await;
    password(&world, &tech, BEN).await;
    tech.click("form[action$='challenge/sms'] button").await;
    let file = world.gateway.sms_file();
    let token = until("the SMS", PATIENCE, || async { last_sms(&file, BEN_PHONE) }).await;
    verify(&tech, &token).await;
    tech.go(&format!("{}/.doorstep/account", world.gateway.origin))
        .await;
    tech.until_shown("Your account").await;
    let mut requests = Vec::new();
    for (address, posts) in addresses() {
        let path = address.replace("login=anna", &format!("login={BEN}"));
        requests.push(json!({"method": "GET", "path": path}));
        if posts {
            let fields = json!({"login": BEN, "id": "1", "enable": "no", "role": "admin", "token": token});
            requests.push(json!({"method": "POST", "path": path, "fields": fields}));
        }
    }
    for answer in asked(&tech, &requests).await {
        let path = answer["path"].as_str().unwrap();
        let only_posted = ["confirm/sms", "confirm/phone", "phone-check"]
            .iter()
            .any(|end| path.ends_with(end));
        let expected = if only_posted && answer["method"] == "GET" {
            405
        } else {
            403
        };
        assert_eq!(
            answer["status"], expected,
            "{} {path}: {}",
            answer["method"], answer["text"]
        );
    }
    tech.go(&format!("{}/.doorstep/admin/", world.gateway.origin))
        .await;
    tech.until_shown("For admins only").await;
    assert_eq!(theirs(&world), before);
    tech.close().await;
}
