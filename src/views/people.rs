//! People: who they are, their factors, their sessions.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::directory::{Employee as Row, FactorSummary, Passcode, Phone};
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
    /// Its id.
    pub id: String,
    /// `totp`, `push`, `passkey` or `recovery_code`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// What the employee calls it.
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
