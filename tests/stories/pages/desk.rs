//! Manage Employees in Chromium, with a tech inside; and an import as large as firms are, through the real listener.

use std::fmt::Write as _;

use crate::support::browser::CHALLENGE;
use crate::support::portal::{SECRET, password_of};
use crate::support::webdriver::Chromium;
use crate::support::world::{ANNA, BEN, BEN_PHONE, CAROL};
use crate::support::{PATIENCE, StoreKind, World, last_sms, page, until};

const ADMIN: &str = "/.doorstep/admin/";
const INSIDE: &str = "/app/deep?link=1";
const TOKEN: &str = "#token";

fn at(world: &World, path: &str) -> String {
    format!("{}{path}", world.gateway.origin)
}

async fn sign_in(world: &World, browser: &Chromium, login: &str) {
    browser.go(&at(world, "/login")).await;
    browser.fill("input[name=email]", login).await;
    browser.fill("input[name=password]", password_of(login)).await;
    browser.click("form button").await;
    browser
        .until_at("the portal", |url| !url.ends_with("/login"))
        .await;
}

/// ANNA manages ACME, which asks for nothing yet.
async fn world() -> World {
    let world = World::new(StoreKind::Memory).await;
    world.gateway.ok(&["employee", "set", ANNA, "--role", "admin"]);
    world.gateway.ok(&["firm", "disable-2fa", "acme"]);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_an_admin_switches_on_while_a_tech_is_inside_and_off_while_one_waits() {
    let mut world = world().await;
    let tech = Chromium::open().await;
    sign_in(&world, &tech, BEN).await;
    tech.go(&at(&world, INSIDE)).await;
    assert!(tech.source().await.contains(SECRET));
    // A tech opens none of it, before and after.
    tech.go(&at(&world, ADMIN)).await;
    tech.until_shown("For admins only").await;

    let admin = Chromium::open().await;
    sign_in(&world, &admin, ANNA).await;
    admin.go(&at(&world, ADMIN)).await;
    // Nobody locks themselves out: a factor is proven first.
    admin.until_shown("Confirm it is you").await;
    admin.fill(TOKEN, &world.anna.fresh().await).await;
    admin.click("form[action$='admin/confirm'] button").await;
    admin.until_shown("Enable two-factor authentication?").await;
    admin.until_shown("3 ready").await;
    admin.click("button[name=enable][value=yes]").await;
    admin.until_shown("Everybody at Acme will be asked").await;
    admin.fill(TOKEN, &world.anna.fresh().await).await;
    admin.click(".choice button:not([name])").await;
    admin.until_shown("Two-factor authentication is on").await;

    // The tech's next click.
    tech.go(&at(&world, INSIDE)).await;
    tech.until_at("the challenge", |url| url.ends_with(CHALLENGE))
        .await;
    assert!(!tech.source().await.contains(SECRET));
    tech.click("form[action$='challenge/sms'] button").await;
    let file = world.gateway.sms_file();
    let token = until("the SMS", PATIENCE, || async { last_sms(&file, BEN_PHONE) }).await;
    tech.fill(TOKEN, &token).await;
    tech.click("form[action$='challenge/verify'] button").await;
    tech.until_at("where they were", |url| url.ends_with(INSIDE))
        .await;
    assert!(tech.source().await.contains(SECRET));

    // Another waits at the challenge when it is switched off again.
    let waiting = world.browser();
    waiting.password(CAROL).await.expect(303).expect_to(CHALLENGE);
    admin.click("a[href$='enable=no']").await;
    admin.until_shown("Passwords alone will let people in").await;
    admin.fill(TOKEN, &world.anna.fresh().await).await;
    admin.click(".choice button.danger").await;
    admin.until_shown("Two-factor authentication is off").await;
    assert!(waiting.go("/app/secret").await.holds(SECRET));
    let events = world.gateway.json(&["audit", "list"]).to_string();
    assert!(events.contains("firm.two_factor_enabled") && events.contains("firm.two_factor_disabled"));
    tech.close().await;
    admin.close().await;
}

/// Some 400 KiB: far more than any other own address reads, and what a debug build looks over in a moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_import_comes_through_the_listener_for_an_admin_and_for_nobody_else() {
    const PEOPLE: usize = 8_000;
    let mut world = world().await;
    world
        .gateway
        .ok(&["firm", "set", "acme", "logins=*@acme.example"]);
    let mut sheet = String::from("login,name,phone,role\n");
    for number in 0..PEOPLE {
        let _ = writeln!(
            sheet,
            "t{number:05}@acme.example,Tech {number},+1415555{:04},tech",
            number % 10_000
        );
    }
    assert!(sheet.len() > 300 << 10, "{}", sheet.len());
    let form = |csrf: &str, fields: &[(&str, &str)]| {
        let mut body = String::new();
        for (name, value) in fields.iter().chain([&("csrf", csrf)]) {
            let _ = write!(
                body,
                "--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        body.push_str("--xx--\r\n");
        body.into_bytes()
    };
    let import = "/.doorstep/admin/import";
    let multipart = "multipart/form-data; boundary=xx";

    // A tech's is not read, whatever it says of its length.
    let tech = world.browser();
    tech.password(BEN).await;
    let refused = tech
        .post_bytes(import, multipart, form("x", &[("file", &sheet)]))
        .await;
    assert!(
        [403, 413].contains(&refused.status.as_u16()),
        "{}",
        refused.status
    );

    let admin = world.browser();
    admin.password(ANNA).await;
    let confirm = admin.go(import).await;
    let confirm = page::form(&confirm.text(), "admin/confirm");
    let key = world.anna.fresh().await;
    admin
        .send_challenge_form(&confirm, &[("token", &key)])
        .await
        .expect(303);
    let csrf = |text: &str| {
        let fields = page::form(text, "admin/import").fields;
        let found = fields.into_iter().find(|(name, _)| name == "csrf");
        found.unwrap().1
    };
    let chosen = csrf(&admin.get(import).await.expect(200).text());
    let looked = admin
        .post_bytes(import, multipart, form(&chosen, &[("file", &sheet)]))
        .await
        .expect(200);
    let text = looked.text();
    assert!(text.contains("8000 employees can be imported"));
    let key = world.anna.fresh().await;
    let begun = std::time::Instant::now();
    let fields = [("text", sheet.as_str()), ("token", key.as_str())];
    let made = admin
        .post_bytes(import, multipart, form(&chosen, &fields))
        .await
        .expect(303);
    made.expect_to("/.doorstep/admin/employees?done=imported");
    println!(
        "{PEOPLE} employees imported through the listener in {:?}",
        begun.elapsed()
    );
    let pid = world.gateway.process().id();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or_default();
    println!("{peak}");
    let kib: u64 = peak
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    assert!(kib < 400 * 1024, "{peak}");
    for query in ["", "?q=t07999", "?q=nobody-at-all"] {
        let mut times = Vec::new();
        for _ in 0..5 {
            let begun = std::time::Instant::now();
            admin
                .get(&format!("/.doorstep/admin/employees{query}"))
                .await
                .expect(200);
            times.push(begun.elapsed());
        }
        times.sort();
        println!("employees{query}: median {:?}", times[2]);
    }
    let more = form(&chosen, &[("file", &"x".repeat(9 << 20))]);
    admin.post_bytes(import, multipart, more).await.expect(413);
}

/// `cargo test --test stories -- --ignored pictures_of_manage_employees` draws those of docs/admin.md anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "draws docs/screens anew"]
async fn pictures_of_manage_employees() {
    let mut world = world().await;
    world
        .gateway
        .ok(&["firm", "set", "acme", "logins=*@acme.example"]);
    let admin = Chromium::open().await;
    sign_in(&world, &admin, ANNA).await;
    admin.go(&at(&world, ADMIN)).await;
    admin.fill(TOKEN, &world.anna.fresh().await).await;
    admin.click("form[action$='admin/confirm'] button").await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, path, height) in [
        ("admin-overview", ADMIN, 820),
        ("admin-enable", "/.doorstep/admin/two-factor?enable=yes", 760),
        (
            "admin-profile",
            "/.doorstep/admin/employee?login=ben@acme.example",
            1100,
        ),
        ("admin-import", "/.doorstep/admin/import", 520),
        ("admin-trail", "/.doorstep/admin/audit", 900),
    ] {
        admin.go(&at(&world, path)).await;
        let drawn = admin.picture(name, 1000, height).await;
        std::fs::copy(&drawn, folder.join(format!("{name}.png"))).unwrap();
    }
    admin.close().await;
}
