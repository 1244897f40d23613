//! A firm.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::policy::names;
use crate::config::show_duration;
use crate::directory::Firm as Row;
use crate::gate::Policy;

/// A firm.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Firm {
    /// Its id: 1 to 64 of `a-z 0-9 - _ .`, beginning with a letter or digit.
    pub id: String,
    /// Its shown name.
    pub name: String,
    /// The flag.
    pub two_factor: FirmTwoFactor,
    /// The keys that it sets.
    pub policy: FirmPolicy,
}

/// Whether a firm asks for a second factor.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FirmTwoFactor {
    /// The flag.
    pub enabled: bool,
    /// From when it holds (RFC 3339); null: at once.
    #[schema(required = true)]
    pub from: Option<String>,
}

/// The keys of a firm's policy that are set; for all others the configuration's value holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FirmPolicy {
    /// Which factors may be used: `push`, `sms`, `totp`, `passkey`, `recovery_code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>)]
    pub factors: Option<Vec<&'static str>>,
    /// For how long a device may be remembered, such as `30d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remember_device: Option<String>,
    /// Ends an unused session, such as `15m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub idle_timeout: Option<String>,
    /// Ends any session, such as `8h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub absolute_timeout: Option<String>,
    /// Networks from which no second factor is asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub networks: Vec<String>,
    /// Until when a first factor may be set up with an SMS token (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enrolment_window: Option<String>,
    /// Whether signing in again inside a verified session keeps the factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub carry_over: Option<bool>,
    /// How many verified sessions an employee may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sessions_per_employee: Option<u32>,
    /// Patterns of the logins that the firm's admins may add.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub logins: Vec<String>,
}

impl Firm {
    /// A firm as it is shown.
    pub fn of(firm: &Row) -> Self {
        Self {
            id: firm.id.to_string(),
            name: firm.name.clone(),
            two_factor: FirmTwoFactor {
                enabled: firm.two_factor.enabled,
                from: firm.two_factor.from.map(|from| from.to_string()),
            },
            policy: FirmPolicy::of(&firm.policy),
        }
    }
}

impl FirmPolicy {
    fn of(policy: &Policy) -> Self {
        let length = |seconds: u64| show_duration(Duration::from_secs(seconds));
        Self {
            factors: policy.factors.as_deref().map(names),
            remember_device: policy.remember_device.map(length),
            idle_timeout: policy.idle_timeout.map(length),
            absolute_timeout: policy.absolute_timeout.map(length),
            networks: policy.networks.iter().map(ToString::to_string).collect(),
            enrolment_window: policy.enrolment_window.map(|until| until.to_string()),
            carry_over: policy.carry_over,
            sessions_per_employee: policy.sessions_per_employee,
            logins: policy.logins.clone(),
        }
    }
}

/// What switching a firm's second factor means, or would mean.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// The firm.
    pub firm: String,
    /// What the flag is now.
    pub enabled: bool,
    /// Nothing was changed: it was asked what would happen.
    pub dry_run: bool,
    /// From when it asks; null: at once.
    #[schema(required = true)]
    pub from: Option<String>,
    /// How many active employees have a usable number or a factor.
    pub ready: usize,
    /// The logins of those who have neither.
    pub not_ready: Vec<String>,
    /// The logins of those who are signed in; null: the session store does not answer.
    #[schema(required = true)]
    pub signed_in: Option<Vec<String>>,
}
