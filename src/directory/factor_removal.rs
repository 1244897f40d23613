//! Removing one factor: what it opened closes with it (I14).

use serde_json::json;

use super::ending::Taken;
use super::recovery::left;
use super::unknown::{CHANGE, within};
use super::{Actor, ChangeRefused, Directory, FactorSummary};
use crate::clock::Timestamp;
use crate::gate::{FactorKind, Login};

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
        self.remove_factors(actor, login, Some(factor), now).await
    }

    /// Removes all of an employee's factors, recovery codes among them, or the one with this id.
    ///
    /// # Errors
    /// `NotFound` (the employee, or the one factor), or the directory does not answer.
    pub async fn remove_factors(
        &self,
        actor: &Actor,
        login: &Login,
        factor: Option<&str>,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            let codes = left(change.db(), login.folded()).await?;
            let meant = |have: &&FactorSummary| factor.is_none_or(|id| have.id == id);
            let removed: Vec<&FactorSummary> = employee.factors.iter().chain(&codes).filter(meant).collect();
            if removed.is_empty() && factor.is_some() {
                return Err(ChangeRefused::NotFound(format!(
                    "{login} has no factor of that id"
                )));
            }
            for removed in removed {
                let taken = match removed.kind {
                    FactorKind::RecoveryCode => Taken::RecoveryCodes,
                    _ => Taken::Factor(&removed.id),
                };
                change.end(login.folded(), taken).await?;
                let details = json!({
                    "factor": removed.id,
                    "kind": removed.kind.as_str(),
                    "name": removed.name,
                });
                change
                    .audit_employee("factor.removed", actor, firm, login, details)
                    .await?;
            }
            Ok(change.commit().await?)
        })
        .await
    }
}
