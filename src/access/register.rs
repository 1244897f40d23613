//! `unknown_employee = "register"`: somebody whom the portal itself names is added to the firm whose `logins`
//! fit that name. Never by what was typed (I4).

use super::{Doorstep, Unknown};
use crate::clock::Timestamp;
use crate::config::UnknownEmployee;
use crate::directory::{Actor, ChangeRefused, Employee, Firm, NewEmployee};
use crate::gate::{Glob, Login, Role};

impl Doorstep {
    /// Adds somebody to the one firm whose patterns fit, if it asks for a second factor now. `None` where that
    /// is not configured, or no firm or more than one fits.
    pub(super) async fn register(
        &self,
        said: &Login,
        client: std::net::IpAddr,
        now: Timestamp,
    ) -> Result<Option<Employee>, Unknown> {
        if self.settings.load().config.directory.unknown_employee != UnknownEmployee::Register {
            return Ok(None);
        }
        // Whom the directory knows and deactivated stays so.
        if self.directory.employee(said).await?.is_some() {
            return Ok(None);
        }
        let firms = self.directory.firms().await?;
        let mut fitting = firms.iter().filter(|firm| fits(firm, said));
        let (Some(firm), None) = (fitting.next(), fitting.next()) else {
            return Ok(None);
        };
        if !firm.two_factor.asks(now) {
            return Ok(None);
        }
        let new = NewEmployee {
            login: said.clone(),
            firm: firm.id.clone(),
            name: said.as_str().to_owned(),
            phone: None,
            email: None,
            role: Role::Tech,
        };
        let actor = Actor {
            name: "gateway".into(),
            from: client.to_string(),
        };
        match self.directory.add_employee(&actor, &new, now).await {
            // Another login of the same person was faster.
            Ok(()) | Err(ChangeRefused::Duplicate(_)) => {}
            Err(refused) => return Err(refused.into()),
        }
        Ok(self.directory.employee(said).await?)
    }
}

fn fits(firm: &Firm, login: &Login) -> bool {
    firm.policy.logins.iter().any(|pattern| {
        let folded = Login::parse(pattern).ok();
        let glob = folded.and_then(|folded| Glob::parse(folded.folded()).ok());
        glob.is_some_and(|glob| glob.matches(login.folded()))
    })
}
