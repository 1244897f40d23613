//! Requests to an employee's phones: sent once by themselves, again on a click, in the background.

use std::sync::Arc;
use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::challenge::Opening;
use super::push_vendor::vendor_push;
use super::waiting::{Named, Standing, TRIES, Waiting, too_busy};
use super::whence::Whence;
use crate::access::{Doorstep, LiveSession, Settings, Unknown, Who};
use crate::clock::Timestamp;
use crate::directory::{self, Device};
use crate::gate::FactorKind;
use crate::providers::Accounts;
use crate::providers::web_push::{Delivery, Knock, Signer};
use crate::secret::{SessionToken, random_bytes, random_id};
use crate::sessions::{
    Allowance, Challenge, ChallengeId, ChallengeState, Level, PushDevice, PushPurpose, PushState, SentPush,
};

/// Who asks for a request to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nobody: it goes out because a challenge has opened. Once, and not at all after three in an hour that
    /// nobody wanted.
    ByItself,
    /// Somebody pressed the button.
    Clicked,
}

/// How sending a request went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushSent {
    /// It is on its way, or was already.
    Sent,
    /// No phone is enrolled, or the firm allows none.
    NoPhone,
    /// Not before this moment.
    Limited {
        /// Then.
        until: Timestamp,
    },
    /// Three went unanswered or were declined within an hour: none goes out by itself.
    Held,
    /// The challenge ran out or was verified meanwhile.
    Over,
}

/// What the challenge page shows of a request to phones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushView {
    /// How it stands.
    pub state: PushShown,
    /// The phones' names, as one text.
    pub phones: String,
    /// The two digits to type there.
    pub digits: String,
    /// Until when it can be answered.
    pub expires: Timestamp,
    /// For how long it could be answered.
    pub life: Duration,
}

/// How a request to phones stands, as the page tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushShown {
    /// None was sent: one can be asked for.
    Ready {
        /// The page may ask for it by itself.
        by_itself: bool,
    },
    /// It is on its way.
    Sent,
    /// No phone could be woken.
    NotDelivered,
    /// It was declined.
    Denied,
    /// It ran out.
    Expired,
}

impl PushShown {
    /// The word for scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready { .. } => "ready",
            Self::Sent => "sent",
            Self::NotDelivered => "not_delivered",
            Self::Denied => "denied",
            Self::Expired => "expired",
        }
    }
}

/// A request that is to be sent.
pub(super) struct Ask<'a> {
    /// The challenge that it belongs to.
    pub id: ChallengeId,
    /// The request that it takes the place of.
    pub before: Option<String>,
    /// Nobody has clicked.
    pub by_itself: bool,
    /// What for.
    pub purpose: PushPurpose,
    /// From where.
    pub from: Whence<'a>,
}

impl Doorstep {
    /// A password was accepted and a factor is owed: where phones are enrolled, the challenge opens and they
    /// are alerted. What fails here is only logged: the challenge page offers it again.
    pub async fn alert(self: &Arc<Self>, token: &SessionToken, from: Whence<'_>, now: Timestamp) {
        if let Err(unknown) = self.try_alert(token, from, now).await {
            tracing::warn!(%unknown, "no request went to a phone");
        }
    }

    async fn try_alert(
        self: &Arc<Self>,
        token: &SessionToken,
        from: Whence<'_>,
        now: Timestamp,
    ) -> Result<(), Unknown> {
        let Who::Session(session) = self.who(Some(token.clone()), now).await? else {
            return Ok(());
        };
        let Standing::Waiting(waiting) = self.waiting(&session, now).await? else {
            return Ok(());
        };
        if !waiting.can_push(&self.settings.load(), &self.directory) {
            return Ok(());
        }
        if let Opening::Open(_) = self.challenge_for(&session, false, now).await? {
            self.send_push(&session, Asked::ByItself, from, now).await?;
        }
        Ok(())
    }

