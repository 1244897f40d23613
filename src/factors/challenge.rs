//! The challenge: opened, shown, and how it stands.

use super::guards::sends_to;
use super::push::PushView;
use super::send::PAUSE;
pub use super::send::SmsOutcome;
pub use super::verify::Verdict;
use super::waiting::{Named, Standing, TRIES, Waiting, too_busy};
use crate::access::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::sessions::{
    Allowance, Challenge, ChallengeId, ChallengeState, Level, PushState, SentToken, Versioned,
};

/// What the challenge page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who is signing in.
    pub login: String,
    /// Whether a TOTP key is enrolled and allowed.
    pub totp: bool,
    /// Whether a passkey is enrolled and allowed.
    pub passkey: bool,
    /// The number an SMS may go to, masked, if that is allowed and possible.
    pub sms_number: Option<String>,
    /// The newest token that was sent: to which number (masked), when, valid until.
    pub sms_sent: Option<SmsSent>,
    /// What of requests to phones, where one can be asked.
    pub push: Option<PushView>,
    /// Locked until then.
    pub locked_until: Option<Timestamp>,
    /// The challenge ran out, or none could be opened.
    pub ran_out: bool,
    /// Nothing is enrolled that the firm allows.
    pub nothing_enrolled: bool,
    /// The firm's name.
    pub firm_name: String,
    /// For how many days this device may be remembered, if at all.
    pub remember_days: Option<u64>,
}

/// A token that is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsSent {
    /// `+1 ••• ••• 0102`
    pub number: String,
    /// When it was sent.
    pub at: Timestamp,
    /// Until when it works.
    pub expires: Timestamp,
    /// From when another one can be asked for.
    pub again_from: Timestamp,
}

impl From<&SentToken> for SmsSent {
    fn from(token: &SentToken) -> Self {
        Self {
            number: token.shown_number.clone(),
            at: token.sent,
            expires: token.expires,
            again_from: token.sent.plus(PAUSE),
        }
    }
}

/// How the challenge stands, for `challenge/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waiting.
    Pending,
    /// The request was declined on a phone. Tokens still count.
    Denied,
    /// It was approved on a phone: the next request that is not this one goes in.
    Approved,
    /// It ran out.
    Expired,
    /// Guessing is locked.
    Locked,
}

/// The challenge of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is open.
    Open(Box<Versioned<Challenge>>),
    /// It ran out: `reopen` would replace it.
    RanOut,
    /// Too many were opened for this employee.
    Limited {
        /// Not before this moment.
        until: Timestamp,
    },
    /// The session owes no factor (any more): it is over, was raised, or nobody has signed in.
    NotOwed,
}

