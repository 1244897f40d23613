//! What leaves doorstep about what happened: notices to people (I14), the audit to a SIEM.
//!
//! The audit is the outbox: each sink follows it row by row from where it came to, so nothing that happened is
//! lost by a restart, whoever wrote it.

mod lines;
mod mail;
mod notices;
mod webhook;
mod words;

#[cfg(test)]
mod mail_tests;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::access::Doorstep;

/// How often the audit is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long a sink is held at most; longer than any one delivery may take.
const LEASE: Duration = Duration::from_secs(60);
/// The longest pause after failures.
const PAUSE_MOST: Duration = Duration::from_secs(60);
/// Rows of the audit that are read at once.
const BATCH: u32 = 100;

/// Tells, for ever. Each sink goes its own way: one that is down holds no other up.
pub async fn run(door: &Doorstep) {
    let notices = forever("notices", || notices::collect(door));
    let mail = forever("notices", || notices::send_due(door));
    let webhook = forever("audit webhook", || webhook::deliver(door));
    let mut file = lines::Lines::default();
    let lines = async {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(why) = file.deliver(door).await {
                tracing::warn!(%why, "the audit cannot be appended to [audit] file");
            }
        }
    };
    tokio::join!(notices, mail, webhook, lines);
}

/// Does something again and again; after failures with longer and longer pauses.
async fn forever<F: Future<Output = anyhow::Result<()>>>(what: &str, once: impl Fn() -> F) {
    let mut pause = EVERY;
    loop {
        tokio::time::sleep(pause).await;
        match once().await {
            Ok(()) => pause = EVERY,
            Err(why) => {
                tracing::warn!(%why, "{what}: tried again later");
                pause = (pause * 2).min(PAUSE_MOST);
            }
        }
    }
}
