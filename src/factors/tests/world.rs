//! A small world: one firm that asks for a second factor, three of its people, two gateways.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use totp_rs::Builder;

use crate::access::{Doorstep, LiveSession, Noted, Settings, Unknown, Who};
use crate::clock::{Clock as _, ManualClock, Timestamp};
use crate::config::{
    Config, DirectorySettings, FactorSettings, Limits, Listen, Ops, Origin, Portal, SessionSettings,
    SmsProvider, SmsSettings, StoreSettings, UnknownEmployee, Upstream,
};
use crate::directory::{
    Actor, AuditEntry, AuditFilter, Copies, Directory, Employee, NewEmployee, Phone, TotpShape,
};
use crate::factors::challenge::{Opening, SmsOutcome, Verdict};
use crate::gate::rules::{Anonymous, LoginPage};
use crate::gate::{FactorKind, FirmId, Login, Policy, PortalRules, Role};
use crate::ops::Metrics;
use crate::providers::{Providers, SendError, SmsSender, TokenMessage};
use crate::secret::{KeyRing, Redacted, SessionToken, random_id};
use crate::sessions::{Challenge, Holder, Level, Limit, MemoryStore, SessionRecord, SessionStore, Versioned};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const SECOND: Duration = Duration::from_secs(1);
const START: Timestamp = Timestamp(1_795_000_000_000);
const SEED: &[u8] = b"12345678901234567890";
const SHAPE: TotpShape = TotpShape {
    digits: 6,
    period: 30,
    skew: 1,
};

/// Keeps what it sends, or fails as it is told.
#[derive(Default)]
pub struct Outbox {
    pub sent: Mutex<Vec<(String, String, String)>>,
    pub fails: Mutex<Option<SendError>>,
}

#[async_trait]
impl SmsSender for Outbox {
    async fn send(&self, message: &TokenMessage<'_>) -> Result<(), SendError> {
        if let Some(error) = self.fails.lock().unwrap().clone() {
            return Err(error);
        }
        let to = message.to.e164().to_owned();
        let sent = (to, message.token.to_owned(), message.text.to_owned());
        self.sent.lock().unwrap().push(sent);
        Ok(())
    }

    fn name(&self) -> &'static str {
        "outbox"
    }
}

