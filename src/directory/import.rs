//! Importing many employees at once: all or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::json;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::change::{Change, Touched, shown_text};
use super::employees::folded_name;
use super::sealed::SealedPhone;
use super::staff::firm_missing;
use super::unknown::{BULK, within};
use super::{Actor, AuditEvent, Directory, DirectoryUnknown, ImportRefused, NewEmployee};
use crate::clock::Timestamp;

/// Rows in one statement: SQLite's fastest of 25 to 500, and PostgreSQL's within a tenth.
const CHUNK: usize = 50;

impl Directory {
    /// All or nothing; each refused row by its index with its reason. `progress` is told how many are done.
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
        // Sealed before the change begins: nobody else can write while it lasts.
        let prepared = self.prepare(rows);
        within(BULK, async {
            let mut change = self.change(now).await?;
            let refused = change.misfits(rows).await?;
            if !refused.is_empty() {
                return Err(ImportRefused::Rows(refused));
            }
            let mut done = 0;
            for chunk in prepared.chunks(CHUNK) {
                change.insert(chunk).await?;
                done += chunk.len();
                progress(done);
            }
            change.touch(Touched::All).await?;
            change.audit(&imported(actor, rows)).await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// What [`Self::import_employees`] would refuse, by index, without importing anything.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn import_misfits(
        &self,
        rows: &[NewEmployee],
        now: Timestamp,
    ) -> Result<Vec<(usize, String)>, DirectoryUnknown> {
        within(BULK, async {
            // Dropped at the end: nothing of it stays.
            let mut change = self.change(now).await?;
            change.misfits(rows).await
        })
        .await
    }

    fn prepare<'a>(&self, rows: &'a [NewEmployee]) -> Vec<Prepared<'a>> {
        let keys = self.keys();
        let prepare = |new: &'a NewEmployee| {
            let phone = new.phone.as_ref();
            Prepared {
                phone: phone.map(|phone| SealedPhone::of(&keys, new.login.folded(), phone)),
                new,
            }
        };
        rows.iter().map(prepare).collect()
    }
}

struct Prepared<'a> {
    new: &'a NewEmployee,
    phone: Option<SealedPhone>,
}

impl Change {
    /// The rows that do not fit, in their order.
    async fn misfits(&mut self, rows: &[NewEmployee]) -> Result<Vec<(usize, String)>, DirectoryUnknown> {
        let mut firms = HashSet::new();
        for (id,) in sqlx::query_as::<_, (String,)>("SELECT id FROM firms")
            .fetch_all(self.db())
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
                refuse(format!(
                    "there is already an employee with the login or alias {}",
                    row.login
                ));
            }
            if first.contains_key(key) {
                refuse(format!(
                    "the login {} stands in an earlier row as well",
                    row.login
                ));
            }
            first.entry(key).or_insert(index);
        }
        Ok(refused)
    }

    /// Which of the rows' logins are there already, as a login or alias.
    async fn taken(&mut self, rows: &[NewEmployee]) -> Result<HashSet<String>, DirectoryUnknown> {
        let mut taken = HashSet::new();
        for chunk in rows.chunks(CHUNK) {
            let places: Vec<String> = (1..=chunk.len()).map(|place| format!("${place}")).collect();
            let sql = format!("SELECT folded FROM names WHERE folded IN ({})", places.join(", "));
            let mut query = sqlx::query_as::<_, (String,)>(AssertSqlSafe(sql).into_sql_str());
            for row in chunk {
                query = query.bind(row.login.folded());
            }
            let found = query.fetch_all(self.db()).await?;
            taken.extend(found.into_iter().map(|(name,)| name));
        }
        Ok(taken)
    }

    async fn insert(&mut self, chunk: &[Prepared<'_>]) -> Result<(), DirectoryUnknown> {
        let epoch = self.counter;
        let people = format!(
            "INSERT INTO employees (folded, login, firm, name, name_folded, phone, phone_hash, email, role, \
             phone_suspended, active, epoch, failures, locked_until) VALUES {}",
            values(chunk.len(), 9, &format!(", 0, 1, {epoch}, 0, 0")),
        );
        let mut query = sqlx::query(AssertSqlSafe(people).into_sql_str());
        for Prepared { new, phone } in chunk {
            query = query
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
        query.execute(self.db()).await?;
        let names = format!(
            "INSERT INTO names (folded, shown, employee) VALUES {}",
            values(chunk.len(), 3, "")
        );
        let mut query = sqlx::query(AssertSqlSafe(names).into_sql_str());
        for Prepared { new, .. } in chunk {
            query = query
                .bind(new.login.folded())
                .bind(new.login.as_str())
                .bind(new.login.folded());
        }
        query.execute(self.db()).await?;
        Ok(())
    }
}

/// `($1, $2, …), ($4, …)`: places only, never a value of a row.
fn values(rows: usize, columns: usize, constants: &str) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns)
            .map(|column| format!("${}", row * columns + column))
            .collect();
        format!("({}{constants})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
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
