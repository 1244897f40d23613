//! What providers make and judge: tokens of their own, which doorstep never knows.

use std::sync::Arc;
use std::time::Duration;

use super::challenge::SmsSent;
use super::guards::allows_country;
use super::send::SmsOutcome;
use super::sms::LONGEST_TTL;
use super::waiting::Waiting;
use crate::access::{Doorstep, Settings, Unknown};
use crate::clock::Timestamp;
use crate::directory::{Phone, Spent};
use crate::gate::FactorKind;
use crate::providers::{Accounts, Checked, Checker, Person, SendError, TokenSender};
use crate::secret::{KeyRing, Purpose, random_id};
use crate::sessions::{Challenge, ChallengeId, SentToken};

/// A token that a provider called right is right no second time for so long, whatever the provider says.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// What the providers said of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByProviders {
    /// Right, and spent.
    Right(FactorKind),
    /// Right, and it was before.
    Used,
    /// Not right, as at least one of them says; or nobody was to be asked.
    Wrong,
    /// Nobody could say.
    Unjudged,
}

impl Waiting {
    /// The holder, as providers are asked about them. After a reset nobody, until the number is confirmed: a
    /// provider still knows the phone that was lost.
    pub(super) fn person<'a>(&'a self, accounts: &'a dyn Accounts) -> Option<Person<'a>> {
        (!self.employee.phone_suspended).then(|| Person {
            login: self.login(),
            phone: self.employee.usable_phone(),
            email: self.employee.email.as_deref(),
            accounts,
        })
    }
}

/// What a sent token of a provider's is noted under in its challenge: nothing that was typed fits it, and it
/// holds only while the number is the one that it went to.
fn noted(challenge: &ChallengeId, provider: &str, person: &Person<'_>) -> String {
    let subject = person.phone.map_or_else(|| person.login.folded(), Phone::e164);
    format!("provider:{}:{provider}:{subject}", challenge.0)
}

fn was_sent(keys: &KeyRing, challenge: &Challenge, provider: &str, person: &Person<'_>) -> bool {
    let note = noted(&challenge.id, provider, person);
    let hashes = keys.keyed_hashes(Purpose::Token, note.as_bytes());
    challenge.sms.iter().any(|sent| hashes.contains(&sent.hash))
}

impl Doorstep {
    /// Where the provider that makes its own tokens would send one.
    pub(super) fn provider_number(&self, settings: &Settings, waiting: &Waiting) -> Option<String> {
        let sender = settings.providers.token_sender.as_ref()?;
        let person = waiting.person(&self.directory)?;
        let reached = person.phone.is_none_or(|phone| allows_country(settings, phone));
        sender
            .shown_number(&person)
            .filter(|_| reached && waiting.allows(FactorKind::Sms))
    }

    /// Has the provider send a token of its own; only that it did is kept.
    pub(super) async fn send_by_provider(
        &self,
        settings: &Settings,
        sender: &Arc<dyn TokenSender>,
        waiting: &Waiting,
        id: &ChallengeId,
        now: Timestamp,
    ) -> Result<SmsOutcome, Unknown> {
        let shown = self.provider_number(settings, waiting);
        let (Some(shown), Some(person)) = (shown, waiting.person(&self.directory)) else {
            return Ok(SmsOutcome::NoNumber);
        };
        if let Some(until) = waiting.locked_until(now) {
            return Ok(SmsOutcome::Locked { until });
        }
        let number = person.phone.map_or_else(|| person.login.folded(), Phone::e164);
        let tickets = match self.take_all(settings, waiting, number, now).await? {
            Ok(tickets) => tickets,
            Err(until) => return Ok(SmsOutcome::Limited { until }),
        };
        let note = noted(id, sender.name(), &person);
        let sent = SentToken {
            id: random_id(),
            hash: self.keys.keyed_hash(Purpose::Token, note.as_bytes()),
            sent: now,
            expires: now.plus(LONGEST_TTL),
            shown_number: shown,
        };
        // Noted before it is sent: what arrives works.
        if !self
            .change_open(id, now, |challenge| challenge.keep(&sent))
            .await?
        {
            self.give_back(&tickets).await?;
            return Ok(SmsOutcome::Over);
        }
        let Err(error) = sender.send_own(&person).await else {
            return Ok(SmsOutcome::Sent(SmsSent::from(&sent)));
        };
        tracing::warn!(provider = sender.name(), %error, "no token was sent");
        if !matches!(error, SendError::Unanswered(_)) {
            self.give_back(&tickets).await?;
            let withdraw = |challenge: &mut Challenge| challenge.sms.retain(|one| one.id != sent.id);
            self.change_open(id, now, withdraw).await?;
        }
        Ok(SmsOutcome::Unavailable)
    }

