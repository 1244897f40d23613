//! An approval made elsewhere is collected by the next request under the waiting session's token.

use super::waiting::Standing;
use crate::access::{Doorstep, Entry, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::gate::FactorKind;
use crate::sessions::Level;

/// What there was to collect.
#[derive(Debug)]
pub enum Collected {
    /// Nothing.
    Nothing,
    /// The way in.
    Entry(Box<Entry>),
    /// Another request was faster: answer 409, try again.
    Overtaken,
}

impl Doorstep {
    /// Raises a session whose challenge was approved on a phone. Of several requests at once one gets the
    /// way in.
    ///
    /// # Errors
    /// Where store or directory cannot answer: nobody gets in.
    pub async fn collect(&self, session: &LiveSession, now: Timestamp) -> Result<Collected, Unknown> {
        if !self.is_approved(session, now).await? {
            return Ok(Collected::Nothing);
        }
        // A raised session has another id: one that was ended a moment ago must not get that far.
        self.copies.changed_here().await?;
        let waiting = match self.waiting(session, now).await? {
            Standing::Waiting(waiting) => waiting,
            Standing::Ended => return Ok(Collected::Nothing),
            Standing::Overtaken => return Ok(Collected::Overtaken),
        };
        let Some(id) = &waiting.named else {
            return Ok(Collected::Nothing);
        };
        let Some(challenge) = self.store.challenge(id, now).await? else {
            return Ok(Collected::Nothing);
        };
        let settings = self.settings.load_full();
        let approved = challenge.value.approved_by().is_some_and(|device| {
            challenge.value.login == *waiting.login()
                && now < challenge.value.expires
                && self.device_counts(&settings, &waiting, device)
        });
        // The phone was removed in between, or the approval is too old: it is worth nothing any more.
        if !approved || !waiting.can_push(&settings, &self.directory) {
            return Ok(Collected::Nothing);
        }
        self.metrics.factor("verified");
        Ok(
            match self.raise(&waiting.live(session), FactorKind::Push, now).await? {
                Some(entry) => Collected::Entry(Box::new(entry)),
                None => Collected::Overtaken,
            },
        )
    }

    /// Whether the challenge that a session names was approved on a phone, and not collected yet.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn is_approved(&self, session: &LiveSession, now: Timestamp) -> Result<bool, Unknown> {
        let Level::Password {
            challenge: Some(id), ..
        } = &session.stored.record.level
        else {
            return Ok(false);
        };
        let found = self.store.challenge(id, now).await?;
        Ok(found.is_some_and(|found| found.value.approved_by().is_some() && now < found.value.expires))
    }
}
