//! Firms as an identity provider sees them: groups that people join and leave.

use std::collections::HashMap;

use serde_json::json;

use super::change::{Change, Touched};
use super::scim::name_folded;
use super::sealed::SealedPhone;
use super::staff::taken;
use super::unknown::{ANSWER, CHANGE, unreadable, within};
use super::{Actor, ChangeRefused, Directory, DirectoryUnknown, Firm, Phone, ScimProfile, ScimUser};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login};

/// Somebody in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimMember {
    /// Who.
    pub login: Login,
    /// Their name.
    pub name: String,
}

/// Changes to a group, made together or not at all.
#[derive(Clone, Debug, Default)]
pub struct GroupChanges {
    /// The firm is made, with this name.
    pub create: Option<String>,
    /// Its new name.
    pub rename: Option<String>,
    /// What the identity provider calls it.
    pub external_id: Option<Option<String>>,
    /// Who joins.
    pub join: Vec<Login>,
    /// Who leaves.
    pub leave: Vec<Login>,
}

impl Directory {
    /// What identity providers call firms.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn scim_group_ids(&self) -> Result<HashMap<String, String>, DirectoryUnknown> {
        within(ANSWER, async {
            let rows = sqlx::query_as::<_, (String, String)>(
                "SELECT firm, external_id FROM scim_groups WHERE external_id IS NOT NULL",
            )
            .fetch_all(&self.0.reads)
            .await?;
            Ok(rows.into_iter().collect())
        })
        .await
    }

    /// A firm's people.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn scim_members(&self, firm: &FirmId) -> Result<Vec<ScimMember>, DirectoryUnknown> {
        within(ANSWER, async {
            let rows = sqlx::query_as::<_, (String, String)>(
                "SELECT login, name FROM employees WHERE firm = $1 ORDER BY folded",
            )
            .bind(firm.as_str())
            .fetch_all(&self.0.reads)
            .await?;
            let members = rows.into_iter().map(|(login, name)| {
                Ok(ScimMember {
                    login: Login::parse(&login).map_err(|_| unreadable("a login"))?,
                    name,
                })
            });
            members.collect()
        })
        .await
    }

    /// Makes or changes a group.
    ///
    /// # Errors
    /// `NotFound` (the firm), `Invalid` (a member that does not exist), `Duplicate` (the firm is there, or a
    /// member is in another one), or the directory does not answer. Then nothing has changed.
    pub async fn change_scim_group(
        &self,
        actor: &Actor,
        id: &FirmId,
        changes: &GroupChanges,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            if let Some(name) = &changes.create {
                change.insert_firm(actor, id, name).await?;
            }
            let mut firm = change.firm(id).await?;
            if let Some(name) = changes.rename.as_ref().filter(|name| **name != firm.name) {
                let policy = firm.policy.clone();
                firm = change.write_firm(actor, firm, name, policy).await?;
            }
            if let Some(external_id) = &changes.external_id {
                change.name_group(id, external_id.as_deref()).await?;
            }
            for login in &changes.leave {
                change.leave(self, actor, &firm, login).await?;
            }
            for login in &changes.join {
                change.join(self, actor, &firm, login).await?;
            }
            Ok(change.commit().await?)
        })
        .await
    }

    /// Removes a firm that nobody is in; its audit rows stay.
    ///
    /// # Errors
    /// `NotFound`, `Duplicate` while somebody is in it, or the directory does not answer.
    pub async fn remove_firm(&self, actor: &Actor, id: &FirmId, now: Timestamp) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let firm = change.firm(id).await?;
            let (people,) = sqlx::query_as::<_, (i64,)>("SELECT COUNT(*) FROM employees WHERE firm = $1")
                .bind(id.as_str())
                .fetch_one(change.db())
                .await?;
            if people > 0 {
                return Err(ChangeRefused::Duplicate(format!(
                    "{people} people are in {id}: they leave it first"
                )));
            }
            change.touch(Touched::Firm(id)).await?;
            for statement in [
                "DELETE FROM scim_groups WHERE firm = $1",
                "DELETE FROM firms WHERE id = $1",
            ] {
                sqlx::query(statement)
                    .bind(id.as_str())
                    .execute(change.db())
                    .await?;
            }
            change
                .audit_firm("firm.removed", actor, id, json!({"name": firm.name}))
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }
}

