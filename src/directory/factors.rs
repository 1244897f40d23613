//! Enrolled factors: TOTP keys and the last step that each has used.

use serde_json::json;

use super::change::shown_text;
use super::sealed::{open_secret, seal_secret};
use super::unknown::{ANSWER, CHANGE, unreadable, within};
use super::{Actor, ChangeRefused, Directory, DirectoryUnknown, Owner, TotpFactor, TotpShape};
use crate::clock::Timestamp;
use crate::gate::{FactorKind, Login};
use crate::secret::random_id;

impl Directory {
    /// Adds a confirmed TOTP key; its id. `last_step` is the step that confirmed it, or -1. A passcode that
    /// led here, or might have, is worth nothing any more.
    ///
    /// # Errors
    /// `NotFound`, also where the owner was reset meanwhile; `Invalid`, or the directory does not answer.
    #[allow(clippy::too_many_arguments)]
    pub async fn add_totp(
        &self,
        actor: &Actor,
        owner: impl Into<Owner<'_>>,
        secret: &[u8],
        shape: TotpShape,
        name: &str,
        last_step: i64,
        now: Timestamp,
    ) -> Result<String, ChangeRefused> {
        let owner = owner.into();
        let name = shown_text("a factor's name", name)?;
        let id = random_id();
        let sealed = seal_secret(&self.keys(), &id, secret);
        let period = i64::try_from(shape.period)
            .map_err(|_| ChangeRefused::Invalid("a time step is shorter than that".into()))?;
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, owner.login).await?;
            owner.check(&employee.standing)?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            sqlx::query(
                "INSERT INTO factors (id, employee, kind, name, secret, digits, period, skew, last_step, added) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(id.as_str())
            .bind(login.folded())
            .bind(FactorKind::Totp.as_str())
            .bind(name.as_str())
            .bind(sealed)
            .bind(i64::from(shape.digits))
            .bind(period)
            .bind(i64::from(shape.skew))
            .bind(last_step)
            .bind(now.0)
            .execute(change.db())
            .await?;
            change.void_passcode(login.folded()).await?;
            change.touch_employee(login.folded()).await?;
            let details = json!({"factor": id, "kind": FactorKind::Totp.as_str(), "name": name});
            change
                .audit_employee("factor.added", actor, firm, login, details)
                .await?;
            change.commit().await?;
            Ok::<_, ChangeRefused>(())
        })
        .await?;
        Ok(id)
    }

    /// The employee's TOTP keys, oldest first.
    ///
    /// # Errors
    /// Where the directory does not answer, or a key cannot be opened with the key file.
    pub async fn totp_factors(&self, login: &Login) -> Result<Vec<TotpFactor>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let rows = sqlx::query_as::<_, TotpRow>(
                "SELECT id, secret, digits, period, skew, last_step FROM factors \
                 WHERE employee = (SELECT employee FROM names WHERE folded = $1) AND kind = $2 \
                 ORDER BY added, id",
            )
            .bind(login.folded())
            .bind(FactorKind::Totp.as_str());
            Ok::<_, DirectoryUnknown>(rows.fetch_all(&self.0.reads).await?)
        })
        .await?;
        let keys = self.keys();
        rows.into_iter()
            .map(|row| {
                Ok(TotpFactor {
                    secret: open_secret(&keys, &row.id, &row.secret)?,
                    shape: row.shape().ok_or_else(|| unreadable("a TOTP key"))?,
                    id: row.id,
                    last_step: row.last_step,
                })
            })
            .collect()
    }

    /// Uses a time step up, in one conditional statement: `false` where it or a later one was used before (I7).
    ///
    /// # Errors
    /// Where the directory does not answer: it may be used up, and must not count.
    pub async fn spend_totp_step(&self, factor_id: &str, step: i64) -> Result<bool, DirectoryUnknown> {
        within(ANSWER, async {
            let spent = sqlx::query("UPDATE factors SET last_step = $1 WHERE id = $2 AND last_step < $1")
                .bind(step)
                .bind(factor_id)
                .execute(&self.0.writes)
                .await?;
            Ok(spent.rows_affected() == 1)
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct TotpRow {
    id: String,
    secret: String,
    digits: i64,
    period: i64,
    skew: i64,
    last_step: i64,
}

impl TotpRow {
    fn shape(&self) -> Option<TotpShape> {
        Some(TotpShape {
            digits: self.digits.try_into().ok()?,
            period: self.period.try_into().ok()?,
            skew: self.skew.try_into().ok()?,
        })
    }
}
