//! What is used up once and for all (I7).

use super::unknown::{ANSWER, within};
use super::{Directory, DirectoryUnknown, Spent};
use crate::clock::Timestamp;

impl Directory {
    /// Records what is used up, in one conditional statement: `false` where it already was (I7). Kept until
    /// `keep_until` and a day longer, should a clock go back.
    ///
    /// # Errors
    /// Where the directory does not answer: it may be used up, and must not count.
    pub async fn spend(
        &self,
        kind: Spent,
        id: &str,
        keep_until: Timestamp,
    ) -> Result<bool, DirectoryUnknown> {
        within(ANSWER, async {
            let spent = sqlx::query(
                "INSERT INTO spent (kind, id, keep_until) VALUES ($1, $2, $3) ON CONFLICT (kind, id) DO NOTHING",
            )
            .bind(kind.as_str())
            .bind(id)
            .bind(keep_until.0)
            .execute(&self.0.writes)
            .await?;
            Ok(spent.rows_affected() == 1)
        })
        .await
    }

    /// Whether something is used up, without using it.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn is_spent(&self, kind: Spent, id: &str) -> Result<bool, DirectoryUnknown> {
        within(ANSWER, async {
            let row = sqlx::query("SELECT kind FROM spent WHERE kind = $1 AND id = $2")
                .bind(kind.as_str())
                .bind(id)
                .fetch_optional(&self.0.reads)
                .await?;
            Ok(row.is_some())
        })
        .await
    }
}