impl Change {
    async fn name_group(&mut self, id: &FirmId, external_id: Option<&str>) -> Result<(), ChangeRefused> {
        if external_id.is_some_and(|id| id.len() > 1024 || id.contains(char::is_control)) {
            return Err(ChangeRefused::Invalid("externalId does not fit".into()));
        }
        sqlx::query(
            "INSERT INTO scim_groups (firm, external_id) VALUES ($1, $2) \
             ON CONFLICT (firm) DO UPDATE SET external_id = excluded.external_id",
        )
        .bind(id.as_str())
        .bind(external_id)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Somebody who waits becomes an employee of the firm.
    async fn join(
        &mut self,
        directory: &Directory,
        actor: &Actor,
        firm: &Firm,
        login: &Login,
    ) -> Result<(), ChangeRefused> {
        let there = sqlx::query_as::<_, (String,)>("SELECT firm FROM employees WHERE folded = $1")
            .bind(login.folded())
            .fetch_optional(self.db())
            .await?;
        match there {
            Some((of,)) if of == firm.id.as_str() => return Ok(()),
            Some((of,)) => {
                return Err(ChangeRefused::Duplicate(format!(
                    "{login} is in {of}, and nobody is in two firms: they leave it first"
                )));
            }
            None => {}
        }
        if self.is_taken(login.folded()).await? {
            return Err(taken(login));
        }
        let keys = directory.keys();
        let user = match self.waits(login).await? {
            true => self.waiting_profile(&keys, login).await?,
            false => None,
        };
        let Some(ScimUser { login, profile, .. }) = user else {
            return Err(ChangeRefused::Invalid(format!("there is no user {login}")));
        };
        self.insert_employee(directory, firm, &login, &profile).await?;
        self.add_name(login.folded(), &login).await?;
        self.keep_profile(&keys, &login, &profile, false).await?;
        let details = json!({
            "name": profile.name,
            "phone": profile.phone.as_ref().map(Phone::masked),
            "email": profile.email,
            "role": profile.role.as_str(),
            "active": profile.active,
        });
        self.audit_employee("employee.added", actor, &firm.id, &login, details)
            .await?;
        Ok(())
    }

    async fn insert_employee(
        &mut self,
        directory: &Directory,
        firm: &Firm,
        login: &Login,
        profile: &ScimProfile,
    ) -> Result<(), DirectoryUnknown> {
        let keys = directory.keys();
        let phone = profile
            .phone
            .as_ref()
            .map(|phone| SealedPhone::of(&keys, login.folded(), phone));
        let (sealed, hash) = phone.map(|phone| (phone.sealed, phone.hash)).unzip();
        let epoch = self.counter;
        sqlx::query(
            "INSERT INTO employees (folded, login, firm, name, name_folded, phone, phone_hash, \
             phone_suspended, email, role, active, epoch, failures, locked_until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, 0, 0)",
        )
        .bind(login.folded())
        .bind(login.as_str())
        .bind(firm.id.as_str())
        .bind(profile.name.as_str())
        .bind(name_folded(&profile.name))
        .bind(sealed)
        .bind(hash)
        .bind(profile.email.as_deref())
        .bind(profile.role.as_str())
        .bind(i64::from(profile.active))
        .bind(epoch)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// An employee of the firm waits again: factors and sessions go. A number that a reset suspended goes too,
    /// or leaving and joining would confirm it.
    async fn leave(
        &mut self,
        directory: &Directory,
        actor: &Actor,
        firm: &Firm,
        login: &Login,
    ) -> Result<(), ChangeRefused> {
        let keys = directory.keys();
        let person = super::employees::one_employee(self.db(), &keys, login).await?;
        let Some(person) = person.filter(|person| person.standing.firm.id == firm.id) else {
            return Ok(());
        };
        let login = &person.standing.login;
        let known = self.waiting_profile(&keys, login).await?.map(|user| user.profile);
        let profile = ScimProfile {
            name: person.standing.name.clone(),
            given_name: known.as_ref().and_then(|known| known.given_name.clone()),
            family_name: known.as_ref().and_then(|known| known.family_name.clone()),
            external_id: known.as_ref().and_then(|known| known.external_id.clone()),
            said: known.and_then(|known| known.said),
            phone: person.usable_phone().cloned(),
            email: person.email.clone(),
            role: person.standing.role,
            active: person.standing.active,
        };
        self.keep_profile(&keys, login, &profile, true).await?;
        self.remove(login.folded()).await?;
        let details = json!({
            "name": profile.name,
            "role": profile.role.as_str(),
            "factors": person.factors.len(),
            "left": firm.id,
        });
        self.audit_employee("employee.removed", actor, &firm.id, login, details)
            .await?;
        Ok(())
    }
}
