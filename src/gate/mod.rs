//! Who may cross, as pure functions: no I/O, no clock, nothing of pingora. Everything here is tested by
//! table.

pub mod body;
mod classing;
pub mod decide;
pub mod glob;
pub mod json;
pub mod login;
pub mod name;
pub mod path;
pub mod policy;
pub mod query;
mod reading;
pub mod route;
pub mod rules;
#[cfg(test)]
mod sample;
pub mod scan;
pub mod whoami;

pub use body::{BadBody, FormBody};
pub use decide::{Ask, Asker, Credentials, Presence, Refusal, Verdict, decide, still_stands};
pub use glob::Glob;
pub use json::{Json, JsonPointer};
pub use name::{FirmId, Login, fold};
pub use path::{Target, TargetError};
pub use policy::{
    AllowedLogins, EmployeeStanding, Exception, FactorKind, FirmStanding, Policy, Role, TwoFactor,
};
pub use query::Fields;
pub use route::{HeadClass, Route, class_body, class_head};
pub use rules::PortalRules;
