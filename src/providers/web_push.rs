//! Wakes phones through push services: RFC 8030 (delivery), RFC 8291 (encryption), RFC 8292 (who asks).

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use url::Url;
use web_push_native::p256::PublicKey;
use web_push_native::{Auth, encrypt};

use super::public_address::{PublicOnly, is_public};
use crate::clock::Timestamp;
use crate::config::Origin;
use crate::directory::Subscription;

/// Provider calls end after 8 s at most.
const TIMEOUT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a signature holds; push services refuse more than 24 h (RFC 8292 2).
const SIGNED_FOR: Duration = Duration::from_secs(12 * 3600);
/// No push service has longer addresses.
const LONGEST_ENDPOINT: usize = 2048;

/// Signs what goes to push services.
pub struct Signer {
    pair: EcdsaKeyPair,
    /// How a push service reaches whoever runs this: `sub` of RFC 8292 2.1.
    contact: String,
    /// A gateway on loopback may ask push services that are there too.
    loopback: bool,
}

/// One phone to be woken.
pub struct Knock<'a> {
    /// Where.
    pub subscription: &'a Subscription,
    /// An opaque id: all that the message says.
    pub id: &'a str,
    /// Not worth delivering after so long.
    pub ttl: Duration,
    /// When.
    pub now: Timestamp,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The push service took it.
    Accepted,
    /// The browser has unsubscribed: never again (RFC 8030 7.3).
    Gone,
    /// It did not work this time.
    Failed,
}

impl Signer {
    /// A signer for the gateway at `public_url`.
    pub fn new(pair: EcdsaKeyPair, public_url: &Origin) -> Self {
        Self {
            pair,
            contact: public_url.to_string(),
            loopback: public_url.is_loopback(),
        }
    }

    /// The public key that browsers subscribe with (`applicationServerKey`), base64url.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// Whether a push service of that address would be asked at all: `https`, and not within the gateway's
    /// own network.
    pub fn would_ask(&self, endpoint: &str) -> bool {
        self.endpoint(endpoint).is_some()
    }

    fn endpoint(&self, text: &str) -> Option<Url> {
        if text.len() > LONGEST_ENDPOINT {
            return None;
        }
        let url = Url::parse(text).ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let (is_public, is_loopback) = match url.host()? {
            url::Host::Ipv4(ip) => (is_public(ip.into()), ip.is_loopback()),
            url::Host::Ipv6(ip) => (is_public(ip.into()), ip.is_loopback()),
            url::Host::Domain(name) => (name.contains('.') && !name.ends_with('.'), name == "localhost"),
        };
        match url.scheme() {
            "https" if is_public => Some(url),
            "http" | "https" if self.loopback && is_loopback => Some(url),
            _ => None,
        }
    }

    /// Wakes one phone.
    pub async fn knock(&self, knock: &Knock<'_>) -> Delivery {
        let Some(url) = self.endpoint(&knock.subscription.endpoint) else {
            return Delivery::Gone;
        };
        let Some(body) = sealed_for(knock.subscription, knock.id.as_bytes()) else {
            return Delivery::Gone;
        };
        let Some(authorization) = self.authorization(&url, knock.now) else {
            return Delivery::Failed;
        };
        let client = if self.loopback { &*LOOPBACK } else { &*PUBLIC };
        let Some(client) = client else {
            return Delivery::Failed;
        };
        let sent = client
            .post(url)
            .header("TTL", knock.ttl.as_secs())
            .header("Urgency", "high")
            .header("Topic", knock.id)
            .header("Content-Encoding", "aes128gcm")
            .header("Content-Type", "application/octet-stream")
            .header("Authorization", authorization)
            .body(body)
            .send()
            .await;
        match sent.map(|answer| answer.status()) {
            Ok(StatusCode::NOT_FOUND | StatusCode::GONE) => Delivery::Gone,
            Ok(status) if status.is_success() => Delivery::Accepted,
            Ok(status) => {
                tracing::warn!(status = status.as_u16(), "a push service refused a message");
                Delivery::Failed
            }
            // Not the error's own words: they hold the endpoint, which is a capability.
            Err(error) => {
                tracing::warn!(timeout = error.is_timeout(), "a push service does not answer");
                Delivery::Failed
            }
        }
    }

    /// `vapid t=…, k=…` (RFC 8292 3): a JWT under ES256 (RFC 7515 3.1, RFC 7518 3.4) for the service's origin.
    fn authorization(&self, endpoint: &Url, now: Timestamp) -> Option<String> {
        let claims = json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now.plus(SIGNED_FOR).seconds(),
            "sub": self.contact,
        });
        let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Some(format!("vapid t={signed}.{signature}, k={}", self.public_key()))
    }
}

/// Encrypts for a browser (RFC 8291); `None` where its keys are none.
fn sealed_for(subscription: &Subscription, plain: &[u8]) -> Option<Vec<u8>> {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let key = PublicKey::from_sec1_bytes(&decode(&subscription.p256dh)?).ok()?;
    let auth = <[u8; 16]>::try_from(decode(&subscription.auth)?).ok()?;
    encrypt(plain.to_vec(), &key, &Auth::from(auth)).ok()
}

/// Whether a subscription's keys can be encrypted for.
pub fn is_usable(subscription: &Subscription) -> bool {
    sealed_for(subscription, b"").is_some()
}

static PUBLIC: LazyLock<Option<Client>> = LazyLock::new(|| {
    let builder = builder()
        .https_only(true)
        .dns_resolver(std::sync::Arc::new(PublicOnly));
    built(builder)
});
static LOOPBACK: LazyLock<Option<Client>> = LazyLock::new(|| built(builder()));

/// Follows no redirect and uses no proxy: what is meant for one place goes nowhere else.
fn builder() -> ClientBuilder {
    // Fails only where a provider is installed already, which is then the one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .user_agent("doorstep")
}

fn built(builder: ClientBuilder) -> Option<Client> {
    match builder.build() {
        Ok(client) => Some(client),
        Err(_) => {
            tracing::error!("no TLS client can be made for push services: are CA certificates installed?");
            None
        }
    }
}

#[cfg(test)]
#[path = "web_push_tests.rs"]
mod tests;
