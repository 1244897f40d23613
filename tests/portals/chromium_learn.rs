//! `doorstep learn` watches Chromium sign in at each application, and what it writes stands up to a crossing: firm off,
//! firm on.

use super::app::{ANNA, App, password_of};
use super::lesson::{Lesson, without_upstream};
use super::{django_admin, dokuwiki, nginx_basic, node_red};
use crate::support::gateway::Settings;
use crate::support::webdriver::Chromium;
use crate::support::world::ANNA_PHONE;
use crate::support::{Gateway, PATIENCE, TotpKey, until};

const WRONG: &str = "Not-annas-horse-1";
const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";
const SIGN_IN: &str = "form[action$='challenge/verify'] button";

/// The gateway with what was learned, before the application.
struct Taught {
    gateway: Gateway,
    anna: TotpKey,
    // after the gateway
    _app: App,
}

impl Taught {
    async fn by(app: App, section: &str) -> Self {
        let mut settings = Settings::new(app.address);
        settings.portal = without_upstream(section);
        keep(app.recipe, &settings.portal);
        settings.rules = String::new();
        let mut gateway = Gateway::prepare(settings);
        gateway.ok(&["check"]);
        gateway.add_firm("acme", "Acme");
        gateway.add_employee(ANNA, "acme", Some(ANNA_PHONE));
        let anna = gateway.enrol_totp(ANNA);
        gateway.ok(&["firm", "disable-2fa", "acme"]);
        gateway.run().await;
        Self {
            gateway,
            anna,
            _app: app,
        }
    }

    fn origin(&self) -> &str {
        &self.gateway.origin
    }

    fn ask_for_two_factors(&self) {
        self.gateway.ok(&["firm", "enable-2fa", "acme"]);
    }

    /// On the challenge page, from which nothing protected can be seen: types a key.
    async fn pass(&mut self, chromium: &Chromium, protected: &str, secret: &str) {
        chromium
            .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
            .await;
        let challenge = chromium.url().await;
        chromium.go(&format!("{}{protected}", self.gateway.origin)).await;
        assert!(
            !chromium.source().await.contains(secret),
            "a password alone shows {protected}"
        );
        chromium.go(&challenge).await;
        let key = self.anna.fresh().await;
        chromium.fill(TOKEN, &key).await;
        chromium.click(SIGN_IN).await;
        chromium
            .until_at("the portal", |url| !url.contains("/.doorstep/"))
            .await;
    }
}

/// Keeps what was learned: `tests/run` tells the stories of the same application once more with it.
fn keep(name: &str, section: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/learned");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.toml")), section).unwrap();
}

fn secrets() -> [&'static str; 2] {
    [WRONG, password_of(ANNA)]
}

const DEEP_LINK: &str = "/admin/auth/user/";

async fn type_into_django(chromium: &Chromium, password: &str) {
    chromium.fill("#id_username", ANNA).await;
    chromium.fill("#id_password", password).await;
    chromium.click("input[type=submit]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn djangos_admin_is_learned_and_crossed() {
    let app = django_admin::start::start().await;
    let lesson = Lesson::begin(app.address).await;
    let chromium = Chromium::open().await;
    chromium.go(&format!("{}{DEEP_LINK}", lesson.origin)).await;
    type_into_django(&chromium, WRONG).await;
    chromium.until_shown("Please enter the correct").await;
    type_into_django(&chromium, password_of(ANNA)).await;
    chromium.until_at("inside", |url| url.ends_with(DEEP_LINK)).await;
    chromium.click("#logout-form button").await;
    let section = lesson.section(&secrets()).await;
    chromium.close().await;
    assert!(
        section.contains("login_page = \"/admin/login/?next={target}\""),
        "{section}"
    );
    assert!(section.contains("config/portals/django-admin.toml"), "{section}");

    let mut taught = Taught::by(app, &section).await;
    let at = format!("{}{DEEP_LINK}", taught.origin());
    let chromium = Chromium::open().await;
    chromium.go(&at).await;
    type_into_django(&chromium, password_of(ANNA)).await;
    chromium
        .until_at("the deep link", |url| url.ends_with(DEEP_LINK))
        .await;
    assert!(!chromium.cookie_names().await.contains(&"sessionid".to_owned()));
    chromium.close().await;

    taught.ask_for_two_factors();
    let chromium = Chromium::open().await;
    chromium.go(&at).await;
    type_into_django(&chromium, WRONG).await;
    chromium.until_shown("Please enter the correct").await;
    type_into_django(&chromium, password_of(ANNA)).await;
    taught.pass(&chromium, DEEP_LINK, "user-tools").await;
    chromium
        .until_at("the deep link", |url| url.ends_with(DEEP_LINK))
        .await;
    chromium.click("#logout-form button").await;
    chromium
        .until_at("signed out", |url| !url.ends_with(DEEP_LINK))
        .await;
    chromium.go(&at).await;
    chromium
        .until_at("the login", |url| url.contains("/admin/login/"))
        .await;
    chromium.close().await;
}

const START: &str = "/doku.php?id=start";

async fn type_into_dokuwiki(chromium: &Chromium, password: &str) {
    chromium.fill("#dw__login input[name=u]", ANNA).await;
    chromium.fill("#dw__login input[name=p]", password).await;
    chromium.click("#dw__login button").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dokuwiki_is_learned_and_crossed() {
    let app = dokuwiki::start::start().await;
    let secret = dokuwiki::start::SECRET;
    let lesson = Lesson::begin(app.address).await;
    let chromium = Chromium::open().await;
    chromium.go(&format!("{}{START}", lesson.origin)).await;
    chromium.click("li.login a, a.login").await;
    chromium
        .until_at("the login", |url| url.contains("do=login"))
        .await;
    type_into_dokuwiki(&chromium, WRONG).await;
    chromium
        .until_shown("Sorry, username or password was wrong")
        .await;
    type_into_dokuwiki(&chromium, password_of(ANNA)).await;
    chromium.until_shown(secret).await;
    chromium.click("li.logout a, a.logout").await;
    let section = lesson.section(&secrets()).await;
    chromium.close().await;
    assert!(section.contains("config/portals/dokuwiki.toml"), "{section}");
    assert!(section.contains("\"/lib/exe/xmlrpc.php\""), "{section}");

    let mut taught = Taught::by(app, &section).await;
    let at = format!("{}{START}", taught.origin());
    let chromium = Chromium::open().await;
    chromium.go(&at).await;
    type_into_dokuwiki(&chromium, password_of(ANNA)).await;
    chromium.until_shown(secret).await;
    let names = chromium.cookie_names().await;
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("DW") || name == "DokuWiki"),
        "{names:?}"
    );
    chromium.close().await;

    taught.ask_for_two_factors();
    let chromium = Chromium::open().await;
    chromium.go(&at).await;
    type_into_dokuwiki(&chromium, password_of(ANNA)).await;
    taught.pass(&chromium, START, secret).await;
    chromium.until_shown(secret).await;
    chromium.click("li.logout a, a.logout").await;
    chromium.until_shown("Log").await;
    chromium.go(&at).await;
    chromium.until_shown("Log").await;
    assert!(!chromium.source().await.contains(secret));
    chromium.close().await;
}