    /// Sends a request to every enrolled phone, in the background.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn send_push<'a>(
        self: &Arc<Self>,
        session: &LiveSession,
        asked: Asked,
        from: impl Into<Whence<'a>>,
        now: Timestamp,
    ) -> Result<PushSent, Unknown> {
        let Standing::Waiting(waiting) = self.waiting(session, now).await? else {
            return Ok(PushSent::Over);
        };
        let Named::Open(challenge) = self.named(&waiting, now).await? else {
            return Ok(PushSent::Over);
        };
        let settings = self.settings.load_full();
        if !waiting.can_push(&settings, &self.directory) {
            return Ok(PushSent::NoPhone);
        }
        if asked == Asked::ByItself && challenge.value.push.is_some() {
            return Ok(PushSent::Sent);
        }
        let ask = Ask {
            id: challenge.value.id,
            before: challenge.value.push.map(|push| push.id),
            by_itself: asked == Asked::ByItself,
            purpose: PushPurpose::SignIn,
            from: from.into(),
        };
        self.ask_phones(waiting, ask, now).await
    }

    /// Counts a request, records it, puts it into its challenge, and sends it in the background.
    pub(super) async fn ask_phones(
        self: &Arc<Self>,
        waiting: Box<Waiting>,
        ask: Ask<'_>,
        now: Timestamp,
    ) -> Result<PushSent, Unknown> {
        let settings = self.settings.load_full();
        let devices = self.directory.devices(waiting.login()).await?;
        let key = self.limit_key("pushes_per_employee", "employee", waiting.login().folded());
        let limit = settings.config.limits.pushes_per_employee;
        let ticket = match self.store.take(&key, limit, now).await? {
            Allowance::Granted(ticket) => ticket,
            Allowance::Refused { until } => return Ok(PushSent::Limited { until }),
        };
        let ttl = settings.config.factors.challenge_ttl;
        let approver = settings.providers.approver.clone();
        let push = match &approver {
            Some(approver) => vendor_push(&**approver, ask.from.browser, ttl, now),
            None => SentPush {
                purpose: ask.purpose,
                ..SentPush::new(&devices, ask.from.browser, ttl, now)
            },
        };
        let row = row_of(&push, &ask, &waiting);
        if !self
            .directory
            .record_push(waiting.login(), &row, ask.by_itself)
            .await?
        {
            self.store.give_back(&ticket).await?;
            return Ok(PushSent::Held);
        }
        if !self.put_push(&ask.id, ask.before.as_deref(), &push, now).await? {
            // Asked twice at once: the other one is on its way.
            self.directory
                .settle_push(&push.id, directory::PushOutcome::Overtaken, None)
                .await?;
            self.store.give_back(&ticket).await?;
            return Ok(PushSent::Sent);
        }
        let door = Arc::clone(self);
        let id = ask.id;
        match approver {
            Some(approver) => drop(tokio::spawn(door.ask_vendor(approver, waiting, id, push))),
            None => drop(tokio::spawn(
                async move { door.deliver(&id, &push, devices).await },
            )),
        }
        Ok(PushSent::Sent)
    }

    /// Puts a request in the place of the one that was `before`; `false` where another took it.
    async fn put_push(
        &self,
        id: &ChallengeId,
        before: Option<&str>,
        push: &SentPush,
        now: Timestamp,
    ) -> Result<bool, Unknown> {
        for _ in 0..TRIES {
            let Some(mut found) = self.store.challenge(id, now).await? else {
                return Ok(false);
            };
            let present = found.value.push.as_ref().map(|push| push.id.as_str());
            if found.value.state != ChallengeState::Open || present != before {
                return Ok(false);
            }
            found.value.expires = found.value.expires.max(push.expires);
            found.value.push = Some(push.clone());
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

    /// Wakes the phones. One that is dead stops no other.
    async fn deliver(&self, id: &ChallengeId, push: &SentPush, devices: Vec<Device>) {
        let signer = match self.push_signer().await {
            Ok(signer) => signer,
            Err(unknown) => {
                tracing::warn!(%unknown, "no phone can be woken");
                return;
            }
        };
        let knocks = devices.into_iter().filter_map(|device| {
            let subscription = device.subscription?;
            let (signer, push) = (&signer, &push);
            Some(async move {
                let knock = Knock {
                    subscription: &subscription,
                    id: &push.id,
                    ttl: push.expires.since(push.sent),
                    now: push.sent,
                };
                let delivery = signer.knock(&knock).await;
                if delivery == Delivery::Gone
                    && let Err(unknown) = self.directory.set_subscription(&device.id, None).await
                {
                    tracing::warn!(%unknown, "a subscription that is gone stays for now");
                }
                delivery == Delivery::Accepted
            })
        });
        let reached = futures_util::future::join_all(knocks).await.contains(&true);
        if let Err(unknown) = self.note_reached(id, &push.id, reached).await {
            tracing::warn!(%unknown, "whether a phone was reached cannot be noted");
        }
    }

    /// A phone shows a request.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn note_push_seen(&self, id: &ChallengeId, push: &str) -> Result<(), Unknown> {
        self.note_reached(id, push, true).await
    }

    /// Notes whether a phone was reached; one that was, is.
    pub(super) async fn note_reached(
        &self,
        id: &ChallengeId,
        push: &str,
        reached: bool,
    ) -> Result<(), Unknown> {
        let now = self.now();
        self.change_push(id, push, now, |push| {
            let news = push.reached != Some(true) && push.reached != Some(reached);
            if news {
                push.reached = Some(reached);
            }
            news
        })
        .await?;
        Ok(())
    }

    /// Changes a request of an open challenge by compare-and-set, where `change` says that it did. `false`
    /// where nothing was written: it did not, or the request is not the challenge's (any more).
    pub(super) async fn change_push(
        &self,
        id: &ChallengeId,
        push: &str,
        now: Timestamp,
        change: impl Fn(&mut SentPush) -> bool,
    ) -> Result<bool, Unknown> {
        for _ in 0..TRIES {
            let Some(mut found) = self.store.challenge(id, now).await? else {
                return Ok(false);
            };
            if found.value.state != ChallengeState::Open {
                return Ok(false);
            }
            let Some(present) = found.value.push.as_mut().filter(|one| one.id == push) else {
                return Ok(false);
            };
            if !change(present) {
                return Ok(false);
            }
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

    /// How the newest request to phones of a session's challenge stands, in a word.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn push_word(
        &self,
        session: &LiveSession,
        now: Timestamp,
    ) -> Result<Option<&'static str>, Unknown> {
        let Level::Password {
            challenge: Some(id), ..
        } = &session.stored.record.level
        else {
            return Ok(None);
        };
        let found = self.store.challenge(id, now).await?;
        let push = found.and_then(|found| found.value.push);
        Ok(Some(push.map_or("ready", |push| push.shown(now).as_str())))
    }

    /// Who signs what goes to push services.
    ///
    /// # Errors
    /// Where the directory cannot answer.
    pub async fn push_signer(&self) -> Result<Signer, Unknown> {
        let kept = self.directory.push_key().await?;
        let pair = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            kept.reveal(),
            &SystemRandom::new(),
        )
        .map_err(|_| directory::DirectoryUnknown("the push key in it is none".into()))?;
        Ok(Signer::new(pair, &self.settings.load().config.listen.public_url))
    }

    /// What the page shows of requests to phones; `None` where no phone can be asked.
    pub(super) async fn push_view(
        &self,
        waiting: &Waiting,
        challenge: Option<&Challenge>,
        now: Timestamp,
    ) -> Result<Option<PushView>, Unknown> {
        let Some(challenge) = challenge.filter(|_| waiting.can_push(&self.settings.load(), &self.directory))
        else {
            return Ok(None);
        };
        let Some(push) = &challenge.push else {
            let by_itself = self.directory.push_goes_by_itself(waiting.login(), now).await?;
            return Ok(Some(PushView {
                state: PushShown::Ready { by_itself },
                phones: String::new(),
                digits: String::new(),
                expires: challenge.expires,
                life: Duration::ZERO,
            }));
        };
        Ok(Some(PushView {
            state: push.shown(now),
            phones: names_of(&push.devices),
            digits: push.digits.clone(),
            expires: push.expires,
            life: push.expires.since(push.sent),
        }))
    }
}

