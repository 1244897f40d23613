//! Providers' own ids of employees.

use async_trait::async_trait;

use super::unknown::{ANSWER, unreadable, within};
use super::{Directory, DirectoryUnknown};
use crate::gate::Login;
use crate::providers::Accounts;
use crate::secret::{KeyRing, Purpose};

#[async_trait]
impl Accounts for Directory {
    async fn account(
        &self,
        login: &Login,
        provider: &'static str,
        subject: &str,
    ) -> Result<Option<String>, DirectoryUnknown> {
        let row = within(ANSWER, async {
            let row = sqlx::query_as::<_, (String, String, String)>(
                "SELECT employee, subject_hash, account FROM provider_accounts \
                 WHERE employee = (SELECT employee FROM names WHERE folded = $1) AND provider = $2",
            )
            .bind(login.folded())
            .bind(provider);
            Ok::<_, DirectoryUnknown>(row.fetch_optional(&self.0.reads).await?)
        })
        .await?;
        let Some((employee, hash, sealed)) = row else {
            return Ok(None);
        };
        let keys = self.keys();
        if !keys
            .keyed_hashes(Purpose::Phone, subject.as_bytes())
            .contains(&hash)
        {
            return Ok(None);
        }
        open_account(&keys, &employee, provider, &sealed).map(Some)
    }

    async fn keep_account(
        &self,
        login: &Login,
        provider: &'static str,
        subject: &str,
        id: &str,
    ) -> Result<(), DirectoryUnknown> {
        let keys = self.keys();
        let hash = keys.keyed_hash(Purpose::Phone, subject.as_bytes());
        // No copy holds it, so no gateway needs to forget anything.
        within(ANSWER, async {
            let name = sqlx::query_as::<_, (String,)>("SELECT employee FROM names WHERE folded = $1")
                .bind(login.folded())
                .fetch_optional(&self.0.reads)
                .await?;
            let (employee,) =
                name.ok_or_else(|| DirectoryUnknown("the employee is not there any more".into()))?;
            sqlx::query(
                "INSERT INTO provider_accounts (employee, provider, subject_hash, account) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (employee, provider) \
                 DO UPDATE SET subject_hash = excluded.subject_hash, account = excluded.account",
            )
            .bind(employee.as_str())
            .bind(provider)
            .bind(hash)
            .bind(seal_account(&keys, &employee, provider, id))
            .execute(&self.0.writes)
            .await?;
            Ok(())
        })
        .await
    }
}

/// Ids sealed under the ring's newest key; the subjects' hashes stay under the key they were made with, and
/// an id whose hash no longer fits is asked for anew.
pub(super) async fn reseal_accounts(
    db: &mut sqlx::AnyConnection,
    keys: &KeyRing,
) -> Result<usize, DirectoryUnknown> {
    let rows = sqlx::query_as::<_, (String, String, String)>(
        "SELECT employee, provider, account FROM provider_accounts",
    )
    .fetch_all(&mut *db)
    .await?;
    for (employee, provider, sealed) in &rows {
        let id = open_account(keys, employee, provider, sealed)?;
        sqlx::query("UPDATE provider_accounts SET account = $1 WHERE employee = $2 AND provider = $3")
            .bind(seal_account(keys, employee, provider, &id))
            .bind(employee.as_str())
            .bind(provider.as_str())
            .execute(&mut *db)
            .await?;
    }
    Ok(rows.len())
}

fn seal_account(keys: &KeyRing, employee: &str, provider: &str, id: &str) -> String {
    keys.seal(Purpose::Factor, &context(employee, provider), id.as_bytes())
}

fn open_account(
    keys: &KeyRing,
    employee: &str,
    provider: &str,
    sealed: &str,
) -> Result<String, DirectoryUnknown> {
    let id = keys
        .open(Purpose::Factor, &context(employee, provider), sealed)
        .map_err(|error| DirectoryUnknown(error.to_string()))?;
    String::from_utf8(id.to_vec()).map_err(|_| unreadable("a provider's id"))
}

fn context(employee: &str, provider: &str) -> String {
    format!("provider_accounts:account:{employee}:{provider}")
}
