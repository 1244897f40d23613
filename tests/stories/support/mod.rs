//! What the stories stand on: the real gateway, real stores, a portal that records, and browsers.

#[macro_use]
mod matrix;

pub mod answer;
pub mod browser;
pub mod client;
pub mod django;
pub mod gateway;
pub mod hands;
pub mod meddler;
pub mod page;
pub mod portal;
pub mod process;
pub mod raw;
pub mod stores;
pub mod tls;
pub mod token;
pub mod webdriver;
pub mod world;

use std::future::Future;
use std::time::{Duration, Instant};

pub use answer::Answer;
pub use browser::Browser;
pub use gateway::Gateway;
pub use portal::{Portal, Reply};
pub use stores::{Postgres, Redis, StoreKind};
pub use token::{TotpKey, last_sms};
pub use world::World;

/// How long anything that should happen may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks every 25 ms until the answer is there; panics, naming what did not happen, past `limit`.
pub async fn until<T, F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < limit, "did not happen within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A promise about a span of time: asks every 25 ms and panics as soon as `ask` finds something.
pub async fn never<F>(what: &str, span: Duration, mut ask: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let begun = Instant::now();
    while begun.elapsed() < span {
        assert!(!ask().await, "happened, and must not: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