pub struct World {
    /// Two gateways that share directory and store.
    pub doors: [Arc<Doorstep>; 2],
    pub clock: ManualClock,
    pub outbox: Arc<Outbox>,
    pub folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    /// Anna has a key and a phone, Ben a phone, Carl nothing.
    pub async fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()), None).await
    }

    /// The same on another store, and in an empty directory elsewhere.
    pub async fn over(store: Arc<dyn SessionStore>, url: Option<&str>) -> Self {
        let folder = std::env::temp_dir().join(format!("doorstep-factors-{}", random_id()));
        std::fs::create_dir(&folder).unwrap();
        let url = match url {
            Some(url) => url.to_owned(),
            None => format!("sqlite://{}", folder.join("doorstep.db").display()),
        };
        let keys = Arc::new(KeyRing::ephemeral());
        let directory = Directory::open(&url, keys.clone()).await.unwrap();
        let clock = ManualClock::at(START);
        let outbox = Arc::new(Outbox::default());
        let door = || {
            let copies = Copies::new(directory.clone());
            tokio::spawn(copies.clone().watch());
            Arc::new(Doorstep {
                settings: ArcSwap::from_pointee(Settings {
                    config: config(&folder, &url),
                    sms: Some(outbox.clone()),
                    providers: Providers::default(),
                }),
                directory: directory.clone(),
                copies,
                store: store.clone(),
                keys: keys.clone(),
                clock: Arc::new(clock.clone()),
                metrics: Metrics::new(),
                noted: Noted::default(),
                following: crate::factors::Following::default(),
            })
        };
        let world = Self {
            doors: [door(), door()],
            clock,
            outbox,
            folder: folder.clone(),
        };
        world.people().await;
        for door in &world.doors {
            door.copies.refresh().await.unwrap();
        }
        world
    }

    async fn people(&self) {
        let directory = &self.door().directory;
        directory.add_firm(&ops(), &firm(), "Acme", START).await.unwrap();
        for (login, phone) in [("anna", "+14155550102"), ("ben", "+14155550103"), ("carl", "")] {
            let new = NewEmployee {
                login: name(login),
                firm: firm(),
                name: login.to_owned(),
                phone: Phone::parse(phone, None).ok(),
                email: None,
                role: Role::Tech,
            };
            directory.add_employee(&ops(), &new, START).await.unwrap();
        }
        directory
            .enable_two_factor(&ops(), &firm(), None, true, START)
            .await
            .unwrap();
        directory
            .add_totp(&ops(), &name("anna"), SEED, SHAPE, "Anna's app", -1, START)
            .await
            .unwrap();
    }

    pub fn door(&self) -> &Doorstep {
        &self.doors[0]
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The key that the app shows so many steps from now.
    pub fn key(&self, steps: i64) -> String {
        let seconds = u64::try_from(self.now().seconds() + 30 * steps).unwrap();
        let totp = Builder::new().with_secret(SEED.to_vec()).build().unwrap();
        totp.generate(seconds).to_string()
    }

    /// A key that is none of those near now.
    pub fn wrong(&self) -> String {
        let near: Vec<String> = (-2..=2).map(|step| self.key(step)).collect();
        let mut tries = (0..10).map(|digit| format!("{digit}00000"));
        tries.find(|token| !near.contains(token)).unwrap()
    }

    /// Changes the configuration of both gateways, as a reload does.
    pub fn configure(&self, change: impl FnOnce(&mut Config)) {
        let before = self.door().settings.load_full();
        let mut config = before.config.clone();
        change(&mut config);
        for door in &self.doors {
            door.settings.store(Arc::new(Settings {
                config: config.clone(),
                sms: before.sms.clone(),
                providers: before.providers.clone(),
            }));
        }
    }

    /// A session whose password the portal has just accepted.
    pub async fn signed_in(&self, login: &str) -> LiveSession {
        self.signed_in_from(login, IpAddr::V4(Ipv4Addr::LOCALHOST)).await
    }

    /// The same, from some address.
    pub async fn signed_in_from(&self, login: &str, address: IpAddr) -> LiveSession {
        let employee = self.employee(login).await;
        let token = SessionToken::random();
        let now = self.now();
        let record = SessionRecord {
            id: token.id(),
            level: Level::Password {
                holder: Holder {
                    login: name(login),
                    firm: Some(employee.standing.firm.id.clone()),
                    employee_epoch: employee.standing.epoch,
                },
                since: now,
                challenge: None,
                may_enrol_until: None,
                device: None,
            },
            since: now,
            last_seen: now,
            idle_until: now.plus(120 * MINUTE),
            ends: now.plus(720 * MINUTE),
            address,
        };
        self.door().store.create(&record, &[], now).await.unwrap();
        self.session(token).await
    }

    /// The session of a token, as a request under it finds it.
    pub async fn session(&self, token: SessionToken) -> LiveSession {
        self.door().copies.changed_here().await.unwrap();
        match self.door().who(Some(token), self.now()).await.unwrap() {
            Who::Session(session) => *session,
            other => panic!("no session: {other:?}"),
        }
    }

    /// The same, with its challenge open.
    pub async fn challenged(&self, login: &str) -> LiveSession {
        let session = self.signed_in(login).await;
        self.open(&session).await;
        session
    }

    pub async fn challenged_from(&self, login: &str, address: IpAddr) -> LiveSession {
        let session = self.signed_in_from(login, address).await;
        self.open(&session).await;
        session
    }

    pub async fn open(&self, session: &LiveSession) -> Versioned<Challenge> {
        match self
            .door()
            .challenge_for(session, true, self.now())
            .await
            .unwrap()
        {
            Opening::Open(challenge) => *challenge,
            other => panic!("no challenge: {other:?}"),
        }
    }

    pub async fn verify(&self, session: &LiveSession, typed: &str) -> Result<Verdict, Unknown> {
        self.door().verify_token(session, typed, self.now()).await
    }

    /// The verdict in a word, for tables.
    pub async fn says(&self, session: &LiveSession, typed: &str) -> String {
        word(&self.verify(session, typed).await.unwrap())
    }

    /// Asks for a token and reads it off the phone.
    pub async fn texted(&self, session: &LiveSession) -> String {
        let outcome = self.door().send_sms(session, self.now()).await.unwrap();
        assert!(matches!(outcome, SmsOutcome::Sent(_)), "{outcome:?}");
        self.outbox.sent.lock().unwrap().last().unwrap().1.clone()
    }

    pub async fn employee(&self, login: &str) -> Employee {
        self.door()
            .directory
            .employee(&name(login))
            .await
            .unwrap()
            .unwrap()
    }

    pub async fn audited(&self, event: &str) -> Vec<AuditEntry> {
        let filter = AuditFilter {
            event: Some(event.to_owned()),
            ..AuditFilter::default()
        };
        self.door().directory.audit_list(&filter).await.unwrap()
    }

    pub async fn set_factors(&self, factors: &[FactorKind]) {
        let policy = Policy {
            factors: Some(factors.to_vec()),
            ..Policy::default()
        };
        let directory = &self.door().directory;
        directory
            .set_firm(&ops(), &firm(), "Acme", &policy, self.now())
            .await
            .unwrap();
    }

    /// Breaks (or mends) one table of the directory under everybody's feet.
    pub async fn rename(&self, table: &str, to: &str) {
        use sqlx::{Connection as _, Executor as _};
        let url = format!("sqlite://{}", self.folder.join("doorstep.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let statement = format!("ALTER TABLE {table} RENAME TO {to}");
        db.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        db.close().await.unwrap();
    }
}

pub fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Verified { factor, .. } => format!("verified {}", factor.as_str()),
        Verdict::Wrong { left } => format!("wrong {left}"),
        other => other.as_str().replace('_', " "),
    }
}