    /// Who may judge a token typed for this challenge.
    pub(super) fn provider_judges(
        &self,
        settings: &Settings,
        waiting: &Waiting,
        challenge: Option<&Challenge>,
    ) -> Vec<Checker> {
        let Some(person) = waiting.person(&self.directory) else {
            return Vec::new();
        };
        let applies = |checker: &&Checker| {
            let sent = |challenge| was_sent(&self.keys, challenge, checker.judge.name(), &person);
            waiting.allows(checker.factor) && (!checker.only_if_sent || challenge.is_some_and(sent))
        };
        let mut judges: Vec<Checker> = Vec::new();
        for checker in settings.providers.checkers.iter().filter(applies) {
            // Asked twice about one token, a provider would call it used.
            if judges
                .iter()
                .all(|known| known.judge.name() != checker.judge.name())
            {
                judges.push(checker.clone());
            }
        }
        judges
    }

    /// Whether a provider judges keys of an app without having sent anything.
    pub(super) fn provider_takes_keys(&self, settings: &Settings, waiting: &Waiting) -> bool {
        let judges = self.provider_judges(settings, waiting, None);
        judges.iter().any(|judge| judge.factor == FactorKind::Totp)
    }

    /// Asks the providers, one after the other, and records what is right as spent before it counts (I7).
    pub(super) async fn judge_by_providers(
        &self,
        waiting: &Waiting,
        challenge: &Challenge,
        token: &str,
        now: Timestamp,
    ) -> Result<ByProviders, Unknown> {
        let settings = self.settings.load_full();
        let Some(person) = waiting.person(&self.directory) else {
            return Ok(ByProviders::Wrong);
        };
        let mut judged = self.own_could_judge(&settings, waiting, challenge, token).await?;
        let mut unjudged = false;
        for checker in self.provider_judges(&settings, waiting, Some(challenge)) {
            let provider = checker.judge.name();
            match checker.judge.check(&person, token).await {
                Checked::Right => {
                    let fresh = self.spend_provider_token(provider, waiting, token, now).await?;
                    return Ok(match fresh {
                        true => ByProviders::Right(checker.factor),
                        false => ByProviders::Used,
                    });
                }
                Checked::Wrong => judged = true,
                Checked::Unjudged(why) => {
                    tracing::warn!(provider, why, "a token could not be judged");
                    unjudged = true;
                }
            }
        }
        // Where anybody could have called it right, a guess was made: it counts although others were silent.
        Ok(match unjudged && !judged {
            true => ByProviders::Unjudged,
            false => ByProviders::Wrong,
        })
    }

    async fn spend_provider_token(
        &self,
        provider: &str,
        waiting: &Waiting,
        token: &str,
        now: Timestamp,
    ) -> Result<bool, Unknown> {
        let what = format!("{provider}:{}:{token}", waiting.login().folded());
        let hash = self.keys.keyed_hash(Purpose::Token, what.as_bytes());
        let keep_until = now.plus(REMEMBERED);
        Ok(self
            .directory
            .spend(Spent::ProviderToken, &hash, keep_until)
            .await?)
    }

    /// Whether a token of this length might have been one that doorstep itself judges.
    async fn own_could_judge(
        &self,
        settings: &Settings,
        waiting: &Waiting,
        challenge: &Challenge,
        token: &str,
    ) -> Result<bool, Unknown> {
        let fits = |digits: u32| usize::try_from(digits).is_ok_and(|digits| digits == token.len());
        let own_sms = settings.sms.is_some() && !challenge.sms.is_empty();
        if own_sms
            && settings
                .config
                .factors
                .sms
                .as_ref()
                .is_some_and(|sms| fits(sms.digits))
        {
            return Ok(true);
        }
        if !waiting.has_totp() {
            return Ok(false);
        }
        let keys = self.directory.totp_factors(waiting.login()).await?;
        Ok(keys.iter().any(|key| fits(key.shape.digits)))
    }
}
