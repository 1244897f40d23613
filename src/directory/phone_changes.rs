//! Changes of a number: asking is not changing (I14). One counts once an admin or a recovery code has said yes
//! and the hold that began with that is over; never by silence, and never by time alone.

use std::time::Duration;

use serde_json::json;

use super::ending::Taken;
use super::sealed::{SealedPhone, open_phone};
use super::unknown::{ANSWER, CHANGE, unreadable, within};
use super::{Actor, Approval, ChangeRefused, Directory, DirectoryUnknown, Phone, PhoneChange};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login};
use crate::secret::random_id;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT p.employee, p.id, p.phone, p.asked, p.asked_from, p.approved, p.approved_by, p.due, ",
            "e.login, e.name, e.firm FROM phone_changes p JOIN employees e ON e.folded = p.employee ",
            $rest
        )
    };
}

/// Who approved, where a recovery code did.
const BY_CODE: &str = "recovery_code";

impl Directory {
    /// Keeps a number that the employee asks for; its id. One that waits and was not approved is replaced.
    /// `cancel_hash`: SHA-256 of what the link in the message to the old number carries.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` where an approved change waits or it is the number there is, or the directory does
    /// not answer.
    pub async fn ask_phone_change(
        &self,
        actor: &Actor,
        login: &Login,
        phone: &Phone,
        cancel_hash: &str,
        now: Timestamp,
    ) -> Result<String, ChangeRefused> {
        let id = random_id();
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            if employee.usable_phone() == Some(phone) {
                return Err(ChangeRefused::Invalid(
                    "this is the number that counts already".into(),
                ));
            }
            let kept = SealedPhone::of(&self.keys(), login.folded(), phone);
            let asked = sqlx::query(
                "INSERT INTO phone_changes (employee, id, phone, phone_hash, asked, asked_from, cancel_hash, \
                 approved, approved_by, due) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', 0) \
                 ON CONFLICT (employee) DO UPDATE SET id = excluded.id, phone = excluded.phone, \
                 phone_hash = excluded.phone_hash, asked = excluded.asked, asked_from = excluded.asked_from, \
                 cancel_hash = excluded.cancel_hash WHERE phone_changes.approved = 0",
            )
            .bind(login.folded())
            .bind(id.as_str())
            .bind(kept.sealed)
            .bind(kept.hash)
            .bind(now.0)
            .bind(actor.from.as_str())
            .bind(cancel_hash)
            .execute(change.db())
            .await?;
            if asked.rows_affected() == 0 {
                return Err(ChangeRefused::Invalid(
                    "a change that was approved waits already; cancel it first".into(),
                ));
            }
            let before = employee.phone.as_ref().map(Phone::masked);
            let details = json!({"change": id, "before": before, "asked": phone.masked()});
            change
                .audit_employee("phone_change.asked", actor, firm, login, details)
                .await?;
            Ok::<_, ChangeRefused>(change.commit().await?)
        })
        .await?;
        Ok(id)
    }

    /// The employee's change of number that waits.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn phone_change(&self, login: &Login) -> Result<Option<PhoneChange>, DirectoryUnknown> {
        let row = within(ANSWER, async {
            let row = sqlx::query_as::<_, ChangeRow>(select!(
                "WHERE p.employee = (SELECT employee FROM names WHERE folded = $1)"
            ))
            .bind(login.folded());
            Ok::<_, DirectoryUnknown>(row.fetch_optional(&self.0.reads).await?)
        })
        .await?;
        row.map(|row| row.read(self)).transpose()
    }

    /// The changes of number that wait, of one firm's people or of all, oldest first.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn pending_phone_changes(
        &self,
        firm: Option<&FirmId>,
    ) -> Result<Vec<PhoneChange>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let rows = sqlx::query_as::<_, ChangeRow>(select!(
                "WHERE ($1 IS NULL OR e.firm = $1) ORDER BY p.asked, p.employee"
            ))
            .bind(firm.map(|firm| firm.as_str().to_owned()));
            Ok::<_, DirectoryUnknown>(rows.fetch_all(&self.0.reads).await?)
        })
        .await?;
        rows.into_iter().map(|row| row.read(self)).collect()
    }

    /// An admin (or ops) says yes to the change with this id, which is the one that was shown; it counts once
    /// `hold` is over. Nobody approves their own. When it will count.
    ///
    /// # Errors
    /// `NotFound` (also where another number was asked for since), `Invalid`, or the directory does not answer.
    pub async fn approve_phone_change(
        &self,
        actor: &Actor,
        login: &Login,
        id: &str,
        hold: Duration,
        now: Timestamp,
    ) -> Result<Timestamp, ChangeRefused> {
        self.approve(actor, login, id, Approval::Person(actor.name.clone()), hold, now)
            .await
    }

    /// As [`Self::approve_phone_change`], by a recovery code that the caller has judged and spent.
    ///
    /// # Errors
    /// As there.
    pub async fn prove_phone_change(
        &self,
        actor: &Actor,
        login: &Login,
        id: &str,
        hold: Duration,
        now: Timestamp,
    ) -> Result<Timestamp, ChangeRefused> {
        self.approve(actor, login, id, Approval::RecoveryCode, hold, now)
            .await
    }

    async fn approve(
        &self,
        actor: &Actor,
        login: &Login,
        id: &str,
        by: Approval,
        hold: Duration,
        now: Timestamp,
    ) -> Result<Timestamp, ChangeRefused> {
        let due = now.plus(hold);
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            let own = Login::parse(&actor.name).is_ok_and(|name| name == *login);
            if own && by != Approval::RecoveryCode {
                return Err(ChangeRefused::Invalid(
                    "nobody approves a change of their own".into(),
                ));
            }
            let name = match &by {
                Approval::Person(name) => name.as_str(),
                Approval::RecoveryCode => BY_CODE,
            };
            let approved = sqlx::query(
                "UPDATE phone_changes SET approved = $1, approved_by = $2, due = $3 \
                 WHERE employee = $4 AND id = $5 AND approved = 0",
            )
            .bind(now.0.max(1))
            .bind(name)
            .bind(due.0)
            .bind(login.folded())
            .bind(id)
            .execute(change.db())
            .await?;
            if approved.rows_affected() == 0 {
                return Err(none_waits(login));
            }
            let details = json!({"change": id, "by": name, "counts_from": due.to_string()});
            change
                .audit_employee("phone_change.approved", actor, firm, login, details)
                .await?;
            Ok::<_, ChangeRefused>(change.commit().await?)
        })
        .await?;
        Ok(due)
    }

    /// Cancels the employee's change of number with this id.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn cancel_phone_change(
        &self,
        actor: &Actor,
        login: &Login,
        id: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            let gone = sqlx::query("DELETE FROM phone_changes WHERE employee = $1 AND id = $2")
                .bind(login.folded())
                .bind(id)
                .execute(change.db())
                .await?;
            if gone.rows_affected() == 0 {
                return Err(none_waits(login));
            }
            change
                .audit_employee(
                    "phone_change.cancelled",
                    actor,
                    firm,
                    login,
                    json!({"change": id}),
                )
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// Whose change the link with this hash cancels.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn phone_change_of_link(
        &self,
        cancel_hash: &str,
    ) -> Result<Option<PhoneChange>, DirectoryUnknown> {
        let row = within(ANSWER, async {
            let row = sqlx::query_as::<_, ChangeRow>(select!("WHERE p.cancel_hash = $1")).bind(cancel_hash);
            Ok::<_, DirectoryUnknown>(row.fetch_optional(&self.0.reads).await?)
        })
        .await?;
        row.map(|row| row.read(self)).transpose()
    }

    /// Makes the changes count whose yes was said and whose hold is over; how many. Sessions and remembered
    /// devices of those employees end.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn apply_phone_changes(&self, now: Timestamp) -> Result<usize, DirectoryUnknown> {
        let due = within(ANSWER, async {
            let rows = sqlx::query_as::<_, ChangeRow>(select!(
                "WHERE p.approved > 0 AND p.due > 0 AND p.due <= $1 ORDER BY p.due, p.employee"
            ))
            .bind(now.0);
            Ok::<_, DirectoryUnknown>(rows.fetch_all(&self.0.reads).await?)
        })
        .await?;
        let mut count = 0;
        for row in due {
            if self.apply(&row.read(self)?, now).await? {
                count += 1;
            }
        }
        Ok(count)
    }

    async fn apply(&self, due: &PhoneChange, now: Timestamp) -> Result<bool, DirectoryUnknown> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let key = due.login.folded();
            // Cancelled or replaced since it was read: then nothing happens.
            let taken = sqlx::query_as::<_, (String, String)>(
                "DELETE FROM phone_changes WHERE employee = $1 AND id = $2 AND approved > 0 AND due <= $3 \
                 RETURNING phone, phone_hash",
            )
            .bind(key)
            .bind(due.id.as_str())
            .bind(now.0)
            .fetch_optional(change.db())
            .await?;
            let Some((phone, hash)) = taken else {
                return Ok(false);
            };
            sqlx::query(
                "UPDATE employees SET phone = $1, phone_hash = $2, phone_suspended = 0 WHERE folded = $3",
            )
            .bind(phone)
            .bind(hash)
            .bind(key)
            .execute(change.db())
            .await?;
            change.end(key, Taken::Number).await?;
            let actor = Actor {
                name: "gateway".into(),
                from: "gateway".into(),
            };
            let details = json!({"change": due.id, "after": due.phone.masked()});
            change
                .audit_employee("phone_change.applied", &actor, &due.firm, &due.login, details)
                .await?;
            change.commit().await?;
            Ok::<_, DirectoryUnknown>(true)
        })
        .await
    }
}

