//! Passkeys (WebAuthn): what one is asked to sign, and the verdict over what it signed. A lock (I8) stops none:
//! there is nothing to guess.

use std::time::Duration;

use ring::digest;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    PasskeyAuthentication, PublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::verify::{PasskeyFault, Verdict};
use super::waiting::{Named, Standing, TRIES, Waiting, too_busy};
use crate::access::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::config::{Listen, Origin};
use crate::directory::{Passkey, Spent};
use crate::gate::{FactorKind, Login};
use crate::secret::random_id;
use crate::sessions::{AskedPasskey, Challenge, ChallengeId, ChallengeState};

/// What was asked is remembered as spent for so long after it ran out.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// The longest answer of an authenticator that is read, in bytes.
const LONGEST: usize = 12 * 1024;

/// The relying party: its id is the host of the origin that own pages live on, and no other origin counts.
pub struct Site {
    /// The relying party's id.
    pub id: String,
    pub(super) verifier: Webauthn,
}

impl Site {
    /// `None` where there can be no passkeys: an address that is no name is no relying party.
    pub fn of(listen: &Listen, portal: &str) -> Option<Self> {
        let origin: &Origin = listen.own_origin();
        let url = Url::parse(&origin.to_string()).ok()?;
        let id = url.domain()?.to_owned();
        let verifier = WebauthnBuilder::new(&id, &url)
            .and_then(|builder| builder.rp_name(portal).build())
            .ok()?;
        Some(Self { id, verifier })
    }
}

/// What came of asking for something that a passkey can sign.
#[derive(Debug)]
pub enum PasskeyAsked {
    /// The options for `navigator.credentials.get`, as JSON.
    Options(Value),
    /// There is no passkey that could sign, or the firm allows none.
    NoPasskey,
    /// The challenge ran out or was verified meanwhile.
    Over,
}

/// What an authenticator said, judged.
pub(super) enum Signed {
    /// By this passkey of the holder's, under a counter not seen before; what was asked is spent.
    Right,
    Not(PasskeyFault),
}

impl Doorstep {
    /// Where passkeys are good, under the present configuration.
    pub fn passkey_site(&self) -> Option<Site> {
        let config = &self.settings.load().config;
        Site::of(&config.listen, &config.portal.name)
    }

