//! The end of a session: recorded in the directory first (I10, I15), then taken from the store.

use super::{Doorstep, LiveSession, Unknown};

impl Doorstep {
    /// Ends a session.
    ///
    /// # Errors
    /// Where directory or store cannot answer: then it has not ended, and the caller must say so.
    pub async fn end_session(&self, session: &LiveSession) -> Result<(), Unknown> {
        let record = &session.stored.record;
        if record.level.holder().is_some() {
            self.directory
                .end_session(record.id.public(), record.ends)
                .await?;
            self.copies.changed_here().await?;
        }
        self.store.remove(&record.id).await?;
        Ok(())
    }
}
