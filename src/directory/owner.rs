//! Whose factor is added, and under which epoch: what was begun before a reset adds nothing after it.

use super::ChangeRefused;
use crate::gate::{EmployeeStanding, Login};

/// Somebody who gets a factor.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Who.
    pub login: &'a Login,
    /// The epoch of the session that asks for it. `None`: ops ask, for whoever it is now.
    pub epoch: Option<i64>,
}

impl<'a> From<&'a Login> for Owner<'a> {
    fn from(login: &'a Login) -> Self {
        Self { login, epoch: None }
    }
}

impl<'a> Owner<'a> {
    /// Whoever holds a session of this epoch.
    #[must_use]
    pub fn under(login: &'a Login, epoch: i64) -> Self {
        let epoch = Some(epoch);
        Self { login, epoch }
    }

    /// I10: read in the change itself, so that no reset comes between.
    pub(super) fn check(&self, standing: &EmployeeStanding) -> Result<(), ChangeRefused> {
        if self
            .epoch
            .is_none_or(|epoch| standing.epoch == epoch && standing.active)
        {
            return Ok(());
        }
        let login = self.login;
        Err(ChangeRefused::NotFound(format!(
            "{login} was reset or deactivated meanwhile"
        )))
    }
}
