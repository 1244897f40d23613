//! `doorstep key`: the key that seals secrets at rest.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::secret::KeyRing;

/// What may be done with keys.
#[derive(Subcommand)]
pub(super) enum Key {
    /// Makes a key file that only its owner can read. Never overwrites; reads no configuration.
    New {
        /// The file to make.
        file: PathBuf,
    },
    /// Puts a new key in front of the key file, and seals everything anew under it. The old keys stay.
    Rotate,
}

impl Key {
    pub fn apply(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::New { file } => new(&file, context),
            Self::Rotate => context.wait(rotate(context)),
        }
    }
}

fn new(file: &Path, context: &Context) -> Result<(), Failure> {
    if file.exists() {
        let shown = file.display();
        return Err(Failure::Refused(format!(
            "{shown} is already there and is never overwritten: what it sealed could not be opened any more. Name another file, or use: doorstep key rotate"
        )));
    }
    let ring = KeyRing::create(file).map_err(|error| match error {
        crate::secret::KeyRingError::Io { path, source } => {
            Failure::Refused(format!("key file {path} cannot be made: {source}"))
        }
        other => other.into(),
    })?;
    let sentence = format!(
        "Made {}. Keep a copy apart from the directory's: without it no factor and no phone can be read.",
        file.display()
    );
    context
        .screen
        .result(&sentence, || json!({"file": file, "key": ring.newest_id()}))
}

/// Gateways that run look at the key file more often than this: when the first value is sealed anew, they can
/// open it.
const GATEWAYS_FOLLOW: std::time::Duration = std::time::Duration::from_millis(1500);

async fn rotate(context: &Context) -> Result<(), Failure> {
    // Opened under the old keys first: a wrong key file must not be rotated.
    let (config, directory) = context.directory().await?;
    let folder = lock_folder(&config.key_file)?;
    let ring = Arc::new(KeyRing::read(&config.key_file)?.rotated());
    ring.replace_file(&config.key_file)?;
    // The key must outlast a power cut before anything is sealed under it.
    folder
        .sync_all()
        .map_err(|error| folder_fault(&config.key_file, &error))?;
    tokio::time::sleep(GATEWAYS_FOLLOW).await;
    let values = directory.reseal(ring.clone()).await.map_err(|unknown| {
        Failure::Refused(format!(
            "the new key {} is in {}, but not everything is sealed under it ({unknown}). The old keys still open everything; rotate again",
            ring.newest_id(),
            config.key_file.display()
        ))
    })?;
    let sentence = format!(
        "Sealed {values} values under the new key {}. Gateways that run have taken it over.",
        ring.newest_id()
    );
    context
        .screen
        .result(&sentence, || json!({"key": ring.newest_id(), "resealed": values}))
}

/// Two rotations at once would each write a file without the other's key, and what was sealed under the lost
/// one could not be opened any more: the folder is locked until this command ends.
fn lock_folder(key_file: &Path) -> Result<File, Failure> {
    let folder = key_file.parent().unwrap_or(Path::new("."));
    let locked = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    locked.map_err(|error| folder_fault(key_file, &error))
}

fn folder_fault(key_file: &Path, error: &std::io::Error) -> Failure {
    Failure::Refused(format!("the folder of {}: {error}", key_file.display()))
}
