//! Adding, changing and removing employees.

use serde_json::{Map, Value, json};

use super::change::{Change, Touched, no_employee, no_firm, shown_text};
use super::employees::{folded_name, one_employee};
use super::ending::Taken;
use super::sealed::SealedPhone;
use super::unknown::{CHANGE, within};
use super::{
    Actor, AuditEvent, ChangeRefused, Directory, DirectoryUnknown, Employee, EmployeeChanges, NewEmployee,
};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login};

impl Directory {
    /// Adds an employee.
    ///
    /// # Errors
    /// `NotFound` (the firm), `Duplicate`, `Invalid`, or the directory does not answer.
    pub async fn add_employee(
        &self,
        actor: &Actor,
        new: &NewEmployee,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        let name = shown_text("a name", &new.name)?;
        if let Some(email) = &new.email {
            shown_text("an address", email)?;
        }
        let key = new.login.folded();
        let phone = new
            .phone
            .as_ref()
            .map(|phone| SealedPhone::of(&self.keys(), key, phone));
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            change.firm(&new.firm).await?;
            if change.is_taken(key).await? {
                return Err(taken(&new.login));
            }
            let epoch = change.counter;
            let (sealed, hash) = phone.map(|phone| (phone.sealed, phone.hash)).unzip();
            sqlx::query(
                "INSERT INTO employees (folded, login, firm, name, name_folded, phone, phone_hash, \
                 phone_suspended, email, role, active, epoch, failures, locked_until) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, 1, $10, 0, 0)",
            )
            .bind(key)
            .bind(new.login.as_str())
            .bind(new.firm.as_str())
            .bind(name.as_str())
            .bind(folded_name(&name))
            .bind(sealed)
            .bind(hash)
            .bind(new.email.as_deref())
            .bind(new.role.as_str())
            .bind(epoch)
            .execute(change.db())
            .await?;
            change.add_name(key, &new.login).await?;
            let details = json!({
                "name": name,
                "phone": new.phone.as_ref().map(super::Phone::masked),
                "email": new.email,
                "role": new.role.as_str(),
            });
            change
                .audit_employee("employee.added", actor, &new.firm, &new.login, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// Changes an employee. Deactivating ends every session and voids a passcode.
    ///
    /// # Errors
    /// `NotFound`, `Duplicate` (an alias), `Invalid`, or the directory does not answer.
    pub async fn set_employee(
        &self,
        actor: &Actor,
        login: &Login,
        changes: &EmployeeChanges,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        self.edit_employee(actor, login, now, |_| Ok(changes.clone()))
            .await
            .map(drop)
    }

    /// As [`Self::set_employee`], with what `edit` makes of the employee as they stand in this change, under the
    /// write lock: no other change can come between its look and its answer.
    ///
    /// # Errors
    /// What `edit` refuses, and as there.
    pub async fn edit_employee<E: From<ChangeRefused> + From<DirectoryUnknown>>(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
        edit: impl FnOnce(&Employee) -> Result<EmployeeChanges, E>,
    ) -> Result<Employee, E> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let before = change.employee(self, login).await?;
            let after = applied(&before, &edit(&before)?)?;
            if after == before {
                return Ok(before);
            }
            let details = difference(&before, &after);
            change
                .replace_employee(self, actor, &before, &after, details)
                .await?;
            change.commit().await?;
            Ok(after)
        })
        .await
    }

    /// Removes an employee with their factors; their audit rows stay.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn remove_employee(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            change.remove(login.folded()).await?;
            let details = json!({
                "name": employee.standing.name,
                "role": employee.standing.role.as_str(),
                "factors": employee.factors.len(),
            });
            change
                .audit_employee("employee.removed", actor, firm, login, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }
}

impl Change {
    pub(super) async fn replace_employee(
        &mut self,
        directory: &Directory,
        actor: &Actor,
        before: &Employee,
        after: &Employee,
        details: Value,
    ) -> Result<(), ChangeRefused> {
        let key = before.standing.login.folded();
        self.touch_employee(key).await?;
        self.replace_aliases(before, after).await?;
        let keys = directory.keys();
        let phone = after.phone.as_ref();
        let phone = phone.map(|phone| SealedPhone::of(&keys, key, phone));
        self.store(before, after, phone).await?;
        self.touch_employee(key).await?;
        let (firm, login) = (&after.standing.firm.id, &after.standing.login);
        self.audit_employee("employee.changed", actor, firm, login, details)
            .await?;
        Ok(())
    }

    /// The employee as they stand in this change.
    pub(super) async fn employee(
        &mut self,
        directory: &Directory,
        login: &Login,
    ) -> Result<Employee, ChangeRefused> {
        let employee = one_employee(self.db(), &directory.keys(), login).await?;
        employee.ok_or_else(|| no_employee(login))
    }

    /// An audit row about an employee.
    pub(super) async fn audit_employee(
        &mut self,
        event: &'static str,
        actor: &Actor,
        firm: &FirmId,
        login: &Login,
        details: Value,
    ) -> Result<(), DirectoryUnknown> {
        let event = AuditEvent {
            event,
            actor: actor.clone(),
            firm: Some(firm.clone()),
            login: Some(login.clone()),
            details,
        };
        self.audit(&event).await
    }

