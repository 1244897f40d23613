//! What the database says when it cannot answer, and for how long it is waited for.

use std::future::Future;
use std::time::Duration;

use super::{ChangeRefused, DirectoryUnknown, ImportRefused};

/// For a read, or a change that is one statement.
pub(super) const ANSWER: Duration = Duration::from_secs(2);
/// For opening it, which nobody's request waits for.
pub(super) const OPENING: Duration = Duration::from_secs(10);
/// For a change: it may have to wait for the one write lock.
pub(super) const CHANGE: Duration = Duration::from_secs(6);
/// For what goes through everything: an import, a resealing, the audit's chain.
pub(super) const BULK: Duration = Duration::from_secs(120);

/// Waits for `work` for so long; after that the outcome is unknown.
pub(super) async fn within<T, E: From<DirectoryUnknown>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(DirectoryUnknown(format!("no answer within {} s", limit.as_secs())).into()),
    }
}

impl From<sqlx::Error> for DirectoryUnknown {
    /// Never the error's own text where that can hold a value of a row or a URL with its password.
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error;
        let why = match error {
            Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                format!("the database refused ({code}): {}", error.message())
            }
            Error::Io(error) => format!("the connection failed: {error}"),
            Error::Tls(_) => "TLS with the database failed".to_owned(),
            Error::PoolTimedOut => "no connection was free or could be made in time".to_owned(),
            Error::PoolClosed | Error::WorkerCrashed => "the connection is closed".to_owned(),
            Error::RowNotFound => "a row that must be there is missing".to_owned(),
            Error::ColumnDecode { index, .. } => format!("column {index} holds what does not belong there"),
            Error::Migrate(error) => format!("its schema could not be brought up to date: {error}"),
            Error::Configuration(_) => "the URL in [directory] does not fit".to_owned(),
            _ => "the database gave an answer that makes no sense".to_owned(),
        };
        Self(why)
    }
}

impl From<sqlx::Error> for ChangeRefused {
    fn from(error: sqlx::Error) -> Self {
        Self::Unknown(error.into())
    }
}

impl From<sqlx::Error> for ImportRefused {
    fn from(error: sqlx::Error) -> Self {
        Self::Unknown(error.into())
    }
}

impl From<DirectoryUnknown> for ImportRefused {
    fn from(unknown: DirectoryUnknown) -> Self {
        Self::Unknown(unknown)
    }
}

/// A row of the directory holds what this program never writes: unknown, never a default (I9).
pub(super) fn unreadable(what: &str) -> DirectoryUnknown {
    DirectoryUnknown(format!("{what} in the directory cannot be read"))
}
