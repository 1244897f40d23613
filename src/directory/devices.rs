//! Enrolled phones: their keys, their push subscriptions, and the codes by which they are enrolled.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::change::{Change, shown_text};
use super::sealed::{open_secret, open_subscription, seal_secret, seal_subscription};
use super::unknown::{ANSWER, CHANGE, unreadable, within};
use super::{Actor, ChangeRefused, Directory, DirectoryUnknown, Owner};
use crate::clock::Timestamp;
use crate::gate::{FactorKind, Login};
use crate::secret::{Purpose, random_id};

/// An uncompressed point on P-256 (SEC 1 2.3.3).
pub const POINT_LENGTH: usize = 65;
/// So many phones an employee may have.
const MOST: i64 = 10;
/// A phone's name is no longer than this, in characters.
const LONGEST_NAME: usize = 60;

/// An enrolled phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The factor's id.
    pub id: String,
    /// Whose it is.
    pub login: Login,
    /// What its owner calls it.
    pub name: String,
    /// Its public key: an uncompressed point on P-256.
    pub key: Vec<u8>,
    /// Where its browser can be woken, if it can.
    pub subscription: Option<Subscription>,
    /// When it was enrolled.
    pub added: Timestamp,
    /// When it last answered a request.
    pub last_used: Option<Timestamp>,
}

/// A Web Push subscription (W3C Push API), as the browser gave it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The push service's address for this browser. A capability: never logged.
    pub endpoint: String,
    /// The browser's public key, base64url.
    pub p256dh: String,
    /// The browser's secret for this subscription, base64url.
    pub auth: String,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription(..)")
    }
}

/// The columns of [`DeviceRow`].
const COLUMNS: &str = "SELECT f.id, e.login, f.name, f.secret, d.subscription, f.added, d.last_used \
     FROM factors f JOIN devices d ON d.id = f.id JOIN employees e ON e.folded = f.employee ";

impl Directory {
    /// Keeps a code by which one phone can be enrolled for `login` until `expires`.
    ///
    /// # Errors
    /// Where the directory does not answer, or knows no such employee, or another epoch of theirs.
    pub async fn keep_device_code(
        &self,
        owner: impl Into<Owner<'_>>,
        code: &str,
        expires: Timestamp,
    ) -> Result<(), DirectoryUnknown> {
        let owner = owner.into();
        let hash = self.keys().keyed_hash(Purpose::Token, material(code).as_bytes());
        within(ANSWER, async {
            let kept = sqlx::query(
                "INSERT INTO device_codes (hash, employee, epoch, expires) \
                 SELECT $1, folded, epoch, $2 FROM employees \
                 WHERE folded = (SELECT employee FROM names WHERE folded = $3) AND epoch = COALESCE($4, epoch)",
            )
            .bind(hash)
            .bind(expires.0)
            .bind(owner.login.folded())
            .bind(owner.epoch)
            .execute(&self.0.writes)
            .await?;
            match kept.rows_affected() {
                1 => Ok(()),
                _ => Err(DirectoryUnknown("the employee is not there any more".into())),
            }
        })
        .await
    }

