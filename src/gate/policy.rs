//! A firm's policy, and where an employee stands with regard to it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{FirmId, Glob, Login};
use crate::clock::Timestamp;

/// What can prove that it is you, beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// Approval on an enrolled phone.
    Push,
    /// A token sent by SMS.
    Sms,
    /// A key from an authenticator app (RFC 6238).
    Totp,
    /// WebAuthn.
    Passkey,
    /// One of ten codes kept for a lost phone.
    RecoveryCode,
}

impl FactorKind {
    /// The word used in configuration, JSON and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Sms => "sms",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

/// What an employee may do with other people's second factors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Passes through.
    #[default]
    Tech,
    /// Looks after their firm's people.
    Admin,
}

impl Role {
    /// The word used in configuration, JSON and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tech => "tech",
            Self::Admin => "admin",
        }
    }
}

/// Whether a firm asks for a second factor. A missing policy is on, never off (I9): hence the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwoFactor {
    /// The flag.
    pub enabled: bool,
    /// Where the flag is on: from when it holds; `None`: at once.
    pub from: Option<Timestamp>,
}

impl Default for TwoFactor {
    fn default() -> Self {
        Self {
            enabled: true,
            from: None,
        }
    }
}

impl TwoFactor {
    /// Whether a second factor is asked for at `now`.
    pub fn asks(&self, now: Timestamp) -> bool {
        self.enabled && self.from.is_none_or(|from| now >= from)
    }
}

/// The keys of a firm's policy (DESIGN section 4). Absent keys take the configuration's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Which factors may be used; `None`: all that the configuration has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factors: Option<Vec<FactorKind>>,
    /// For how many seconds a device may be remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember_device: Option<u64>,
    /// Seconds after which an unused session ends; never longer than the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<u64>,
    /// Seconds after which any session ends; never longer than the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_timeout: Option<u64>,
    /// Networks from which no second factor is asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<IpNet>,
    /// Until when employees may set up a first factor with an SMS token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment_window: Option<Timestamp>,
    /// Whether signing in again inside a verified session keeps the factor; `None`: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carry_over: Option<bool>,
    /// How many verified sessions an employee may have; `None`: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions_per_employee: Option<u32>,
    /// Patterns of the logins that the firm's admins may add. Set by ops only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<String>,
}

impl Policy {
    /// Whether the firm allows this factor.
    pub fn allows(&self, factor: FactorKind) -> bool {
        self.factors
            .as_ref()
            .is_none_or(|factors| factors.contains(&factor))
    }

    /// The logins that the firm's admins may give to somebody; none where ops set no pattern.
    pub fn allowed_logins(&self) -> AllowedLogins {
        let patterns = self.logins.iter().filter_map(|pattern| Glob::parse(pattern).ok());
        AllowedLogins(patterns.collect())
    }

    /// Whether the firm's admins may give somebody this login.
    pub fn may_have(&self, login: &Login) -> bool {
        self.allowed_logins().hold(login)
    }

    /// This policy with what changed from `before` to `after` put back; `None` where any of it is not as `after`
    /// left it. What did not change stays as it is.
    pub fn put_back(&self, before: &Self, after: &Self) -> Option<Self> {
        let keys = |policy: &Self| match serde_json::to_value(policy) {
            Ok(serde_json::Value::Object(keys)) => Some(keys),
            _ => None,
        };
        let (mut here, before, after) = (keys(self)?, keys(before)?, keys(after)?);
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            if before.get(key) == after.get(key) {
                continue;
            }
            if here.get(key) != after.get(key) {
                return None;
            }
            match before.get(key) {
                Some(value) => here.insert(key.clone(), value.clone()),
                None => here.remove(key),
            };
        }
        serde_json::from_value(serde_json::Value::Object(here)).ok()
    }

    /// The idle limit, given the configuration's.
    pub fn idle(&self, configured: Duration) -> Duration {
        self.idle_timeout
            .map_or(configured, |seconds| configured.min(Duration::from_secs(seconds)))
    }

    /// The absolute limit, given the configuration's.
    pub fn absolute(&self, configured: Duration) -> Duration {
        self.absolute_timeout
            .map_or(configured, |seconds| configured.min(Duration::from_secs(seconds)))
    }
}

/// The patterns of `logins`, read once for many.
pub struct AllowedLogins(Vec<Glob>);

impl AllowedLogins {
    /// Whether this login is among them.
    pub fn hold(&self, login: &Login) -> bool {
        self.0
            .iter()
            .any(|pattern| pattern.matches_folded(login.folded()))
    }
}

