//! A vendor of the story's own: what doorstep asks of Authy's API, answered by hand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::task::JoinHandle;

/// The vendor, for as long as it is held.
pub struct Vendor {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    status: Mutex<&'static str>,
    asked: Mutex<u32>,
    looks: Mutex<Vec<Instant>>,
    down: Mutex<bool>,
}

impl Vendor {
    pub async fn open() -> Self {
        let shared = Arc::new(Shared {
            status: Mutex::new("pending"),
            asked: Mutex::new(0),
            looks: Mutex::default(),
            down: Mutex::new(false),
        });
        let routes = Router::new()
            .route("/protected/json/users/new", post(registered))
            .route("/protected/json/users/{id}/status", get(status))
            .route("/onetouch/json/users/{id}/approval_requests", post(asked))
            .route("/onetouch/json/approval_requests/{uuid}", get(looked))
            .with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self {
            address,
            shared,
            serving,
        }
    }

    /// What `[factors]` says of it. Any variable that is always there will do as its key.
    pub fn as_push(&self) -> String {
        format!(
            "push = {{ provider = \"authy\", api_key_env = \"PATH\", base_url = \"http://{}\" }}",
            self.address
        )
    }

    /// What the person says on their phone.
    pub fn answers(&self, status: &'static str) {
        *self.shared.status.lock().unwrap() = status;
    }

    /// From now on it answers 503 to everything.
    pub fn goes_down(&self) {
        *self.shared.down.lock().unwrap() = true;
    }

    /// How many requests went to phones.
    pub fn alerts(&self) -> u32 {
        *self.shared.asked.lock().unwrap()
    }

    /// How often the answer was looked for in the last `span`, and the longest pause between two looks.
    pub fn looks_within(&self, span: Duration) -> (usize, Duration) {
        let looks = self.shared.looks.lock().unwrap();
        let recent: Vec<Instant> = looks
            .iter()
            .copied()
            .filter(|look| look.elapsed() < span)
            .collect();
        let pauses = recent.windows(2).map(|pair| pair[1] - pair[0]);
        (recent.len(), pauses.max().unwrap_or(span))
    }

    /// How often the answer was looked for.
    pub fn looks(&self) -> usize {
        self.shared.looks.lock().unwrap().len()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn or_down(&self, answer: serde_json::Value) -> Response {
        match *self.down.lock().unwrap() {
            true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            false => Json(answer).into_response(),
        }
    }
}

async fn registered(State(vendor): State<Arc<Shared>>) -> Response {
    vendor.or_down(json!({"success": true, "user": {"id": 7}}))
}

async fn status(State(vendor): State<Arc<Shared>>) -> Response {
    vendor.or_down(json!({"success": true, "status": {"registered": true, "account_disabled": false}}))
}

async fn asked(State(vendor): State<Arc<Shared>>) -> Response {
    let mut asked = vendor.asked.lock().unwrap();
    *asked += 1;
    vendor.or_down(json!({"success": true, "approval_request": {"uuid": format!("request-{asked}")}}))
}

async fn looked(State(vendor): State<Arc<Shared>>, Path(uuid): Path<String>) -> Response {
    vendor.looks.lock().unwrap().push(Instant::now());
    let status = *vendor.status.lock().unwrap();
    vendor.or_down(json!({"success": true, "approval_request": {"uuid": uuid, "status": status}}))
}
