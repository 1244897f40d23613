//! People that an identity provider looks after (SCIM): in a firm, or waiting for one. Who waits exists, and
//! nobody can sign in as them: they are not in `employees`.

use serde_json::json;

use super::change::{Change, shown_text};
use super::employees::folded;
use super::scim_search::{ScimSearch, ScimWhere, TextMatch};
use super::sealed::{SealedPhone, open_phone};
use super::staff::taken;
use super::unknown::{CHANGE, unreadable, within};
use super::{Actor, AuditEvent, ChangeRefused, Directory, DirectoryUnknown, EmployeeChanges, Phone};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login, Role};
use crate::secret::{KeyRing, Purpose, Redacted};

/// What an identity provider says of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimProfile {
    /// Their name, whole.
    pub name: String,
    /// Its parts, which only SCIM knows.
    pub given_name: Option<String>,
    /// Its parts, which only SCIM knows.
    pub family_name: Option<String>,
    /// What the identity provider calls them.
    pub external_id: Option<String>,
    /// Their number.
    pub phone: Option<Phone>,
    /// Their address.
    pub email: Option<String>,
    /// Tech or admin.
    pub role: Role,
    /// May sign in, once they are in a firm.
    pub active: bool,
    /// What the identity provider said of names, numbers, addresses and roles, as it said it.
    pub said: Option<ScimSaid>,
}

/// Attributes in the shape in which an identity provider sent them, as JSON: they hold numbers and are sealed at rest.
#[derive(Clone, Debug)]
pub struct ScimSaid(Redacted<String>);

impl ScimSaid {
    /// Keeps this JSON.
    pub fn new(json: String) -> Self {
        Self(Redacted::new(json))
    }

    /// The JSON.
    pub fn json(&self) -> &str {
        self.0.reveal()
    }
}

impl PartialEq for ScimSaid {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for ScimSaid {}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimUser {
    /// Portal username; it stays as it is.
    pub login: Login,
    /// What is known of them.
    pub profile: ScimProfile,
    /// Their firm, with its name; `None`: they wait for one.
    pub firm: Option<(FirmId, String)>,
}

impl Directory {
    /// A person by their login.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn scim_user(&self, login: &Login) -> Result<Option<ScimUser>, DirectoryUnknown> {
        let search = ScimSearch {
            which: Some(ScimWhere::Login(TextMatch::Is, login.folded().to_owned())),
            limit: Some(1),
            ..ScimSearch::default()
        };
        Ok(self.scim_users(&search).await?.pop())
    }

    /// Adds a person, who waits for a firm.
    ///
    /// # Errors
    /// `Duplicate`, `Invalid`, or the directory does not answer.
    pub async fn add_scim_user(
        &self,
        actor: &Actor,
        login: &Login,
        profile: &ScimProfile,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        fits(profile)?;
        let keys = self.keys();
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            if change.is_taken(login.folded()).await? || change.waits(login).await? {
                return Err(taken(login));
            }
            change.keep_profile(&keys, login, profile, true).await?;
            change
                .audit_scim("scim.user_added", actor, login, profile)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// Replaces what is known of a person.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, or the directory does not answer.
    pub async fn replace_scim_user(
        &self,
        actor: &Actor,
        login: &Login,
        profile: &ScimProfile,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        fits(profile)?;
        let keys = self.keys();
        let before = self.scim_user(login).await?;
        let before = before.ok_or_else(|| super::change::no_employee(login))?;
        if before.profile == *profile {
            return Ok(());
        }
        let same = ScimProfile {
            said: before.profile.said.clone(),
            ..profile.clone()
        };
        let same = before.profile == same;
        if before.firm.is_some() && !same {
            // A number that stays is not set anew: setting one would confirm it, and after a reset only its
            // holder or an admin may do that.
            let phone = (before.profile.phone != profile.phone).then(|| profile.phone.clone());
            let changes = EmployeeChanges {
                name: Some(profile.name.clone()),
                phone,
                email: Some(profile.email.clone()),
                role: Some(profile.role),
                active: Some(profile.active),
                aliases: None,
            };
            self.set_employee(actor, &before.login, &changes, now).await?;
        }
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let waits = change.waits(&before.login).await?;
            if waits && before.firm.is_none() && !same {
                change
                    .audit_scim("scim.user_changed", actor, &before.login, profile)
                    .await?;
            }
            change
                .keep_profile(&keys, &before.login, profile, waits && before.firm.is_none())
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// Removes a person, with their factors and sessions.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn remove_scim_user(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        let before = self.scim_user(login).await?;
        let before = before.ok_or_else(|| super::change::no_employee(login))?;
        if before.firm.is_some() {
            self.remove_employee(actor, &before.login, now).await?;
        }
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            if before.firm.is_none() {
                change
                    .audit_scim("scim.user_removed", actor, &before.login, &before.profile)
                    .await?;
            }
            sqlx::query("DELETE FROM scim_users WHERE folded = $1")
                .bind(before.login.folded())
                .execute(change.db())
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }
}

impl Change {
    /// Whether this person waits for a firm.
    pub(super) async fn waits(&mut self, login: &Login) -> Result<bool, DirectoryUnknown> {
        let row = sqlx::query(
            "SELECT 1 FROM scim_users s WHERE s.folded = $1 AND s.waiting = 1 \
             AND NOT EXISTS (SELECT 1 FROM employees e WHERE e.folded = s.folded)",
        )
        .bind(login.folded())
        .fetch_optional(self.db())
        .await?;
        Ok(row.is_some())
    }