impl Doorstep {
    /// The session's open challenge: the one it names, or a new one where it never had one, or where that
    /// ran out and `reopen` is asked. Names the new one in the session's record; of several requests at once
    /// all get the same.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn challenge_for(
        &self,
        session: &LiveSession,
        reopen: bool,
        now: Timestamp,
    ) -> Result<Opening, Unknown> {
        for _ in 0..TRIES {
            let Standing::Waiting(waiting) = self.waiting(session, now).await? else {
                return Ok(Opening::NotOwed);
            };
            match self.named(&waiting, now).await? {
                Named::Open(challenge) => return Ok(Opening::Open(challenge)),
                Named::RanOut if !reopen => return Ok(Opening::RanOut),
                // One that was verified and yet let nobody in (the store failed in between) is spent.
                Named::None | Named::RanOut | Named::Verified => {}
            }
            if let Some(opening) = self.open(&waiting, now).await? {
                return Ok(opening);
            }
        }
        Err(too_busy())
    }

    /// Opens a challenge and names it in the session's record; `None` where another request changed that
    /// first.
    async fn open(&self, waiting: &Waiting, now: Timestamp) -> Result<Option<Opening>, Unknown> {
        let settings = self.settings.load();
        let config = &settings.config;
        let key = self.limit_key("challenges_per_employee", "employee", waiting.login().folded());
        let limit = config.limits.challenges_per_employee;
        let ticket = match self.store.take(&key, limit, now).await? {
            Allowance::Granted(ticket) => ticket,
            Allowance::Refused { until } => return Ok(Some(Opening::Limited { until })),
        };
        let opened = Challenge {
            id: ChallengeId::random(),
            login: waiting.login().clone(),
            opened: now,
            expires: now.plus(config.factors.challenge_ttl),
            state: ChallengeState::Open,
            sms: Vec::new(),
            push: None,
            passkey: None,
        };
        self.store.create_challenge(&opened, now).await?;
        let mut record = waiting.stored.record.clone();
        record.level.name_challenge(&opened.id);
        let version = waiting.stored.record_version;
        if self.store.update(&record, version, now).await? {
            let value = opened;
            return Ok(Some(Opening::Open(Box::new(Versioned { value, version: 1 }))));
        }
        // Nothing names the one just made: it goes by itself when it runs out.
        self.store.give_back(&ticket).await?;
        Ok(None)
    }

    /// What the page shows for this session.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn challenge_view(&self, session: &LiveSession, now: Timestamp) -> Result<View, Unknown> {
        let Standing::Waiting(waiting) = self.waiting(session, now).await? else {
            return Ok(View::of_a_session_that_is_over(session));
        };
        let named = self.named(&waiting, now).await?;
        let settings = self.settings.load_full();
        let totp = waiting.has_totp() || self.provider_takes_keys(&settings, &waiting);
        let own_number = waiting.number(now).filter(|phone| sends_to(&settings, phone));
        let sms_number = match own_number {
            Some(phone) => Some(phone.masked()),
            None => self.provider_number(&settings, &waiting),
        };
        let open = match &named {
            Named::Open(challenge) => Some(&challenge.value),
            _ => None,
        };
        let sms_sent = open.and_then(|challenge| challenge.sms.first());
        let push = self.push_view(&waiting, open, now).await?;
        Ok(View {
            login: waiting.login().to_string(),
            totp,
            passkey: waiting.has_passkey() && self.passkey_site().is_some(),
            nothing_enrolled: !totp
                && !waiting.has_passkey()
                && !waiting.can_push(&settings, &self.directory)
                && (sms_number.is_none() || waiting.enrolment_phone(now).is_some()),
            sms_number,
            sms_sent: sms_sent.filter(|token| now < token.expires).map(SmsSent::from),
            push,
            locked_until: waiting.locked_until(now),
            ran_out: matches!(named, Named::None | Named::RanOut),
            firm_name: waiting.employee.standing.firm.name.clone(),
            remember_days: self
                .remembers_for(&waiting.employee.standing.firm)
                .map(|length| length.as_secs().div_ceil(86_400)),
        })
    }

    /// How the session's challenge stands.
    ///
    /// # Errors
    /// Where store or directory cannot answer.
    pub async fn challenge_status(&self, session: &LiveSession, now: Timestamp) -> Result<Status, Unknown> {
        let waiting = match self.waiting(session, now).await? {
            Standing::Waiting(waiting) => waiting,
            Standing::Ended => return Ok(Status::Expired),
            // The next request under this token is told so.
            Standing::Overtaken => return Ok(Status::Pending),
        };
        let named = self.named(&waiting, now).await?;
        if matches!(named, Named::Verified) && self.is_approved(&waiting.live(session), now).await? {
            return Ok(Status::Approved);
        }
        if waiting.locked_until(now).is_some() {
            return Ok(Status::Locked);
        }
        Ok(match named {
            Named::RanOut => Status::Expired,
            Named::Open(challenge) if challenge.value.is_declined() => Status::Denied,
            Named::None | Named::Open(_) | Named::Verified => Status::Pending,
        })
    }
}

impl Challenge {
    fn is_declined(&self) -> bool {
        self.push
            .as_ref()
            .is_some_and(|push| push.state == PushState::Denied)
    }
}

impl Level {
    /// Names the challenge in the level; a verification that was taken back is gone with that.
    fn name_challenge(&mut self, id: &ChallengeId) {
        match self {
            Self::Password { challenge, .. } => *challenge = Some(id.clone()),
            Self::SecondFactor { holder, verified, .. } => {
                *self = Self::Password {
                    holder: holder.clone(),
                    since: *verified,
                    challenge: Some(id.clone()),
                    may_enrol_until: None,
                    device: None,
                };
            }
            Self::Anonymous { .. } => {}
        }
    }
}

impl View {
    /// It ended while the page was made: the next request says so.
    fn of_a_session_that_is_over(session: &LiveSession) -> Self {
        let holder = session.stored.record.level.holder();
        let firm = session.standing.as_ref().map(|standing| &standing.firm);
        Self {
            login: holder.map_or_else(String::new, |holder| holder.login.to_string()),
            totp: false,
            passkey: false,
            sms_number: None,
            sms_sent: None,
            push: None,
            locked_until: None,
            ran_out: true,
            nothing_enrolled: false,
            firm_name: firm.map_or_else(String::new, |firm| firm.name.clone()),
            remember_days: None,
        }
    }
}
