//! A lost phone: reset with a one-time passcode, unlock, and confirming the number again.

use std::time::Duration;

use serde_json::json;

use super::change::Change;
use super::ending::Taken;
use super::unknown::{ANSWER, CHANGE, within};
use super::{Actor, ChangeRefused, Directory, DirectoryUnknown, Passcode};
use crate::clock::Timestamp;
use crate::gate::Login;
use crate::secret::{Purpose, Redacted, random_bytes};

/// How long a passcode is worth anything.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Sixteen characters that cannot be taken for one another or for any other, read or heard: four bits each.
const ALPHABET: &[u8; 16] = b"34679ACEFHJKPRTX";

impl Directory {
    /// Factors, remembered devices and sessions go, the number is suspended, a lock is cleared; a passcode is made (24 h).
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn reset_employee(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<Passcode, ChangeRefused> {
        let code = new_code();
        let expires_at = now.plus(LIFE);
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            let key = login.folded();
            change.end(key, Taken::Everything).await?;
            sqlx::query(
                "UPDATE employees SET failures = 0, locked_until = 0, \
                 phone_suspended = CASE WHEN phone IS NULL THEN 0 ELSE 1 END WHERE folded = $1",
            )
            .bind(key)
            .execute(change.db())
            .await?;
            let hash = self
                .keys()
                .keyed_hash(Purpose::Token, material(key, code.reveal()).as_bytes());
            change.keep_passcode(key, &hash, expires_at).await?;
            let factors: Vec<&str> = employee.factors.iter().map(|factor| factor.id.as_str()).collect();
            let details = json!({
                "factors_removed": factors,
                "phone_suspended": employee.phone.as_ref().map(super::Phone::masked),
                "passcode_until": expires_at.to_string(),
            });
            change
                .audit_employee("employee.reset", actor, firm, login, details)
                .await?;
            Ok::<_, ChangeRefused>(change.commit().await?)
        })
        .await?;
        Ok(Passcode { code, expires_at })
    }

    /// Clears a lock and the failures counted.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn unlock_employee(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            sqlx::query("UPDATE employees SET failures = 0, locked_until = 0 WHERE folded = $1")
                .bind(login.folded())
                .execute(change.db())
                .await?;
            let details = json!({"failures": employee.failures});
            change
                .audit_employee("employee.unlocked", actor, firm, login, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// The enrolled employee confirms the number that a reset suspended.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` where there is no number, or the directory does not answer.
    pub async fn confirm_phone(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            if employee.phone.is_none() {
                return Err(ChangeRefused::Invalid(format!(
                    "{login} has no number to confirm"
                )));
            }
            if !employee.phone_suspended {
                return Ok(());
            }
            sqlx::query("UPDATE employees SET phone_suspended = 0 WHERE folded = $1")
                .bind(login.folded())
                .execute(change.db())
                .await?;
            change.touch_employee(login.folded()).await?;
            let details = json!({"before": {"phone_suspended": true}, "after": {"phone_suspended": false}});
            change
                .audit_employee("employee.changed", actor, firm, login, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// Uses up the employee's passcode where `code` (any case, with or without dashes) is it and it still holds: `false` otherwise.
    ///
    /// # Errors
    /// Where the directory does not answer: it may be used up, and must not count.
    pub async fn spend_passcode(
        &self,
        login: &Login,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, DirectoryUnknown> {
        let Some(code) = normalised(code) else {
            return Ok(false);
        };
        within(ANSWER, async {
            let key = sqlx::query_as::<_, (String,)>("SELECT employee FROM names WHERE folded = $1")
                .bind(login.folded())
                .fetch_optional(&self.0.reads)
                .await?;
            let Some((key,)) = key else {
                return Ok(false);
            };
            for hash in self
                .keys()
                .keyed_hashes(Purpose::Token, material(&key, &code).as_bytes())
            {
                let spent =
                    sqlx::query("DELETE FROM passcodes WHERE employee = $1 AND hash = $2 AND expires > $3")
                        .bind(key.as_str())
                        .bind(hash)
                        .bind(now.0)
                        .execute(&self.0.writes)
                        .await?;
                if spent.rows_affected() == 1 {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }
}

impl Change {
    async fn keep_passcode(
        &mut self,
        employee: &str,
        hash: &str,
        expires: Timestamp,
    ) -> Result<(), DirectoryUnknown> {
        sqlx::query(
            "INSERT INTO passcodes (employee, hash, expires) VALUES ($1, $2, $3) \
             ON CONFLICT (employee) DO UPDATE SET hash = excluded.hash, expires = excluded.expires",
        )
        .bind(employee)
        .bind(hash)
        .bind(expires.0)
        .execute(self.db())
        .await?;
        Ok(())
    }
}

/// `XXXX-XXXX-XXXX-XXXX`: 64 random bits.
pub(super) fn new_code() -> Redacted<String> {
    let mut code = String::with_capacity(19);
    for (place, byte) in random_bytes::<8>().into_iter().enumerate() {
        if place > 0 && place % 2 == 0 {
            code.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            code.push(char::from(ALPHABET[usize::from(digit)]));
        }
    }
    Redacted::new(code)
}

/// The code as it is hashed; `None` where it cannot be one.
pub(super) fn normalised(code: &str) -> Option<String> {
    let code: String = code
        .chars()
        .filter(|c| *c != '-' && !c.is_whitespace())
        .map(|c| c.to_ascii_uppercase())
        .take(17)
        .collect();
    let fits = code.len() == 16 && code.bytes().all(|byte| ALPHABET.contains(&byte));
    fits.then_some(code)
}

/// What is hashed: the code is this employee's, and nobody else's.
fn material(employee: &str, code: &str) -> String {
    format!("passcode:{employee}:{}", code.replace('-', ""))
}
