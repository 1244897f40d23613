//! The directory: firms, employees, factors, what is spent, audit. SQL and nothing else; the truth.
//!
//! - `place`, `open`, `unknown`: the database, SQLite or PostgreSQL; for how long it is waited for.
//! - `change`: every change is one transaction under the one write lock, with its audit rows.
//! - `firms`, `two_factor`: firms, their policy, the flag.
//! - `standing`, `employees`, `roster`, `staff`, `import`, `reset`: people.
//! - `ending`: what is ended with what is taken away.
//! - `owner`: whose factor is added, and under which epoch.
//! - `factors`, `spent`, `attempts`: what one verification uses up, by one conditional statement each.
//! - `passkeys`: the public keys and counters of passkeys.
//! - `devices`, `pushes`: enrolled phones, and the requests that went to them.
//! - `recovery`, `remembered`, `phone_changes`: recovery codes, remembered devices, changes of
//!   number.
//! - `api_tokens`, `kept_answers`: the admin API's tokens, and the answers that an Idempotency-Key keeps.
//! - `accounts`: providers' own ids of people.
//! - `scim`, `scim_groups`: people that an identity provider looks after, in a firm or waiting for one.
//! - `outbox`: notices that wait to be sent, and how far the audit was delivered.
//! - `sessions_ended`, `mark`: sessions ended before their time; which directory this is.
//! - `client_tokens`: machine clients.
//! - `audit`, `sealed`, `sweep`: the chain; what is sealed at rest; what is past its time.
//! - `copies`, `news`: what a gateway keeps of it in memory, and how it hears of changes.

mod accounts;
mod api_tokens;
mod attempts;
mod audit;
mod change;
mod client_tokens;
mod copies;
mod devices;
mod employees;
mod ending;
mod factor_removal;
mod factors;
mod firms;
mod import;
mod kept_answers;
mod mark;
mod model;
mod news;
mod open;
mod outbox;
mod owner;
mod passkeys;
mod phone_changes;
mod place;
mod pushes;
mod recovery;
mod remembered;
mod reset;
mod roster;
mod scim;
mod scim_groups;
mod scim_search;
mod sealed;
mod sessions_ended;
mod spent;
mod staff;
mod standing;
mod sweep;
mod trail;
mod two_factor;
mod undo;
mod unknown;
mod vendor_pushes;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use sqlx::AnyPool;

pub use api_tokens::ApiToken;
pub use client_tokens::ClientToken;
pub use copies::Copies;
pub use devices::{Device, POINT_LENGTH, Subscription, parse_device_key};
pub use kept_answers::{Kept, KeptAnswer};
pub use model::*;
pub use outbox::{DueNotice, Lease, NewNotice};
pub use owner::Owner;
pub use passkeys::{NewPasskey, Passkey};
pub use pushes::{PushOutcome, SentPush};
pub use roster::{EmployeeState, RosterCounts, RosterFilter, RosterPage, RosterSort, Unready};
pub use scim::{ScimProfile, ScimSaid, ScimUser};
pub use scim_groups::{GroupChanges, ScimMember};
pub use scim_search::{ScimSearch, ScimWhere, TextMatch};
pub use trail::TrailFilter;
pub use undo::{Profile, ProfileChange, Undone};
pub use vendor_pushes::VendorPush;

use crate::secret::KeyRing;

/// An open directory. Cheap to clone.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    id: String,
    place: place::Place,
    reads: AnyPool,
    writes: AnyPool,
    keys: ArcSwap<KeyRing>,
}

/// Why an import changed nothing.
#[derive(Debug)]
pub enum ImportRefused {
    /// These rows, by index, do not fit.
    Rows(Vec<(usize, String)>),
    /// The directory could not answer.
    Unknown(DirectoryUnknown),
}
