//! Own pages on an origin of their own: what the portal's scripts cannot do there, in a real browser; and what they
//! cannot do without it.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::browser::{Browser, CHALLENGE};
use crate::support::portal::{Knobs, password_of};
use crate::support::process::free_address;
use crate::support::webdriver::Chromium;
use crate::support::world::ANNA;
use crate::support::{PATIENCE, Reply, StoreKind, World, until};

const DEEP_LINK: &str = "/app/secret";
const SIGN_IN: &str = "form[action$='challenge/verify'] button:not([type])";
const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";

struct Site {
    world: World,
    /// `own_url`.
    own: String,
    /// Where it is listened on.
    address: SocketAddr,
}

impl Site {
    /// With own pages on another port of `host`.
    async fn open(host: &str) -> Self {
        let address = free_address();
        let own = format!("http://{host}:{}", address.port());
        let world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
            settings.listen = format!("own_url = \"{own}\"\n");
            settings.portal += "resume = true\n";
        })
        .await;
        Self { world, own, address }
    }

    fn public(&self, path: &str) -> String {
        format!("{}{path}", self.world.gateway.origin)
    }

    fn own(&self, path: &str) -> String {
        format!("{}{path}", self.own)
    }

    /// Anna signs in; where the portal wanted to send her she arrives.
    async fn sign_in(&mut self, desk: &Chromium) {
        desk.go(&self.public(DEEP_LINK)).await;
        desk.fill("input[name=email]", ANNA).await;
        desk.fill("input[name=password]", password_of(ANNA)).await;
        desk.click("form button").await;
        let challenge = self.own(CHALLENGE);
        desk.until_at("the challenge on its own origin", |url| url == challenge)
            .await;
        let key = self.world.anna.fresh().await;
        desk.fill(TOKEN, &key).await;
        desk.click(SIGN_IN).await;
        let there = self.public(DEEP_LINK);
        desk.until_at("the deep link on the portal's origin", |url| url == there)
            .await;
    }
}

