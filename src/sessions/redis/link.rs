//! The connection to Redis: every question has half a second, and a connection that went bad is replaced.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, ErrorKind, IntoConnectionInfo as _, ProtocolVersion, RedisError, RedisResult};
use arc_swap::ArcSwap;

use super::super::StoreUnknown;

/// What a question may take, connecting and loading its script included.
const PATIENCE: Duration = Duration::from_millis(500);
/// What connecting may take: less, so that one question can connect and be answered.
const CONNECT: Duration = Duration::from_millis(400);
/// A connection is not replaced more often than this.
const RENEWED_EVERY: Duration = Duration::from_millis(250);

/// A shared connection that comes back by itself.
pub(super) struct Link {
    client: Client,
    manager: ArcSwap<ConnectionManager>,
    renewed: Mutex<Instant>,
}

impl Link {
    /// Reads the URL. Nothing is connected before the first question.
    pub fn new(url: &str) -> Result<Self, StoreUnknown> {
        let client = open(url).map_err(|error| unknown(&error, "the URL of Redis cannot be used"))?;
        let manager = manager(&client).map_err(|error| unknown(&error, "Redis cannot be reached"))?;
        Ok(Self {
            client,
            manager: ArcSwap::from_pointee(manager),
            renewed: Mutex::new(Instant::now()),
        })
    }

    /// A handle for one question. Cheap; all share one connection.
    pub fn connection(&self) -> ConnectionManager {
        ConnectionManager::clone(&self.manager.load())
    }

    /// Waits for an answer, half a second at most.
    pub async fn ask<T>(&self, question: impl Future<Output = RedisResult<T>>) -> Result<T, StoreUnknown> {
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if is_connections_fault(&error) {
                    self.renew();
                }
                Err(unknown(&error, "Redis did not do it"))
            }
            Err(_) => {
                self.renew();
                Err(StoreUnknown("Redis did not answer within 500 ms".into()))
            }
        }
    }

    /// Starts anew with the next question. The manager reconnects by itself only where the system reports
    /// that the connection broke: not on a link that went silent, nor after a refused greeting.
    pub fn renew(&self) {
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if renewed.elapsed() < RENEWED_EVERY {
            return;
        }
        *renewed = Instant::now();
        if let Ok(manager) = manager(&self.client) {
            self.manager.store(manager.into());
        }
    }
}

fn open(url: &str) -> RedisResult<Client> {
    let info = url.into_connection_info()?;
    // In RESP3 the manager notices a broken connection when it breaks, not at the next question.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings))
}

fn manager(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(PATIENCE))
        .set_number_of_retries(0);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// Whether another connection may do better: not where Redis itself said no, unless it says that it is a
/// replica now or does not know us.
fn is_connections_fault(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::UnexpectedReturnType => false,
        ErrorKind::Server(_) | ErrorKind::Extension => {
            matches!(error.code(), Some("READONLY" | "NOAUTH" | "MASTERDOWN"))
        }
        _ => true,
    }
}

/// The error without its details: they may hold the URL, a key or a value.
fn unknown(error: &RedisError, what: &str) -> StoreUnknown {
    let code = error
        .code()
        .filter(|code| code.len() <= 16 && code.bytes().all(|b| b.is_ascii_uppercase()))
        .map_or(String::new(), |code| format!(" ({code})"));
    StoreUnknown(format!("{what}: {}{code}", error.category()))
}
