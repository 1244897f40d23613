//! Attempts to guess, counted per employee (I8): reserved before they are judged.

use super::unknown::{ANSWER, within};
use super::{Attempt, Directory, DirectoryUnknown};
use crate::clock::Timestamp;
use crate::gate::Login;

/// So many failures in a row lock.
const ROUND: i64 = 5;

impl Directory {
    /// Reserves an attempt, in one conditional statement: it counts as failed until it is judged right. The
    /// fifth of a round locks already here, so however many come at once, no more than five are judged.
    ///
    /// # Errors
    /// Where the directory does not answer, or knows no such employee (any more).
    pub async fn reserve_attempt(&self, login: &Login, now: Timestamp) -> Result<Attempt, DirectoryUnknown> {
        within(ANSWER, async {
            // Locked for 1 minute after 5 failures, then 2, 4 … 60.
            let reserved = sqlx::query_as::<_, (i64, i64)>(
                "UPDATE employees SET failures = failures + 1, \
                 locked_until = CASE WHEN (failures + 1) % 5 <> 0 THEN locked_until ELSE CAST($1 AS BIGINT) + \
                 CASE (failures + 1) / 5 WHEN 1 THEN 60000 WHEN 2 THEN 120000 WHEN 3 THEN 240000 \
                 WHEN 4 THEN 480000 WHEN 5 THEN 960000 WHEN 6 THEN 1920000 ELSE 3600000 END END \
                 WHERE folded = (SELECT employee FROM names WHERE folded = $2) AND locked_until <= $1 \
                 RETURNING failures, locked_until",
            )
            .bind(now.0)
            .bind(login.folded())
            .fetch_all(&self.0.writes)
            .await?;
            match reserved.first() {
                Some(&(failures, locked_until)) => Ok(granted(failures, locked_until)),
                None => self.locked(login, now).await,
            }
        })
        .await
    }

    async fn locked(&self, login: &Login, now: Timestamp) -> Result<Attempt, DirectoryUnknown> {
        let row = sqlx::query_as::<_, (i64,)>(
            "SELECT locked_until FROM employees WHERE folded = (SELECT employee FROM names WHERE folded = $1)",
        )
        .bind(login.folded())
        .fetch_optional(&self.0.reads)
        .await?;
        let (until,) = row.ok_or_else(|| DirectoryUnknown("the employee is not there any more".into()))?;
        Ok(Attempt::Locked {
            until: Timestamp(until.max(now.0)),
        })
    }

    /// The attempt could not be judged: it counts as not made, and the lock that it brought is lifted.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn release_attempt(&self, login: &Login, _now: Timestamp) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query(
                "UPDATE employees SET failures = failures - 1, \
                 locked_until = CASE WHEN failures % 5 = 0 THEN 0 ELSE locked_until END \
                 WHERE folded = (SELECT employee FROM names WHERE folded = $1) AND failures > 0",
            )
            .bind(login.folded())
            .execute(&self.0.writes)
            .await?;
            Ok(())
        })
        .await
    }

    /// A factor was verified: failures back to 0, `last_sign_in` noted.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn note_verified(&self, login: &Login, now: Timestamp) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query(
                "UPDATE employees SET failures = 0, locked_until = 0, last_sign_in = $1 \
                 WHERE folded = (SELECT employee FROM names WHERE folded = $2)",
            )
            .bind(now.0)
            .bind(login.folded())
            .execute(&self.0.writes)
            .await?;
            Ok(())
        })
        .await
    }
}

fn granted(failures: i64, locked_until: i64) -> Attempt {
    let left = (ROUND - failures % ROUND) % ROUND;
    Attempt::Granted {
        left: u32::try_from(left).unwrap_or(0),
        locks_until: (left == 0).then_some(Timestamp(locked_until)),
    }
}
