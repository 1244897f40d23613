//! People: who they are, their factors, their sessions.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::directory::{
    Approval, Employee as Row, FactorSummary, Passcode, Phone, PhoneChange as Change,
    RememberedDevice as Device,
};
use crate::gate::{FirmId, Login};
use crate::sessions::SessionRecord;

/// An employee.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Employee {
    /// Their username in the portal.
    pub login: String,
    /// The id of their firm.
    pub firm: String,
    /// Their name.
    pub name: String,
    /// Their number in E.164.
    #[schema(required = true)]
    pub phone: Option<String>,
    /// Their address for notices.
    #[schema(required = true)]
    pub email: Option<String>,
    /// `tech` or `admin`.
    #[schema(value_type = String)]
    pub role: &'static str,
    /// `ready`, `no_phone`, `locked` or `inactive`.
    #[schema(value_type = String)]
    pub state: &'static str,
}

impl Employee {
    /// An employee as they are shown.
    pub fn of(person: &Row, now: Timestamp) -> Self {
        Self {
            login: person.standing.login.to_string(),
            firm: person.standing.firm.id.to_string(),
            name: person.standing.name.clone(),
            phone: person.phone.as_ref().map(|phone| Phone::e164(phone).to_owned()),
            email: person.email.clone(),
            role: person.standing.role.as_str(),
            state: person.state(now),
        }
    }
}

/// A factor, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Factor {
    /// Its id; `recovery_codes` for those that are left.
    pub id: String,
    /// `totp`, `push`, `passkey` or `recovery_code`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// What the employee calls it; of recovery codes how many are left.
    pub name: String,
    /// When it was confirmed (RFC 3339).
    pub added: String,
}

impl Factor {
    /// A factor as it is shown.
    pub fn of(factor: &FactorSummary) -> Self {
        Self {
            id: factor.id.clone(),
            kind: factor.kind.as_str(),
            name: factor.name.clone(),
            added: factor.added.to_string(),
        }
    }
}

/// A browser whose logins need no second factor for a while.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RememberedDevice {
    /// Its id.
    pub id: String,
    /// What the browser called itself.
    pub browser: String,
    /// From which address it was last used.
    pub address: String,
    /// When it was made (RFC 3339).
    pub made: String,
    /// When it was last used (RFC 3339).
    pub last_used: String,
    /// Worth nothing from then on (RFC 3339).
    pub expires_at: String,
}

impl RememberedDevice {
    /// A device as it is shown.
    pub fn of(device: &Device) -> Self {
        Self {
            id: device.id.clone(),
            browser: device.browser.clone(),
            address: device.address.clone(),
            made: device.made.to_string(),
            last_used: device.used.to_string(),
            expires_at: device.expires.to_string(),
        }
    }
}

/// A change of number that waits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PhoneChange {
    /// Which: another number that is asked for later has another id.
    pub id: String,
    /// Whose number.
    pub login: String,
    /// The id of their firm.
    pub firm: String,
    /// The number asked for, in E.164.
    pub phone: String,
    /// Since when it waits (RFC 3339).
    pub asked: String,
    /// From which address it was asked.
    pub from: String,
    /// Who said yes: a login, `api:` and a token's name, `ops`, or `recovery code`; null: nobody yet.
    #[schema(required = true)]
    pub approved_by: Option<String>,
    /// When it counts (RFC 3339): never without a yes.
    #[schema(required = true)]
    pub counts_from: Option<String>,
}

impl PhoneChange {
    /// A change as it is shown.
    pub fn of(change: &Change) -> Self {
        Self {
            id: change.id.clone(),
            login: change.login.to_string(),
            firm: change.firm.to_string(),
            phone: change.phone.e164().to_owned(),
            asked: change.asked.to_string(),
            from: change.asked_from.clone(),
            approved_by: change.approved.as_ref().map(|(_, by)| match by {
                Approval::Person(name) => name.clone(),
                Approval::RecoveryCode => "recovery code".to_owned(),
            }),
            counts_from: change.due.map(|due| due.to_string()),
        }
    }
}

/// The one-time passcode that a reset makes.
#[derive(Clone, Serialize, ToSchema)]
pub struct ResetPasscode {
    /// Whose.
    pub login: String,
    /// `XXXX-XXXX-XXXX-XXXX`; shown once. It leads to enrolment only.
    pub passcode: String,
    /// Worth nothing from then on (RFC 3339).
    pub expires_at: String,
}

impl ResetPasscode {
    /// A passcode, shown.
    pub fn of(login: &Login, passcode: &Passcode) -> Self {
        Self {
            login: login.to_string(),
            passcode: passcode.code.reveal().clone(),
            expires_at: passcode.expires_at.to_string(),
        }
    }
}

/// A live session.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Session {
    /// Its public id: 32 hexadecimal digits.
    pub id: String,
    /// Whose it is.
    #[schema(required = true)]
    pub login: Option<String>,
    /// Their firm; null where the directory does not know them.
    #[schema(required = true)]
    pub firm: Option<String>,
    /// `password` or `second_factor`.
    #[schema(value_type = String)]
    pub level: &'static str,
    /// The client's address at the accepted login.
    pub address: String,
    /// When it began (RFC 3339).
    pub since: String,
    /// The last request under it, to within a minute (RFC 3339).
    pub last_seen: String,
}

impl Session {
    /// A session as it is shown.
    pub fn of(record: &SessionRecord) -> Self {
        let holder = record.level.holder();
        Self {
            id: record.id.public().to_owned(),
            login: holder.map(|holder| holder.login.to_string()),
            firm: holder
                .and_then(|holder| holder.firm.as_ref())
                .map(FirmId::to_string),
            level: record.level.as_str(),
            address: record.address.to_string(),
            since: record.since.to_string(),
            last_seen: record.last_seen.to_string(),
        }
    }
}