pub fn name(login: &str) -> Login {
    Login::parse(login).unwrap()
}

pub fn firm() -> FirmId {
    FirmId::parse("acme").unwrap()
}

pub fn ops() -> Actor {
    Actor {
        name: "ops".to_owned(),
        from: "command".to_owned(),
    }
}

fn config(folder: &std::path::Path, url: &str) -> Config {
    let per = |count, window| Limit { count, window };
    Config {
        canary: None,
        file: folder.join("doorstep.toml"),
        listen: Listen {
            own_url: None,
            own_address: None,
            address: "127.0.0.1:0".parse().unwrap(),
            public_url: Origin::parse("https://portal.example.com").unwrap(),
            tls: None,
            trusted_proxies: vec![],
            place_header: None,
            drain: 8 * SECOND,
        },
        ops: Ops {
            address: "127.0.0.1:0".parse().unwrap(),
            token_file: None,
        },
        portal: Portal {
            name: "Example Portal".to_owned(),
            upstream: Upstream {
                origin: Origin::parse("http://127.0.0.1:1").unwrap(),
                ca: None,
            },
            rules: rules(),
            identity_header: None,
            rewrite_origin: false,
            step_up_script: false,
            forward_auth: false,
        },
        directory: DirectorySettings {
            url: Redacted::new(url.to_owned()),
            unknown_employee: UnknownEmployee::Deny,
        },
        sessions: SessionSettings {
            store: StoreSettings::Memory,
            idle_timeout: 120 * MINUTE,
            absolute_timeout: 720 * MINUTE,
            remember_device: Duration::ZERO,
        },
        factors: FactorSettings {
            totp: SHAPE,
            totp_provider: None,
            push: None,
            sms: Some(SmsSettings {
                digits: 6,
                ttl: 10 * MINUTE,
                countries: crate::config::Countries::default(),
                provider: SmsProvider::File {
                    path: folder.join("sms.jsonl"),
                },
            }),
            challenge_ttl: 5 * MINUTE,
            phone_change_hold: 72 * 60 * MINUTE,
        },
        limits: Limits {
            failed_passwords_per_login: per(20, 10 * MINUTE),
            failed_passwords_per_address: per(300, 10 * MINUTE),
            challenges_per_employee: per(60, MINUTE),
            sms_per_employee: per(5, 60 * MINUTE),
            sms_per_address: per(300, 60 * MINUTE),
            sms_per_firm: per(1000, 60 * MINUTE),
            sms_in_all: per(5000, 60 * MINUTE),
            pushes_per_employee: per(30, 60 * MINUTE),
            bounds: crate::config::Bounds::default(),
        },
        notices: crate::config::Notices::default(),
        audit: crate::config::AuditSinks::default(),
        key_file: folder.join("doorstep.key"),
    }
}

fn rules() -> PortalRules {
    PortalRules {
        exempt: Vec::new(),
        resume: Vec::new(),
        who_am_i: None,
        public: vec![],
        closed: vec![],
        login_page: LoginPage("/login".to_owned()),
        anonymous: Anonymous::Login,
        logout: vec![],
        logins: vec![],
        pass_cookies: vec![],
        session_cookies: vec![],
        session_parameters: vec![],
        credential_headers: vec![],
    }
}
