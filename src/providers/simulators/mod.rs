//! Providers as their documents and clients describe them, on loopback ports, for tests.
//!
//! Each checks credentials and signatures, keeps what a real one keeps, and answers with its error codes. A
//! [`Fault`] that is put in front is what the next requests meet instead.

mod authy;
mod duo;
mod twilio;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use url::Url;

pub use authy::{AuthySimulator, KEY as AUTHY_KEY};
pub use duo::{DuoSimulator, IKEY as DUO_IKEY, SKEY as DUO_SKEY, User as DuoUser, authorization_v2};
pub use twilio::{
    ACCOUNT as TWILIO_ACCOUNT, SERVICE as TWILIO_SERVICE, TOKEN as TWILIO_TOKEN, TwilioSimulator,
};

use super::{Accounts, Alert, Person};
use crate::clock::Timestamp;
use crate::directory::{DirectoryUnknown, Phone};
use crate::gate::Login;

/// What the next request meets.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// This status, with an HTML page.
    Status(u16),
    /// 200 with this body.
    Says(&'static str),
    /// No answer at all.
    Hangs,
}

/// A request as it came in.
pub struct Call {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap_or(""))
    }

    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub fn field(&self, name: &str) -> Option<String> {
        let found = self.form().into_iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    }

    pub fn asked(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs
            .into_owned()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}

/// How a simulator answers.
pub trait Answers: Send + Sync + 'static {
    fn answer(&self, call: &Call) -> (u16, Value);
}

/// What all simulators have: an address, faults, and what they were asked.
#[derive(Clone, Default)]
pub struct Desk {
    faults: Arc<Mutex<VecDeque<Fault>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Desk {
    /// The next requests meet these.
    pub fn fail(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Method, path and query of every request.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests had this in method and path.
    pub fn count(&self, part: &str) -> usize {
        self.seen().iter().filter(|line| line.contains(part)).count()
    }

    async fn serve(&self, simulator: Arc<dyn Answers>) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let router = Router::new()
            .fallback(receive)
            .with_state((self.clone(), simulator));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Url::parse(&format!("http://{address}/")).unwrap()
    }
}

async fn receive(State((desk, simulator)): State<(Desk, Arc<dyn Answers>)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 65_536).await.unwrap();
    desk.seen
        .lock()
        .unwrap()
        .push(format!("{} {}", parts.method, parts.uri));
    let fault = desk.faults.lock().unwrap().pop_front();
    match fault {
        Some(Fault::Hangs) => std::future::pending::<()>().await,
        Some(Fault::Says(text)) => return text.into_response(),
        Some(Fault::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap();
            return (status, "<h1>No</h1>").into_response();
        }
        None => {}
    }
    let call = Call {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    let (status, json) = simulator.answer(&call);
    let kind = [("content-type", "application/json")];
    (StatusCode::from_u16(status).unwrap(), kind, json.to_string()).into_response()
}

/// A subject and the id that stands for it.
type Account = (String, String);

/// Accounts kept in memory.
#[derive(Default)]
pub struct MemoryAccounts {
    kept: Mutex<HashMap<(String, &'static str), Account>>,
    pub down: Mutex<bool>,
}

#[async_trait]
impl Accounts for MemoryAccounts {
    async fn account(
        &self,
        login: &Login,
        provider: &'static str,
        subject: &str,
    ) -> Result<Option<String>, DirectoryUnknown> {
        if *self.down.lock().unwrap() {
            return Err(DirectoryUnknown("down".into()));
        }
        let kept = self.kept.lock().unwrap();
        let found = kept.get(&(login.folded().to_owned(), provider));
        Ok(found
            .filter(|(kept_subject, _)| kept_subject == subject)
            .map(|(_, id)| id.clone()))
    }

    async fn keep_account(
        &self,
        login: &Login,
        provider: &'static str,
        subject: &str,
        id: &str,
    ) -> Result<(), DirectoryUnknown> {
        let key = (login.folded().to_owned(), provider);
        self.kept
            .lock()
            .unwrap()
            .insert(key, (subject.to_owned(), id.to_owned()));
        Ok(())
    }
}

/// Somebody to ask about.
pub struct Someone {
    pub login: Login,
    pub phone: Option<Phone>,
    pub accounts: MemoryAccounts,
}

/// The number that the tests send to.
pub const NUMBER: &str = "+14155550102";
/// When the tests play.
pub const NOW: Timestamp = Timestamp(1_795_000_000_000);

impl Someone {
    pub fn anna() -> Self {
        Self {
            login: Login::parse("anna@example.com").unwrap(),
            phone: Some(Phone::parse(NUMBER, None).unwrap()),
            accounts: MemoryAccounts::default(),
        }
    }

    pub fn person(&self) -> Person<'_> {
        Person {
            login: &self.login,
            phone: self.phone.as_ref(),
            email: None,
            accounts: &self.accounts,
        }
    }

    pub fn alert(&self) -> Alert<'_> {
        Alert {
            person: self.person(),
            portal: "Example Portal",
            from: [192, 0, 2, 7].into(),
            browser: Some("Firefox on Linux"),
            at: NOW,
            expires: NOW.plus(std::time::Duration::from_secs(300)),
        }
    }
}

/// What a test sees of an error must not hold any of this.
pub fn assert_tells_nothing(shown: &str) {
    for secret in [
        "canary",
        "4155550102",
        "415",
        "192.0.2.7",
        "127.0.0.1",
        "1234567",
        "7654321",
        "000000",
        "999999",
        "Basic",
    ] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
