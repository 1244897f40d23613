//! Removing what is past its time.

use std::time::Duration;

use super::change::Touched;
use super::unknown::{BULK, within};
use super::{Directory, DirectoryUnknown};
use crate::clock::Timestamp;

/// What is over is kept a day longer, should a clock go back (I7).
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);
/// So long a phone can show what it decided.
const DECISIONS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// So long gateways can fall behind before they have to forget everything.
const CHANGES: Duration = Duration::from_secs(60 * 60);

impl Directory {
    /// Removes what is past its time: spent tokens, ended sessions, passcodes, and what gateways have long seen.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn sweep(&self, now: Timestamp) -> Result<(), DirectoryUnknown> {
        within(BULK, async {
            let mut change = self.change(now).await?;
            let over = now.minus(MARGIN).0;
            sqlx::query("DELETE FROM spent WHERE keep_until < $1")
                .bind(over)
                .execute(change.db())
                .await?;
            sqlx::query("DELETE FROM passcodes WHERE expires < $1")
                .bind(over)
                .execute(change.db())
                .await?;
            sqlx::query("DELETE FROM device_codes WHERE expires < $1")
                .bind(over)
                .execute(change.db())
                .await?;
            sqlx::query("DELETE FROM pushes WHERE sent < $1")
                .bind(now.minus(DECISIONS).0)
                .execute(change.db())
                .await?;
            sqlx::query("DELETE FROM remembered_devices WHERE expires < $1")
                .bind(over)
                .execute(change.db())
                .await?;
            sqlx::query("DELETE FROM kept_answers WHERE keep_until < $1")
                .bind(now.0)
                .execute(change.db())
                .await?;
            let ended = sqlx::query("DELETE FROM ended_sessions WHERE keep_until < $1")
                .bind(over)
                .execute(change.db())
                .await?;
            if ended.rows_affected() > 0 {
                change.touch(Touched::Swept).await?;
            }
            // A gateway that has not seen `pruned` yet may miss something: it forgets everything.
            sqlx::query(
                "UPDATE meta SET pruned = COALESCE((SELECT MAX(seq) FROM changes WHERE at < $1), pruned) \
                 WHERE one = 1",
            )
            .bind(now.minus(CHANGES).0)
            .execute(change.db())
            .await?;
            sqlx::query("DELETE FROM changes WHERE seq <= (SELECT pruned FROM meta WHERE one = 1)")
                .execute(change.db())
                .await?;
            change.commit().await
        })
        .await
    }
}
