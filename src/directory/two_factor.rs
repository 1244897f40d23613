//! Switching a firm's second factor on and off, and who is ready for it.

use serde_json::json;
use sqlx::AnyConnection;

use super::change::{Touched, no_firm};
use super::roster::READINESS;
use super::unknown::{ANSWER, CHANGE, within};
use super::{Actor, ChangeRefused, Directory, DirectoryUnknown, Readiness};
use crate::clock::Timestamp;
use crate::gate::FirmId;

impl Directory {
    /// Who of the firm's active employees could prove a second factor.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn readiness(&self, id: &FirmId) -> Result<Readiness, ChangeRefused> {
        if self.firm(id).await?.is_none() {
            return Err(no_firm(id));
        }
        let readiness = within(ANSWER, async {
            let mut connection = self.0.reads.acquire().await?;
            readiness(&mut connection, id).await
        })
        .await?;
        Ok(readiness)
    }

    /// Switches the second factor on; `NotReady` unless `force`. One transaction: nobody can be added in between.
    /// On already, with the same `from`: nothing changes. What was verified before must be verified anew.
    ///
    /// # Errors
    /// `NotFound`, `NotReady`, or the directory does not answer.
    pub async fn enable_two_factor(
        &self,
        actor: &Actor,
        id: &FirmId,
        from: Option<Timestamp>,
        force: bool,
        now: Timestamp,
    ) -> Result<Readiness, ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let before = change.firm(id).await?.two_factor;
            let readiness = readiness(change.db(), id).await?;
            if before.enabled && before.from == from {
                return Ok(readiness);
            }
            if !force && !readiness.not_ready.is_empty() {
                return Err(ChangeRefused::NotReady {
                    firm: id.clone(),
                    not_ready: readiness.not_ready,
                });
            }
            let epoch = change.counter;
            sqlx::query("UPDATE firms SET two_factor = 1, two_factor_from = $1, epoch = $2 WHERE id = $3")
                .bind(from.map(|from| from.0))
                .bind(epoch)
                .bind(id.as_str())
                .execute(change.db())
                .await?;
            change.forget_devices_of(id).await?;
            change.touch(Touched::Firm(id)).await?;
            let details = json!({
                "before": {"enabled": before.enabled, "from": before.from.map(|from| from.to_string())},
                "after": {"enabled": true, "from": from.map(|from| from.to_string())},
                "ready": readiness.ready,
                "not_ready": readiness.not_ready.len(),
                "forced": force,
            });
            change
                .audit_firm("firm.two_factor_enabled", actor, id, details)
                .await?;
            change.commit().await?;
            Ok(readiness)
        })
        .await
    }

    /// Switches the second factor off; off already: nothing changes.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn disable_two_factor(
        &self,
        actor: &Actor,
        id: &FirmId,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let before = change.firm(id).await?.two_factor;
            if !before.enabled {
                return Ok(());
            }
            let epoch = change.counter;
            sqlx::query("UPDATE firms SET two_factor = 0, two_factor_from = NULL, epoch = $1 WHERE id = $2")
                .bind(epoch)
                .bind(id.as_str())
                .execute(change.db())
                .await?;
            change.forget_devices_of(id).await?;
            change.touch(Touched::Firm(id)).await?;
            let details = json!({
                "before": {"enabled": true, "from": before.from.map(|from| from.to_string())},
                "after": {"enabled": false},
            });
            change
                .audit_firm("firm.two_factor_disabled", actor, id, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }
}

/// The same rule as [`super::Employee::is_ready`], for a whole firm at once.
async fn readiness(db: &mut AnyConnection, id: &FirmId) -> Result<Readiness, DirectoryUnknown> {
    let people = sqlx::query_as::<_, (String, i64)>(READINESS)
        .bind(id.as_str())
        .fetch_all(db)
        .await?;
    let mut readiness = Readiness::default();
    for (login, ready) in people {
        if ready == 1 {
            readiness.ready += 1;
        } else {
            readiness.not_ready.push(login);
        }
    }
    Ok(readiness)
}
