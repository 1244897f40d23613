//! Which directory this is: after a backup was put back, or another put in its place, nothing is known until
//! somebody has accepted it (DESIGN section 6).

use serde_json::json;

use super::unknown::{CHANGE, within};
use super::{Actor, AuditEvent, ChangeRefused, Directory};
use crate::clock::Timestamp;
use crate::sessions::DirectoryMark;

impl Directory {
    /// Accepts this directory in the place of the one that `seen` marks: its counter rises above what was seen,
    /// and everybody's sessions end. The new mark.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn accept(
        &self,
        actor: &Actor,
        seen: Option<&DirectoryMark>,
        now: Timestamp,
    ) -> Result<DirectoryMark, ChangeRefused> {
        let at_least = seen.map_or(0, |mark| mark.counter);
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let before = change.counter - 1;
            change.accept_above(at_least).await?;
            change.revoke_all().await?;
            let event = AuditEvent {
                event: "directory.accepted",
                actor: actor.clone(),
                firm: None,
                login: None,
                details: json!({"seen": seen, "counter": {"before": before, "after": change.counter}}),
            };
            change.audit(&event).await?;
            let mark = DirectoryMark {
                id: self.id().to_owned(),
                counter: change.counter,
            };
            change.commit().await?;
            Ok(mark)
        })
        .await
    }
}

impl super::change::Change {
    /// Raises the counter above what was seen, and notes that it was accepted there.
    async fn accept_above(&mut self, seen: i64) -> Result<(), super::DirectoryUnknown> {
        self.counter = self.counter.max(seen.saturating_add(1));
        let counter = self.counter;
        sqlx::query("UPDATE meta SET counter = $1, accepted = $1 WHERE one = 1")
            .bind(counter)
            .execute(self.db())
            .await?;
        Ok(())
    }
}
