//! `provider = "http"`: a templated HTTP request to whatever service sends messages.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::StatusCode;
use reqwest::redirect::Policy;
use reqwest::{Client, Request};

use super::breaker::Breaker;
use super::template::{Filled, Template};
use super::{SendError, SmsSender, TokenMessage};
use crate::config::HttpTemplate;
use crate::secret::random_bytes;

/// Provider calls end after 8 s at most.
pub(super) const TIMEOUT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
pub(super) const FAILURES_IN_A_ROW: u32 = 5;
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// Sends by a templated request. Follows no redirect and uses no proxy: number and token go where
/// configuration says and nowhere else.
pub struct HttpSender {
    client: Client,
    template: Template,
    success: Vec<u16>,
    timeout: Duration,
    breaker: Breaker,
}

impl HttpSender {
    /// A sender by `template`.
    ///
    /// # Errors
    /// As [`super::check_template`]; and where the system has no certificates to trust and the URL is `https`.
    pub fn new(template: &HttpTemplate) -> Result<Self, String> {
        let compiled = Template::compile(template)?;
        Ok(Self {
            client: client(compiled.is_plain())?,
            template: compiled,
            success: template.success_status.clone(),
            timeout: TIMEOUT,
            breaker: Breaker::new(FAILURES_IN_A_ROW, PAUSE),
        })
    }

    /// The same sender with another time-out for the whole exchange.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn exchange(&self, filled: &Filled) -> Result<(), SendError> {
        let first = self.client.execute(request(filled)).await;
        let answer = match first {
            // Nothing was said to anybody yet: the one failure after which asking again sends nothing twice.
            Err(error) if error.is_connect() => {
                tokio::time::sleep(jitter()).await;
                self.client.execute(request(filled)).await
            }
            other => other,
        };
        let status = answer.map_err(|error| failure(&error))?.status();
        self.judge(status)
    }

    fn judge(&self, status: StatusCode) -> Result<(), SendError> {
        let sent = if self.success.is_empty() {
            status.is_success()
        } else {
            self.success.contains(&status.as_u16())
        };
        let said = || format!("it answered {}", status.as_u16());
        match status {
            _ if sent => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => Err(SendError::Unavailable(said())),
            _ if status.is_client_error() => Err(SendError::Refused(said())),
            _ => Err(SendError::Unavailable(said())),
        }
    }
}

#[async_trait]
impl SmsSender for HttpSender {
    async fn send(&self, message: &TokenMessage<'_>) -> Result<(), SendError> {
        let filled = self.template.fill(message).map_err(SendError::Refused)?;
        if !self.breaker.allows(Instant::now()) {
            return Err(SendError::Unavailable("it failed several times in a row".into()));
        }
        let sent = tokio::time::timeout(self.timeout, self.exchange(&filled))
            .await
            .unwrap_or_else(|_| Err(SendError::Unanswered("it took too long".into())));
        match &sent {
            Ok(()) | Err(SendError::Refused(_)) => self.breaker.answered(),
            Err(SendError::Unavailable(_) | SendError::Unanswered(_)) => self.breaker.failed(Instant::now()),
        }
        sent
    }

    fn name(&self) -> &'static str {
        "http"
    }
}

/// A client that keeps no connection: on a kept one it cannot be told whether a request that failed had
/// arrived. Without TLS the system's certificates are not looked for.
pub(super) fn client(plain: bool) -> Result<Client, String> {
    // Fails only where a provider is installed already, which is then the one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent("doorstep");
    let builder = if plain {
        builder.tls_certs_only([])
    } else {
        builder.https_only(true)
    };
    builder
        .build()
        .map_err(|_| "no TLS client can be made: are the system's CA certificates installed?".to_owned())
}

fn request(filled: &Filled) -> Request {
    let mut request = Request::new(filled.method.clone(), filled.url.clone());
    request.headers_mut().clone_from(&filled.headers);
    if !filled.body.is_empty() {
        *request.body_mut() = Some(filled.body.as_bytes().to_vec().into());
    }
    request
}

/// Says what went wrong by kind only: reqwest's own words hold the URL, and that the number.
fn failure(error: &reqwest::Error) -> SendError {
    if error.is_connect() {
        SendError::Unavailable("no connection can be made".into())
    } else if error.is_builder() {
        SendError::Refused("the request cannot be made".into())
    } else {
        SendError::Unanswered("the connection broke".into())
    }
}

/// 50 to 305 ms.
pub(super) fn jitter() -> Duration {
    let [random] = random_bytes::<1>();
    Duration::from_millis(50 + u64::from(random))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
