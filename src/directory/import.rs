//! Importing many employees at once: all or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::json;
use sqlx::{AnyPool, AssertSqlSafe, SqlSafeStr as _};

use super::change::{Change, Touched, shown_text};
use super::employees::folded_name;
use super::sealed::SealedPhone;
use super::staff::firm_missing;
use super::unknown::{BULK, within};
use super::{Actor, AuditEvent, Directory, DirectoryUnknown, ImportRefused, NewEmployee, Phone};
use crate::clock::Timestamp;

/// Rows in one statement: SQLite's fastest of 25 to 500, and PostgreSQL's within a tenth.
const CHUNK: usize = 50;
/// Logins that one statement looks up.
const LOOKED_UP: usize = 500;
/// After so many rows whoever else waits for this thread goes first.
const BREATH: usize = 500;

impl Directory {
    /// All or nothing; each refused row by its index with its reason. `progress` is told how many are done.
    ///
    /// The rows are put beside the directory first, where only this import sees them: what holds up everybody
    /// else's changes is one statement that takes them over.
    ///
    /// # Errors
    /// `Rows`, or the directory does not answer.
    pub async fn import_employees(
        &self,
        actor: &Actor,
        rows: &[NewEmployee],
        now: Timestamp,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<(), ImportRefused> {
        if rows.is_empty() {
            return Ok(());
        }
        let refused = self.import_misfits(rows).await?;
        if !refused.is_empty() {
            return Err(ImportRefused::Rows(refused));
        }
        let phones = self.sealed_phones(rows).await?;
        let staging = Staging::beside(self);
        let made = within(BULK, async {
            staging.fill(rows, &phones, progress).await?;
            let mut change = self.change_on(&staging.pool, now).await?;
            let refused = change.overtaken(rows).await?;
            if !refused.is_empty() {
                return Err(ImportRefused::Rows(refused));
            }
            change.take_over().await?;
            change.touch(Touched::All).await?;
            change.audit(&imported(actor, rows)).await?;
            Ok(change.commit().await?)
        })
        .await;
        staging.pool.close().await;
        made
    }

    /// What [`Self::import_employees`] would refuse, by index, without importing anything, and without holding up
    /// anybody.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn import_misfits(
        &self,
        rows: &[NewEmployee],
    ) -> Result<Vec<(usize, String)>, DirectoryUnknown> {
        within(BULK, async {
            let mut firms = HashSet::new();
            for (id,) in sqlx::query_as::<_, (String,)>("SELECT id FROM firms")
                .fetch_all(&self.0.reads)
                .await?
            {
                firms.insert(id);
            }
            let taken = self.taken(rows).await?;
            let mut first: HashMap<&str, usize> = HashMap::new();
            let mut refused = Vec::new();
            for (index, row) in rows.iter().enumerate() {
                let mut refuse = |why: String| refused.push((index, why));
                let key = row.login.folded();
                let email = row.email.as_deref().unwrap_or_default();
                for (what, text) in [("a name", row.name.as_str()), ("an address", email)] {
                    if let Err(error) = shown_text(what, text) {
                        refuse(error.to_string());
                    }
                }
                if !firms.contains(row.firm.as_str()) {
                    refuse(firm_missing(&row.firm));
                }
                if taken.contains(key) {
                    refuse(is_there(row));
                }
                if first.contains_key(key) {
                    refuse(format!(
                        "the login {} stands in an earlier row as well",
                        row.login
                    ));
                }
                first.entry(key).or_insert(index);
                if index % BREATH == BREATH - 1 {
                    tokio::task::yield_now().await;
                }
            }
            Ok(refused)
        })
        .await
    }

    /// Which of the rows' logins are there already, as a login or alias.
    async fn taken(&self, rows: &[NewEmployee]) -> Result<HashSet<String>, DirectoryUnknown> {
        let mut taken = HashSet::new();
        for chunk in rows.chunks(LOOKED_UP) {
            let sql = format!(
                "SELECT folded FROM names WHERE folded IN ({})",
                places(0, chunk.len())
            );
            let mut query = sqlx::query_as::<_, (String,)>(AssertSqlSafe(sql).into_sql_str());
            for row in chunk {
                query = query.bind(row.login.folded());
            }
            let found = query.fetch_all(&self.0.reads).await?;
            taken.extend(found.into_iter().map(|(name,)| name));
        }
        Ok(taken)
    }

    /// The rows' numbers as they are stored: sealed away from the threads that serve, which it would hold up.
    async fn sealed_phones(
        &self,
        rows: &[NewEmployee],
    ) -> Result<Vec<Option<SealedPhone>>, DirectoryUnknown> {
        let keys = self.keys();
        let of = |row: &NewEmployee| {
            row.phone
                .clone()
                .map(|phone| (row.login.folded().to_owned(), phone))
        };
        let numbers: Vec<Option<(String, Phone)>> = rows.iter().map(of).collect();
        let seal = move || {
            let numbers = numbers.iter();
            let sealed = numbers.map(|number| {
                let (key, phone) = number.as_ref()?;
                Some(SealedPhone::of(&keys, key, phone))
            });
            sealed.collect()
        };
        let sealed = tokio::task::spawn_blocking(seal).await;
        sealed.map_err(|_| DirectoryUnknown("the numbers could not be sealed".into()))
    }
}

