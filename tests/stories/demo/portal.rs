//! The demo's portal, which knows nothing of doorstep, behind the real gateway.

use std::net::SocketAddr;
use std::sync::PoisonError;

use doorstep::demo::portal::{
    Account, Framing, Knobs, PortalApp, SESSION_COOKIE, Seen, SeenLog, Success, portal_router,
};
use tokio::task::JoinHandle;

use crate::support::browser::CHALLENGE;
use crate::support::gateway::Settings;
use crate::support::process::free_address;
use crate::support::world::SOON;
use crate::support::{Answer, Browser, Gateway, Redis, StoreKind, TotpKey, last_sms, until};

const CANARY: &str = "withheld-canary";
const KEY: &str = "kim@on.example";
const PHONE: &str = "pat@on.example";
const FREE: &str = "finn@off.example";
const PASSWORD: &str = "a password + more & such";
const NUMBER: &str = "+12025550177";

/// The portal, served for as long as this lives.
struct Served {
    address: SocketAddr,
    seen: SeenLog,
    server: JoinHandle<()>,
}

impl Served {
    async fn with(knobs: Knobs) -> Self {
        let account = |email: &str| Account {
            email: email.into(),
            password: PASSWORD.into(),
            name: format!("{email} by name"),
            firm: email.split('@').nth(1).unwrap_or_default().into(),
        };
        let seen = SeenLog::default();
        let app = PortalApp::new([KEY, PHONE, FREE].map(account).into())
            .with_knobs(knobs)
            .with_recorder(seen.clone());
        let address = free_address();
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, portal_router(app)).await;
        });
        Self {
            address,
            seen,
            server,
        }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What reached it beside login page, login and what pages are made of.
    fn protected(&self) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| {
            let path = seen.path.split('?').next().unwrap_or_default();
            path != "/login" && !path.starts_with("/static/")
        });
        seen
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Scene {
    gateway: Gateway,
    key: TotpKey,
    portal: Served,
    _redis: Option<Redis>,
}

impl Scene {
    async fn set(kind: StoreKind, knobs: Knobs) -> Self {
        let redis = match kind {
            StoreKind::Memory => None,
            StoreKind::Redis => Some(Redis::start().await),
        };
        let success = match knobs.success {
            Success::Redirect => "{ status = [303], location_not = \"/login**\" }",
            Success::Page if knobs.framing == Framing::Gzip => {
                "{ status = [200], header = { name = \"content-encoding\", matches = \"gzip\" } }"
            }
            Success::Page => "{ status = [200], body_contains = \"Signed in.\" }",
        };
        let portal = Served::with(knobs).await;
        let mut settings = Settings::new(portal.address);
        if let Some(redis) = &redis {
            settings.store = redis.url();
        }
        settings.portal = format!(
            "public = [\"/static/**\"]\nlogin_page = \"/login?next={{target}}\"\nlogout = [\"/logout\"]\n\
             pass_cookies = [\"theme\"]\nsession_cookies = [\"{SESSION_COOKIE}\"]\n"
        );
        settings.rules = format!(
            "[[portal.login]]\nmethod = \"POST\"\npath = \"/login\"\nusername = {{ form = \"email\" }}\n\
             success = {success}\n"
        );
        let mut gateway = Gateway::prepare(settings);
        gateway.add_firm("on", "On");
        gateway.add_firm("off", "Off");
        gateway.add_employee(KEY, "on", None);
        gateway.add_employee(PHONE, "on", Some(NUMBER));
        gateway.add_employee(FREE, "off", None);
        let key = gateway.enrol_totp(KEY);
        gateway.ok(&["firm", "enable-2fa", "on"]);
        gateway.ok(&["firm", "disable-2fa", "off"]);
        gateway.run().await;
        Self {
            gateway,
            key,
            portal,
            _redis: redis,
        }
    }

    fn browser(&self) -> Browser {
        Browser::at(&self.gateway)
    }

    /// Opens `link`, follows it to the login page, and sends its form.
    async fn sign_in_for(&self, browser: &Browser, link: &str, login: &str) -> Answer {
        let page = browser.go(link).await.expect(200);
        let form = crate::support::page::form(&page.text(), "/login");
        let mut fields: Vec<(&str, &str)> = vec![("email", login), ("password", PASSWORD)];
        for (name, value) in &form.fields {
            if name != "email" && name != "password" {
                fields.push((name, value));
            }
        }
        browser.post("/login", &fields).await
    }
}

over_each_store![
    a_firm_that_asks_for_nothing_passes,
    a_firm_that_asks_lands_on_the_deep_link_by_key_and_by_sms,
    i5_in_whichever_shape_the_portal_answers_a_password_alone_sees_nothing,
];

