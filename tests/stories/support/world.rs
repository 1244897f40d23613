//! The usual set-up: a portal, two firms, their people, and a gateway that runs.

use std::time::Duration;

use super::portal::Knobs;
use super::{Browser, Gateway, Portal, Redis, StoreKind, TotpKey, gateway::Settings};

/// Of firm `acme`, which asks for a second factor: has an authenticator key and a phone.
pub const ANNA: &str = "anna@acme.example";
/// Of firm `acme`: has a phone only.
pub const BEN: &str = "ben@acme.example";
/// Of firm `acme`: has an authenticator key only.
pub const CAROL: &str = "carol@acme.example";
/// Of firm `open`, which asks for none; has an authenticator key.
pub const OLGA: &str = "olga@open.example";
/// Known to the portal, unknown to doorstep.
pub const NORA: &str = "nora@nowhere.example";

/// ANNA's number.
pub const ANNA_PHONE: &str = "+12025550102";
/// BEN's number.
pub const BEN_PHONE: &str = "+12025550103";

/// Within this a change holds on every gateway (I10), with what a busy machine adds.
pub const SOON: Duration = Duration::from_millis(1500);

/// All of it. Dropped in order: the gateway first.
pub struct World {
    /// The gateway.
    pub gateway: Gateway,
    /// ANNA's app.
    pub anna: TotpKey,
    /// CAROL's app.
    pub carol: TotpKey,
    /// OLGA's app.
    pub olga: TotpKey,
    /// The portal behind it.
    pub portal: Portal,
    /// The session store, where it is Redis.
    pub redis: Option<Redis>,
}

impl World {
    /// With the sample portal as it is.
    pub async fn new(kind: StoreKind) -> Self {
        Self::with(kind, Knobs::default(), |_| {}).await
    }

    /// With a portal of other habits, and other settings.
    pub async fn with(kind: StoreKind, knobs: Knobs, change: impl FnOnce(&mut Settings)) -> Self {
        let redis = match kind {
            StoreKind::Memory => None,
            StoreKind::Redis => Some(Redis::start().await),
        };
        let portal = Portal::open(knobs).await;
        let mut settings = Settings::new(portal.address);
        if let Some(redis) = &redis {
            settings.store = redis.url();
        }
        change(&mut settings);
        let mut gateway = Gateway::prepare(settings);
        gateway.add_firm("acme", "Acme");
        gateway.add_firm("open", "Open");
        gateway.add_employee(ANNA, "acme", Some(ANNA_PHONE));
        gateway.add_employee(BEN, "acme", Some(BEN_PHONE));
        gateway.add_employee(CAROL, "acme", None);
        gateway.add_employee(OLGA, "open", None);
        let anna = gateway.enrol_totp(ANNA);
        let carol = gateway.enrol_totp(CAROL);
        let olga = gateway.enrol_totp(OLGA);
        gateway.ok(&["firm", "enable-2fa", "acme"]);
        gateway.ok(&["firm", "disable-2fa", "open"]);
        gateway.run().await;
        Self {
            gateway,
            anna,
            carol,
            olga,
            portal,
            redis,
        }
    }

    /// A new browser.
    pub fn browser(&self) -> Browser {
        Browser::at(&self.gateway)
    }

    /// ANNA's browser, signed in with both factors.
    pub async fn anna_signed_in(&mut self) -> Browser {
        let browser = Browser::at(&self.gateway);
        browser.sign_in(ANNA, &mut self.anna).await;
        browser
    }

    /// The same with a key enrolled since.
    pub async fn anna_signed_in_with(&mut self, uri: &str) -> Browser {
        self.anna = TotpKey::new(uri);
        self.anna_signed_in().await
    }

    /// CAROL's browser, signed in with both factors.
    pub async fn carol_signed_in(&mut self) -> Browser {
        let browser = Browser::at(&self.gateway);
        browser.sign_in(CAROL, &mut self.carol).await;
        browser
    }

    /// OLGA's browser, signed in with a password, which is all her firm asks for.
    pub async fn olga_signed_in(&self) -> Browser {
        let browser = Browser::at(&self.gateway);
        let answer = browser.password(super::world::OLGA).await;
        assert_eq!(answer.status, 302, "{}", answer.shown());
        browser
    }

    /// Redis, in a story that only makes sense with it.
    pub fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("a story over Redis")
    }
}