/// A connection of one import's own, with its rows in a table that is gone with it.
struct Staging {
    pool: AnyPool,
    is_sqlite: bool,
}

impl Staging {
    fn beside(directory: &Directory) -> Self {
        let (pool, is_sqlite) = directory.0.place.alone();
        Self { pool, is_sqlite }
    }

    /// Writes the rows, in memory where SQLite would make a file of it.
    async fn fill(
        &self,
        rows: &[NewEmployee],
        phones: &[Option<SealedPhone>],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<(), DirectoryUnknown> {
        if self.is_sqlite {
            sqlx::query("PRAGMA temp_store = MEMORY")
                .execute(&self.pool)
                .await?;
        }
        sqlx::query(
            "CREATE TEMPORARY TABLE staged (place BIGINT NOT NULL, folded TEXT NOT NULL, login TEXT NOT NULL, \
             firm TEXT NOT NULL, name TEXT NOT NULL, name_folded TEXT NOT NULL, phone TEXT, phone_hash TEXT, \
             email TEXT, role TEXT NOT NULL)",
        )
        .execute(&self.pool)
        .await?;
        let mut done = 0;
        for (chunk, phones) in rows.chunks(CHUNK).zip(phones.chunks(CHUNK)) {
            let sql = format!(
                "INSERT INTO staged (place, folded, login, firm, name, name_folded, phone, phone_hash, email, role) \
                 VALUES {}",
                values(chunk.len(), 10)
            );
            let mut query = sqlx::query(AssertSqlSafe(sql).into_sql_str());
            for (offset, (new, phone)) in chunk.iter().zip(phones).enumerate() {
                query = query
                    .bind(i64::try_from(done + offset).unwrap_or(i64::MAX))
                    .bind(new.login.folded())
                    .bind(new.login.as_str())
                    .bind(new.firm.as_str())
                    .bind(new.name.trim())
                    .bind(folded_name(&new.name))
                    .bind(phone.as_ref().map(|phone| phone.sealed.as_str()))
                    .bind(phone.as_ref().map(|phone| phone.hash.as_str()))
                    .bind(new.email.as_deref())
                    .bind(new.role.as_str());
            }
            query.execute(&self.pool).await?;
            done += chunk.len();
            progress(done);
        }
        Ok(())
    }
}

impl Change {
    /// The staged rows that do not fit any more: what was there was looked at before the write lock was held.
    async fn overtaken(&mut self, rows: &[NewEmployee]) -> Result<Vec<(usize, String)>, DirectoryUnknown> {
        let mut refused = Vec::new();
        let taken = "SELECT s.place FROM staged s JOIN names n ON n.folded = s.folded ORDER BY s.place";
        for (place,) in sqlx::query_as::<_, (i64,)>(taken).fetch_all(self.db()).await? {
            let found = usize::try_from(place)
                .ok()
                .and_then(|index| Some((index, rows.get(index)?)));
            refused.extend(found.map(|(index, row)| (index, is_there(row))));
        }
        Ok(refused)
    }

    /// Makes the staged rows employees.
    async fn take_over(&mut self) -> Result<(), DirectoryUnknown> {
        sqlx::query(
            "INSERT INTO employees (folded, login, firm, name, name_folded, phone, phone_hash, email, role, \
             phone_suspended, active, epoch, failures, locked_until) \
             SELECT folded, login, firm, name, name_folded, phone, phone_hash, email, role, 0, 1, \
             CAST($1 AS BIGINT), 0, 0 FROM staged ORDER BY folded",
        )
        .bind(self.counter)
        .execute(self.db())
        .await?;
        sqlx::query(
            "INSERT INTO names (folded, shown, employee) SELECT folded, login, folded FROM staged ORDER BY folded",
        )
        .execute(self.db())
        .await?;
        Ok(())
    }
}

fn is_there(row: &NewEmployee) -> String {
    format!(
        "there is already an employee with the login or alias {}",
        row.login
    )
}

/// `($1, $2, …), ($4, …)`: places only, never a value of a row.
fn values(rows: usize, columns: usize) -> String {
    let row = |row: usize| format!("({})", places(row * columns, columns));
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// So many places behind those before: `$4, $5`.
fn places(before: usize, count: usize) -> String {
    let places: Vec<String> = (1..=count).map(|place| format!("${}", before + place)).collect();
    places.join(", ")
}

fn imported(actor: &Actor, rows: &[NewEmployee]) -> AuditEvent {
    let firms: BTreeSet<_> = rows.iter().map(|row| &row.firm).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.firm.as_str()).or_default() += 1;
    }
    AuditEvent {
        event: "employee.imported",
        actor: actor.clone(),
        firm: firms.first().filter(|_| firms.len() == 1).copied().cloned(),
        login: None,
        details: json!({"count": rows.len(), "firms": counts}),
    }
}
