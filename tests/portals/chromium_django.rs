//! Django's admin, unchanged, in a real browser.

use crate::support::django::{self, Django};
use crate::support::gateway::Settings;
use crate::support::process::free_address;
use crate::support::webdriver::Chromium;
use crate::support::world::ANNA_PHONE;
use crate::support::{Browser, Gateway, PATIENCE, TotpKey, last_sms, until};

const DEEP_LINK: &str = "/admin/auth/user/";
/// Stands on every page of the admin that somebody signed in sees, and on no other.
const INSIDE: &str = "user-tools";
const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";
const SIGN_IN: &str = "form[action$='challenge/verify'] button";
const SMS: &str = "form[action$='challenge/sms'] button";

struct Site {
    gateway: Gateway,
    anna: TotpKey,
    django: Django,
}

impl Site {
    async fn open(two_factor: bool) -> Self {
        let mut settings = Settings::new(free_address());
        settings.portal = django::PORTAL.into();
        settings.rules = django::RULES.into();
        let mut gateway = Gateway::prepare(settings);
        let django = Django::start(&gateway.origin).await;
        gateway.settings.upstream = django.address;
        gateway.write_config();
        gateway.add_firm("acme", "Acme");
        gateway.add_employee("anna", "acme", Some(ANNA_PHONE));
        let anna = gateway.enrol_totp("anna");
        let word = if two_factor { "enable-2fa" } else { "disable-2fa" };
        gateway.ok(&["firm", word, "acme"]);
        gateway.run().await;
        Self {
            gateway,
            anna,
            django,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.origin)
    }

    /// Follows the deep link, and types the password into Django's own page.
    async fn password(&self, chromium: &Chromium) {
        chromium.go(&self.at(DEEP_LINK)).await;
        chromium
            .until_at("Django's login", |url| url.contains("/admin/login/"))
            .await;
        chromium.fill("#id_username", "anna").await;
        chromium.fill("#id_password", django::PASSWORD).await;
        chromium.click("input[type=submit]").await;
    }
}

async fn arrives_at_the_deep_link(chromium: &Chromium) {
    chromium
        .until_at("the deep link", |url| url.ends_with(DEEP_LINK))
        .await;
    let heading = chromium.text("#content h1").await;
    assert!(heading.contains("Select user"), "{heading}");
    let names = chromium.cookie_names().await;
    assert!(
        !names.contains(&"sessionid".to_owned()),
        "the portal's session is out: {names:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firm_that_asks_for_nothing_passes_without_an_extra_page() {
    let site = Site::open(false).await;
    let chromium = Chromium::open().await;
    site.password(&chromium).await;
    arrives_at_the_deep_link(&chromium).await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_from_an_app_leads_to_the_deep_link() {
    let mut site = Site::open(true).await;
    let chromium = Chromium::open().await;
    site.password(&chromium).await;
    chromium
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    chromium.picture("challenge", 1280, 800).await;
    chromium.picture("challenge", 360, 740).await;
    let width = chromium
        .script("return document.documentElement.scrollWidth")
        .await;
    let shown = chromium
        .script("return document.documentElement.clientWidth")
        .await;
    assert!(
        width.as_u64() <= shown.as_u64(),
        "scrolls sideways: {width} > {shown}"
    );
    assert_eq!(chromium.text(SIGN_IN).await, "Sign In");
    assert!(chromium.source().await.contains("Token or Security Key"));
    assert!(
        site.django.protected_requests().is_empty(),
        "{:?}",
        site.django.protected_requests()
    );

    chromium.fill(TOKEN, &site.anna.wrong()).await;
    chromium.click(SIGN_IN).await;
    chromium.until_shown("That token is not right").await;
    assert!(chromium.has("[role=alert]").await);
    chromium.picture("challenge-wrong", 360, 740).await;

    let key = site.anna.fresh().await;
    chromium.fill(TOKEN, &key).await;
    if !chromium.url().await.ends_with(DEEP_LINK) && chromium.has(SIGN_IN).await {
        chromium.click(SIGN_IN).await;
    }
    arrives_at_the_deep_link(&chromium).await;

    // Django's own forms and its CSRF cookie work behind the gateway
    chromium.click("#logout-form button").await;
    chromium
        .until_at("signed out", |url| !url.ends_with(DEEP_LINK))
        .await;
    chromium.go(&site.at(DEEP_LINK)).await;
    chromium
        .until_at("Django's login", |url| url.contains("/admin/login/"))
        .await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_from_an_sms_leads_to_the_deep_link() {
    let site = Site::open(true).await;
    let chromium = Chromium::open().await;
    site.password(&chromium).await;
    chromium
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    assert!(
        last_sms(&site.gateway.sms_file(), ANNA_PHONE).is_none(),
        "nobody has asked yet"
    );
    chromium.click(SMS).await;
    let sms = site.gateway.sms_file();
    let token = until("the SMS is out", PATIENCE, || async {
        last_sms(&sms, ANNA_PHONE)
    })
    .await;
    chromium.picture("challenge-sms-sent", 1280, 800).await;
    chromium.fill(TOKEN, &token).await;
    chromium.click(SIGN_IN).await;
    arrives_at_the_deep_link(&chromium).await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_alone_never_sees_a_protected_byte() {
    let mut site = Site::open(true).await;
    let chromium = Chromium::open().await;
    site.password(&chromium).await;
    chromium
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    let key = site.anna.fresh().await;
    chromium.fill(TOKEN, &key).await;
    chromium.click(SIGN_IN).await;
    arrives_at_the_deep_link(&chromium).await;
    // a browser asks for its favicon whenever it likes
    chromium.close().await;
    let before = site.django.protected_requests().len();

    let thief = Chromium::open().await;
    site.password(&thief).await;
    thief
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    for path in [
        "/admin/",
        DEEP_LINK,
        "/admin/auth/user/1/change/",
        "/admin/auth/group/",
        "/admin/jsi18n/",
        "/admin/password_change/",
        "/admin/login/../auth/user/",
        "/static/../admin/",
    ] {
        thief.go(&site.at(path)).await;
        let source = thief.source().await;
        assert!(
            !source.contains(INSIDE) && !source.contains("ben@django.example"),
            "{path}:\n{source}"
        );
    }
    assert_eq!(
        site.django.protected_requests().len(),
        before,
        "{:?}",
        site.django.protected_requests()
    );
    thief.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_aside_a_wrong_password_gets_djangos_own_page() {
    let site = Site::open(true).await;
    let browser = Browser::at(&site.gateway);
    let page = browser.get("/admin/login/").await.expect(200);
    let form = crate::support::page::forms(&page.text()).remove(0);
    let csrf = form
        .fields
        .iter()
        .find(|(name, _)| name == "csrfmiddlewaretoken")
        .unwrap();
    let fields = [
        ("csrfmiddlewaretoken", csrf.1.as_str()),
        ("username", "anna"),
        ("password", "wrong"),
    ];
    let answer = browser.post("/admin/login/", &fields).await.expect(200);
    assert!(
        answer.text().contains("Please enter the correct"),
        "{}",
        answer.shown()
    );
    assert!(site.django.protected_requests().is_empty());
}