    /// Enrols a phone by a code, which is used up by that. `None`: there is no such code (any more).
    ///
    /// # Errors
    /// `Invalid` where the name does not fit or there are too many phones, or the directory does not answer.
    pub async fn enrol_device(
        &self,
        code: &str,
        name: &str,
        key: &[u8; POINT_LENGTH],
        from: &str,
        now: Timestamp,
    ) -> Result<Option<Device>, ChangeRefused> {
        let name = device_name(name)?;
        let id = random_id();
        let sealed = seal_secret(&self.keys(), &id, key);
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let Some(login) = change.use_device_code(self, code, now).await? else {
                return Ok(None);
            };
            let employee = change.employee(self, &login).await?;
            let firm = &employee.standing.firm;
            if !employee.standing.active || !firm.policy.allows(FactorKind::Push) {
                return Ok(None);
            }
            change.insert_device(&id, login.folded(), &name, sealed).await?;
            change.void_passcode(login.folded()).await?;
            change.touch_employee(login.folded()).await?;
            let actor = Actor {
                name: login.to_string(),
                from: from.to_owned(),
            };
            let details = json!({"factor": id, "kind": FactorKind::Push.as_str(), "name": name});
            change
                .audit_employee("factor.added", &actor, &firm.id, &login, details)
                .await?;
            change.commit().await?;
            Ok(Some(Device {
                id: id.clone(),
                login,
                name: name.clone(),
                key: key.to_vec(),
                subscription: None,
                added: now,
                last_used: None,
            }))
        })
        .await
    }

    /// An employee's phones, oldest first.
    ///
    /// # Errors
    /// Where the directory does not answer, or a key cannot be opened with the key file.
    pub async fn devices(&self, login: &Login) -> Result<Vec<Device>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let sql = format!(
                "{COLUMNS} WHERE f.kind = 'push' AND f.employee = (SELECT employee FROM names WHERE folded = $1) \
                 ORDER BY f.added, f.id"
            );
            let rows = sqlx::query_as::<_, DeviceRow>(sqlx::AssertSqlSafe(sql)).bind(login.folded());
            Ok::<_, DirectoryUnknown>(rows.fetch_all(&self.0.reads).await?)
        })
        .await?;
        rows.into_iter().map(|row| self.read_device(row)).collect()
    }

    /// A phone by its id, where it is enrolled (still).
    ///
    /// # Errors
    /// Where the directory does not answer, or its key cannot be opened with the key file.
    pub async fn device(&self, id: &str) -> Result<Option<Device>, DirectoryUnknown> {
        let row = within(ANSWER, async {
            let sql = format!("{COLUMNS} WHERE f.kind = 'push' AND f.id = $1");
            let row = sqlx::query_as::<_, DeviceRow>(sqlx::AssertSqlSafe(sql)).bind(id);
            Ok::<_, DirectoryUnknown>(row.fetch_optional(&self.0.reads).await?)
        })
        .await?;
        row.map(|row| self.read_device(row)).transpose()
    }

    /// Gives a phone another name.
    ///
    /// # Errors
    /// `NotFound` where it is not this employee's, `Invalid`, or the directory does not answer.
    pub async fn rename_device(
        &self,
        actor: &Actor,
        login: &Login,
        id: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        let name = device_name(name)?;
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            let renamed =
                sqlx::query("UPDATE factors SET name = $1 WHERE id = $2 AND employee = $3 AND kind = 'push'")
                    .bind(name.as_str())
                    .bind(id)
                    .bind(login.folded())
                    .execute(change.db())
                    .await?;
            if renamed.rows_affected() != 1 {
                return Err(no_device());
            }
            change.touch_employee(login.folded()).await?;
            let details = json!({"factor": id, "kind": FactorKind::Push.as_str(), "name": name});
            change
                .audit_employee("factor.renamed", actor, firm, login, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// Keeps where a phone's browser can be woken, or that it cannot (any more).
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn set_subscription(
        &self,
        device: &str,
        subscription: Option<&Subscription>,
    ) -> Result<(), DirectoryUnknown> {
        let sealed = subscription.map(|subscription| seal_subscription(&self.keys(), device, subscription));
        within(ANSWER, async {
            sqlx::query("UPDATE devices SET subscription = $1 WHERE id = $2")
                .bind(sealed)
                .bind(device)
                .execute(&self.0.writes)
                .await?;
            Ok(())
        })
        .await
    }

    /// Notes that a phone has answered.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn note_device_used(&self, device: &str, now: Timestamp) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query("UPDATE devices SET last_used = $1 WHERE id = $2")
                .bind(now.0)
                .bind(device)
                .execute(&self.0.writes)
                .await?;
            Ok(())
        })
        .await
    }

    fn read_device(&self, row: DeviceRow) -> Result<Device, DirectoryUnknown> {
        let keys = self.keys();
        let subscription = row.subscription.as_deref();
        Ok(Device {
            key: open_secret(&keys, &row.id, &row.secret)?.reveal().clone(),
            subscription: subscription
                .map(|sealed| open_subscription(&keys, &row.id, sealed))
                .transpose()?,
            login: Login::parse(&row.login).map_err(|_| unreadable("a login"))?,
            id: row.id,
            name: row.name,
            added: Timestamp(row.added),
            last_used: row.last_used.map(Timestamp),
        })
    }
}

