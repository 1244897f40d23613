//! Sends a token by SMS.

use std::time::Duration;

use super::challenge::SmsSent;
use super::guards::sends_to;
use super::sms::{Binding, LONGEST_TTL, random_token, text};
use super::waiting::{Named, Standing, TRIES, too_busy};
use crate::access::{Doorstep, LiveSession, Settings, Unknown};
use crate::clock::Timestamp;
use crate::directory::Phone;
use crate::providers::{SendError, TokenMessage};
use crate::secret::random_id;
use crate::sessions::{Challenge, ChallengeId, ChallengeState, SentToken, Ticket};

/// At least so long between two tokens for one employee, and for one number.
pub(super) const PAUSE: Duration = Duration::from_secs(30);
/// So many tokens that were replaced are kept, to tell "ran out" from "wrong".
const OLDER: usize = 4;
/// The challenge stays open for so long after the newest token ran out, so that this can be told.
const GRACE: Duration = Duration::from_secs(60);

/// How sending a token went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmsOutcome {
    /// It is on its way.
    Sent(SmsSent),
    /// Not before this moment (one per 30 s, or a limit).
    Limited {
        /// Then.
        until: Timestamp,
    },
    /// The provider is down.
    Unavailable,
    /// No usable number, or the firm allows no SMS.
    NoNumber,
    /// Guessing is locked, so no token is sent.
    Locked {
        /// Until then.
        until: Timestamp,
    },
    /// The challenge ran out or was verified meanwhile.
    Over,
}

impl Doorstep {
    /// Sends a token by SMS, to the number of the record only. The newest token is the valid one. A new token
    /// never resets the count of failures.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn send_sms(&self, session: &LiveSession, now: Timestamp) -> Result<SmsOutcome, Unknown> {
        let Standing::Waiting(waiting) = self.waiting(session, now).await? else {
            return Ok(SmsOutcome::Over);
        };
        let Named::Open(challenge) = self.named(&waiting, now).await? else {
            return Ok(SmsOutcome::Over);
        };
        let settings = self.settings.load_full();
        if let Some(sender) = &settings.providers.token_sender {
            let id = &challenge.value.id;
            return self.send_by_provider(&settings, sender, &waiting, id, now).await;
        }
        let Some(phone) = waiting.number(now).filter(|phone| sends_to(&settings, phone)) else {
            return Ok(SmsOutcome::NoNumber);
        };
        if let Some(until) = waiting.locked_until(now) {
            return Ok(SmsOutcome::Locked { until });
        }
        let limits = match self.take_all(&settings, &waiting, phone.e164(), now).await? {
            Ok(tickets) => tickets,
            Err(until) => return Ok(SmsOutcome::Limited { until }),
        };
        self.send_token(&settings, challenge.value.id, phone, limits, now)
            .await
    }

    pub(super) async fn send_token(
        &self,
        settings: &Settings,
        id: ChallengeId,
        phone: &Phone,
        tickets: Vec<Ticket>,
        now: Timestamp,
    ) -> Result<SmsOutcome, Unknown> {
        let (Some(sender), Some(sms)) = (&settings.sms, &settings.config.factors.sms) else {
            return Ok(SmsOutcome::NoNumber);
        };
        let ttl = sms.ttl.min(LONGEST_TTL);
        let token = random_token(sms.digits);
        let binding = Binding {
            challenge: &id,
            to: phone,
        };
        let sent = SentToken {
            id: random_id(),
            hash: binding.hash(&self.keys, &token),
            sent: now,
            expires: now.plus(ttl),
            shown_number: phone.masked(),
        };
        // Written before it is sent: what arrives works.
        let kept = self
            .change_open(&id, now, |challenge| challenge.keep(&sent))
            .await?;
        if !kept {
            self.give_back(&tickets).await?;
            return Ok(SmsOutcome::Over);
        }
        let host = settings.config.listen.own_origin().host();
        let text = text(&settings.config.portal.name, &token, ttl, host);
        let message = TokenMessage {
            to: phone,
            token: &token,
            text: &text,
        };
        let Err(error) = sender.send(&message).await else {
            return Ok(SmsOutcome::Sent(SmsSent::from(&sent)));
        };
        tracing::warn!(provider = sender.name(), %error, "no token was sent");
        // Where it may arrive all the same it goes on working, and counts.
        if !matches!(error, SendError::Unanswered(_)) {
            self.give_back(&tickets).await?;
            let withdraw = |challenge: &mut Challenge| challenge.sms.retain(|one| one.id != sent.id);
            self.change_open(&id, now, withdraw).await?;
        }
        Ok(SmsOutcome::Unavailable)
    }

    /// Changes a challenge by compare-and-set; `false` where it is not open (any more).
    pub(super) async fn change_open(
        &self,
        id: &ChallengeId,
        now: Timestamp,
        change: impl Fn(&mut Challenge),
    ) -> Result<bool, Unknown> {
        for _ in 0..TRIES {
            let Some(mut found) = self.store.challenge(id, now).await? else {
                return Ok(false);
            };
            if found.value.state != ChallengeState::Open {
                return Ok(false);
            }
            change(&mut found.value);
            if self
                .store
                .update_challenge(&found.value, found.version, now)
                .await?
            {
                return Ok(true);
            }
        }
        Err(too_busy())
    }

    pub(super) async fn give_back(&self, tickets: &[Ticket]) -> Result<(), Unknown> {
        for ticket in tickets {
            self.store.give_back(ticket).await?;
        }
        Ok(())
    }
}

impl Challenge {
    /// Puts a token in front and stays open at least as long as it works.
    pub(super) fn keep(&mut self, token: &SentToken) {
        self.sms.insert(0, token.clone());
        self.sms.truncate(1 + OLDER);
        self.expires = self.expires.max(token.expires.plus(GRACE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Login;

    #[test]
    fn five_tokens_are_kept_newest_first() {
        let now = Timestamp(0);
        let mut challenge = Challenge {
            id: ChallengeId::random(),
            login: Login::parse("anna").unwrap(),
            opened: now,
            expires: now.plus(5 * GRACE),
            state: ChallengeState::Open,
            sms: Vec::new(),
            push: None,
            passkey: None,
        };
        for id in ["1", "2", "3", "4", "5", "6", "7"] {
            challenge.keep(&SentToken {
                id: id.to_owned(),
                hash: String::new(),
                sent: now,
                expires: now.plus(GRACE),
                shown_number: String::new(),
            });
        }
        let kept: Vec<&str> = challenge.sms.iter().map(|token| token.id.as_str()).collect();
        assert_eq!(kept, ["7", "6", "5", "4", "3"]);
        assert_eq!(challenge.expires, now.plus(5 * GRACE), "never shortened");
    }
}
