//! Where an employee stands: what `decide` needs, and the part of it that listings share.

use super::firms::FirmPart;
use super::unknown::{ANSWER, unreadable, within};
use super::{Directory, DirectoryUnknown};
use crate::gate::{EmployeeStanding, Login, Role};

/// The columns of [`StandingRow`], from `employees e JOIN firms f`.
macro_rules! standing_columns {
    () => {
        "e.folded, e.login, e.name, e.epoch, e.active, e.role, e.firm, f.name AS firm_name, f.two_factor, \
         f.two_factor_from, f.policy, f.epoch AS firm_epoch, f.break_glass_until"
    };
}
pub(super) use standing_columns;

impl Directory {
    /// Where the employee of that login or alias stands, read now.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn standing(&self, login: &Login) -> Result<Option<EmployeeStanding>, DirectoryUnknown> {
        let row = within(ANSWER, async {
            let row = sqlx::query_as::<_, StandingRow>(concat!(
                "SELECT ",
                standing_columns!(),
                " FROM employees e JOIN firms f ON f.id = e.firm ",
                "WHERE e.folded = (SELECT employee FROM names WHERE folded = $1)"
            ))
            .bind(login.folded());
            Ok::<_, DirectoryUnknown>(row.fetch_optional(&self.0.reads).await?)
        })
        .await?;
        let Some(mut standing) = row.map(StandingRow::standing).transpose()? else {
            return Ok(None);
        };
        if standing
            .firm
            .policy
            .remember_device
            .is_some_and(|seconds| seconds > 0)
        {
            standing.devices = self.device_standings(standing.login.folded()).await?;
        }
        Ok(Some(standing))
    }
}

/// An employee and their firm as they are stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct StandingRow {
    /// The key of the employee's rows.
    pub(super) folded: String,
    login: String,
    name: String,
    epoch: i64,
    active: i64,
    role: String,
    #[sqlx(flatten)]
    firm: FirmPart,
}

impl StandingRow {
    pub(super) fn standing(self) -> Result<EmployeeStanding, DirectoryUnknown> {
        Ok(EmployeeStanding {
            login: Login::parse(&self.login).map_err(|_| unreadable("a login"))?,
            name: self.name,
            epoch: self.epoch,
            active: self.active == 1,
            role: role(&self.role)?,
            firm: self.firm.standing()?,
            devices: Vec::new(),
        })
    }
}

fn role(text: &str) -> Result<Role, DirectoryUnknown> {
    [Role::Tech, Role::Admin]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| unreadable("an employee's role"))
}
