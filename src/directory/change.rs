//! A change: one transaction under the one write lock, with what it touched and its audit rows.

use sqlx::{Any, AnyConnection, AnyPool, Row as _, Transaction};

use super::audit::{Link, Tail};
use super::{AuditEvent, ChangeRefused, Directory, DirectoryUnknown};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login};

/// What a change touched; gateways forget their copies of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touched<'a> {
    /// What a folded login or alias leads to.
    Name(&'a str),
    /// A firm, and with it all its people.
    Firm(&'a FirmId),
    /// Everything.
    All,
    /// A session, by its public id, that has ended.
    Ended(&'a str),
    /// Ended sessions that are over by the clock were removed.
    Swept,
}

impl Touched<'_> {
    fn row(&self) -> (&'static str, &str) {
        match self {
            Self::Name(folded) => ("name", folded),
            Self::Firm(id) => ("firm", id.as_str()),
            Self::All => ("all", ""),
            Self::Ended(public_id) => ("ended", public_id),
            Self::Swept => ("swept", ""),
        }
    }
}

/// A change that is being made. Dropped before [`Self::commit`], it leaves nothing behind.
pub(super) struct Change {
    tx: Transaction<'static, Any>,
    /// The change counter of this change; also the value of the epochs that it raises.
    pub(super) counter: i64,
    tail: Tail,
    /// When.
    pub(super) now: Timestamp,
}

impl Directory {
    /// Begins a change. The first statement raises the counter: on SQLite it takes the write lock at once, on
    /// PostgreSQL it makes all changes commit in the order of their counters.
    pub(super) async fn change(&self, now: Timestamp) -> Result<Change, DirectoryUnknown> {
        self.change_on(&self.0.writes, now).await
    }

    /// As [`Self::change`], on a connection of one's own.
    pub(super) async fn change_on(&self, pool: &AnyPool, now: Timestamp) -> Result<Change, DirectoryUnknown> {
        let mut tx = pool.begin().await?;
        let meta = sqlx::query(
            "UPDATE meta SET counter = counter + 1 WHERE one = 1 RETURNING counter, audit_seq, audit_hash",
        )
        .fetch_one(&mut *tx)
        .await?;
        Ok(Change {
            counter: meta.try_get("counter")?,
            tail: Tail {
                seq: meta.try_get("audit_seq")?,
                hash: meta.try_get("audit_hash")?,
            },
            now,
            tx,
        })
    }
}

impl Change {
    /// The connection, for statements of this change.
    pub(super) fn db(&mut self) -> &mut AnyConnection {
        &mut self.tx
    }

    /// Tells gateways to forget their copies of this.
    pub(super) async fn touch(&mut self, touched: Touched<'_>) -> Result<(), DirectoryUnknown> {
        let (kind, item) = touched.row();
        sqlx::query(
            "INSERT INTO changes (seq, kind, item, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(self.counter)
        .bind(kind)
        .bind(item)
        .bind(self.now.0)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Appends to the audit's chain.
    pub(super) async fn audit(&mut self, event: &AuditEvent) -> Result<(), DirectoryUnknown> {
        let link = Link::after(&self.tail, event, self.now);
        link.insert(&mut self.tx).await?;
        self.tail = link.tail();
        sqlx::query("UPDATE meta SET audit_seq = $1, audit_hash = $2 WHERE one = 1")
            .bind(self.tail.seq)
            .bind(self.tail.hash.as_str())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), DirectoryUnknown> {
        Ok(self.tx.commit().await?)
    }

    /// The folded login of the employee of that login or alias.
    pub(super) async fn key_of(&mut self, login: &Login) -> Result<String, ChangeRefused> {
        let key = sqlx::query_as::<_, (String,)>("SELECT employee FROM names WHERE folded = $1")
            .bind(login.folded())
            .fetch_optional(&mut *self.tx)
            .await?;
        key.map(|(key,)| key).ok_or_else(|| no_employee(login))
    }

    /// All names, folded, of the employee with this key.
    pub(super) async fn names_of(&mut self, key: &str) -> Result<Vec<String>, DirectoryUnknown> {
        let names = sqlx::query_as::<_, (String,)>("SELECT folded FROM names WHERE employee = $1")
            .bind(key)
            .fetch_all(&mut *self.tx)
            .await?;
        Ok(names.into_iter().map(|(name,)| name).collect())
    }

    /// Tells gateways to forget an employee under all of their names.
    pub(super) async fn touch_employee(&mut self, key: &str) -> Result<(), DirectoryUnknown> {
        for name in self.names_of(key).await? {
            self.touch(Touched::Name(&name)).await?;
        }
        Ok(())
    }
}

pub(super) fn no_employee(login: &Login) -> ChangeRefused {
    ChangeRefused::NotFound(format!("there is no employee {login}"))
}

pub(super) fn no_firm(id: &FirmId) -> ChangeRefused {
    ChangeRefused::NotFound(format!(
        "there is no firm {id}; make it with: doorstep firm add {id} --name NAME"
    ))
}

/// A shown text: trimmed, and without control characters.
pub(super) fn shown_text(what: &str, text: &str) -> Result<String, ChangeRefused> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(ChangeRefused::Invalid(format!(
            "{what} cannot hold control characters"
        )));
    }
    Ok(text.to_owned())
}
