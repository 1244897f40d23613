//! The end of a session: recorded in the directory first (I10, I15), then taken from the store.

use super::{Doorstep, LiveSession, Unknown};
use crate::sessions::Slot;

/// How the end of a session went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ending {
    /// It is over.
    Ended,
    /// Another took its place first (a login, a verified factor): that one goes on, and whoever wanted to sign
    /// out must be told so (answer 409, try again).
    Overtaken,
}

impl Doorstep {
    /// Ends a session.
    ///
    /// # Errors
    /// Where directory or store cannot answer: then it has not ended, and the caller must say so.
    pub async fn end_session(&self, session: &LiveSession) -> Result<Ending, Unknown> {
        let record = &session.stored.record;
        if record.level.holder().is_some() {
            self.directory
                .end_session(record.id.public(), record.ends)
                .await?;
            self.copies.changed_here().await?;
        }
        let now = self.now();
        // The same step by which a session's successor takes it: only one of the two gets it.
        if self.store.retire(&record.id, now).await?.is_none()
            && self.store.session(&record.id, now).await? == Slot::Replaced
        {
            return Ok(Ending::Overtaken);
        }
        self.store.remove(&record.id).await?;
        Ok(Ending::Ended)
    }
}
