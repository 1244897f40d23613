//! What the directory holds, as types.

use serde::{Deserialize, Serialize};

use super::EmployeeState;
use crate::clock::Timestamp;
use crate::gate::{EmployeeStanding, FactorKind, FirmId, Login, Policy, Role, TwoFactor};

/// The directory could not answer: neither found nor absent (I9). The reason is for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("directory: {0}")]
pub struct DirectoryUnknown(pub String);

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRefused {
    /// No firm or employee of that name.
    #[error("{0}")]
    NotFound(String),
    /// A firm or employee of that name (or one that folds alike) is already there.
    #[error("{0}")]
    Duplicate(String),
    /// What was asked does not fit; the text says what and what to do.
    #[error("{0}")]
    Invalid(String),
    /// Enabling was refused: these employees have neither phone nor factor.
    #[error("{} employees of firm {firm} have neither a phone nor a factor", .not_ready.len())]
    NotReady {
        /// The firm.
        firm: FirmId,
        /// Their logins.
        not_ready: Vec<String>,
    },
    /// The directory could not answer.
    #[error(transparent)]
    Unknown(#[from] DirectoryUnknown),
}

/// Who makes a change, for the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `ops`, `gateway`, or an employee's login.
    pub name: String,
    /// `command`, `gateway`, `api`, or a client's address.
    pub from: String,
}

/// A firm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Firm {
    /// Its id.
    pub id: FirmId,
    /// Its shown name.
    pub name: String,
    /// The flag.
    pub two_factor: TwoFactor,
    /// Everything else it may set.
    pub policy: Policy,
    /// See [`crate::gate::FirmStanding::epoch`].
    pub epoch: i64,
    /// Until when it gets in on passwords, and why.
    pub break_glass: Option<BreakGlass>,
}

/// A time-boxed way in on passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakGlass {
    /// Ends then.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// A phone number in E.164, validated.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// Reads a number in international form (`+1 415 555 2671`), or in a national one where `country`
    /// (ISO 3166-1 alpha-2) is given.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str, country: Option<&str>) -> Result<Self, String> {
        let country = country.and_then(|code| code.parse::<phonenumber::country::Id>().ok());
        let number = phonenumber::parse(country, text.trim())
            .map_err(|_| "is no phone number; write it as +1 415 555 2671".to_owned())?;
        if !number.is_valid() {
            return Err("is not a number that its country gives out".to_owned());
        }
        if number.extension().is_some() {
            return Err("has an extension, to which no SMS can be sent".to_owned());
        }
        Ok(Self(number.format().mode(phonenumber::Mode::E164).to_string()))
    }

    /// A number that was valid when it was kept: what countries give out changes, and a number that no longer
    /// passes must not make its employee unreadable.
    pub(super) fn kept(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }

    /// The number in E.164. Personal data: never logged.
    pub fn e164(&self) -> &str {
        &self.0
    }

    /// The country's calling code and the number within the country, digits only; `None` never happens for a
    /// number that was parsed.
    pub fn parts(&self) -> Option<(String, String)> {
        let number = phonenumber::parse(None, &self.0).ok()?;
        let country = number.code().value().to_string();
        let national = self
            .0
            .strip_prefix('+')?
            .strip_prefix(country.as_str())?
            .to_owned();
        Some((country, national))
    }

    /// The country that gives it out (ISO 3166-1 alpha-2), where one does.
    pub fn country(&self) -> Option<String> {
        let number = phonenumber::parse(None, &self.0).ok()?;
        number.country().id().map(|id| id.as_ref().to_owned())
    }

    /// The number as pages and listings show it: `+1 ••• ••• 0102`.
    pub fn masked(&self) -> String {
        let tail = &self.0[self.0.len().saturating_sub(4)..];
        let country = phonenumber::parse(None, &self.0)
            .map(|number| number.code().value().to_string())
            .unwrap_or_default();
        format!("+{country} ••• ••• {tail}")
    }
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

/// An employee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Employee {
    /// Who, with firm and policy.
    pub standing: EmployeeStanding,
    /// Their number.
    pub phone: Option<Phone>,
    /// The number does not count until it is confirmed (after a reset).
    pub phone_suspended: bool,
    /// Their address for notices.
    pub email: Option<String>,
    /// Other names under which the portal knows them.
    pub aliases: Vec<Login>,
    /// Confirmed factors.
    pub factors: Vec<FactorSummary>,
    /// Locked until then, by wrong tokens.
    pub locked_until: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// The last verified sign-in.
    pub last_sign_in: Option<Timestamp>,
}

impl Employee {
    /// The number that an SMS may go to.
    pub fn usable_phone(&self) -> Option<&Phone> {
        self.phone.as_ref().filter(|_| !self.phone_suspended)
    }

