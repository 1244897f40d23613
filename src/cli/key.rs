//! `doorstep key`: the key that seals secrets at rest.

use std::path::PathBuf;
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

fn new(file: &std::path::Path, context: &Context) -> Result<(), Failure> {
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

async fn rotate(context: &Context) -> Result<(), Failure> {
    // Opened under the old keys first: a wrong key file must not be rotated.
    let (config, directory) = context.directory().await?;
    let ring = Arc::new(KeyRing::read(&config.key_file)?.rotated());
    ring.replace_file(&config.key_file)?;
    let values = directory.reseal(ring.clone()).await.map_err(|unknown| {
        Failure::Refused(format!(
            "the new key {} is in {}, but not everything is sealed under it ({unknown}). The old keys still open everything; rotate again",
            ring.newest_id(),
            config.key_file.display()
        ))
    })?;
    let sentence = format!(
        "Sealed {values} values under the new key {}. Gateways that run read the key file when they start: restart them.",
        ring.newest_id()
    );
    context
        .screen
        .result(&sentence, || json!({"key": ring.newest_id(), "resealed": values}))
}
