//! Passkeys: each a factor whose secret column holds the credential's public key, sealed and so bound to its row.

use serde_json::json;

use super::change::{Change, shown_text};
use super::sealed::{open_secret, seal_secret};
use super::unknown::{ANSWER, CHANGE, within};
use super::{Actor, ChangeRefused, Directory, DirectoryUnknown, Owner};
use crate::clock::Timestamp;
use crate::gate::{FactorKind, Login};
use crate::secret::random_id;

/// So many passkeys an employee may have.
const MOST: i64 = 20;
/// A passkey's name is no longer than this, in characters.
const LONGEST_NAME: usize = 60;

/// A passkey that is to be added.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// What its owner calls it.
    pub name: String,
    /// The credential's id, base64url: unique within its site.
    pub credential: String,
    /// The relying party's id, a host name: the credential is good there only.
    pub site: String,
    /// What is needed to check a signature, as text.
    pub key: String,
    /// The signature counter that it was made with.
    pub counter: u32,
    /// The employee's epoch under which it was offered: after a reset it is not added.
    pub epoch: i64,
}

/// An enrolled passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The factor's id.
    pub id: String,
    /// What is needed to check a signature, as text.
    pub key: String,
    /// The highest signature counter seen.
    pub counter: u32,
}

impl Directory {
    /// Adds a passkey; its id. A passcode that led here, or might have, is worth nothing any more.
    ///
    /// # Errors
    /// `NotFound`, also where the employee was reset meanwhile; `Duplicate` where the credential is enrolled,
    /// with whomever; `Invalid`; or the directory does not answer.
    pub async fn add_passkey(
        &self,
        actor: &Actor,
        login: &Login,
        new: &NewPasskey,
        now: Timestamp,
    ) -> Result<String, ChangeRefused> {
        let name = passkey_name(&new.name)?;
        let id = random_id();
        let sealed = seal_secret(&self.keys(), &id, new.key.as_bytes());
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let standing = &employee.standing;
            Owner::under(login, new.epoch).check(standing)?;
            let (firm, login) = (&standing.firm.id, &standing.login);
            change.refuse_passkey_that_is_there(login.folded(), new).await?;
            change
                .insert_passkey(&id, login.folded(), &name, &sealed, new)
                .await?;
            change.void_passcode(login.folded()).await?;
            change.touch_employee(login.folded()).await?;
            let details = json!({"factor": id, "kind": FactorKind::Passkey.as_str(), "name": name});
            change
                .audit_employee("factor.added", actor, firm, login, details)
                .await?;
            Ok::<_, ChangeRefused>(change.commit().await?)
        })
        .await?;
        Ok(id)
    }

    /// The employee's passkeys for a site, oldest first.
    ///
    /// # Errors
    /// Where the directory does not answer, or a key cannot be opened with the key file.
    pub async fn passkeys(&self, login: &Login, site: &str) -> Result<Vec<Passkey>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let rows = sqlx::query_as::<_, (String, String, i64)>(
                "SELECT f.id, f.secret, f.last_step FROM factors f JOIN passkeys p ON p.id = f.id \
                 WHERE f.kind = 'passkey' AND f.employee = (SELECT employee FROM names WHERE folded = $1) \
                 AND p.site = $2 ORDER BY f.added, f.id",
            )
            .bind(login.folded())
            .bind(site);
            Ok::<_, DirectoryUnknown>(rows.fetch_all(&self.0.reads).await?)
        })
        .await?;
        let keys = self.keys();
        rows.into_iter()
            .map(|(id, sealed, counter)| {
                let key = open_secret(&keys, &id, &sealed)?;
                Ok(Passkey {
                    key: String::from_utf8_lossy(key.reveal()).into_owned(),
                    counter: u32::try_from(counter).unwrap_or(u32::MAX),
                    id,
                })
            })
            .collect()
    }

    /// Notes that a passkey was used, in one conditional statement: `false` where its signature counter is not
    /// higher than any seen before (WebAuthn level 2, 7.2 step 21), or the passkey is gone. Authenticators that
    /// do not count always say 0.
    ///
    /// # Errors
    /// Where the directory does not answer: it must not count.
    pub async fn use_passkey(
        &self,
        id: &str,
        counter: u32,
        now: Timestamp,
    ) -> Result<bool, DirectoryUnknown> {
        within(ANSWER, async {
            let used = sqlx::query(
                "UPDATE factors SET last_step = $1 WHERE id = $2 AND kind = 'passkey' \
                 AND (last_step < $1 OR ($1 = 0 AND last_step = 0))",
            )
            .bind(i64::from(counter))
            .bind(id)
            .execute(&self.0.writes)
            .await?;
            if used.rows_affected() != 1 {
                return Ok(false);
            }
            sqlx::query("UPDATE passkeys SET last_used = $1 WHERE id = $2")
                .bind(now.0)
                .bind(id)
                .execute(&self.0.writes)
                .await?;
            Ok(true)
        })
        .await
    }
}

impl Change {
    async fn refuse_passkey_that_is_there(
        &mut self,
        employee: &str,
        new: &NewPasskey,
    ) -> Result<(), ChangeRefused> {
        let there = sqlx::query("SELECT id FROM passkeys WHERE site = $1 AND credential = $2")
            .bind(new.site.as_str())
            .bind(new.credential.as_str())
            .fetch_optional(self.db())
            .await?;
        if there.is_some() {
            return Err(ChangeRefused::Duplicate(
                "this passkey is enrolled already".into(),
            ));
        }
        let (many,) = sqlx::query_as::<_, (i64,)>(
            "SELECT COUNT(*) FROM factors WHERE employee = $1 AND kind = 'passkey'",
        )
        .bind(employee)
        .fetch_one(self.db())
        .await?;
        if many >= MOST {
            return Err(ChangeRefused::Invalid(format!(
                "nobody has more than {MOST} passkeys; remove one first"
            )));
        }
        Ok(())
    }

    async fn insert_passkey(
        &mut self,
        id: &str,
        employee: &str,
        name: &str,
        sealed: &str,
        new: &NewPasskey,
    ) -> Result<(), DirectoryUnknown> {
        sqlx::query(
            "INSERT INTO factors (id, employee, kind, name, secret, digits, period, skew, last_step, added) \
             VALUES ($1, $2, 'passkey', $3, $4, 0, 0, 0, $5, $6)",
        )
        .bind(id)
        .bind(employee)
        .bind(name)
        .bind(sealed)
        .bind(i64::from(new.counter))
        .bind(self.now.0)
        .execute(self.db())
        .await?;
        sqlx::query("INSERT INTO passkeys (id, credential, site, last_used) VALUES ($1, $2, $3, NULL)")
            .bind(id)
            .bind(new.credential.as_str())
            .bind(new.site.as_str())
            .execute(self.db())
            .await?;
        Ok(())
    }
}

fn passkey_name(text: &str) -> Result<String, ChangeRefused> {
    let name = shown_text("a passkey's name", text)?;
    match name.chars().count() {
        0 => Ok("Passkey".to_owned()),
        1..=LONGEST_NAME => Ok(name),
        _ => Err(ChangeRefused::Invalid(format!(
            "a passkey's name has {LONGEST_NAME} characters at most"
        ))),
    }
}