async fn type_into_node_red(chromium: &Chromium, password: &str) {
    chromium.fill("#node-dialog-login-username", ANNA).await;
    chromium.fill("#node-dialog-login-password", password).await;
    chromium.click("#node-dialog-login-submit").await;
}

/// The editor has opened its flow.
async fn shows_the_flow(chromium: &Chromium) {
    until("the flow is shown", PATIENCE, || async {
        let script =
            "return !!(window.RED && RED.nodes && RED.nodes.workspace && RED.nodes.workspace('works'))";
        (chromium.script(script).await == true).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_red_is_learned_and_crossed() {
    let app = node_red::start::start().await;
    let lesson = Lesson::begin(app.address).await;
    let chromium = Chromium::open().await;
    chromium.go(&format!("{}/", lesson.origin)).await;
    type_into_node_red(&chromium, WRONG).await;
    lesson.until_seen("wrong").await;
    chromium.go(&format!("{}/", lesson.origin)).await;
    type_into_node_red(&chromium, password_of(ANNA)).await;
    shows_the_flow(&chromium).await;
    let script = "return fetch('auth/revoke', {method: 'POST', headers: {'Content-Type': \
                  'application/x-www-form-urlencoded', 'Authorization': 'Bearer ' + \
                  RED.settings.get('auth-tokens').access_token}, body: 'token=' + \
                  encodeURIComponent(RED.settings.get('auth-tokens').access_token)}).then(a => a.status)";
    chromium.script(script).await;
    let section = lesson.section(&secrets()).await;
    chromium.close().await;
    assert!(section.contains("bearer = \"/access_token\""), "{section}");
    assert!(section.contains("config/portals/node-red.toml"), "{section}");

    let mut taught = Taught::by(app, &section).await;
    let at = format!("{}/", taught.origin());
    let chromium = Chromium::open().await;
    chromium.go(&at).await;
    type_into_node_red(&chromium, password_of(ANNA)).await;
    shows_the_flow(&chromium).await;
    chromium.close().await;

    taught.ask_for_two_factors();
    let chromium = Chromium::open().await;
    chromium.go(&at).await;
    type_into_node_red(&chromium, password_of(ANNA)).await;
    taught.pass(&chromium, "/flows", node_red::start::SECRET).await;
    type_into_node_red(&chromium, password_of(ANNA)).await;
    shows_the_flow(&chromium).await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_with_basic_is_learned_and_crossed() {
    let app = nginx_basic::start::start().await;
    let secret = nginx_basic::start::SECRET;
    let with = |origin: &str, password: &str| {
        format!("{}/", origin.replacen("//", &format!("//{ANNA}:{password}@"), 1))
    };
    let lesson = Lesson::begin(app.address).await;
    let chromium = Chromium::open().await;
    chromium.go(&with(&lesson.origin, WRONG)).await;
    lesson.until_seen("wrong").await;
    chromium.go(&with(&lesson.origin, password_of(ANNA))).await;
    chromium.until_shown(secret).await;
    lesson.until_seen("right").await;
    // There is no signing out.
    lesson.interrupt();
    let section = lesson.section(&secrets()).await;
    chromium.close().await;
    assert!(section.contains("username = { basic = true }"), "{section}");
    assert!(section.contains("config/portals/nginx-basic.toml"), "{section}");

    let mut taught = Taught::by(app, &section).await;
    let at = with(taught.origin(), password_of(ANNA));
    let chromium = Chromium::open().await;
    chromium.go(&at).await;
    chromium.until_shown(secret).await;
    chromium.close().await;

    taught.ask_for_two_factors();
    let chromium = Chromium::open().await;
    chromium.go(&at).await;
    taught.pass(&chromium, "/", secret).await;
    chromium.until_shown(secret).await;
    chromium.close().await;
}