/// A firm as `decide` needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmStanding {
    /// Which firm.
    pub id: FirmId,
    /// Its shown name.
    pub name: String,
    /// Rises whenever the policy changes so that what was verified before must be verified anew.
    pub epoch: i64,
    /// Whether a second factor is asked for.
    pub two_factor: TwoFactor,
    /// Everything else.
    pub policy: Policy,
    /// Until when the firm gets in on passwords.
    pub break_glass: Option<Timestamp>,
}

/// An employee with their firm, as `decide` needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmployeeStanding {
    /// Who.
    pub login: Login,
    /// Their name, for pages.
    pub name: String,
    /// Rises whenever all older sessions of the employee are over.
    pub epoch: i64,
    /// `false` for a deactivated employee.
    pub active: bool,
    /// Tech or admin.
    pub role: Role,
    /// The firm.
    pub firm: FirmStanding,
    /// Remembered devices; read only where the firm's policy allows any.
    pub devices: Vec<DeviceStanding>,
}

/// A remembered device as `decide` needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStanding {
    /// Which.
    pub id: String,
    /// When it was made.
    pub made: Timestamp,
    /// Worth nothing from then on.
    pub expires: Timestamp,
    /// Under which epoch of the employee.
    pub employee_epoch: i64,
    /// Under which epoch of the firm.
    pub firm_epoch: i64,
}

impl EmployeeStanding {
    /// Whether a device is still remembered: not run out, within what the firm allows now, and made under the
    /// epochs that hold now.
    pub fn remembers(&self, device: &str, now: Timestamp) -> bool {
        let seconds = self.firm.policy.remember_device.unwrap_or(0);
        self.devices.iter().any(|one| {
            one.id == device
                && now < one.expires
                && now < one.made.plus(Duration::from_secs(seconds))
                && one.employee_epoch == self.epoch
                && one.firm_epoch == self.firm.epoch
        })
    }
}

/// A named exception to I1: judged anew on every request, raises no level, opens no own page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exception {
    /// Ops let the firm in on passwords for a while.
    BreakGlass,
    /// The request comes from one of the firm's networks.
    Network,
    /// The login came from a device that is remembered.
    RememberedDevice,
    /// `unknown_employee = "pass"` and nobody of that name is in the directory.
    UnknownEmployee,
}

impl Exception {
    /// The word used in audit and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreakGlass => "break_glass",
            Self::Network => "network",
            Self::RememberedDevice => "remembered_device",
            Self::UnknownEmployee => "unknown_employee",
        }
    }
}

/// Why somebody at level `password` may pass, or that they may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordSuffices {
    /// The firm asks for no second factor.
    PolicyOff,
    /// A named exception holds for this request.
    Exception(Exception),
    /// A second factor is owed.
    No,
}

impl FirmStanding {
    /// Whether a password suffices for a request from `client` at `now`.
    pub fn password_suffices(&self, client: IpAddr, now: Timestamp) -> PasswordSuffices {
        if !self.two_factor.asks(now) {
            return PasswordSuffices::PolicyOff;
        }
        if self.break_glass.is_some_and(|until| now < until) {
            return PasswordSuffices::Exception(Exception::BreakGlass);
        }
        let client = client.to_canonical();
        if self
            .policy
            .networks
            .iter()
            .any(|network| network.contains(&client))
        {
            return PasswordSuffices::Exception(Exception::Network);
        }
        PasswordSuffices::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_put_back_and_only_where_it_is_as_it_was_left() {
        let policy = |idle: Option<u64>, networks: &[&str], logins: &[&str]| Policy {
            idle_timeout: idle,
            networks: networks.iter().map(|one| one.parse().unwrap()).collect(),
            logins: logins.iter().map(|one| (*one).to_owned()).collect(),
            ..Policy::default()
        };
        let (net, other) = ("192.0.2.0/24", "198.51.100.0/24");
        let (before, after) = (policy(None, &[net], &[]), policy(Some(900), &[net], &[]));
        for (here, back) in [
            (after.clone(), Some(before.clone())),
            // What others changed meanwhile stays.
            (
                policy(Some(900), &[other], &["*@a"]),
                Some(policy(None, &[other], &["*@a"])),
            ),
            // Changed again, or put back already.
            (policy(Some(600), &[net], &[]), None),
            (before.clone(), None),
        ] {
            assert_eq!(here.put_back(&before, &after), back);
        }
        let gone = policy(None, &[], &[]);
        assert_eq!(gone.put_back(&before, &gone), Some(before));
    }
}