    /// Keeps what SCIM says of a person; number and address only while they wait, for an employee has them.
    pub(super) async fn keep_profile(
        &mut self,
        keys: &KeyRing,
        login: &Login,
        profile: &ScimProfile,
        waiting: bool,
    ) -> Result<(), DirectoryUnknown> {
        let phone = profile.phone.as_ref().filter(|_| waiting);
        let phone = phone.map(|phone| SealedPhone::of(keys, &waiting_key(login.folded()), phone).sealed);
        let said = profile
            .said
            .as_ref()
            .map(|said| seal_said(keys, login.folded(), said));
        sqlx::query(
            "INSERT INTO scim_users (folded, login, waiting, name, given_name, family_name, external_id, \
             phone, email, role, active, said) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (folded) DO UPDATE SET login = excluded.login, waiting = excluded.waiting, \
             name = excluded.name, given_name = excluded.given_name, family_name = excluded.family_name, \
             external_id = excluded.external_id, phone = excluded.phone, email = excluded.email, \
             role = excluded.role, active = excluded.active, said = excluded.said",
        )
        .bind(login.folded())
        .bind(login.as_str())
        .bind(i64::from(waiting))
        .bind(profile.name.as_str())
        .bind(profile.given_name.as_deref())
        .bind(profile.family_name.as_deref())
        .bind(profile.external_id.as_deref())
        .bind(phone)
        .bind(profile.email.as_deref().filter(|_| waiting))
        .bind(profile.role.as_str())
        .bind(i64::from(profile.active))
        .bind(said)
        .execute(self.db())
        .await?;
        Ok(())
    }

    async fn audit_scim(
        &mut self,
        event: &'static str,
        actor: &Actor,
        login: &Login,
        profile: &ScimProfile,
    ) -> Result<(), DirectoryUnknown> {
        self.audit(&AuditEvent {
            event,
            actor: actor.clone(),
            firm: None,
            login: Some(login.clone()),
            details: json!({
                "name": profile.name,
                "phone": profile.phone.as_ref().map(Phone::masked),
                "email": profile.email,
                "role": profile.role.as_str(),
                "active": profile.active,
            }),
        })
        .await
    }