fn none_waits(login: &Login) -> ChangeRefused {
    ChangeRefused::NotFound(format!(
        "no such change of {login}'s number waits (any more); see: doorstep employee phone-change list"
    ))
}

#[derive(sqlx::FromRow)]
struct ChangeRow {
    employee: String,
    id: String,
    phone: String,
    asked: i64,
    asked_from: String,
    approved: i64,
    approved_by: String,
    due: i64,
    login: String,
    name: String,
    firm: String,
}

impl ChangeRow {
    fn read(self, directory: &Directory) -> Result<PhoneChange, DirectoryUnknown> {
        let approval = match self.approved_by.as_str() {
            BY_CODE => Approval::RecoveryCode,
            name => Approval::Person(name.to_owned()),
        };
        Ok(PhoneChange {
            phone: open_phone(&directory.keys(), &self.employee, &self.phone)?,
            id: self.id,
            login: Login::parse(&self.login).map_err(|_| unreadable("a login"))?,
            name: self.name,
            firm: FirmId::parse(&self.firm).map_err(|_| unreadable("a firm's id"))?,
            asked: Timestamp(self.asked),
            asked_from: self.asked_from,
            approved: (self.approved > 0).then_some((Timestamp(self.approved), approval)),
            due: (self.approved > 0).then_some(Timestamp(self.due)),
        })
    }
}
