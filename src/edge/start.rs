//! What a gateway needs before it opens its door: directory, store, keys, the portal's address.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;

use crate::access::{Doorstep, Noted, Settings};
use crate::clock::SystemClock;
use crate::config::{Config, StoreSettings};
use crate::directory::{Copies, Directory};
use crate::ops::Metrics;
use crate::providers::{providers, sms_sender};
use crate::secret::KeyRing;
use crate::sessions::{DirectoryMark, MemoryStore, RedisStore, SessionStore};
use crate::tell;

/// How often changes of number are looked at whose hold may be over.
const PHONE_CHANGES_EVERY: Duration = Duration::from_secs(30);
/// How often what is past its time is swept out of the directory.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// How often the key file is looked at.
const FOLLOW_KEYS_EVERY: Duration = Duration::from_millis(300);
/// How often the store is told how far the directory has come.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// Opens everything.
///
/// # Errors
/// What could not be opened, and what to do.
pub async fn open(config: Config) -> anyhow::Result<Arc<Doorstep>> {
    let keys = Arc::new(KeyRing::read(&config.key_file)?);
    let directory = Directory::open(config.directory.url.reveal(), Arc::clone(&keys)).await?;
    let store = open_store(&config).await?;
    let copies = Copies::new(directory.clone());
    if let Some(mark) = store.directory_mark().await? {
        copies.remember(mark);
    }
    copies.refresh().await.context(
        "this directory is not the one that the session store belongs to, or an older copy of it; \
         look it over, then run: doorstep directory accept",
    )?;
    let settings = settings(config)?;
    store.bound(settings.config.limits.bounds.store);
    Ok(Arc::new(Doorstep {
        settings: ArcSwap::from_pointee(settings),
        directory,
        copies,
        store,
        keys,
        clock: Arc::new(SystemClock),
        metrics: Metrics::new(),
        noted: Noted::default(),
        following: crate::factors::Following::default(),
    }))
}

/// What a reload replaces.
///
/// # Errors
/// What does not fit.
pub fn settings(config: Config) -> anyhow::Result<Settings> {
    let sms = match &config.factors.sms {
        Some(sms) => sms_sender(sms, &config.listen.public_url)
            .map_err(|why| anyhow::anyhow!("[factors] sms: {why}"))?,
        None => None,
    };
    let providers = providers(&config).map_err(|why| anyhow::anyhow!("[factors]: {why}"))?;
    Ok(Settings {
        config,
        sms,
        providers,
    })
}

async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn SessionStore>> {
    Ok(match &config.sessions.store {
        StoreSettings::Memory => Arc::new(MemoryStore::new()),
        StoreSettings::Redis(url) => Arc::new(
            RedisStore::connect(url.reveal())
                .await
                .context("[sessions] store: is the server running?")?,
        ),
    })
}

/// What runs beside the requests, for ever.
pub async fn keep_up(door: Arc<Doorstep>) {
    let watch = Arc::clone(&door.copies).watch();
    tokio::join!(
        watch,
        mark(&door),
        sweep(&door),
        follow_key_file(&door),
        tell::run(&door),
        door.follow_vendor_pushes(),
        phone_changes(&door)
    );
}

/// Notes in the store how far the directory has come, so that an older copy of it is noticed.
async fn mark(door: &Doorstep) {
    let mut noted: Option<DirectoryMark> = None;
    loop {
        tokio::time::sleep(MARK_EVERY).await;
        let seen = door.copies.highest_seen();
        if seen == noted {
            continue;
        }
        if let Some(mark) = &seen {
            match door.store.note_directory(mark, false).await {
                Ok(()) => noted = seen,
                Err(error) => tracing::warn!(%error, "the directory's state cannot be noted"),
            }
        }
    }
}

/// Takes a rotated key file over, so that what is sealed anew can be opened (`key rotate` waits for it).
async fn follow_key_file(door: &Doorstep) {
    let mut seen = key_file_state(door);
    loop {
        tokio::time::sleep(FOLLOW_KEYS_EVERY).await;
        let present = key_file_state(door);
        if present == seen {
            continue;
        }
        match KeyRing::read(&door.settings.load().config.key_file) {
            Ok(ring) => {
                door.keys.adopt(&ring);
                tracing::info!(newest = ring.newest_id(), "the key file was read anew");
                seen = present;
            }
            Err(error) => tracing::warn!(%error, "the key file has changed; the old keys stay"),
        }
    }
}

/// What tells one version of the key file from another.
fn key_file_state(door: &Doorstep) -> Option<(u64, u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(&door.settings.load().config.key_file).ok()?;
    Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}

/// Makes changes of number count whose time has come.
async fn phone_changes(door: &Doorstep) {
    loop {
        tokio::time::sleep(PHONE_CHANGES_EVERY).await;
        if let Err(error) = door.directory.apply_phone_changes(door.now()).await {
            tracing::warn!(%error, "changes of number that are due cannot be made");
        }
    }
}

async fn sweep(door: &Doorstep) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = door.directory.sweep(door.now()).await {
            tracing::warn!(%error, "what is past its time cannot be swept out");
        }
    }
}
