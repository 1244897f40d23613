//! A passkey in the form of a change (I14): it signs what was asked for this session, and raises nothing.

use serde_json::json;

use super::confirm::{Confirmation, own_challenge};
use super::passkey::{PasskeyAsked, Signed};
use super::verify::PasskeyFault;
use crate::access::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::gate::FactorKind;

impl Doorstep {
    /// Asks for something that a passkey of the session's holder can sign to confirm one change.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn ask_passkey_to_confirm(
        &self,
        session: &LiveSession,
        now: Timestamp,
    ) -> Result<PasskeyAsked, Unknown> {
        let Some(waiting) = self.confirming(session, now).await? else {
            return Ok(PasskeyAsked::Over);
        };
        if !waiting.has_passkey() {
            return Ok(PasskeyAsked::NoPasskey);
        }
        let id = self.open_confirmation(session, &waiting, now).await?;
        let expires = now.plus(self.settings.load().config.factors.challenge_ttl);
        self.ask_of(&waiting, &id, expires, now).await
    }

    /// Judges what a passkey signed to confirm a change. What is right is spent in the directory before this says
    /// so; the session stays as it is.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn confirm_passkey(
        &self,
        session: &LiveSession,
        answer: &str,
        now: Timestamp,
    ) -> Result<Confirmation, Unknown> {
        self.copies.changed_here().await?;
        let Some(waiting) = self.confirming(session, now).await? else {
            return Ok(Confirmation::Ended);
        };
        let found = self.store.challenge(&own_challenge(session), now).await?;
        let Some(challenge) = found.filter(|found| found.value.login == *waiting.login()) else {
            return Ok(Confirmation::NotByPasskey(PasskeyFault::Over));
        };
        match self
            .judge_passkey(&waiting, &challenge.value, answer, now)
            .await?
        {
            Signed::Not(fault) => Ok(Confirmation::NotByPasskey(fault)),
            Signed::Right => {
                self.directory.note_verified(waiting.login(), now).await?;
                let details = json!({"factor": FactorKind::Passkey.as_str(), "for": "change"});
                let event = waiting.event("factor.verified", details);
                self.directory.audit(&event, now).await?;
                Ok(Confirmation::Confirmed(FactorKind::Passkey))
            }
        }
    }
}
