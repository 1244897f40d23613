//! Who may cross, as pure functions: no I/O, no clock, nothing of pingora. Everything here is tested by
//! table.

pub mod decide;
pub mod glob;
pub mod login;
pub mod name;
pub mod path;
pub mod policy;
pub mod query;
pub mod route;
pub mod rules;

pub use decide::{Ask, Asker, Credentials, Presence, Refusal, Verdict, decide};
pub use glob::Glob;
pub use name::{FirmId, Login};
pub use policy::{EmployeeStanding, Exception, FactorKind, FirmStanding, Policy, Role, TwoFactor};
pub use route::Route;
pub use rules::PortalRules;
