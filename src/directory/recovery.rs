//! Recovery codes: ten, shown once, kept as keyed hashes, each good once.

use serde_json::json;
use sqlx::AnyConnection;

use super::reset::{new_code, normalised};
use super::unknown::{ANSWER, CHANGE, within};
use super::{Actor, ChangeRefused, CodeUse, Directory, DirectoryUnknown, Employee, FactorSummary, Owner};
use crate::clock::Timestamp;
use crate::gate::{FactorKind, Login};
use crate::secret::{Purpose, Redacted};

/// How many codes a set has.
const CODES: usize = 10;
/// The id of those that are left among an employee's factors: other ids are random, and none is like it.
const LEFT: &str = "recovery_codes";

impl Directory {
    /// Makes a new set of recovery codes (`XXXX-XXXX-XXXX-XXXX`, 64 bits each), shown once; the old set is worth
    /// nothing any more.
    ///
    /// # Errors
    /// `NotFound`, also where the owner was reset meanwhile, or the directory does not answer.
    pub async fn make_recovery_codes(
        &self,
        actor: &Actor,
        owner: impl Into<Owner<'_>>,
        now: Timestamp,
    ) -> Result<Vec<Redacted<String>>, ChangeRefused> {
        let owner = owner.into();
        let codes: Vec<Redacted<String>> = (0..CODES).map(|_| new_code()).collect();
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let employee = change.employee(self, owner.login).await?;
            owner.check(&employee.standing)?;
            let (firm, login) = (&employee.standing.firm.id, &employee.standing.login);
            let key = login.folded();
            let replaced = change.void_recovery_codes(key).await?;
            for code in &codes {
                let hash = self
                    .keys()
                    .keyed_hash(Purpose::Token, material(key, code.reveal()).as_bytes());
                sqlx::query("INSERT INTO recovery_codes (employee, hash, made, used) VALUES ($1, $2, $3, 0)")
                    .bind(key)
                    .bind(hash)
                    .bind(now.0)
                    .execute(change.db())
                    .await?;
            }
            let kind = FactorKind::RecoveryCode.as_str();
            let details = json!({"kind": kind, "count": codes.len(), "replaced": replaced});
            change
                .audit_employee("factor.added", actor, firm, login, details)
                .await?;
            Ok::<_, ChangeRefused>(change.commit().await?)
        })
        .await?;
        Ok(codes)
    }

    /// How many of the employee's recovery codes were not used yet.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn recovery_codes_left(&self, login: &Login) -> Result<u32, DirectoryUnknown> {
        within(ANSWER, async {
            let (left,) = sqlx::query_as::<_, (i64,)>(
                "SELECT COUNT(*) FROM recovery_codes WHERE used = 0 \
                 AND employee = (SELECT employee FROM names WHERE folded = $1)",
            )
            .bind(login.folded())
            .fetch_one(&self.0.reads)
            .await?;
            Ok(u32::try_from(left).unwrap_or(0))
        })
        .await
    }

    /// What proves who an employee is, for those who look after them: their factors, and last the recovery codes
    /// that were not used, as one.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn factors_of(&self, employee: &Employee) -> Result<Vec<FactorSummary>, DirectoryUnknown> {
        let codes = within(ANSWER, async {
            let mut connection = self.0.reads.acquire().await?;
            left(&mut connection, employee.standing.login.folded()).await
        });
        let mut factors = employee.factors.clone();
        factors.extend(codes.await?);
        Ok(factors)
    }

    /// Uses up a recovery code of this employee, in one conditional statement (I7).
    ///
    /// # Errors
    /// Where the directory does not answer: it may be used up, and must not count.
    pub async fn spend_recovery_code(
        &self,
        login: &Login,
        code: &str,
        now: Timestamp,
    ) -> Result<CodeUse, DirectoryUnknown> {
        let Some(code) = normalised(code) else {
            return Ok(CodeUse::NoCode);
        };
        within(ANSWER, async {
            let key = sqlx::query_as::<_, (String,)>("SELECT employee FROM names WHERE folded = $1")
                .bind(login.folded())
                .fetch_optional(&self.0.reads)
                .await?;
            let Some((key,)) = key else {
                return Ok(CodeUse::NoCode);
            };
            for hash in self
                .keys()
                .keyed_hashes(Purpose::Token, material(&key, &code).as_bytes())
            {
                let spent = sqlx::query(
                    "UPDATE recovery_codes SET used = $1 WHERE employee = $2 AND hash = $3 AND used = 0",
                )
                .bind(now.0.max(1))
                .bind(key.as_str())
                .bind(hash.as_str())
                .execute(&self.0.writes)
                .await?;
                if spent.rows_affected() == 1 {
                    return Ok(CodeUse::Spent);
                }
                let known = sqlx::query("SELECT hash FROM recovery_codes WHERE employee = $1 AND hash = $2")
                    .bind(key.as_str())
                    .bind(hash)
                    .fetch_optional(&self.0.reads)
                    .await?;
                if known.is_some() {
                    return Ok(CodeUse::Used);
                }
            }
            Ok(CodeUse::NoCode)
        })
        .await
    }
}

/// The recovery codes of the employee of this key that were not used, as one factor.
pub(super) async fn left(
    db: &mut AnyConnection,
    employee: &str,
) -> Result<Option<FactorSummary>, DirectoryUnknown> {
    let (left, made) = sqlx::query_as::<_, (i64, i64)>(
        "SELECT COUNT(*), COALESCE(MIN(made), 0) FROM recovery_codes WHERE employee = $1 AND used = 0",
    )
    .bind(employee)
    .fetch_one(db)
    .await?;
    Ok((left > 0).then(|| FactorSummary {
        id: LEFT.to_owned(),
        kind: FactorKind::RecoveryCode,
        name: match left {
            1 => "1 code left".to_owned(),
            left => format!("{left} codes left"),
        },
        added: Timestamp(made),
    }))
}

/// What is hashed: the code is this employee's, and no passcode.
fn material(employee: &str, code: &str) -> String {
    format!("recovery:{employee}:{}", code.replace('-', ""))
}
