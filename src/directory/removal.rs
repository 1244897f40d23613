//! Removing a factor: its sessions and remembered devices go with it (I14).

use serde_json::json;

use super::unknown::{CHANGE, within};
use super::{Actor, ChangeRefused, Directory};
use crate::clock::Timestamp;
use crate::gate::Login;

impl Directory {
    /// Removes one of the employee's factors; all of their sessions and remembered devices end, as nobody can
    /// tell any more which of them it let in.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn remove_factor(
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
            let Some(factor) = employee.factors.iter().find(|factor| factor.id == id) else {
                return Err(ChangeRefused::NotFound(format!("{login} has no such factor")));
            };
            sqlx::query("DELETE FROM factors WHERE id = $1 AND employee = $2")
                .bind(id)
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
            let details = json!({"factor": id, "kind": factor.kind.as_str(), "name": factor.name});
            change
                .audit_employee("factor.removed", actor, firm, login, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }
}
