//! Putting back what a save changed, where nobody has changed it since.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::change::no_employee;
use super::staff::difference;
use super::unknown::{CHANGE, within};
use super::{Actor, ChangeRefused, Directory, Employee, Phone};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login, Policy, Role};

/// What a save can change of an employee, as it stood.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Their name.
    pub name: String,
    phone: Option<String>,
    /// See [`Employee::phone_suspended`].
    pub phone_suspended: bool,
    /// Their address for notices.
    pub email: Option<String>,
    /// Tech or admin.
    pub role: Role,
    /// Their other names.
    pub aliases: Vec<Login>,
}

impl Profile {
    /// As it stands.
    pub fn of(employee: &Employee) -> Self {
        Self {
            name: employee.standing.name.clone(),
            phone: employee.phone.as_ref().map(|phone| phone.e164().to_owned()),
            phone_suspended: employee.phone_suspended,
            email: employee.email.clone(),
            role: employee.standing.role,
            aliases: employee.aliases.clone(),
        }
    }

    /// The number.
    pub fn phone(&self) -> Option<Phone> {
        self.phone.as_deref().and_then(Phone::kept)
    }
}

/// What a save made of an employee.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileChange {
    /// Of whom.
    pub login: Login,
    /// Before it.
    pub before: Profile,
    /// After it.
    pub after: Profile,
}

/// How putting back went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It is as it was.
    Done,
    /// Somebody has changed some of it since: nothing was put back.
    ChangedSince,
}

impl ProfileChange {
    /// The employee with what changed put back; `None` where any of it is not as the save left it.
    fn put_back(&self, now: &Employee) -> Option<Employee> {
        let (before, after, here) = (&self.before, &self.after, Profile::of(now));
        let mut back = now.clone();
        if before.name != after.name {
            (here.name == after.name).then_some(())?;
            back.standing.name.clone_from(&before.name);
        }
        let number = |profile: &Profile| (profile.phone.clone(), profile.phone_suspended);
        if number(before) != number(after) {
            (number(&here) == number(after)).then_some(())?;
            back.phone = before.phone();
            back.phone_suspended = before.phone_suspended;
        }
        if before.email != after.email {
            (here.email == after.email).then_some(())?;
            back.email.clone_from(&before.email);
        }
        if before.role != after.role {
            (here.role == after.role).then_some(())?;
            back.standing.role = before.role;
        }
        if before.aliases != after.aliases {
            (here.aliases == after.aliases).then_some(())?;
            back.aliases.clone_from(&before.aliases);
        }
        Some(back)
    }

    /// An alias that would be added, and that the firm's admins may not add.
    fn forbidden_alias(&self, policy: &Policy) -> Option<&Login> {
        let allowed = policy.allowed_logins();
        let mut added = self.before.aliases.iter();
        added.find(|alias| !self.after.aliases.contains(alias) && !allowed.hold(alias))
    }
}

impl Directory {
    /// Puts back what a save changed of an employee of `firm`: a change like any other, with its own audit row.
    ///
    /// # Errors
    /// `NotFound`, `Duplicate` (an alias is somebody else's now), `Invalid` (an alias that the firm's admins may
    /// not add), or the directory does not answer.
    pub async fn undo_profile(
        &self,
        actor: &Actor,
        firm: &FirmId,
        made: &ProfileChange,
        now: Timestamp,
    ) -> Result<Undone, ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let here = change.employee(self, &made.login).await?;
            if here.standing.firm.id != *firm {
                return Err(no_employee(&made.login));
            }
            let Some(back) = made.put_back(&here) else {
                return Ok(Undone::ChangedSince);
            };
            if let Some(alias) = made.forbidden_alias(&here.standing.firm.policy) {
                return Err(ChangeRefused::Invalid(format!(
                    "{alias} is not among the logins that the firm's admins may add"
                )));
            }
            let mut details = difference(&here, &back);
            details["undo"] = json!(true);
            change
                .replace_employee(self, actor, &here, &back, details)
                .await?;
            change.commit().await?;
            Ok(Undone::Done)
        })
        .await
    }

    /// Puts back what a save changed of a firm's policy: a change like any other, with its own audit row.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn undo_policy(
        &self,
        actor: &Actor,
        firm: &FirmId,
        before: &Policy,
        after: &Policy,
        now: Timestamp,
    ) -> Result<Undone, ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let here = change.firm(firm).await?;
            let Some(policy) = here.policy.put_back(before, after) else {
                return Ok(Undone::ChangedSince);
            };
            let name = here.name.clone();
            let undo = json!({"undo": true});
            change.write_firm_saying(actor, here, &name, policy, undo).await?;
            change.commit().await?;
            Ok(Undone::Done)
        })
        .await
    }
}
