//! Forward-auth mode: nginx and Caddy as Debian ships them serve the portal, with the configurations of
//! `docs/forward-auth.md`, and ask doorstep who may pass.

mod attacks;
mod chromium_django;
mod front;
mod stories;

use self::front::{Front, Kind};
use crate::support::gateway::Settings;
use crate::support::portal::Knobs;
use crate::support::process::free_address;
use crate::support::world::{ANNA, BEN, BEN_PHONE, OLGA};
use crate::support::{Browser, Gateway, Portal, TotpKey};

const WHO_AM_I: &str = r#"
[portal.who_am_i]
path = "/api/me"
username = { json = "/user/email" }
timeout = "2s"
"#;

/// The sample portal behind a front proxy that asks doorstep.
struct Site {
    gateway: Gateway,
    front: Front,
    portal: Portal,
    anna: TotpKey,
}

impl Site {
    async fn open(kind: Kind) -> Self {
        Self::with(kind, |_| {}).await
    }

    async fn with(kind: Kind, change: impl FnOnce(&mut Settings)) -> Self {
        let portal = Portal::open(Knobs::default()).await;
        let mut settings = Settings::new(portal.address);
        settings.listen = "trusted_proxies = [\"127.0.0.0/8\"]\n".into();
        settings.portal += "mode = \"forward-auth\"\n";
        settings.rules += WHO_AM_I;
        change(&mut settings);
        let public = free_address();
        let mut gateway = Gateway::prepare(settings);
        gateway.origin = format!("http://{public}");
        gateway.write_config();
        gateway.add_firm("acme", "Acme");
        gateway.add_firm("open", "Open");
        gateway.add_employee(ANNA, "acme", None);
        gateway.add_employee(BEN, "acme", Some(BEN_PHONE));
        gateway.add_employee(OLGA, "open", None);
        let anna = gateway.enrol_totp(ANNA);
        gateway.ok(&["firm", "enable-2fa", "acme"]);
        gateway.ok(&["firm", "disable-2fa", "open"]);
        gateway.run().await;
        let front = Front::start(kind, public, gateway.address, portal.address).await;
        Self {
            gateway,
            front,
            portal,
            anna,
        }
    }

    /// A browser that comes in at the proxy in front.
    fn browser(&self) -> Browser {
        Browser::to(&self.gateway.origin, self.front.address)
    }

    /// A client at doorstep itself, where only the proxy should be.
    fn beside(&self) -> Browser {
        Browser::to(&self.gateway.origin, self.gateway.address)
    }

    /// ANNA's browser, signed in with both factors.
    async fn anna_signed_in(&mut self) -> Browser {
        let browser = self.browser();
        browser.password(ANNA).await.expect(302);
        browser.get("/app/home").await.expect(303);
        browser.type_token(&self.anna.fresh().await).await.expect(303);
        browser
    }
}
