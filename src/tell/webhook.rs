//! The audit as signed webhooks: one POST a row, in order; a row that is not taken holds the ones after it up.

use std::time::Duration;

use anyhow::Context as _;
use ring::hmac;

use super::{BATCH, LEASE};
use crate::access::Doorstep;
use crate::config::Webhook;
use crate::directory::{AuditEntry, AuditFilter};
use crate::secret::hex;
use crate::views::{self, AuditRow};

/// How long a receiver is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much of a lease is left unused, so that it never runs out under a delivery.
const MARGIN: Duration = Duration::from_secs(20);

/// Delivers what is new in the audit, from its first row on.
pub async fn deliver(door: &Doorstep) -> anyhow::Result<()> {
    let settings = door.settings.load_full();
    let Some(webhook) = &settings.config.audit.webhook else {
        return Ok(());
    };
    let begun = door.now();
    let leased = door
        .directory
        .lease("webhook", Some(0), begun.plus(LEASE), begun)
        .await?;
    let Some(mut lease) = leased else { return Ok(()) };
    let filter = AuditFilter {
        after: Some(lease.seq),
        limit: Some(BATCH),
        ..AuditFilter::default()
    };
    let client = client()?;
    let mut outcome = Ok(());
    for entry in door.directory.audit_onwards(&filter).await? {
        if door.now() > begun.plus(LEASE - MARGIN) {
            break;
        }
        outcome = post(&client, webhook, &entry, door.now().seconds()).await;
        if outcome.is_err() || !door.directory.delivered(&mut lease, entry.seq).await? {
            break;
        }
    }
    door.directory.give_back(&lease).await?;
    outcome
}

/// Redirects are not followed: what is signed goes where the configuration says.
fn client() -> anyhow::Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .context("no HTTP client")
}

async fn post(
    client: &reqwest::Client,
    webhook: &Webhook,
    entry: &AuditEntry,
    at: i64,
) -> anyhow::Result<()> {
    let body = views::json(&AuditRow::of(entry)).to_string();
    let sent = client
        .post(webhook.url.clone())
        .header("content-type", "application/json")
        .header("doorstep-delivery", entry.seq)
        .header("doorstep-timestamp", at)
        .header(
            "doorstep-signature",
            signature(webhook.secret.reveal(), at, &body),
        )
        .body(body)
        .send()
        .await;
    // reqwest's own words can hold the URL.
    let answer = sent.map_err(|_| anyhow::anyhow!("row {}: the receiver does not answer", entry.seq))?;
    if answer.status().is_success() {
        return Ok(());
    }
    anyhow::bail!("row {}: the receiver answered {}", entry.seq, answer.status())
}

/// `v1=` and the HMAC-SHA256, in hexadecimal, of the timestamp, a dot and the body.
pub fn signature(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    format!("v1={}", hex(tag.as_ref()))
}
