use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use tower::ServiceExt as _;

use crate::access::{Doorstep, Noted, Settings, Visitor};
use crate::clock::{Clock as _, ManualClock, Timestamp};
use crate::config::{Config, Side};
use crate::directory::{Actor, Copies, Directory, NewEmployee, Phone, TotpShape};
use crate::gate::{Asker, FirmId, Login, Role};
use crate::ops::Metrics;
use crate::providers::{Providers, SendError, SmsSender, TokenMessage};
use crate::secret::{KeyRing, SessionToken, random_id};
use crate::sessions::{Holder, Level, MemoryStore, SessionRecord};
use crate::vault::{Vault, Waiting};

pub const MINUTE: Duration = Duration::from_secs(60);
const START: Timestamp = Timestamp(1_795_000_000_000);
pub const SEED: &[u8] = b"12345678901234567890";
const CONFIG: &str = r#"[listen]
address = "127.0.0.1:8443"
public_url = "https://portal.example.com"
[portal]
name = "Example Portal"
upstream = "http://127.0.0.1:8081"
[[portal.login]]
path = "/login"
username = { form = "email" }
success = { status = [302] }
[sessions]
remember_device = "30d"
[factors]
sms = { provider = "http", method = "POST", url = "https://sms.example.com/send", headers = { Content-Type = "application/x-www-form-urlencoded" }, body = "to={to}&text={text}" }
"#;

/// Keeps the tokens it sends, or is down.
#[derive(Default)]
pub struct Phones {
    pub tokens: Mutex<Vec<String>>,
    pub down: Mutex<bool>,
}

#[async_trait]
impl SmsSender for Phones {
    async fn send(&self, message: &TokenMessage<'_>) -> Result<(), SendError> {
        if *self.down.lock().unwrap() {
            return Err(SendError::Unavailable("down".into()));
        }
        self.tokens.lock().unwrap().push(message.token.to_owned());
        Ok(())
    }

    fn name(&self) -> &'static str {
        "phones"
    }
}

pub struct World {
    pub door: Arc<Doorstep>,
    pub clock: ManualClock,
    pub phones: Arc<Phones>,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A request, built up.
pub struct Sent {
    method: Method,
    path: String,
    token: Option<SessionToken>,
    headers: HeaderMap,
    body: String,
    asker: Asker,
    side: Side,
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Sent {
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            token: None,
            headers: HeaderMap::new(),
            body: String::new(),
            asker: Asker::Page,
            side: Side::Public,
        }
    }

    /// A form of the session's own page.
    pub fn form(path: &'static str, token: &SessionToken, fields: &str) -> Self {
        Self::post(path)
            .with("origin", "https://portal.example.com")
            .with("content-type", "application/x-www-form-urlencoded")
            .by(token)
            .body(&format!("csrf={}&{fields}", token.form_token()))
    }

    /// A script of the session's own page.
    pub fn json(path: &'static str, token: &SessionToken, typed: &str) -> Self {
        let value = serde_json::json!({"csrf": token.form_token(), "token": typed});
        Self::post(path)
            .with("sec-fetch-site", "same-origin")
            .with("content-type", "application/json")
            .by(token)
            .body(&value.to_string())
    }

