//! Remembered devices: browsers whose logins need no second factor for a while.

use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::unknown::{ANSWER, CHANGE, within};
use super::{
    Actor, ChangeRefused, DeviceUse, Directory, DirectoryUnknown, NewDevice, PresentedDevice,
    RememberedDevice,
};
use crate::clock::Timestamp;
use crate::gate::Login;
use crate::gate::policy::DeviceStanding;

impl Directory {
    /// Remembers a device.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn remember_device(
        &self,
        actor: &Actor,
        login: &Login,
        new: &NewDevice,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            sqlx::query(
                "INSERT INTO remembered_devices (id, employee, factor, hash, password, browser, address, \
                 employee_epoch, firm_epoch, made, used, expires) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)",
            )
            .bind(new.id.as_str())
            .bind(login.folded())
            .bind(new.factor.as_str())
            .bind(new.hash.as_str())
            .bind(new.password.as_str())
            .bind(new.browser.as_str())
            .bind(new.address.as_str())
            .bind(new.employee_epoch)
            .bind(new.firm_epoch)
            .bind(now.0)
            .bind(new.expires.0)
            .execute(change.db())
            .await?;
            change.touch_employee(login.folded()).await?;
            let details = json!({
                "device": new.id, "factor": new.factor.as_str(), "until": new.expires.to_string(),
            });
            change
                .audit_employee("device.remembered", actor, firm, login, details)
                .await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// The employee's remembered devices that had not run out at `now`, newest first.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn remembered_devices(
        &self,
        login: &Login,
        now: Timestamp,
    ) -> Result<Vec<RememberedDevice>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let rows = sqlx::query_as::<_, DeviceRow>(
                "SELECT d.id, d.hash, d.password, d.browser, d.address, d.made, d.used, d.expires, d.employee_epoch, \
                 d.firm_epoch FROM remembered_devices d JOIN employees e ON e.folded = d.employee \
                 JOIN firms f ON f.id = e.firm \
                 WHERE d.employee = (SELECT employee FROM names WHERE folded = $1) AND d.expires > $2 \
                 AND d.employee_epoch = e.epoch AND d.firm_epoch = f.epoch ORDER BY d.made DESC, d.id",
            )
            .bind(login.folded())
            .bind(now.0);
            Ok::<_, DirectoryUnknown>(rows.fetch_all(&self.0.reads).await?)
        })
        .await?;
        Ok(rows.into_iter().map(DeviceRow::shown).collect())
    }

    /// What `decide` needs of an employee's devices.
    pub(super) async fn device_standings(
        &self,
        folded: &str,
    ) -> Result<Vec<DeviceStanding>, DirectoryUnknown> {
        within(ANSWER, async {
            let rows = sqlx::query_as::<_, (String, i64, i64, i64, i64)>(
                "SELECT id, made, expires, employee_epoch, firm_epoch FROM remembered_devices WHERE employee = $1",
            )
            .bind(folded)
            .fetch_all(&self.0.reads)
            .await?;
            Ok(rows
                .into_iter()
                .map(|(id, made, expires, employee_epoch, firm_epoch)| DeviceStanding {
                    id,
                    made: Timestamp(made),
                    expires: Timestamp(expires),
                    employee_epoch,
                    firm_epoch,
                })
                .collect())
        })
        .await
    }

    /// Judges a device's token and puts the next one in its place, in one conditional statement: of two logins
    /// with one token at once, one is asked anew. A token that was replaced before forgets the device: two hold
    /// it, and one of them is a thief.
    ///
    /// # Errors
    /// Where the directory does not answer: then it does not count.
    pub async fn use_device(
        &self,
        actor: &Actor,
        login: &Login,
        presented: &PresentedDevice<'_>,
        now: Timestamp,
    ) -> Result<DeviceUse, ChangeRefused> {
        let found = within(ANSWER, async {
            let row = sqlx::query_as::<_, DeviceRow>(
                "SELECT id, hash, password, browser, address, made, used, expires, employee_epoch, firm_epoch \
                 FROM remembered_devices WHERE id = $1 \
                 AND employee = (SELECT employee FROM names WHERE folded = $2)",
            )
            .bind(presented.id)
            .bind(login.folded());
            Ok::<_, DirectoryUnknown>(row.fetch_optional(&self.0.reads).await?)
        })
        .await?;
        // Nobody's, or another's: ignored, and not spent.
        let Some(found) = found else {
            return Ok(DeviceUse::Ignored);
        };
        if !bool::from(found.hash.as_bytes().ct_eq(presented.hash.as_bytes())) {
            self.forget_device(actor, login, presented.id, "an old token was used", now)
                .await?;
            return Ok(DeviceUse::Revoked);
        }
        let fits = |digest: &String| bool::from(digest.as_bytes().ct_eq(found.password.as_bytes()));
        if !presented.passwords.iter().any(fits) || now >= Timestamp(found.expires) {
            return Ok(DeviceUse::Ignored);
        }
        let rotated = within(ANSWER, async {
            let done = sqlx::query(
                "UPDATE remembered_devices SET hash = $1, password = $2, used = $3, address = $4 \
                 WHERE id = $5 AND hash = $6 AND expires > $3",
            )
            .bind(presented.next_hash)
            .bind(presented.next_password)
            .bind(now.0)
            .bind(presented.address)
            .bind(presented.id)
            .bind(presented.hash)
            .execute(&self.0.writes)
            .await?;
            Ok::<_, DirectoryUnknown>(done.rows_affected() == 1)
        })
        .await?;
        Ok(if rotated {
            DeviceUse::Rotated(Timestamp(found.expires))
        } else {
            DeviceUse::Ignored
        })
    }

    /// Forgets one of the employee's devices; `why` is for the audit.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn forget_device(
        &self,
        actor: &Actor,
        login: &Login,
        id: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        self.forget_devices(actor, login, Some(id), why, now).await
    }

    /// Forgets all of the employee's devices, or the one with this id. What came in on them is asked at its next
    /// click: a device is judged anew on every request (I1).
    ///
    /// # Errors
    /// `NotFound` (the employee, or the one device), or the directory does not answer.
    pub async fn forget_devices(
        &self,
        actor: &Actor,
        login: &Login,
        id: Option<&str>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, login).await?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            let gone = sqlx::query_as::<_, (String,)>(
                "DELETE FROM remembered_devices WHERE employee = $1 AND ($2 IS NULL OR id = $2) RETURNING id",
            )
            .bind(login.folded())
            .bind(id)
            .fetch_all(change.db())
            .await?;
            if gone.is_empty() {
                return match id {
                    Some(_) => Err(ChangeRefused::NotFound(format!("{login} has no such device"))),
                    None => Ok(()),
                };
            }
            change.touch_employee(login.folded()).await?;
            for (device,) in gone {
                let details = json!({"device": device, "why": why});
                change
                    .audit_employee("device.forgotten", actor, firm, login, details)
                    .await?;
            }
            Ok(change.commit().await?)
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct DeviceRow {
    id: String,
    hash: String,
    password: String,
    browser: String,
    address: String,
    made: i64,
    used: i64,
    expires: i64,
}

impl DeviceRow {
    fn shown(self) -> RememberedDevice {
        RememberedDevice {
            id: self.id,
            browser: self.browser,
            address: self.address,
            made: Timestamp(self.made),
            used: Timestamp(self.used),
            expires: Timestamp(self.expires),
        }
    }
}
