//! A push service of the story's own, and the browser behind it that opens what arrives.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use web_push_native::p256::SecretKey;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint as _;
use web_push_native::{Auth, decrypt};

/// A message as it came in.
pub struct Message {
    pub name: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub struct PushService {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Message>>>,
    status: Arc<Mutex<StatusCode>>,
    serving: JoinHandle<()>,
}

type Shared = (Arc<Mutex<Vec<Message>>>, Arc<Mutex<StatusCode>>);

impl PushService {
    pub async fn open() -> Self {
        let shared: Shared = (Arc::default(), Arc::new(Mutex::new(StatusCode::CREATED)));
        let routes = Router::new()
            .route("/p/{name}", post(delivered))
            .with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let (got, status) = shared;
        Self {
            address,
            got,
            status,
            serving,
        }
    }

    /// What it answers from now on.
    pub fn answers(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }

    /// What has come in for a subscription.
    pub fn take(&self, name: &str) -> Vec<Message> {
        let mut got = self.got.lock().unwrap();
        let (taken, left) = got.drain(..).partition(|message| message.name == name);
        *got = left;
        taken
    }
}

impl Drop for PushService {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn delivered(
    State((got, status)): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    got.lock().unwrap().push(Message { name, headers, body });
    *status.lock().unwrap()
}

/// A browser's side of a subscription: what it decrypts with never leaves it.
pub struct Subscriber {
    key: SecretKey,
    auth: [u8; 16],
    pub name: &'static str,
}

impl Subscriber {
    pub fn new(name: &'static str) -> Self {
        let random = ring::rand::SystemRandom::new();
        let mut bytes = [0; 48];
        ring::rand::SecureRandom::fill(&random, &mut bytes).unwrap();
        Self {
            key: SecretKey::from_slice(&bytes[..32]).expect("nearly every 32 bytes are a key"),
            auth: bytes[32..].try_into().unwrap(),
            name,
        }
    }

    /// What `PushSubscription.toJSON()` says, as the phone page sends it.
    pub fn subscription(&self, endpoint: &str) -> Value {
        let point = self.key.public_key().to_encoded_point(false);
        json!({
            "endpoint": endpoint,
            "p256dh": URL_SAFE_NO_PAD.encode(point.as_bytes()),
            "auth": URL_SAFE_NO_PAD.encode(self.auth),
        })
    }

    /// RFC 8291.
    pub fn opens(&self, message: &Message) -> Option<Vec<u8>> {
        decrypt(message.body.to_vec(), &self.key, &Auth::from(self.auth)).ok()
    }
}

/// The claims of a message's VAPID header (RFC 8292 3), its signature checked by the key that browsers
/// subscribed with.
#[track_caller]
pub fn vapid_claims(message: &Message, push_key: &str) -> Value {
    let header = message.headers["authorization"].to_str().unwrap();
    let fields = header.strip_prefix("vapid ").expect("the scheme is vapid");
    let field = |name: &str| {
        let found = fields
            .split(',')
            .find_map(|field| field.trim().strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("{name} is missing: {header}"))
            .to_owned()
    };
    let (token, key) = (field("t="), field("k="));
    assert_eq!(key, push_key, "another key than browsers were given");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(&key))
        .verify(signed.as_bytes(), &decode(signature))
        .expect("the token is signed with that key");
    let (head, claims) = signed.split_once('.').unwrap();
    let head: Value = serde_json::from_slice(&decode(head)).unwrap();
    assert_eq!(head["alg"], "ES256");
    serde_json::from_slice(&decode(claims)).unwrap()
}
