//! Django's admin behind nginx, in a real browser.

use super::{Front, Kind};
use crate::support::Gateway;
use crate::support::django::{self, Django};
use crate::support::gateway::Settings;
use crate::support::process::free_address;
use crate::support::webdriver::Chromium;

const DEEP_LINK: &str = "/admin/auth/user/";
const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";

const WHO_AM_I: &str = r#"
[portal.who_am_i]
path = "/admin/password_change/"
username = { body_regex = "<strong>([^<]+)</strong>" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn djangos_admin_behind_nginx_is_challenged_and_let_in() {
    let mut settings = Settings::new(free_address());
    settings.portal = format!("{}mode = \"forward-auth\"\n", django::PORTAL);
    settings.rules = format!("{}{WHO_AM_I}", django::RULES);
    settings.listen = "trusted_proxies = [\"127.0.0.0/8\"]\n".into();
    let public = free_address();
    let mut gateway = Gateway::prepare(settings);
    gateway.origin = format!("http://{public}");
    let django = Django::start(&gateway.origin).await;
    gateway.settings.upstream = django.address;
    gateway.settings.portal = gateway.settings.portal.replace(
        "public = [\"/static/**\"]",
        "public = [\"/static/**\", \"/public/**\"]",
    );
    gateway.write_config();
    gateway.add_firm("acme", "Acme");
    gateway.add_employee("anna", "acme", None);
    let mut key = gateway.enrol_totp("anna");
    gateway.ok(&["firm", "enable-2fa", "acme"]);
    gateway.run().await;
    let _front = Front::start_for(Kind::Nginx, public, gateway.address, django.address, 404).await;
    let at = |path: &str| format!("http://{public}{path}");

    let chromium = Chromium::open().await;
    chromium.go(&at(DEEP_LINK)).await;
    chromium
        .until_at("Django's login", |url| url.contains("/admin/login/"))
        .await;
    chromium.fill("#id_username", "anna").await;
    chromium.fill("#id_password", django::PASSWORD).await;
    chromium.click("input[type=submit]").await;
    chromium
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    for path in ["/admin/", DEEP_LINK, "/admin/auth/group/"] {
        chromium.go(&at(path)).await;
        assert!(!chromium.source().await.contains("user-tools"), "{path}");
    }
    chromium.fill(TOKEN, &key.fresh().await).await;
    chromium.click("form[action$='challenge/verify'] button").await;
    chromium
        .until_at("the admin", |url| url.contains("/admin/"))
        .await;
    chromium.go(&at(DEEP_LINK)).await;
    let heading = chromium.text("#content h1").await;
    assert!(heading.contains("Select user"), "{heading}");
    chromium.click("#logout-form button").await;
    chromium.until_shown("Logged out").await;
    chromium.go(&at(DEEP_LINK)).await;
    chromium
        .until_at("Django's login", |url| url.contains("/admin/login/"))
        .await;
    chromium.close().await;
}
