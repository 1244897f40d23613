//! Opening a directory: its place, its schema, its id.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyPool, Connection as _};

use super::place::Place;
use super::unknown::{ANSWER, BULK, OPENING, within};
use super::{Directory, DirectoryUnknown, Inner};
use crate::secret::{KeyRing, random_id};

static SCHEMA: Migrator = sqlx::migrate!("./migrations");

impl Directory {
    /// Opens (and where it is SQLite and missing: makes, 0600) the directory at `url`
    /// (`sqlite://PATH` or `postgres://…`), and brings its schema up to date.
    ///
    /// # Errors
    /// Where the folder is missing, the database does not answer, or the schema cannot be brought up to date.
    pub async fn open(url: &str, keys: Arc<KeyRing>) -> Result<Self, DirectoryUnknown> {
        sqlx::any::install_default_drivers();
        let place = Place::parse(url)?;
        // A pool would only say that it got no connection in time, not why.
        within(OPENING, async {
            Ok::<_, DirectoryUnknown>(place.connect().await?.close().await?)
        })
        .await?;
        let (reads, writes) = place.pools();
        within(BULK, migrate(&writes)).await?;
        let id = within(OPENING, own_id(&writes)).await?;
        Ok(Self(Arc::new(Inner {
            id,
            place,
            reads,
            writes,
            keys: ArcSwap::new(keys),
        })))
    }

    /// Its id, made with it.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The change counter, read now.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn counter(&self) -> Result<i64, DirectoryUnknown> {
        within(ANSWER, async {
            let (counter,) = sqlx::query_as::<_, (i64,)>("SELECT counter FROM meta WHERE one = 1")
                .fetch_one(&self.0.reads)
                .await?;
            Ok(counter)
        })
        .await
    }

    /// Whether it answers, and is still the one that was opened: for `/readyz`.
    ///
    /// # Errors
    /// Where the directory does not answer, or another one answers.
    pub async fn health(&self) -> Result<(), DirectoryUnknown> {
        self.0.place.is_in_place()?;
        let (id,) = within(ANSWER, async {
            let row = sqlx::query_as::<_, (String,)>("SELECT id FROM meta WHERE one = 1");
            Ok::<_, DirectoryUnknown>(row.fetch_one(&self.0.reads).await?)
        })
        .await?;
        if id == self.0.id {
            Ok(())
        } else {
            Err(DirectoryUnknown(
                "another directory answers than was opened".into(),
            ))
        }
    }
}

/// Two programs may open a new directory at once; on SQLite the slower one finds the tables made between
/// its look and its statement, and everything in place at its second look.
async fn migrate(writes: &AnyPool) -> Result<(), DirectoryUnknown> {
    let raced = |error: &MigrateError| {
        let refused = matches!(error, MigrateError::Execute(sqlx::Error::Database(_)));
        refused || matches!(error, MigrateError::ExecuteMigration(..))
    };
    let mut outcome = SCHEMA.run(writes).await;
    for _ in 0..20 {
        if !outcome.as_ref().is_err_and(raced) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        outcome = SCHEMA.run(writes).await;
    }
    outcome.map_err(|error| sqlx::Error::from(error).into())
}

async fn own_id(writes: &AnyPool) -> Result<String, DirectoryUnknown> {
    sqlx::query(
        "INSERT INTO meta (one, id, counter, pruned, accepted, audit_seq, audit_hash) \
         VALUES (1, $1, 1, 0, 0, 0, '') ON CONFLICT (one) DO NOTHING",
    )
    .bind(random_id())
    .execute(writes)
    .await?;
    let (id,) = sqlx::query_as::<_, (String,)>("SELECT id FROM meta WHERE one = 1")
        .fetch_one(writes)
        .await?;
    Ok(id)
}
