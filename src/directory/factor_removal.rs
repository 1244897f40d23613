//! Removing one factor: what it opened closes with it (I14).

use serde_json::json;

use super::unknown::{CHANGE, within};
use super::{Actor, ChangeRefused, Directory};
use crate::clock::Timestamp;
use crate::gate::Login;

impl Directory {
    /// Removes a factor. The employee's epoch rises: sessions and remembered devices are over.
    ///
    /// # Errors
    /// `NotFound` (employee or factor), or the directory does not answer.
    pub async fn remove_factor(
        &self,
        actor: &Actor,
        login: &Login,
        factor: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            let removed = employee.factors.iter().find(|have| have.id == factor);
            let Some(removed) = removed else {
                return Err(ChangeRefused::NotFound(format!(
                    "{login} has no factor of that id"
                )));
            };
            sqlx::query("DELETE FROM factors WHERE id = $1 AND employee = $2")
                .bind(removed.id.as_str())
                .bind(login.folded())
                .execute(change.db())
                .await?;
            let epoch = change.counter;
            sqlx::query("UPDATE employees SET epoch = $1 WHERE folded = $2")
                .bind(epoch)
                .bind(login.folded())
                .execute(change.db())
                .await?;
            change.forget_devices(login.folded()).await?;
            change.touch_employee(login.folded()).await?;
            let details = json!({
                "factor": removed.id,
                "kind": removed.kind.as_str(),
                "name": removed.name,
            });
            change
                .audit_employee("factor.removed", actor, firm, login, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }
}