impl Waiting {
    /// Whether a phone can be asked: one that is enrolled here, or a provider's.
    pub(super) fn can_push(&self, settings: &Settings, accounts: &dyn Accounts) -> bool {
        let mut factors = self.employee.factors.iter();
        self.allows(FactorKind::Push)
            && match &settings.providers.approver {
                Some(_) => self.person(accounts).is_some(),
                None => factors.any(|factor| factor.kind == FactorKind::Push),
            }
    }
}

impl SentPush {
    pub(super) fn new(devices: &[Device], browser: &str, ttl: Duration, now: Timestamp) -> Self {
        let named = devices.iter().map(|device| PushDevice {
            id: device.id.clone(),
            name: device.name.clone(),
        });
        Self {
            id: random_id(),
            digits: two_digits(),
            devices: named.collect(),
            sent: now,
            expires: now.plus(ttl),
            browser: browser.to_owned(),
            reached: None,
            purpose: PushPurpose::SignIn,
            token: None,
            wrong: 0,
            state: PushState::Pending,
        }
    }

    fn shown(&self, now: Timestamp) -> PushShown {
        match self.state {
            PushState::Denied => PushShown::Denied,
            _ if now >= self.expires => PushShown::Expired,
            _ if self.reached == Some(false) => PushShown::NotDelivered,
            _ => PushShown::Sent,
        }
    }
}

/// From 10 to 99, each as likely as any other.
fn two_digits() -> String {
    loop {
        let [byte] = random_bytes::<1>();
        // 180 is the largest multiple of 90 that a byte holds.
        if byte < 180 {
            return (10 + byte % 90).to_string();
        }
    }
}

fn names_of(devices: &[PushDevice]) -> String {
    let names: Vec<&str> = devices.iter().map(|device| device.name.as_str()).collect();
    match names.as_slice() {
        [] => "your phone".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn row_of(push: &SentPush, ask: &Ask<'_>, waiting: &Waiting) -> directory::SentPush {
    directory::SentPush {
        id: push.id.clone(),
        challenge: ask.id.0.clone(),
        address: ask.from.address(waiting.stored.record.address),
        browser: push.browser.clone(),
        sent: push.sent.0,
        expires: push.expires.0,
        outcome: None,
    }
}