async fn a_firm_that_asks_for_nothing_passes(kind: StoreKind) {
    let scene = Scene::set(kind, Knobs::default()).await;
    let finn = scene.browser();
    let answer = scene.sign_in_for(&finn, "/devices?sort=name", FREE).await;
    answer.expect(303).expect_to("/devices?sort=name");
    assert!(finn.get("/dashboard").await.expect(200).holds(FREE));
    let names = finn.cookie_names();
    assert!(!names.contains(&SESSION_COOKIE.to_owned()), "{names:?}");
    assert!(names.contains(&"theme".to_owned()), "{names:?}");
    scene
        .gateway
        .ok(&["employee", "set", FREE, "--phone", "+12025550178"]);
    scene.gateway.ok(&["firm", "enable-2fa", "off"]);
    until("FREE is asked", SOON, || async {
        let answer = finn.get("/dashboard").await;
        (answer.status == 303 && answer.location() == CHALLENGE).then_some(())
    })
    .await;
    scene.gateway.ok(&["firm", "disable-2fa", "off"]);
    until("FREE goes on", SOON, || async {
        finn.get("/dashboard").await.holds(FREE).then_some(())
    })
    .await;
    let left = finn.post("/logout", &[]).await.expect(303);
    assert!(left.location().ends_with("/login"), "{}", left.shown());
    finn.get("/dashboard").await.expect(303);
}

async fn a_firm_that_asks_lands_on_the_deep_link_by_key_and_by_sms(kind: StoreKind) {
    let mut scene = Scene::set(kind, Knobs::default()).await;
    for (link, login) in [
        ("/devices/7?tab=log", PHONE),
        ("/dashboard", KEY),
        ("/files", KEY),
    ] {
        let browser = scene.browser();
        let answer = scene.sign_in_for(&browser, link, login).await;
        answer.expect(303).expect_to(CHALLENGE);
        let token = if login == PHONE {
            browser.ask_for_sms().await.expect(303);
            last_sms(&scene.gateway.sms_file(), NUMBER).unwrap()
        } else {
            scene.key.fresh().await
        };
        browser.type_token(&token).await.expect(303).expect_to(link);
        browser.get(link).await;
        let seen = scene.portal.protected().pop().unwrap();
        assert_eq!(seen.path, link);
        assert!(seen.cookie.is_some_and(|cookie| cookie.contains(SESSION_COOKIE)));
    }
    let browser = scene.browser();
    let answer = scene.sign_in_for(&browser, "/devices/7?tab=log", KEY).await;
    answer.expect(303).expect_to(CHALLENGE);
    browser.type_token(&scene.key.wrong()).await.expect(422);
    let key = scene.key.fresh().await;
    browser
        .type_token(&key)
        .await
        .expect(303)
        .expect_to("/devices/7?tab=log");
    assert!(browser.get("/dashboard").await.expect(200).holds(KEY));
}

async fn i5_in_whichever_shape_the_portal_answers_a_password_alone_sees_nothing(kind: StoreKind) {
    for success in [Success::Redirect, Success::Page] {
        for framing in [Framing::Length, Framing::Chunked, Framing::Gzip] {
            for keeps_cookie in [false, true] {
                let knobs = Knobs {
                    success,
                    framing,
                    keeps_cookie,
                    canary: Some(CANARY.into()),
                    ..Knobs::default()
                };
                let what = format!("{success:?} {framing:?} {keeps_cookie}");
                let mut scene = Scene::set(kind, knobs).await;
                let browser = scene.browser();
                let answer = scene.sign_in_for(&browser, "/devices/7", KEY).await;
                let answer = answer.expect(303).expect_to(CHALLENGE);
                assert!(
                    !answer.holds(CANARY) && !answer.holds(SESSION_COOKIE),
                    "{what}: {}",
                    answer.shown()
                );
                for path in [
                    "/dashboard",
                    "/devices/7",
                    "/api/me",
                    "/files",
                    "/live/events",
                    "/login",
                    CHALLENGE,
                ] {
                    let answer = browser.get(path).await;
                    assert!(
                        !answer.holds(CANARY) && !answer.holds("by name"),
                        "{what}: {}",
                        answer.shown()
                    );
                    let answer = browser.fetch("POST", path).await;
                    assert!(
                        !answer.status.is_success() || path == CHALLENGE,
                        "{what}: {}",
                        answer.shown()
                    );
                }
                let protected = scene.portal.protected();
                assert!(protected.is_empty(), "{what}: {protected:?}");
                let key = scene.key.fresh().await;
                let answer = browser.type_token(&key).await.expect(303).expect_to("/devices/7");
                assert!(!answer.holds(CANARY), "{what}: {}", answer.shown());
                assert!(browser.get("/dashboard").await.expect(200).holds(KEY), "{what}");
                let cookie = scene.portal.protected().pop().unwrap().cookie.unwrap();
                assert!(
                    cookie.contains(&format!("canary={CANARY}")),
                    "{what}: the vault has it all: {cookie}"
                );
            }
        }
    }
}
