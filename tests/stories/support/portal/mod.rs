//! A portal that records every request that reaches it: the oracle of most stories. It signs people in
//! with a form, in whichever way its [`Knobs`] say.
//!
//! It speaks HTTP/1.1 over bare sockets, so that it can also answer what no server library would send.

mod doors;
mod reply;
mod sample;
mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use reply::{Framing, Reply};
pub use wire::Seen;

use super::process::free_address;

/// Stands in every answer that only signed-in people may see.
pub const SECRET: &str = "portal-secret-marker";
/// Stands, with a suffix of its own, in every part of the answer to an accepted login.
pub const CANARY: &str = "login-canary";

/// What people of the portal know.
pub const ACCOUNTS: [(&str, &str); 6] = [
    ("anna@acme.example", "anna-password"),
    ("ben@acme.example", "ben-password"),
    ("carol@acme.example", "carol-password"),
    ("olga@open.example", "olga-password"),
    ("omar@open.example", "omar-password"),
    ("nora@nowhere.example", "nora-password"),
];

/// The password of one of [`ACCOUNTS`].
pub fn password_of(login: &str) -> &'static str {
    let (_, password) = ACCOUNTS
        .iter()
        .find(|(name, _)| *name == login)
        .unwrap_or_else(|| panic!("{login} has no account"));
    password
}

/// How the accepted login is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// 302 to `/app/home`.
    Redirect302,
    /// 303 to `/app/home`.
    Redirect303,
    /// 200 with a page.
    Page,
    /// 200 with a page, in chunks and with a trailer.
    ChunkedPage,
    /// 200 with a page, gzip whatever the request accepts.
    GzipPage,
    /// 302 after two seconds.
    Slow,
    /// 103 Early Hints with a Set-Cookie, then 302.
    EarlyHints,
    /// A megabyte and a half of page: beyond what is read of a login.
    Oversized,
    /// Breaks off in the middle of the body.
    BrokenOff,
}

/// How this portal behaves.
#[derive(Clone, Copy, Debug)]
pub struct Knobs {
    /// The answer to an accepted login.
    pub accepted: Accepted,
    /// The session cookie of the login page stays the same across the login.
    pub keeps_cookie: bool,
    /// Every answer of a protected page carries a new session cookie; the old ones go on, for what is in
    /// flight.
    pub rotates: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            accepted: Accepted::Redirect302,
            keeps_cookie: false,
            rotates: false,
        }
    }
}

#[derive(Default)]
struct State {
    knobs: Knobs,
    seen: Vec<Seen>,
    /// Session id to login; `None` before the login.
    sessions: HashMap<String, Option<String>>,
    /// Bearer token to login.
    tokens: HashMap<String, String>,
    made: u64,
    overrides: HashMap<String, Reply>,
    uploaded: u64,
    connections: usize,
}

/// The portal, for as long as this lives.
pub struct Portal {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Portal {
    /// Opens it.
    pub async fn open(knobs: Knobs) -> Self {
        let address = free_address();
        let listener = TcpListener::bind(address).await.unwrap();
        let state = Arc::new(Mutex::new(State {
            knobs,
            ..State::default()
        }));
        let shared = state.clone();
        let server = tokio::spawn(async move {
            // dropped with this task: a portal that is gone answers on no connection that it had either
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .connections += 1;
                connections.spawn(wire::serve(stream, shared.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            state,
            server,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes how it behaves.
    pub fn set(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.state().knobs);
    }

    /// From now on `path` is answered so (one path, any method).
    pub fn answer(&self, path: &str, reply: Reply) {
        self.state().overrides.insert(path.to_owned(), reply);
    }

    /// `path` is answered as it was at first.
    pub fn forget(&self, path: &str) {
        self.state().overrides.remove(path);
    }

    /// All that has reached it, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// What has reached it since the last call.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state().seen)
    }

    /// What has reached it that is neither a login page, the login, the logout nor public.
    pub fn protected_seen(&self) -> Vec<Seen> {
        let open = |path: &str| {
            matches!(path, "/login" | "/logout")
                || path.starts_with("/public/")
                || path.starts_with("/static/")
        };
        let mut seen = self.seen();
        seen.retain(|request| !open(request.path()));
        seen
    }

    /// The last request to `path`.
    #[track_caller]
    pub fn last(&self, path: &str) -> Seen {
        let seen = self.seen();
        let last = seen.into_iter().rev().find(|request| request.path() == path);
        last.unwrap_or_else(|| panic!("nothing has reached {path}"))
    }

    /// How many logins it was sent.
    pub fn logins_sent(&self) -> usize {
        let logins = |request: &&Seen| request.method == "POST" && request.path() == "/login";
        self.state().seen.iter().filter(logins).count()
    }

    /// The ids of its sessions that somebody is signed in under.
    pub fn signed_in(&self) -> Vec<String> {
        let state = self.state();
        let signed_in = state.sessions.iter().filter(|(_, login)| login.is_some());
        signed_in.map(|(id, _)| id.clone()).collect()
    }

    /// A session made behind the gateway's back, as an intruder with another door could have.
    pub fn session_for(&self, login: &str) -> String {
        let id = self.state().new_session();
        self.state().sessions.insert(id.clone(), Some(login.to_owned()));
        id
    }

    /// Connections it has accepted.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    /// Bytes received at `/app/upload`.
    pub fn uploaded(&self) -> u64 {
        self.state().uploaded
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    fn new_session(&mut self) -> String {
        self.made += 1;
        // distinct, and easy to find in logs and dumps
        let id = format!("portalsession{:08}x{:08x}", self.made, std::process::id());
        self.sessions.insert(id.clone(), None);
        id
    }
}

/// How long [`Accepted::Slow`] takes.
pub const SLOWNESS: Duration = Duration::from_secs(2);
