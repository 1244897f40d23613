//! The challenge: what the page shows, what is sent, and the verdict over a typed token.

use crate::access::{Doorstep, Entry, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::gate::FactorKind;
use crate::sessions::{Challenge, Versioned};

/// What the challenge page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who is signing in.
    pub login: String,
    /// Whether a TOTP key is enrolled and allowed.
    pub totp: bool,
    /// The number an SMS may go to, masked, if that is allowed and possible.
    pub sms_number: Option<String>,
    /// The newest token that was sent: to which number (masked), when, valid until.
    pub sms_sent: Option<SmsSent>,
    /// Locked until then.
    pub locked_until: Option<Timestamp>,
    /// The challenge ran out.
    pub ran_out: bool,
    /// Nothing is enrolled that the firm allows.
    pub nothing_enrolled: bool,
    /// The firm's name.
    pub firm_name: String,
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

/// The verdict over a typed token.
#[derive(Debug)]
pub enum Verdict {
    /// It is right: the way in.
    Verified {
        /// By which factor.
        factor: FactorKind,
        /// The way in.
        entry: Entry,
    },
    /// A one-time passcode was right: the holder may enrol a factor now.
    MayEnrol,
    /// It is not right; so many tries are left.
    Wrong {
        /// Tries left before the lock.
        left: u32,
    },
    /// It was right once, and ran out.
    Expired,
    /// It was used before.
    Used,
    /// Too many tries.
    Locked {
        /// Until then.
        until: Timestamp,
    },
    /// The challenge ran out.
    RanOut,
    /// Another factor or request was faster: answer 409, try again.
    Overtaken,
    /// Nothing is enrolled that could judge it.
    NothingEnrolled,
}

/// How the challenge stands, for `challenge/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waiting.
    Pending,
    /// It ran out.
    Expired,
    /// Guessing is locked.
    Locked,
}

#[allow(unused_variables, clippy::unused_async)]
impl Doorstep {
    /// The session's open challenge; a new one where it has none and `reopen` or it never had one.
    /// Changes the session's record to name it.
    pub async fn challenge_for(
        &self,
        session: &LiveSession,
        reopen: bool,
        now: Timestamp,
    ) -> Result<Option<Versioned<Challenge>>, Unknown> {
        unimplemented!()
    }

    /// What the page shows for this session.
    pub async fn challenge_view(&self, session: &LiveSession, now: Timestamp) -> Result<View, Unknown> {
        unimplemented!()
    }

    /// Sends a token by SMS.
    pub async fn send_sms(&self, session: &LiveSession, now: Timestamp) -> Result<SmsOutcome, Unknown> {
        unimplemented!()
    }

    /// Judges a typed token and lets in where it is right.
    pub async fn verify_token(
        &self,
        session: &LiveSession,
        typed: &str,
        now: Timestamp,
    ) -> Result<Verdict, Unknown> {
        unimplemented!()
    }

    /// How the session's challenge stands.
    pub async fn challenge_status(&self, session: &LiveSession, now: Timestamp) -> Result<Status, Unknown> {
        unimplemented!()
    }
}
