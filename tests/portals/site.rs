//! An application behind the gateway, with the recipe that doorstep ships for it, and two people of one firm.

use super::app::{ANNA, App, BEN, password_of};
use crate::support::gateway::Settings;
use crate::support::webdriver::Chromium;
use crate::support::world::{ANNA_PHONE, BEN_PHONE};
use crate::support::{Gateway, TotpKey};

const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";
const SIGN_IN: &str = "form[action$='challenge/verify'] button";

/// Gateway and application. Dropped in order: the gateway first.
pub struct Site {
    /// The gateway.
    pub gateway: Gateway,
    /// ANNA's authenticator key.
    pub anna: TotpKey,
    /// BEN's.
    pub ben: TotpKey,
    /// What is behind it.
    pub app: App,
}

impl Site {
    /// Puts an application behind the gateway, by its recipe. `two_factor`: of the firm of both people.
    pub async fn open(app: App, two_factor: bool) -> Self {
        Self::with(app, two_factor, |_| {}).await
    }

    /// The same, with settings beside the recipe.
    pub async fn with(app: App, two_factor: bool, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(app.address);
        settings.portal = section(app.recipe);
        settings.rules = String::new();
        change(&mut settings);
        let mut gateway = Gateway::prepare(settings);
        gateway.add_firm("acme", "Acme");
        gateway.add_employee(ANNA, "acme", Some(ANNA_PHONE));
        gateway.add_employee(BEN, "acme", Some(BEN_PHONE));
        let anna = gateway.enrol_totp(ANNA);
        let ben = gateway.enrol_totp(BEN);
        let word = if two_factor { "enable-2fa" } else { "disable-2fa" };
        gateway.ok(&["firm", word, "acme"]);
        gateway.run().await;
        Self {
            gateway,
            anna,
            ben,
            app,
        }
    }

    /// Lets ANNA's account be the canary's, with the fields that its login needs beside the page's own: it sings, and
    /// where the portal's answers are read otherwise, it says that they no longer fit.
    pub async fn the_canary_sings_until_the_rules_no_longer_fit(app: App, fields: &str) {
        let table = format!(
            "\n[canary]\nlogin = \"{ANNA}\"\npassword_file = \"canary.password\"\nfields = {{ {fields} }}\n"
        );
        let mut site = Self::with(app, true, |settings| settings.rules.push_str(&table)).await;
        let file = site.gateway.file("canary.password");
        std::fs::write(file, format!("{}\n", password_of(ANNA))).unwrap();
        let said = site.gateway.ok(&["canary"]);
        assert!(
            said.contains("a wrong password is refused and the right one accepted"),
            "{said}"
        );

        // as if the portal had changed: nothing that it answers is what was learnt
        let rules = &mut site.gateway.settings.portal;
        *rules = rules
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some(("success", _)) => "success = { status = [299] }",
                Some(("failure", _)) => "failure = { status = [298] }",
                _ => line,
            })
            .collect::<Vec<_>>()
            .join("\n");
        site.gateway.write_config();
        let said = site.gateway.refused(&["canary"], 1);
        assert!(said.contains("a wrong password fits neither"), "{said}");
        assert!(said.contains("the right password fits neither"), "{said}");
        assert!(!said.contains(password_of(ANNA)), "{said}");
    }

    /// An address of the portal, as browsers see it.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.origin)
    }
}

/// What puts an application behind the gateway: its recipe, or what `learn` wrote of it, where that lies in the folder
/// that DOORSTEP_SECTIONS names. Without the line that says where the portal is.
fn section(name: &str) -> String {
    let Ok(folder) = std::env::var("DOORSTEP_SECTIONS") else {
        return recipe(name);
    };
    let file = format!("{}/{folder}/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A recipe without the lines that say where the portal is.
pub fn recipe(name: &str) -> String {
    let file = format!("{}/config/portals/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (before, after) = text.split_once("[portal]\n").expect("a section [portal]");
    assert!(
        before
            .lines()
            .all(|line| line.is_empty() || line.starts_with('#')),
        "{before}"
    );
    let mut kept: Vec<&str> = after.lines().collect();
    kept.retain(|line| !line.starts_with("upstream = "));
    assert_eq!(kept.len() + 1, after.lines().count(), "one upstream: {file}");
    kept.join("\n")
}

/// Types a key on the challenge page, on which the browser must come to stand.
pub async fn pass_challenge(chromium: &Chromium, key: &mut TotpKey) {
    chromium
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    let key = key.fresh().await;
    chromium.fill(TOKEN, &key).await;
    chromium.click(SIGN_IN).await;
}