    /// Whether a login or alias that folds to this is there.
    pub(super) async fn is_taken(&mut self, name: &str) -> Result<bool, DirectoryUnknown> {
        let row = sqlx::query("SELECT employee FROM names WHERE folded = $1")
            .bind(name)
            .fetch_optional(self.db())
            .await?;
        Ok(row.is_some())
    }

    pub(super) async fn add_name(&mut self, employee: &str, name: &Login) -> Result<(), DirectoryUnknown> {
        sqlx::query("INSERT INTO names (folded, shown, employee) VALUES ($1, $2, $3)")
            .bind(name.folded())
            .bind(name.as_str())
            .bind(employee)
            .execute(self.db())
            .await?;
        self.touch(Touched::Name(name.folded())).await
    }

    async fn replace_aliases(&mut self, before: &Employee, after: &Employee) -> Result<(), ChangeRefused> {
        if before.aliases == after.aliases {
            return Ok(());
        }
        let key = after.standing.login.folded();
        sqlx::query("DELETE FROM names WHERE employee = $1 AND folded <> $1")
            .bind(key)
            .execute(self.db())
            .await?;
        for alias in &after.aliases {
            if self.is_taken(alias.folded()).await? {
                return Err(taken(alias));
            }
            self.add_name(key, alias).await?;
        }
        Ok(())
    }

    async fn store(
        &mut self,
        before: &Employee,
        after: &Employee,
        phone: Option<SealedPhone>,
    ) -> Result<(), DirectoryUnknown> {
        let key = after.standing.login.folded();
        let (sealed, hash) = phone.map(|phone| (phone.sealed, phone.hash)).unzip();
        sqlx::query(
            "UPDATE employees SET name = $1, name_folded = $2, phone = $3, phone_hash = $4, \
             phone_suspended = $5, email = $6, role = $7, active = $8 WHERE folded = $9",
        )
        .bind(after.standing.name.as_str())
        .bind(folded_name(&after.standing.name))
        .bind(sealed)
        .bind(hash)
        .bind(i64::from(after.phone_suspended))
        .bind(after.email.as_deref())
        .bind(after.standing.role.as_str())
        .bind(i64::from(after.standing.active))
        .bind(key)
        .execute(self.db())
        .await?;
        if before.phone != after.phone {
            // What a number that is gone has let in goes with it; a first number has let nothing in.
            match &before.phone {
                Some(_) => self.end(key, Taken::Number).await?,
                None => self.void_phone_change(key).await?,
            }
        }
        if before.standing.active && !after.standing.active {
            self.end(key, Taken::Standing).await?;
        }
        Ok(())
    }
}

fn applied(before: &Employee, changes: &EmployeeChanges) -> Result<Employee, ChangeRefused> {
    let mut after = before.clone();
    if let Some(name) = &changes.name {
        after.standing.name = shown_text("a name", name)?;
    }
    if let Some(phone) = &changes.phone {
        after.phone.clone_from(phone);
        after.phone_suspended = false;
    }
    if let Some(email) = &changes.email {
        shown_text("an address", email.as_deref().unwrap_or_default())?;
        after.email.clone_from(email);
    }
    if let Some(role) = changes.role {
        after.standing.role = role;
    }
    if let Some(active) = changes.active {
        after.standing.active = active;
    }
    if let Some(aliases) = &changes.aliases {
        after.aliases = aliases.clone();
        after.aliases.retain(|alias| *alias != before.standing.login);
        after.aliases.sort_by(|a, b| a.folded().cmp(b.folded()));
        after.aliases.dedup();
    }
    Ok(after)
}

/// What changed, before and after; numbers masked.
pub(super) fn difference(before: &Employee, after: &Employee) -> Value {
    let (old, new) = (described(before), described(after));
    let mut was = Map::new();
    let mut is = Map::new();
    for ((key, old), (_, new)) in old.into_iter().zip(new) {
        if old != new {
            was.insert(key.to_owned(), old);
            is.insert(key.to_owned(), new);
        }
    }
    // Two numbers can look alike once they are masked.
    if before.phone != after.phone && !is.contains_key("phone") {
        is.insert("phone".into(), json!("another number"));
    }
    json!({"before": was, "after": is})
}

fn described(employee: &Employee) -> [(&'static str, Value); 7] {
    let aliases: Vec<&str> = employee.aliases.iter().map(Login::as_str).collect();
    [
        ("name", json!(employee.standing.name)),
        ("phone", json!(employee.phone.as_ref().map(super::Phone::masked))),
        ("phone_suspended", json!(employee.phone_suspended)),
        ("email", json!(employee.email)),
        ("role", json!(employee.standing.role.as_str())),
        ("active", json!(employee.standing.active)),
        ("aliases", json!(aliases)),
    ]
}

pub(super) fn taken(login: &Login) -> ChangeRefused {
    ChangeRefused::Duplicate(format!(
        "there is already an employee with the login or alias {login}, or one that reads alike"
    ))
}

/// The sentence for a row of an import whose firm is not there.
pub(super) fn firm_missing(id: &FirmId) -> String {
    no_firm(id).to_string()
}
