use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::access::{Doorstep, Noted, Settings};
use crate::clock::{Clock as _, ManualClock, Timestamp};
use crate::config::Config;
use crate::directory::{Actor, Copies, Directory, TotpShape};
use crate::gate::{FirmId, Login};
use crate::ops::{Metrics, Peer, Token, router};
use crate::secret::{KeyRing, SessionToken, random_id};
use crate::sessions::{Holder, Level, MemoryStore, SessionRecord};

pub const START: Timestamp = Timestamp(1_795_000_000_000);
/// The token of the token file.
pub const ALL: &str = "the-token-of-the-file";
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
"#;

pub struct World {
    pub door: Arc<Doorstep>,
    pub clock: ManualClock,
    router: axum::Router,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Panics, showing the answer, unless it has this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        if status >= 400 && !self.header("content-type").starts_with("application/scim") {
            assert_eq!(
                self.header("content-type"),
                "application/problem+json",
                "{self:?}"
            );
            assert_eq!(self.json()["status"], status);
        }
        self
    }
}

/// A request, built up.
pub struct Sent {
    request: http::request::Builder,
    body: String,
}

impl Sent {
    pub fn to(method: &str, target: &str) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Self {
            request: Request::builder().method(method).uri(target),
            body: String::new(),
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn by(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
            .with("content-type", "application/json")
    }

    pub fn text(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }
}

impl World {
    pub async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("doorstep-ops-{}", random_id()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("ops.token"), format!("{ALL}\n")).unwrap();
        let url = format!("sqlite://{}", folder.join("doorstep.db").display());
        let keys = Arc::new(KeyRing::ephemeral());
        let directory = Directory::open(&url, keys.clone()).await.unwrap();
        let clock = ManualClock::at(START);
        let copies = Copies::new(directory.clone());
        tokio::spawn(copies.clone().watch());
        let settings = Settings {
            config: Config::parse(CONFIG, &folder.join("doorstep.toml")).unwrap(),
            sms: None,
            providers: crate::providers::Providers::default(),
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
        let token = Token::read(Some(&folder.join("ops.token"))).unwrap();
        let router = router(door.clone(), token);
        Self {
            door,
            clock,
            router,
            folder,
        }
    }

    pub async fn send(&self, sent: Sent) -> Answer {
        let mut request = sent.request.body(Body::from(sent.body)).unwrap();
        request
            .extensions_mut()
            .insert(Peer("192.0.2.7".parse::<IpAddr>().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 22).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// With all scopes.
    pub async fn ask(&self, method: &str, target: &str, body: Option<Value>) -> Answer {
        let sent = Sent::to(method, target).by(ALL);
        let sent = match body {
            Some(body) => sent.json(&body),
            None => sent,
        };
        self.send(sent).await
    }

    pub async fn get(&self, target: &str) -> Value {
        self.ask("GET", target, None).await.is(200).json()
    }

    pub async fn post(&self, target: &str, body: Value) -> Answer {
        self.ask("POST", target, Some(body)).await
    }

    /// A firm, and its people: login and number.
    pub async fn firm(&self, id: &str, people: &[(&str, &str)]) {
        self.post("/v1/firms", json!({"id": id, "name": id}))
            .await
            .is(201);
        for (login, phone) in people {
            let mut new = json!({"login": login, "firm": id, "name": login});
            if !phone.is_empty() {
                new["phone"] = json!(phone);
            }
            self.post("/v1/employees", new).await.is(201);
        }
    }

    /// A token with these scopes: its id and itself.
    pub async fn token(&self, name: &str, scopes: &[&str]) -> (String, String) {
        let made = self.post("/v1/tokens", json!({"name": name, "scopes": scopes}));
        let made = made.await.is(201).json();
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    /// A verified session of somebody's: its public id.
    pub async fn session(&self, login: &str) -> String {
        let login = Login::parse(login).unwrap();
        let person = self.door.directory.employee(&login).await.unwrap().unwrap();
        let now = self.clock.now();
        let record = SessionRecord {
            id: SessionToken::random().id(),
            level: Level::Password {
                holder: Holder {
                    login,
                    firm: Some(person.standing.firm.id),
                    employee_epoch: person.standing.epoch,
                },
                since: now,
                challenge: None,
                may_enrol_until: None,
                device: None,
            },
            since: now,
            last_seen: now,
            idle_until: now.plus(Duration::from_secs(3600)),
            ends: now.plus(Duration::from_secs(36_000)),
            address: "198.51.100.4".parse().unwrap(),
        };
        self.door.store.create(&record, &[], now).await.unwrap();
        record.id.public().to_owned()
    }

    /// A TOTP key for somebody: the factor's id.
    pub async fn totp(&self, login: &str) -> String {
        let shape = TotpShape {
            digits: 6,
            period: 30,
            skew: 1,
        };
        let actor = Actor {
            name: "test".into(),
            from: "test".into(),
        };
        let login = Login::parse(login).unwrap();
        let added = self
            .door
            .directory
            .add_totp(&actor, &login, b"12345678901234567890", shape, "app", -1, START)
            .await;
        added.unwrap()
    }

    /// The last row of the audit about this event.
    pub async fn audited(&self, event: &str) -> Value {
        let rows = self.get(&format!("/v1/audit?event={event}&limit=500")).await;
        rows["items"]
            .as_array()
            .unwrap()
            .last()
            .unwrap_or(&Value::Null)
            .clone()
    }

    pub async fn epoch(&self, firm: &str) -> i64 {
        let firm = self.door.directory.firm(&FirmId::parse(firm).unwrap()).await;
        firm.unwrap().unwrap().epoch
    }

    /// Takes a table away from under everybody's feet.
    pub async fn lose(&self, table: &str) {
        use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _};
        let url = format!("sqlite://{}", self.folder.join("doorstep.db").display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let sql = AssertSqlSafe(format!("ALTER TABLE {table} RENAME TO nowhere_{table}"));
        db.execute(sql.into_sql_str()).await.unwrap();
        db.close().await.unwrap();
    }
}