    /// Whether they could prove a second factor that their firm allows: a usable phone (where it may only enrol
    /// them, the firm has to have set an enrolment window) or a confirmed factor.
    pub fn is_ready(&self) -> bool {
        let policy = &self.standing.firm.policy;
        let by_phone = policy.allows(FactorKind::Sms) || policy.enrolment_window.is_some();
        self.usable_phone().is_some() && by_phone
            || self.factors.iter().any(|factor| policy.allows(factor.kind))
    }

    /// `inactive`, `locked`, `no_phone` or `ready`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        if !self.standing.active {
            "inactive"
        } else if self.locked_until.is_some_and(|until| now < until) {
            "locked"
        } else if self.is_ready() {
            "ready"
        } else {
            "no_phone"
        }
    }
}

/// A factor, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FactorSummary {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: FactorKind,
    /// What the employee calls it.
    pub name: String,
    /// When it was confirmed.
    pub added: Timestamp,
}

/// How TOTP keys are made (RFC 6238); kept with each factor, so that changing the configuration breaks
/// no enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotpShape {
    /// 6 to 8.
    pub digits: u32,
    /// Seconds of a time step.
    pub period: u64,
    /// Steps accepted before and after the present one.
    pub skew: u8,
}

/// An enrolled TOTP key.
#[derive(Clone, Debug)]
pub struct TotpFactor {
    /// The factor's id.
    pub id: String,
    /// The seed.
    pub secret: crate::secret::Redacted<Vec<u8>>,
    /// How its keys are made.
    pub shape: TotpShape,
    /// The last step that was used; -1: none.
    pub last_step: i64,
}

/// A new employee, or a row of an import.
#[derive(Clone, Debug)]
pub struct NewEmployee {
    /// Portal username.
    pub login: Login,
    /// The firm.
    pub firm: FirmId,
    /// Their name.
    pub name: String,
    /// Their number.
    pub phone: Option<Phone>,
    /// Their address for notices.
    pub email: Option<String>,
    /// Tech or admin.
    pub role: Role,
}

/// Changes to an employee; `None` leaves as it is, `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct EmployeeChanges {
    /// Their name.
    pub name: Option<String>,
    /// Their number; setting one confirms it.
    pub phone: Option<Option<Phone>>,
    /// Their address for notices.
    pub email: Option<Option<String>>,
    /// Tech or admin.
    pub role: Option<Role>,
    /// Deactivates or reactivates; deactivating ends every session.
    pub active: Option<bool>,
    /// All of their other names.
    pub aliases: Option<Vec<Login>>,
}

/// Which employees a listing wants.
#[derive(Clone, Debug, Default)]
pub struct EmployeeFilter {
    /// Only this firm's.
    pub firm: Option<FirmId>,
    /// Only those whose login or name holds this text, folded.
    pub query: Option<String>,
    /// Only those who are in this state at this moment; with a limit, for pages.
    pub state: Option<(EmployeeState, Timestamp)>,
    /// Only those after this folded login (paging).
    pub after: Option<String>,
    /// At most so many; `None`: all.
    pub limit: Option<u32>,
}

/// What enabling means for a firm's people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// How many have a usable phone or a factor.
    pub ready: usize,
    /// The logins of those who have neither.
    pub not_ready: Vec<String>,
}

/// How an attempt to guess was reserved (I8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may be judged. So many more may fail after it before the lock.
    Granted {
        /// Tries left, should this one fail.
        left: u32,
        /// Locked until then, should this one fail: it was the last.
        locks_until: Option<Timestamp>,
    },
    /// It may not.
    Locked {
        /// Until then.
        until: Timestamp,
    },
}

/// What is spent once and for all (I7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// A token sent by SMS.
    SmsToken,
    /// A one-time passcode after a reset.
    Passcode,
    /// A recovery code.
    RecoveryCode,
    /// The approval of a request to a phone.
    PushApproval,
    /// A token that a provider called right.
    ProviderToken,
    /// A provider's callback.
    Callback,
    /// The options that a passkey signed.
    Passkey,
    /// A code that hands a session over between the two origins.
    HandOver,
}

impl Spent {
    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SmsToken => "sms_token",
            Self::Passcode => "passcode",
            Self::RecoveryCode => "recovery_code",
            Self::PushApproval => "push_approval",
            Self::ProviderToken => "provider_token",
            Self::Callback => "callback",
            Self::Passkey => "passkey",
            Self::HandOver => "hand_over",
        }
    }
}

/// What became of a recovery code that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeUse {
    /// It was good, and is used up now.
    Spent,
    /// It was used before.
    Used,
    /// It is none of this employee's.
    NoCode,
}

