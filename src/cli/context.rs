//! What every command needs: the configuration, the directory, the time, and where to print.

use std::path::PathBuf;
use std::sync::Arc;

use super::failure::Failure;
use super::screen::Screen;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::directory::{Actor, Directory};
use crate::gate::{FirmId, Login};
use crate::secret::KeyRing;

/// What stands beside a command.
pub(super) struct Context {
    file: PathBuf,
    pub screen: Screen,
}

impl Context {
    pub fn new(file: PathBuf, json: bool) -> Self {
        Self {
            file,
            screen: Screen::new(json),
        }
    }

    /// The configuration, read now.
    pub fn config(&self) -> Result<Config, Failure> {
        Ok(Config::read(&self.file)?)
    }

    /// The configuration, and the directory that it names.
    pub async fn directory(&self) -> Result<(Config, Directory), Failure> {
        let config = self.config()?;
        let keys = Arc::new(KeyRing::read(&config.key_file)?);
        let directory = Directory::open(config.directory.url.reveal(), keys).await?;
        Ok((config, directory))
    }

    /// Runs a command that waits for directory or store.
    pub fn wait(&self, command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Refused(format!("no runtime: {error}")))?
            .block_on(command)
    }

    pub fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

/// Who the audit says it was.
pub(super) fn ops() -> Actor {
    Actor {
        name: "ops".into(),
        from: "command".into(),
    }
}

/// For clap: a portal username.
pub(super) fn login(text: &str) -> Result<Login, String> {
    Login::parse(text).map_err(|error| error.to_string())
}

/// For clap: a firm's id.
pub(super) fn firm_id(text: &str) -> Result<FirmId, String> {
    FirmId::parse(text)
}
