//! What `doorstep learn` writes after it has watched the sample portal stands up to a crossing.

use crate::support::browser::CHALLENGE;
use crate::support::gateway::Settings;
use crate::support::portal::{Accepted, CANARY, Knobs, SECRET, password_of};
use crate::support::world::{ANNA, ANNA_PHONE};
use crate::support::{Browser, Gateway, Portal};

use super::lesson::{Lesson, without_upstream};

const WRONG: &str = "not-annas-password";

/// Signs in wrongly, rightly, and out, as a browser does.
async fn learned(portal: &Portal) -> String {
    let lesson = Lesson::begin(portal.address).await;
    let address = lesson.origin.trim_start_matches("http://").parse().unwrap();
    let browser = Browser::to(&lesson.origin, address);
    browser.go("/app/home").await;
    browser
        .post("/login", &[("email", ANNA), ("password", WRONG), ("next", "")])
        .await;
    lesson.until_seen("wrong").await;
    let right = browser
        .post("/login", &[("email", ANNA), ("password", password_of(ANNA)), ("next", "")])
        .await;
    browser.follow(right).await;
    lesson.until_seen("right").await;
    assert!(browser.get("/app/deep").await.holds(SECRET));
    browser.get("/logout").await;
    lesson.until_seen("logout").await;
    lesson.section(&[WRONG, password_of(ANNA)]).await
}

async fn crosses_with(portal: &Portal, section: &str) {
    let mut settings = Settings::new(portal.address);
    settings.portal = without_upstream(section);
    settings.rules = String::new();
    let mut gateway = Gateway::prepare(settings);
    let said = gateway.ok(&["check"]);
    assert!(said.contains("A POST of /login is a login"), "{said}");
    gateway.add_firm("acme", "Acme");
    gateway.add_employee(ANNA, "acme", Some(ANNA_PHONE));
    let mut key = gateway.enrol_totp(ANNA);
    gateway.ok(&["firm", "enable-2fa", "acme"]);
    gateway.run().await;
    let browser = Browser::at(&gateway);
    browser.get("/app/deep").await.expect(303).expect_to("/login");
    browser.get("/login").await.expect(200);
    browser.type_password(ANNA, WRONG).await.expect(200);
    let withheld = browser.type_password(ANNA, password_of(ANNA)).await.expect(303);
    assert!(!withheld.holds(CANARY));
    withheld.expect_to(CHALLENGE);
    assert!(!browser.get("/app/deep").await.holds(SECRET));
    browser.type_token(&key.fresh().await).await.expect(303);
    assert!(browser.get("/app/deep").await.holds(SECRET));
    assert!(browser.cookie("sid").is_none(), "{:?}", browser.cookie_names());
    gateway.ok(&["firm", "disable-2fa", "acme"]);
    let other = Browser::at(&gateway);
    other.get("/login").await.expect(200);
    other.type_password(ANNA, password_of(ANNA)).await;
    assert!(other.get("/app/deep").await.holds(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_login_becomes_a_section_that_stands_up_to_a_crossing() {
    for knobs in [
        Knobs::default(),
        Knobs {
            accepted: Accepted::Page,
            ..Knobs::default()
        },
        Knobs {
            keeps_cookie: true,
            ..Knobs::default()
        },
    ] {
        let portal = Portal::open(knobs).await;
        let section = learned(&portal).await;
        assert!(section.contains("\"sid\""), "{section}");
        assert!(section.contains("\"csrftoken\""), "{section}");
        crosses_with(&portal, &section).await;
    }
}