/// What a script of a portal's page is told, or how it fails.
async fn fetched(desk: &Chromium, url: &str, options: &str) -> Value {
    desk.script_later(&format!(
        "try {{ const a = await fetch('{url}', {{credentials: 'include', ...{options}}}); \
         return a.type + ' ' + a.status + ' ' + (await a.text()); }} catch (e) {{ return 'failed'; }}"
    ))
    .await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether a script learnt nothing of an answer.
fn is_unread(told: &Value) -> bool {
    ["failed", "opaque 0 "].contains(&text(told))
}

/// The whole story, for own pages on this host.
async fn scripts_are_kept_out(host: &str) {
    let mut site = Site::open(host).await;
    let desk = Chromium::open().await;
    site.sign_in(&desk).await;

    // Her own page is there, with her session.
    desk.go(&site.public("/.doorstep/account")).await;
    let account = site.own("/.doorstep/account");
    desk.until_at("her account", |url| url == account).await;
    desk.until_shown("Your account").await;
    desk.picture(&format!("own-url-{host}"), 1280, 900).await;
    let csrf = desk
        .script("return document.querySelector('input[name=csrf]').value")
        .await;
    let csrf = text(&csrf).to_owned();

    // A script on the portal's page can read none of it, on either origin.
    desk.go(&site.public(DEEP_LINK)).await;
    for path in [
        CHALLENGE,
        "/.doorstep/account",
        "/.doorstep/enroll/totp",
        "/.doorstep/phone/",
    ] {
        let own = fetched(&desk, &site.own(path), "{}").await;
        assert_eq!(text(&own), "failed", "{path}");
        let public = fetched(&desk, &site.public(path), "{}").await;
        assert!(text(&public).starts_with("basic 403"), "{path}: {public}");
    }
    let crossing = fetched(
        &desk,
        &site.public("/.doorstep/cross?state=x"),
        "{redirect: 'manual'}",
    )
    .await;
    assert!(!text(&crossing).contains("code="), "{crossing}");

    // Nor send a form there, even one that holds the right form token.
    let body = format!("{{method: 'POST', mode: 'no-cors', body: new URLSearchParams({{csrf: '{csrf}'}})}}");
    for path in [
        "/.doorstep/account/sign-out",
        "/.doorstep/enroll/push",
        "/.doorstep/enroll/recovery",
        "/.doorstep/logout",
    ] {
        let sent = fetched(&desk, &site.own(path), &body).await;
        assert!(is_unread(&sent), "{path}: {sent}");
        let sent = fetched(&desk, &site.public(path), &body.replace("mode: 'no-cors', ", "")).await;
        assert!(text(&sent).contains("own_origin"), "{path}: {sent}");
    }
    let still = fetched(&desk, &site.public(DEEP_LINK), "{}").await;
    assert!(
        text(&still).starts_with("basic 200"),
        "she is still signed in: {still}"
    );

    // Nor look into a window or a frame of it, nor find a phone's key.
    let seen = desk
        .script_later(&format!(
            "const frame = document.createElement('iframe'); frame.src = '{account}'; \
             document.body.append(frame); const opened = window.open('{account}'); \
             await new Promise((done) => setTimeout(done, 1500)); \
             const look = (get) => {{ try {{ return '' + get(); }} catch (e) {{ return 'shut'; }} }}; \
             const both = look(() => frame.contentDocument.body.innerText) + ' ' \
               + look(() => opened ? opened.document.body.innerText : 'shut'); \
             if (opened) opened.close(); \
             return both + ' ' + (await indexedDB.databases()).length;"
        ))
        .await;
    assert!(!text(&seen).contains("Your account"), "{seen}");
    assert!(text(&seen).ends_with(" 0"), "{seen}");

    // Nor answer for a phone.
    let forged = fetched(
        &desk,
        &site.own("/.doorstep/phone/answer"),
        "{method: 'POST', mode: 'no-cors', body: '{}'}",
    )
    .await;
    assert!(is_unread(&forged), "{forged}");
    let events = site.world.gateway.json(&["audit", "list"]).to_string();
    for event in ["factor.added", "recovery_codes", "session.revoked"] {
        let before = events.matches(event).count();
        assert_eq!(
            before,
            if event == "factor.added" { 3 } else { 0 },
            "{event}: {events}"
        );
    }

    // Signing out there ends it here.
    desk.go(&site.public("/.doorstep/account")).await;
    desk.click("form[action$='sign-out'] button").await;
    let origin = site.world.gateway.origin.clone();
    desk.until_at("the login page", |url| {
        url.starts_with(&origin) && url.contains("/login")
    })
    .await;
    desk.go(&site.public(DEEP_LINK)).await;
    desk.until_at("the login page", |url| url.contains("/login"))
        .await;
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_port_own_pages_are_out_of_reach_of_the_portals_scripts() {
    scripts_are_kept_out("127.0.0.1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_host_own_pages_are_out_of_reach_of_the_portals_scripts() {
    scripts_are_kept_out("localhost").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_offered_at_the_portals_origin_without_what_own_pages_take() {
    let mut site = Site::open("127.0.0.1").await;
    site.world.portal.answer("/public/app", Reply::page(""));
    let desk = Chromium::open().await;
    site.sign_in(&desk).await;
    desk.go(&site.own("/.doorstep/account")).await;
    let of_own_pages = "return document.querySelector('input[name=csrf]').value";
    assert!(!text(&desk.script(of_own_pages).await).is_empty());
    site.world.gateway.ok(&["firm", "disable-2fa", "acme"]);
    site.world.gateway.ok(&["firm", "enable-2fa", "acme"]);
    let challenge = site.own(CHALLENGE);
    until("the verification is taken back", PATIENCE, || async {
        desk.go(&site.public(DEEP_LINK)).await;
        (desk.url().await == challenge).then_some(())
    })
    .await;

    desk.go(&site.public("/public/app")).await;
    desk.script(
        "const form = document.createElement('form'); form.method = 'post'; form.action = '/app/tickets'; \
         form.innerHTML = '<input name=title value=Kept>'; document.body.append(form); form.submit();",
    )
    .await;
    desk.until_at("the challenge", |url| url == challenge).await;
    let key = site.world.anna.fresh().await;
    desk.fill(TOKEN, &key).await;
    desk.click(SIGN_IN).await;
    let offer = site.public("/.doorstep/interrupted");
    desk.until_at("the offer", |url| url == offer).await;
    let page = desk.source().await;
    assert!(page.contains("Kept"), "{page}");
    desk.go(&site.own("/.doorstep/account")).await;
    let token = desk.script(of_own_pages).await;
    assert!(
        !page.contains(text(&token)),
        "a script of the portal's can read the own pages' token: {page}"
    );

    desk.go(&offer).await;
    desk.click("button.quiet").await;
    let portal = site.public("/");
    desk.until_at("the portal", |url| url == portal).await;
    desk.go(&offer).await;
    assert!(!desk.source().await.contains("Kept"), "it was thrown away");
    let posts = site.world.portal.seen();
    assert!(!posts.iter().any(|seen| seen.path() == "/app/tickets"));
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_origin_serves_its_own_part() {
    let site = Site::open("localhost").await;
    let own = Browser::to(&site.own, site.address);
    for path in [
        "/app/secret",
        "/login",
        "/public/ping",
        "/.doorstep/callbacks/authy",
        "/.doorstep/../app/secret",
    ] {
        assert_eq!(own.get(path).await.status, 404, "{path}");
    }
    assert_eq!(
        own.post("/login", &[("email", ANNA), ("password", "x")])
            .await
            .status,
        404
    );
    let root = own.get("/").await.expect(303);
    assert_eq!(root.location(), site.public("/"));
    let nobody = own.get(CHALLENGE).await.expect(401);
    assert!(nobody.text().contains("Sign in again"), "{}", nobody.shown());
    let script = own.fetch("GET", CHALLENGE).await.expect(401);
    assert_eq!(script.json()["login"], site.public("/login"));

    let public = site.world.browser();
    assert_eq!(public.get(CHALLENGE).await.status, 401, "nobody is signed in");
    public.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    let there = public.get(CHALLENGE).await.expect(303);
    assert!(
        there.location().starts_with(&site.own("/.doorstep/begin?to=")),
        "{}",
        there.shown()
    );
    assert_eq!(
        public.fetch("GET", "/.doorstep/challenge/status").await.status,
        403
    );
    let typed = public
        .post("/.doorstep/challenge/verify", &[("token", "123456")])
        .await;
    assert_eq!(typed.status, 403, "{}", typed.shown());
    let phone = public.get("/.doorstep/phone/").await.expect(303);
    assert_eq!(phone.location(), site.own("/.doorstep/phone/"));
    let unknown = public.post("/.doorstep/callbacks/authy", &[]).await;
    assert_eq!(unknown.status, 401, "callbacks stay, and are judged");
    let told = site.world.gateway.ok(&["check"]);
    assert!(
        told.contains("out of reach of scripts") && !told.contains("share the origin"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_host_is_neither_origin() {
    let site = Site::open("localhost").await;
    for origin in [
        format!("http://evil.example:{}", site.address.port()),
        format!("http://127.0.0.1:{}", site.address.port()),
    ] {
        let browser = Browser::to(&origin, site.address);
        assert_eq!(browser.get(CHALLENGE).await.status, 400, "{origin}");
    }
    let own = Browser::to(&site.own, site.world.gateway.address);
    assert_eq!(
        own.get(CHALLENGE).await.status,
        401,
        "either listener takes both hosts"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_it_a_script_changes_nothing_without_a_token_in_the_same_form() {
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.host = Some("localhost");
    })
    .await;
    let anna = world.anna_signed_in().await;
    // Same origin: a script reads her pages, form token and all.
    let page = anna.fetch("GET", "/.doorstep/account").await.expect(200).text();
    let csrf = page
        .split("name=\"csrf\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let id = page
        .split("account/remove?id=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    for (path, more) in [
        ("/.doorstep/enroll/totp", ""),
        ("/.doorstep/enroll/push", ""),
        ("/.doorstep/enroll/passkey", ""),
        ("/.doorstep/enroll/recovery", ""),
        ("/.doorstep/account/remove", id),
        ("/.doorstep/account/phone", id),
    ] {
        let fields = [("csrf", csrf), ("id", more), ("name", "x"), ("token", "000000")];
        let answer = anna.post(path, &fields).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.shown());
    }
    let worker = anna.with("service-worker", "script").get("/worker.js").await;
    assert_eq!(worker.status, 403, "{}", worker.shown());
    let told = world.gateway.ok(&["check"]);
    assert!(told.contains("share the origin"), "{told}");
    let factors = world.gateway.json(&["audit", "list"]).to_string();
    assert_eq!(factors.matches("factor.added").count(), 3, "{factors}");
}