/// A device that is to be remembered.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Its id, in the cookie beside the token. Not a secret.
    pub id: String,
    /// SHA-256 of its token.
    pub hash: String,
    /// A digest of the password that only the token can make.
    pub password: String,
    /// By what its holder was verified.
    pub factor: FactorKind,
    /// What the browser calls itself, shortened.
    pub browser: String,
    /// From which address.
    pub address: String,
    /// The employee's epoch: another one ends it.
    pub employee_epoch: i64,
    /// The firm's epoch: another one ends it.
    pub firm_epoch: i64,
    /// Worth nothing from then on.
    pub expires: Timestamp,
}

/// A remembered device, as a page lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RememberedDevice {
    /// Its id.
    pub id: String,
    /// What the browser called itself.
    pub browser: String,
    /// From which address it was last used.
    pub address: String,
    /// When it was made.
    pub made: Timestamp,
    /// When it was last used.
    pub used: Timestamp,
    /// Worth nothing from then on.
    pub expires: Timestamp,
}

/// A device's token, as a login brings it, and what is to take its place.
#[derive(Clone, Debug)]
pub struct PresentedDevice<'a> {
    /// The device.
    pub id: &'a str,
    /// SHA-256 of the token.
    pub hash: &'a str,
    /// The digests that the token makes of the password typed, under each key of the ring.
    pub passwords: Vec<String>,
    /// SHA-256 of the next token.
    pub next_hash: &'a str,
    /// The digest that the next token makes of the password.
    pub next_password: &'a str,
    /// From which address.
    pub address: &'a str,
}

/// What became of a device's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceUse {
    /// It counts, until then at most, and the next token is in its place.
    Rotated(Timestamp),
    /// It does not count; nothing was changed.
    Ignored,
    /// It was replaced before: the device is forgotten.
    Revoked,
}

/// Who said yes to a change of number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// An admin or ops, by name.
    Person(String),
    /// A recovery code.
    RecoveryCode,
}

/// A change of number that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneChange {
    /// Which: another number that is asked for later has another id.
    pub id: String,
    /// For whom.
    pub login: Login,
    /// Their name.
    pub name: String,
    /// Whose employee.
    pub firm: FirmId,
    /// The number asked for.
    pub phone: Phone,
    /// Since when it waits.
    pub asked: Timestamp,
    /// From which address it was asked.
    pub asked_from: String,
    /// When somebody said yes, and who.
    pub approved: Option<(Timestamp, Approval)>,
    /// When it counts: never without a yes.
    pub due: Option<Timestamp>,
}

/// A one-time passcode, made by a reset.
#[derive(Clone, Debug)]
pub struct Passcode {
    /// `XXXX-XXXX-XXXX-XXXX`: 64 bits, shown once.
    pub code: crate::secret::Redacted<String>,
    /// Worth nothing from then on.
    pub expires_at: Timestamp,
}

/// Whose sessions to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeScope {
    /// One session, by its public id.
    Session(String),
    /// An employee's.
    Employee(Login),
    /// All of a firm's people's.
    Firm(FirmId),
    /// Everybody's.
    All,
}

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What, such as `firm.two_factor_enabled`.
    pub event: String,
    /// Who did it.
    pub actor: String,
    /// From where.
    pub from: String,
    /// Which firm it is about.
    pub firm: Option<String>,
    /// Which employee it is about.
    pub login: Option<String>,
    /// What it was before and after, without secrets.
    pub details: serde_json::Value,
    /// SHA-256 of the row before it and of this one.
    pub hash: String,
}

/// What goes into the audit; sequence and hash are the directory's.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// What, such as `login.accepted`.
    pub event: &'static str,
    /// Who did it.
    pub actor: Actor,
    /// Which firm it is about.
    pub firm: Option<FirmId>,
    /// Which employee it is about.
    pub login: Option<Login>,
    /// Before and after, without secrets.
    pub details: serde_json::Value,
}

/// Which rows of the audit a listing wants.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only about this firm.
    pub firm: Option<FirmId>,
    /// Only about this employee.
    pub login: Option<Login>,
    /// Only this event; a trailing `*` matches any ending.
    pub event: Option<String>,
    /// Only from then on.
    pub since: Option<Timestamp>,
    /// Only rows after this one.
    pub after: Option<i64>,
    /// At most so many, the newest; `None`: all.
    pub limit: Option<u32>,
}

/// Whether the audit's chain holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ChainState {
    /// Every row carries the hash of the one before it.
    Holds {
        /// How many rows there are.
        rows: i64,
    },
    /// It breaks.
    Broken {
        /// At the first row that does not fit.
        at: i64,
        /// What does not fit.
        why: String,
    },
}

/// Who got in on a password alone, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedWithoutSecondFactor {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub login: String,
    /// Whose.
    pub firm: Option<String>,
    /// `policy_off`, `break_glass`, `network`, `unknown_employee`.
    pub reason: String,
    /// From where.
    pub from: String,
    /// Of a break-glass: who opened it.
    pub opened_by: Option<String>,
    /// Of a break-glass: the reason that they gave.
    pub because: Option<String>,
}