impl Change {
    /// Uses a code up; whose it was. A reset since it was made voids it.
    async fn use_device_code(
        &mut self,
        directory: &Directory,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<Login>, ChangeRefused> {
        for hash in directory
            .keys()
            .keyed_hashes(Purpose::Token, material(code).as_bytes())
        {
            let row = sqlx::query_as::<_, (String, i64, i64)>(
                "DELETE FROM device_codes WHERE hash = $1 RETURNING employee, epoch, expires",
            )
            .bind(hash)
            .fetch_optional(self.db())
            .await?;
            let Some((employee, epoch, expires)) = row else {
                continue;
            };
            if now.0 >= expires {
                return Ok(None);
            }
            let login = Login::parse(&employee).map_err(|_| unreadable("a login"))?;
            let found = self.employee(directory, &login).await?;
            let standing = found.standing;
            return Ok((standing.epoch == epoch).then_some(standing.login));
        }
        Ok(None)
    }

    async fn insert_device(
        &mut self,
        id: &str,
        employee: &str,
        name: &str,
        sealed: String,
    ) -> Result<(), ChangeRefused> {
        let (count,) =
            sqlx::query_as::<_, (i64,)>("SELECT COUNT(*) FROM factors WHERE employee = $1 AND kind = 'push'")
                .bind(employee)
                .fetch_one(self.db())
                .await?;
        if count >= MOST {
            return Err(ChangeRefused::Invalid(format!(
                "there are {MOST} phones already; remove one first"
            )));
        }
        sqlx::query(
            "INSERT INTO factors (id, employee, kind, name, secret, digits, period, skew, last_step, added) \
             VALUES ($1, $2, 'push', $3, $4, 0, 0, 0, -1, $5)",
        )
        .bind(id)
        .bind(employee)
        .bind(name)
        .bind(sealed)
        .bind(self.now.0)
        .execute(self.db())
        .await?;
        sqlx::query("INSERT INTO devices (id) VALUES ($1)")
            .bind(id)
            .execute(self.db())
            .await?;
        Ok(())
    }
}

#[derive(sqlx::FromRow)]
struct DeviceRow {
    id: String,
    login: String,
    name: String,
    secret: String,
    subscription: Option<String>,
    added: i64,
    last_used: Option<i64>,
}

fn device_name(name: &str) -> Result<String, ChangeRefused> {
    let name: String = shown_text("a phone's name", name)?
        .chars()
        .take(LONGEST_NAME)
        .collect();
    if name.is_empty() {
        return Ok("Phone".to_owned());
    }
    Ok(name)
}

fn no_device() -> ChangeRefused {
    ChangeRefused::NotFound("there is no such phone".into())
}

/// What of a code is hashed.
fn material(code: &str) -> String {
    format!("device:{code}")
}

/// Reads a device's key: SPKI in DER, base64url, of an uncompressed point on P-256 (RFC 5480 2.1.1), which
/// has one spelling.
pub fn parse_device_key(text: &str) -> Option<[u8; POINT_LENGTH]> {
    const HEAD: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let der = URL_SAFE_NO_PAD.decode(text).ok()?;
    let point = der.strip_prefix(&HEAD)?;
    let point = <[u8; POINT_LENGTH]>::try_from(point).ok()?;
    // Whether it lies on the curve is looked at whenever a signature is.
    (point.first() == Some(&4)).then_some(point)
}