    pub fn post(path: &'static str) -> Self {
        Self {
            method: Method::POST,
            ..Self::get(path)
        }
    }

    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub fn by(mut self, token: &SessionToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// To `own_url`.
    pub fn on_own(mut self) -> Self {
        self.side = Side::Own;
        self
    }

    pub fn script(mut self) -> Self {
        self.asker = Asker::Script;
        self
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    pub fn cookies(&self) -> Vec<&str> {
        let all = self.headers.get_all(header::SET_COOKIE).iter();
        all.map(|value| value.to_str().unwrap()).collect()
    }

    /// The token that the answer's session cookie hands out.
    pub fn token(&self) -> SessionToken {
        let cookie = self.cookies()[0];
        let value = cookie.strip_prefix("__Host-doorstep=").unwrap();
        SessionToken::parse(value.split(';').next().unwrap()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn retry_after(&self) -> u64 {
        self.headers[header::RETRY_AFTER]
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    }
}

impl World {
    /// Anna has a key and a phone, Ben a phone, Carl nothing.
    pub async fn new() -> Self {
        Self::with_listen("").await
    }

    /// The same with more lines of `[listen]`.
    pub async fn with_listen(lines: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("doorstep-pages-{}", random_id()));
        std::fs::create_dir(&folder).unwrap();
        let url = format!("sqlite://{}", folder.join("doorstep.db").display());
        let keys = Arc::new(KeyRing::ephemeral());
        let directory = Directory::open(&url, keys.clone()).await.unwrap();
        let clock = ManualClock::at(START);
        let phones = Arc::new(Phones::default());
        let copies = Copies::new(directory.clone());
        tokio::spawn(copies.clone().watch());
        let settings = Settings {
            config: Config::parse(
                &CONFIG.replacen("[portal]", &format!("{lines}\n[portal]"), 1),
                &folder.join("doorstep.toml"),
            )
            .unwrap(),
            sms: Some(phones.clone()),
            providers: Providers::default(),
        };
        let door = Arc::new(Doorstep {
            settings: ArcSwap::from_pointee(settings),
            directory,
            copies,
            store: Arc::new(MemoryStore::new()),
            keys,
            clock: Arc::new(clock.clone()),
            metrics: Metrics::new(),
            noted: Noted::default(),
            following: crate::factors::Following::default(),
        });
        let world = Self {
            door,
            clock,
            phones,
            folder,
        };
        world.people().await;
        world
    }

    async fn people(&self) {
        let directory = &self.door.directory;
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
        self.two_factor(true).await;
        let shape = TotpShape {
            digits: 6,
            period: 30,
            skew: 1,
        };
        directory
            .add_totp(&ops(), &name("anna"), SEED, shape, "Anna's app", -1, START)
            .await
            .unwrap();
        self.door.copies.refresh().await.unwrap();
    }

    /// Switches the firm's second factor.
    pub async fn two_factor(&self, on: bool) {
        let (directory, now) = (&self.door.directory, self.now());
        if on {
            directory
                .enable_two_factor(&ops(), &firm(), None, true, now)
                .await
                .unwrap();
        } else {
            directory.disable_two_factor(&ops(), &firm(), now).await.unwrap();
        }
        self.door.copies.refresh().await.unwrap();
    }

    /// Takes the employees away from under everybody's feet.
    pub async fn break_directory(&self) {
        use sqlx::{Connection as _, Executor as _};
        let url = format!("sqlite://{}", self.folder.join("doorstep.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        db.execute("ALTER TABLE employees RENAME TO nowhere")
            .await
            .unwrap();
        db.close().await.unwrap();
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The key that Anna's app shows now.
    pub fn key(&self) -> String {
        key_of(SEED, self.now())
    }

    /// The key of the next step, with the clock moved there: one that was not used yet.
    pub fn next_key(&self) -> String {
        self.clock.advance(MINUTE / 2);
        self.key()
    }

    /// A key that is none of those near now.
    pub fn wrong(&self) -> String {
        let near: Vec<String> = (-2..=2_i64)
            .map(|step| key_of(SEED, Timestamp(self.now().0 + 30_000 * step)))
            .collect();
        let mut tries = (0..10).map(|digit| format!("{digit}00000"));
        tries.find(|token| !near.contains(token)).unwrap()
    }

    /// A session whose password the portal has just accepted: it wanted to go to `/devices?page=2`.
    pub async fn signed_in(&self, login: &str) -> SessionToken {
        self.signed_in_of(login, firm().as_str()).await
    }

    /// The same for somebody of another firm.
    pub async fn signed_in_of(&self, login: &str, firm: &str) -> SessionToken {
        let employee = self.door.directory.employee(&name(login)).await.unwrap().unwrap();
        let holder = Holder {
            login: name(login),
            firm: Some(FirmId::parse(firm).unwrap()),
            employee_epoch: employee.standing.epoch,
        };
        let level = Level::Password {
            holder,
            since: self.now(),
            challenge: None,
            may_enrol_until: None,
            device: None,
        };
        self.session(level).await
    }

    /// A new session of this level.
    pub async fn session(&self, level: Level) -> SessionToken {
        let (token, now) = (SessionToken::random(), self.now());
        let vault = Vault {
            deep_link: Some("/devices?page=2".into()),
            waiting: Some(Waiting {
                location: Some("/dashboard".into()),
                cookies: vec!["theme=dark; Path=/".into()],
            }),
            ..Vault::default()
        };
        let record = SessionRecord {
            id: token.id(),
            level,
            since: now,
            last_seen: now,
            idle_until: now.plus(120 * MINUTE),
            ends: now.plus(720 * MINUTE),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        self.door
            .store
            .create(&record, &vault.seal(&token), now)
            .await
            .unwrap();
        token
    }

    /// A session that has crossed the doorstep.
    pub async fn verified(&self, login: &str) -> SessionToken {
        self.verified_by(login, &self.key()).await
    }

    /// The same, by this key of Anna's.
    pub async fn verified_with(&self, key: &str) -> SessionToken {
        self.verified_by("anna", key).await
    }

    async fn verified_by(&self, login: &str, key: &str) -> SessionToken {
        let token = self.signed_in(login).await;
        self.send(Sent::get("/.doorstep/challenge").by(&token)).await;
        let fields = format!("token={key}");
        let answer = self
            .send(Sent::form("/.doorstep/challenge/verify", &token, &fields))
            .await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.token()
    }

    /// Sends a request as the edge does: with whoever its token names now.
    pub async fn request(&self, sent: Sent) -> http::Response<Body> {
        let mut request = Request::new(Body::from(sent.body));
        *request.method_mut() = sent.method;
        *request.uri_mut() = sent.path.parse().unwrap();
        *request.headers_mut() = sent.headers;
        let visitor = Visitor {
            side: sent.side,
            who: self.door.who(sent.token, self.now()).await.unwrap(),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            place: None,
            asker: sent.asker,
            now: self.now(),
            request_id: "test".into(),
        };
        request.extensions_mut().insert(Arc::new(visitor));
        let Ok(response) = super::super::router(self.door.clone()).oneshot(request).await;
        response
    }

    pub async fn send(&self, sent: Sent) -> Answer {
        let (parts, body) = self.request(sent).await.into_parts();
        let body = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

/// The key of a secret at a moment.
pub fn key_of(secret: &[u8], at: Timestamp) -> String {
    let totp = totp_rs::Builder::new()
        .with_secret(secret.to_vec())
        .build()
        .unwrap();
    totp.generate(u64::try_from(at.seconds()).unwrap()).to_string()
}

pub fn name(login: &str) -> Login {
    Login::parse(login).unwrap()
}

pub fn firm() -> FirmId {
    FirmId::parse("acme").unwrap()
}

pub fn ops() -> Actor {
    Actor {
        name: "ops".into(),
        from: "command".into(),
    }
}