    /// A person as they stand in this change, where they wait.
    pub(super) async fn waiting_profile(
        &mut self,
        keys: &KeyRing,
        login: &Login,
    ) -> Result<Option<ScimUser>, DirectoryUnknown> {
        let row = sqlx::query_as::<_, UserRow>(
            "SELECT folded, login, name, given_name, family_name, external_id, NULL AS phone, \
             phone AS waiting_phone, email, role, active, said, NULL AS firm, NULL AS firm_name \
             FROM scim_users WHERE folded = $1",
        )
        .bind(login.folded())
        .fetch_optional(self.db())
        .await?;
        row.map(|row| row.user(keys)).transpose()
    }
}

/// Seals anew the numbers of those who wait, and what was said of people; how many values.
pub(super) async fn reseal_waiting(
    db: &mut sqlx::AnyConnection,
    keys: &KeyRing,
) -> Result<usize, DirectoryUnknown> {
    let phones =
        sqlx::query_as::<_, (String, String)>("SELECT folded, phone FROM scim_users WHERE phone IS NOT NULL")
            .fetch_all(&mut *db)
            .await?;
    for (folded, sealed) in &phones {
        let key = waiting_key(folded);
        let phone = SealedPhone::of(keys, &key, &open_phone(keys, &key, sealed)?);
        sqlx::query("UPDATE scim_users SET phone = $1 WHERE folded = $2")
            .bind(phone.sealed)
            .bind(folded.as_str())
            .execute(&mut *db)
            .await?;
    }
    let shapes =
        sqlx::query_as::<_, (String, String)>("SELECT folded, said FROM scim_users WHERE said IS NOT NULL")
            .fetch_all(&mut *db)
            .await?;
    for (folded, sealed) in &shapes {
        let said = open_said(keys, folded, sealed)?;
        sqlx::query("UPDATE scim_users SET said = $1 WHERE folded = $2")
            .bind(seal_said(keys, folded, &said))
            .bind(folded.as_str())
            .execute(&mut *db)
            .await?;
    }
    Ok(phones.len() + shapes.len())
}

fn seal_said(keys: &KeyRing, folded: &str, said: &ScimSaid) -> String {
    keys.seal(Purpose::Phone, &said_context(folded), said.json().as_bytes())
}

fn open_said(keys: &KeyRing, folded: &str, sealed: &str) -> Result<ScimSaid, DirectoryUnknown> {
    let said = keys
        .open(Purpose::Phone, &said_context(folded), sealed)
        .map_err(|error| DirectoryUnknown(error.to_string()))?;
    let said = String::from_utf8(said.to_vec()).map_err(|_| unreadable("what SCIM said of a person"))?;
    Ok(ScimSaid::new(said))
}

fn said_context(folded: &str) -> String {
    format!("scim_users:said:{folded}")
}

/// What a number that waits is sealed for: not for the employee's own row.
pub(super) fn waiting_key(folded: &str) -> String {
    format!("scim_users:{folded}")
}

fn fits(profile: &ScimProfile) -> Result<(), ChangeRefused> {
    let texts = [
        Some(profile.name.as_str()),
        profile.given_name.as_deref(),
        profile.family_name.as_deref(),
        profile.external_id.as_deref(),
        profile.email.as_deref(),
    ];
    for text in texts.into_iter().flatten() {
        shown_text("what is said of a person", text)?;
        if text.len() > 1024 {
            return Err(ChangeRefused::Invalid("a value is longer than 1024 bytes".into()));
        }
    }
    Ok(())
}

/// A person as a row has them: see [`ScimUser`].
#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    folded: String,
    login: String,
    name: String,
    given_name: Option<String>,
    family_name: Option<String>,
    external_id: Option<String>,
    phone: Option<String>,
    waiting_phone: Option<String>,
    email: Option<String>,
    role: String,
    active: i64,
    said: Option<String>,
    firm: Option<String>,
    firm_name: Option<String>,
}

impl UserRow {
    pub(super) fn user(self, keys: &KeyRing) -> Result<ScimUser, DirectoryUnknown> {
        let phone = match (&self.firm, &self.phone, &self.waiting_phone) {
            (Some(_), Some(sealed), _) => Some(open_phone(keys, &self.folded, sealed)?),
            (None, _, Some(sealed)) => Some(open_phone(keys, &waiting_key(&self.folded), sealed)?),
            _ => None,
        };
        let said = self.said.as_deref();
        let said = said
            .map(|sealed| open_said(keys, &self.folded, sealed))
            .transpose()?;
        let role = [Role::Tech, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == self.role)
            .ok_or_else(|| unreadable("a person's role"))?;
        let firm = match self.firm {
            Some(id) => Some((
                FirmId::parse(&id).map_err(|_| unreadable("a firm's id"))?,
                self.firm_name.unwrap_or_default(),
            )),
            None => None,
        };
        Ok(ScimUser {
            login: Login::parse(&self.login).map_err(|_| unreadable("a login"))?,
            profile: ScimProfile {
                name: self.name,
                given_name: self.given_name,
                family_name: self.family_name,
                external_id: self.external_id,
                phone,
                email: self.email,
                role,
                active: self.active == 1,
                said,
            },
            firm,
        })
    }
}

/// The folded form of a name, for `employees.name_folded`.
pub(super) fn name_folded(name: &str) -> String {
    folded(name)
}
