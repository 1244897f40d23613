//! Firms, people, sessions and the audit as every JSON of doorstep shows them, commands and API alike; and the
//! words in which policies and moments are written.

mod firm;
pub mod moment;
mod people;
pub mod policy;
pub mod sheet;
mod trail;

use serde::Serialize;
use serde_json::Value;

pub use firm::{Firm, FirmPolicy, FirmTwoFactor, Readiness};
pub use people::{Employee, Factor, PhoneChange, RememberedDevice, ResetPasscode, Session};
pub use trail::{AuditRow, Chain, Passed};

/// A view as JSON.
pub fn json(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