    /// Asks for something that a passkey of the holder can sign, once, in place of what was asked before.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn ask_passkey(&self, session: &LiveSession, now: Timestamp) -> Result<PasskeyAsked, Unknown> {
        let Standing::Waiting(waiting) = self.waiting(session, now).await? else {
            return Ok(PasskeyAsked::Over);
        };
        let Named::Open(challenge) = self.named(&waiting, now).await? else {
            return Ok(PasskeyAsked::Over);
        };
        let expires = challenge.value.expires;
        self.ask_of(&waiting, &challenge.value.id, expires, now).await
    }

    /// Puts what is asked into a challenge.
    pub(super) async fn ask_of(
        &self,
        waiting: &Waiting,
        id: &ChallengeId,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<PasskeyAsked, Unknown> {
        let Some(site) = self
            .passkey_site()
            .filter(|_| waiting.allows(FactorKind::Passkey))
        else {
            return Ok(PasskeyAsked::NoPasskey);
        };
        let kept = self.directory.passkeys(waiting.login(), &site.id).await?;
        let passkeys: Vec<_> = kept.iter().filter_map(read).collect();
        if passkeys.is_empty() {
            return Ok(PasskeyAsked::NoPasskey);
        }
        let started = site.verifier.start_passkey_authentication(&passkeys);
        let state = started.and_then(|(options, state)| {
            let state = serde_json::to_string(&state).map_err(|_| WebauthnError::Configuration)?;
            let options = serde_json::to_value(&options).map_err(|_| WebauthnError::Configuration)?;
            Ok((options, state))
        });
        let (options, state) = match state {
            Ok(both) => both,
            Err(error) => {
                tracing::error!(?error, "no passkey can be asked");
                return Ok(PasskeyAsked::NoPasskey);
            }
        };
        let asked = AskedPasskey {
            id: random_id(),
            state,
            expires,
        };
        for _ in 0..TRIES {
            let Some(mut found) = self.store.challenge(id, now).await? else {
                return Ok(PasskeyAsked::Over);
            };
            if found.value.state != ChallengeState::Open {
                return Ok(PasskeyAsked::Over);
            }
            found.value.passkey = Some(asked.clone());
            if self
                .store
                .update_challenge(&found.value, found.version, now)
                .await?
            {
                return Ok(PasskeyAsked::Options(options));
            }
        }
        Err(too_busy())
    }

    /// Judges what a passkey signed, and lets in where it is right. What was asked is spent in the directory
    /// before anything is granted.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn verify_passkey(
        &self,
        session: &LiveSession,
        answer: &str,
        now: Timestamp,
    ) -> Result<Verdict, Unknown> {
        let verdict = self.passkey_verdict(session, answer, now).await?;
        self.metrics.factor(verdict.as_str());
        Ok(verdict)
    }

    async fn passkey_verdict(
        &self,
        session: &LiveSession,
        answer: &str,
        now: Timestamp,
    ) -> Result<Verdict, Unknown> {
        // A raised session has another id: one that was ended a moment ago must not get that far.
        self.copies.changed_here().await?;
        let waiting = match self.waiting(session, now).await? {
            Standing::Waiting(waiting) => waiting,
            Standing::Ended => return Ok(Verdict::Ended),
            Standing::Overtaken => return Ok(Verdict::Overtaken),
        };
        let challenge = match self.named(&waiting, now).await? {
            Named::Open(challenge) => *challenge,
            Named::Verified => return Ok(Verdict::Overtaken),
            Named::None | Named::RanOut => return Ok(Verdict::RanOut),
        };
        match self
            .judge_passkey(&waiting, &challenge.value, answer, now)
            .await?
        {
            Signed::Right => {
                self.let_in(session, &waiting, challenge, FactorKind::Passkey, now)
                    .await
            }
            Signed::Not(PasskeyFault::Used)
                if matches!(self.named(&waiting, now).await?, Named::Verified) =>
            {
                // Sent twice: the first one has let in.
                Ok(Verdict::Overtaken)
            }
            Signed::Not(fault) => Ok(Verdict::NotByPasskey(fault)),
        }
    }

    /// Judges what a passkey signed for a challenge, and spends it where it is right.
    pub(super) async fn judge_passkey(
        &self,
        waiting: &Waiting,
        challenge: &Challenge,
        answer: &str,
        now: Timestamp,
    ) -> Result<Signed, Unknown> {
        let refused = Ok(Signed::Not(PasskeyFault::Refused));
        let Some(site) = self
            .passkey_site()
            .filter(|_| waiting.allows(FactorKind::Passkey))
        else {
            return refused;
        };
        let Some(asked) = challenge.passkey.as_ref().filter(|asked| now < asked.expires) else {
            return Ok(Signed::Not(PasskeyFault::Over));
        };
        let Some((answer, state)) = parse(answer, &asked.state) else {
            return refused;
        };
        let result = match site.verifier.finish_passkey_authentication(&answer, &state) {
            Ok(result) => result,
            Err(WebauthnError::CredentialPossibleCompromise) => return self.went_back(waiting, now).await,
            Err(error) => {
                tracing::info!(?error, "what a passkey signed was refused");
                return refused;
            }
        };
        // As the directory has them now: one that was removed since it was asked is none any more.
        let kept = self.directory.passkeys(waiting.login(), &site.id).await?;
        let used = kept
            .iter()
            .find(|one| read(one).is_some_and(|passkey| passkey.cred_id() == result.cred_id()));
        let Some(used) = used.filter(|_| result.user_verified()) else {
            return refused;
        };
        let keep_until = asked.expires.plus(REMEMBERED);
        if !self
            .directory
            .spend(Spent::Passkey, &asked.id, keep_until)
            .await?
        {
            return Ok(Signed::Not(PasskeyFault::Used));
        }
        if !self
            .directory
            .use_passkey(&used.id, result.counter(), now)
            .await?
        {
            return self.went_back(waiting, now).await;
        }
        Ok(Signed::Right)
    }

    /// A signature counter that does not rise is the sign of a copy: refused, audited, and the people concerned
    /// are told.
    async fn went_back(&self, waiting: &Waiting, now: Timestamp) -> Result<Signed, Unknown> {
        let details = json!({"kind": FactorKind::Passkey.as_str()});
        let event = waiting.event("factor.counter_went_back", details);
        self.directory.audit(&event, now).await?;
        Ok(Signed::Not(PasskeyFault::MayBeCopied))
    }
}

impl Waiting {
    /// Whether a passkey is enrolled and allowed.
    pub(super) fn has_passkey(&self) -> bool {
        let mut factors = self.employee.factors.iter();
        self.allows(FactorKind::Passkey) && factors.any(|factor| factor.kind == FactorKind::Passkey)
    }
}

/// A kept passkey with the highest counter that was seen.
pub fn read(kept: &Passkey) -> Option<webauthn_rs::prelude::Passkey> {
    let mut value: Value = serde_json::from_str(&kept.key).ok()?;
    if let Some(counter) = value.pointer_mut("/cred/counter") {
        let made_with = counter.as_u64().unwrap_or(0);
        *counter = json!(made_with.max(kept.counter.into()));
    }
    serde_json::from_value(value).ok()
}

fn parse(answer: &str, state: &str) -> Option<(PublicKeyCredential, PasskeyAuthentication)> {
    if answer.len() > LONGEST {
        return None;
    }
    Some((
        serde_json::from_str(answer).ok()?,
        serde_json::from_str(state).ok()?,
    ))
}

/// How authenticators know an employee: nothing that tells who it is.
pub fn user_handle(directory: &str, login: &Login) -> Uuid {
    let text = format!("doorstep passkey user\0{directory}\0{}", login.folded());
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    Uuid::from_bytes(bytes)
}
