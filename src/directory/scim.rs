//! People that an identity provider looks after (SCIM): in a firm, or waiting for one. Who waits exists, and
//! nobody can sign in as them: they are not in `employees`.

use serde_json::json;

use super::change::{Change, shown_text};
use super::employees::folded;
use super::sealed::{SealedPhone, open_phone};
use super::staff::taken;
use super::unknown::{ANSWER, BULK, CHANGE, unreadable, within};
use super::{Actor, AuditEvent, ChangeRefused, Directory, DirectoryUnknown, EmployeeChanges, Phone};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login, Role};
use crate::secret::KeyRing;

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
}

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

/// Which people are looked for; all that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct ScimSearch {
    /// The one of this login.
    pub login: Option<Login>,
    /// Those of this external id.
    pub external_id: Option<String>,
    /// So many are left out.
    pub offset: i64,
    /// At most so many; `None`: all.
    pub limit: Option<i64>,
}

macro_rules! users {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM (SELECT folded FROM employees WHERE ($1 IS NULL OR folded = $1) \
             UNION SELECT folded FROM scim_users WHERE waiting = 1 AND ($1 IS NULL OR folded = $1)) u \
             LEFT JOIN employees e ON e.folded = u.folded LEFT JOIN scim_users s ON s.folded = u.folded \
             LEFT JOIN firms f ON f.id = e.firm \
             WHERE ($2 IS NULL OR s.external_id = $2)",
            $rest
        )
    };
}

impl Directory {
    /// People, in the order of their folded logins, and how many there are in all.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn scim_users(&self, search: &ScimSearch) -> Result<(i64, Vec<ScimUser>), DirectoryUnknown> {
        let keys = self.keys();
        let login = search.login.as_ref().map(|login| login.folded().to_owned());
        let external = search.external_id.as_ref().map(|id| id.replace('\0', ""));
        let patience = if search.limit.is_some() { ANSWER } else { BULK };
        within(patience, async {
            let (total,) = sqlx::query_as::<_, (i64,)>(users!("COUNT(*)", ""))
                .bind(login.clone())
                .bind(external.clone())
                .fetch_one(&self.0.reads)
                .await?;
            let rows = sqlx::query_as::<_, UserRow>(users!(
                "u.folded, COALESCE(e.login, s.login) AS login, COALESCE(e.name, s.name) AS name, \
                 s.given_name, s.family_name, s.external_id, e.phone AS phone, s.phone AS waiting_phone, \
                 CASE WHEN e.folded IS NULL THEN s.email ELSE e.email END AS email, \
                 COALESCE(e.role, s.role) AS role, COALESCE(e.active, s.active) AS active, \
                 e.firm AS firm, f.name AS firm_name",
                " ORDER BY u.folded LIMIT $3 OFFSET $4"
            ))
            .bind(login)
            .bind(external)
            .bind(search.limit.unwrap_or(i64::MAX))
            .bind(search.offset)
            .fetch_all(&self.0.reads)
            .await?;
            let people = rows.into_iter().map(|row| row.user(&keys));
            Ok((total, people.collect::<Result<Vec<_>, _>>()?))
        })
        .await
    }

    /// A person by their login.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn scim_user(&self, login: &Login) -> Result<Option<ScimUser>, DirectoryUnknown> {
        let search = ScimSearch {
            login: Some(login.clone()),
            limit: Some(1),
            ..ScimSearch::default()
        };
        Ok(self.scim_users(&search).await?.1.pop())
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
        if before.firm.is_some() {
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
            if waits && before.firm.is_none() {
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
        sqlx::query(
            "INSERT INTO scim_users (folded, login, waiting, name, given_name, family_name, external_id, \
             phone, email, role, active) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (folded) DO UPDATE SET login = excluded.login, waiting = excluded.waiting, \
             name = excluded.name, given_name = excluded.given_name, family_name = excluded.family_name, \
             external_id = excluded.external_id, phone = excluded.phone, email = excluded.email, \
             role = excluded.role, active = excluded.active",
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
             phone AS waiting_phone, email, role, active, NULL AS firm, NULL AS firm_name \
             FROM scim_users WHERE folded = $1",
        )
        .bind(login.folded())
        .fetch_optional(self.db())
        .await?;
        row.map(|row| row.user(keys)).transpose()
    }
}

/// Seals anew the numbers of those who wait; how many.
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
    Ok(phones.len())
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

#[derive(sqlx::FromRow)]
struct UserRow {
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
    firm: Option<String>,
    firm_name: Option<String>,
}

impl UserRow {
    fn user(self, keys: &KeyRing) -> Result<ScimUser, DirectoryUnknown> {
        let phone = match (&self.firm, &self.phone, &self.waiting_phone) {
            (Some(_), Some(sealed), _) => Some(open_phone(keys, &self.folded, sealed)?),
            (None, _, Some(sealed)) => Some(open_phone(keys, &waiting_key(&self.folded), sealed)?),
            _ => None,
        };
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
            },
            firm,
        })
    }
}

/// The folded form of a name, for `employees.name_folded`.
pub(super) fn name_folded(name: &str) -> String {
    folded(name)
}
