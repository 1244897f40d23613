//! What is sealed at rest, each value bound to its table, column and row.

use std::sync::Arc;

use super::unknown::{BULK, unreadable, within};
use super::{Directory, DirectoryUnknown, Phone};
use crate::clock::Timestamp;
use crate::secret::{KeyRing, Purpose, Redacted};

/// A number as it is stored: sealed, and its keyed hash for equality.
pub(super) struct SealedPhone {
    pub(super) sealed: String,
    pub(super) hash: String,
}

impl SealedPhone {
    pub(super) fn of(keys: &KeyRing, employee: &str, phone: &Phone) -> Self {
        let number = phone.e164().as_bytes();
        Self {
            sealed: keys.seal(Purpose::Phone, &phone_context(employee), number),
            hash: keys.keyed_hash(Purpose::Phone, number),
        }
    }
}

pub(super) fn open_phone(keys: &KeyRing, employee: &str, sealed: &str) -> Result<Phone, DirectoryUnknown> {
    let number = keys
        .open(Purpose::Phone, &phone_context(employee), sealed)
        .map_err(|error| DirectoryUnknown(error.to_string()))?;
    let number = std::str::from_utf8(&number).map_err(|_| unreadable("a number"))?;
    Phone::kept(number).ok_or_else(|| unreadable("a number"))
}

pub(super) fn seal_secret(keys: &KeyRing, factor: &str, secret: &[u8]) -> String {
    keys.seal(Purpose::Factor, &secret_context(factor), secret)
}

pub(super) fn open_secret(
    keys: &KeyRing,
    factor: &str,
    sealed: &str,
) -> Result<Redacted<Vec<u8>>, DirectoryUnknown> {
    let secret = keys
        .open(Purpose::Factor, &secret_context(factor), sealed)
        .map_err(|error| DirectoryUnknown(error.to_string()))?;
    Ok(Redacted::new(secret.to_vec()))
}

fn phone_context(employee: &str) -> String {
    format!("employees:phone:{employee}")
}

fn secret_context(factor: &str) -> String {
    format!("factors:secret:{factor}")
}

impl Directory {
    /// The keys that seal now.
    pub(super) fn keys(&self) -> Arc<KeyRing> {
        self.0.keys.load_full()
    }

    /// Uses this ring from now on: after a `key rotate` elsewhere, what is sealed opens with no older one.
    pub fn use_keys(&self, keys: Arc<KeyRing>) {
        self.0.keys.store(keys);
    }

    /// Seals everything anew under the ring's newest key, and uses that ring from then on; how many values. A
    /// passcode's hash stays under the key it was made with, for the day that it lives.
    ///
    /// # Errors
    /// Where the directory does not answer, or a value cannot be opened with `keys`: then nothing has changed.
    pub async fn reseal(&self, keys: Arc<KeyRing>) -> Result<usize, DirectoryUnknown> {
        let count = within(BULK, self.reseal_all(&keys)).await?;
        self.use_keys(keys);
        Ok(count)
    }

    async fn reseal_all(&self, keys: &KeyRing) -> Result<usize, DirectoryUnknown> {
        // No copy holds a sealed value, so no gateway needs to forget anything.
        let mut change = self.change(Timestamp(0)).await?;
        let phones = sqlx::query_as::<_, (String, String)>(
            "SELECT folded, phone FROM employees WHERE phone IS NOT NULL",
        )
        .fetch_all(change.db())
        .await?;
        for (employee, sealed) in &phones {
            let phone = SealedPhone::of(keys, employee, &open_phone(keys, employee, sealed)?);
            sqlx::query("UPDATE employees SET phone = $1, phone_hash = $2 WHERE folded = $3")
                .bind(phone.sealed)
                .bind(phone.hash)
                .bind(employee.as_str())
                .execute(change.db())
                .await?;
        }
        let asked = sqlx::query_as::<_, (String, String)>("SELECT employee, phone FROM phone_changes")
            .fetch_all(change.db())
            .await?;
        for (employee, sealed) in &asked {
            let phone = SealedPhone::of(keys, employee, &open_phone(keys, employee, sealed)?);
            sqlx::query("UPDATE phone_changes SET phone = $1, phone_hash = $2 WHERE employee = $3")
                .bind(phone.sealed)
                .bind(phone.hash)
                .bind(employee.as_str())
                .execute(change.db())
                .await?;
        }
        let waiting = super::scim::reseal_waiting(change.db(), keys).await?;
        let secrets = sqlx::query_as::<_, (String, String)>("SELECT id, secret FROM factors")
            .fetch_all(change.db())
            .await?;
        for (factor, sealed) in &secrets {
            let secret = open_secret(keys, factor, sealed)?;
            sqlx::query("UPDATE factors SET secret = $1 WHERE id = $2")
                .bind(seal_secret(keys, factor, secret.reveal()))
                .bind(factor.as_str())
                .execute(change.db())
                .await?;
        }
        let accounts = super::accounts::reseal_accounts(change.db(), keys).await?;
        change.commit().await?;
        Ok(phones.len() + asked.len() + waiting + secrets.len() + accounts)
    }
}
