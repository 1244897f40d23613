//! How a command fails: what was wrong, where, what to do; and the exit code.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::config::ConfigErrors;
use crate::directory::{ChangeRefused, DirectoryUnknown};
use crate::secret::KeyRingError;
use crate::sessions::StoreUnknown;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Refused or failed: exit code 1.
    #[error("{0}")]
    Refused(String),
    /// What was asked makes no sense: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong: exit code 2.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// Whoever read the output has gone away; nobody to tell.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    /// Tells it on standard error.
    pub fn report(&self) -> ExitCode {
        if matches!(self, Self::OutputClosed) {
            return ExitCode::SUCCESS;
        }
        let colour = std::io::stderr().is_terminal() && !super::screen::no_color();
        let (on, off) = if colour {
            ("\x1b[1;31m", "\x1b[0m")
        } else {
            ("", "")
        };
        let text = match self {
            // Lines of FILE:LINE:COLUMN, so that editors can jump to them.
            Self::Config(errors) => format!("{}\n", super::screen::printable(&errors.to_string())),
            other => format!(
                "{on}error:{off} {}\n",
                super::screen::printable(&other.to_string())
            ),
        };
        let _ = std::io::stderr().write_all(text.as_bytes());
        match self {
            Self::Refused(_) | Self::OutputClosed => ExitCode::from(1),
            Self::Usage(_) | Self::Config(_) => ExitCode::from(2),
        }
    }
}

impl From<ChangeRefused> for Failure {
    fn from(refused: ChangeRefused) -> Self {
        match refused {
            ChangeRefused::Unknown(unknown) => unknown.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<DirectoryUnknown> for Failure {
    fn from(unknown: DirectoryUnknown) -> Self {
        Self::Refused(format!("{unknown}. See [directory] url in the configuration"))
    }
}

impl From<StoreUnknown> for Failure {
    fn from(unknown: StoreUnknown) -> Self {
        Self::Refused(format!("{unknown}. See [sessions] store in the configuration"))
    }
}

impl From<KeyRingError> for Failure {
    fn from(error: KeyRingError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Refused(format!("{error:#}"))
    }
}
