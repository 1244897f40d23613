//! The directory: firms, employees, factors, what is spent, audit. SQL and nothing else; the truth.

mod model;

use std::sync::Arc;

pub use model::*;

use crate::clock::Timestamp;
use crate::gate::{EmployeeStanding, FirmId, Login, Policy};
use crate::secret::KeyRing;

/// An open directory. Cheap to clone.
#[derive(Clone)]
pub struct Directory {}

#[allow(unused_variables, clippy::unused_async)]
impl Directory {
    /// Opens (and where it is SQLite and missing: makes, 0600) the directory at `url`, and brings its schema up to date.
    pub async fn open(url: &str, keys: Arc<KeyRing>) -> Result<Self, DirectoryUnknown> {
        unimplemented!()
    }
    /// Its id, made with it.
    pub fn id(&self) -> &str {
        unimplemented!()
    }
    /// The change counter, read now.
    pub async fn counter(&self) -> Result<i64, DirectoryUnknown> {
        unimplemented!()
    }

    // firms
    pub async fn add_firm(
        &self,
        actor: &Actor,
        id: &FirmId,
        name: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }
    pub async fn firm(&self, id: &FirmId) -> Result<Option<Firm>, DirectoryUnknown> {
        unimplemented!()
    }
    pub async fn firms(&self) -> Result<Vec<Firm>, DirectoryUnknown> {
        unimplemented!()
    }
    /// Replaces name and policy. Epoch rises where `factors` changed.
    pub async fn set_firm(
        &self,
        actor: &Actor,
        id: &FirmId,
        name: &str,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }
    pub async fn readiness(&self, id: &FirmId) -> Result<Readiness, ChangeRefused> {
        unimplemented!()
    }
    /// Switches the second factor on; `NotReady` unless `force`. One transaction: nobody can be added in between.
    pub async fn enable_two_factor(
        &self,
        actor: &Actor,
        id: &FirmId,
        from: Option<Timestamp>,
        force: bool,
        now: Timestamp,
    ) -> Result<Readiness, ChangeRefused> {
        unimplemented!()
    }
    pub async fn disable_two_factor(
        &self,
        actor: &Actor,
        id: &FirmId,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }
    pub async fn break_glass(
        &self,
        actor: &Actor,
        id: &FirmId,
        until: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }

    // employees
    pub async fn add_employee(
        &self,
        actor: &Actor,
        new: &NewEmployee,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }
    /// All or nothing; each refused row by its index with its reason. `progress` is told how many are done.
    pub async fn import_employees(
        &self,
        actor: &Actor,
        rows: &[NewEmployee],
        now: Timestamp,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<(), ImportRefused> {
        unimplemented!()
    }
    /// By login or alias, folded; read from the directory itself.
    pub async fn employee(&self, login: &Login) -> Result<Option<Employee>, DirectoryUnknown> {
        unimplemented!()
    }
    /// In the order of their folded logins.
    pub async fn employees(&self, filter: &EmployeeFilter) -> Result<Vec<Employee>, DirectoryUnknown> {
        unimplemented!()
    }
    pub async fn set_employee(
        &self,
        actor: &Actor,
        login: &Login,
        changes: &EmployeeChanges,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }
    pub async fn remove_employee(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }
    /// Factors, remembered devices and sessions go, the number is suspended, a lock is cleared; a passcode is made (24 h).
    pub async fn reset_employee(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<Passcode, ChangeRefused> {
        unimplemented!()
    }
    pub async fn unlock_employee(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }

    // factors
    pub async fn add_totp(
        &self,
        actor: &Actor,
        login: &Login,
        secret: &[u8],
        shape: TotpShape,
        name: &str,
        last_step: i64,
        now: Timestamp,
    ) -> Result<String, ChangeRefused> {
        unimplemented!()
    }
    pub async fn totp_factors(&self, login: &Login) -> Result<Vec<TotpFactor>, DirectoryUnknown> {
        unimplemented!()
    }
    /// Uses a time step up, in one conditional statement: `false` where it or a later one was used before (I7).
    pub async fn spend_totp_step(&self, factor_id: &str, step: i64) -> Result<bool, DirectoryUnknown> {
        unimplemented!()
    }
    /// Records what is used up, in one conditional statement: `false` where it already was (I7). Kept until `keep_until`.
    pub async fn spend(
        &self,
        kind: Spent,
        id: &str,
        keep_until: Timestamp,
    ) -> Result<bool, DirectoryUnknown> {
        unimplemented!()
    }
    /// Whether something is used up, without using it.
    pub async fn is_spent(&self, kind: Spent, id: &str) -> Result<bool, DirectoryUnknown> {
        unimplemented!()
    }
    /// Uses up the employee's passcode where `code` (any case, with or without dashes) is it and it still holds: `false` otherwise.
    pub async fn spend_passcode(
        &self,
        login: &Login,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, DirectoryUnknown> {
        unimplemented!()
    }
    /// The enrolled employee confirms the number that a reset suspended.
    pub async fn confirm_phone(
        &self,
        actor: &Actor,
        login: &Login,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }

    // attempts (I8)
    pub async fn reserve_attempt(&self, login: &Login, now: Timestamp) -> Result<Attempt, DirectoryUnknown> {
        unimplemented!()
    }
    /// The attempt could not be judged: it counts as not made.
    pub async fn release_attempt(&self, login: &Login, now: Timestamp) -> Result<(), DirectoryUnknown> {
        unimplemented!()
    }
    /// A factor was verified: failures back to 0, `last_sign_in` noted.
    pub async fn note_verified(&self, login: &Login, now: Timestamp) -> Result<(), DirectoryUnknown> {
        unimplemented!()
    }

    // sessions ended before their time
    /// Ends sessions: the scope's epochs rise, or the one session's public id is recorded until `keep_until`.
    pub async fn revoke_sessions(
        &self,
        actor: &Actor,
        scope: &RevokeScope,
        keep_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        unimplemented!()
    }
    /// Records that a session ended (logout), without an audit row of its own.
    pub async fn end_session(&self, public_id: &str, keep_until: Timestamp) -> Result<(), DirectoryUnknown> {
        unimplemented!()
    }

    // audit
    pub async fn audit(&self, event: &AuditEvent, now: Timestamp) -> Result<(), DirectoryUnknown> {
        unimplemented!()
    }
    pub async fn audit_list(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, DirectoryUnknown> {
        unimplemented!()
    }
    pub async fn audit_verify(&self) -> Result<ChainState, DirectoryUnknown> {
        unimplemented!()
    }
    /// From the audit's `login.passed_without_second_factor` rows, newest first.
    pub async fn passed_without_second_factor(
        &self,
        filter: &AuditFilter,
    ) -> Result<Vec<PassedWithoutSecondFactor>, DirectoryUnknown> {
        unimplemented!()
    }

    // keys
    /// Seals everything anew under the ring's newest key; how many values.
    pub async fn reseal(&self, keys: Arc<KeyRing>) -> Result<usize, DirectoryUnknown> {
        unimplemented!()
    }
    /// Removes what is past its time (spent tokens, ended sessions, passcodes).
    pub async fn sweep(&self, now: Timestamp) -> Result<(), DirectoryUnknown> {
        unimplemented!()
    }
}

/// A gateway's copies of what `decide` needs (I10): filled on use, forgotten when the change counter
/// says so, and *unknown* when the directory has not answered for a second.
pub struct Copies {}

#[allow(unused_variables, clippy::unused_async)]
impl Copies {
    /// Copies of `directory`. Nothing is known before [`Self::watch`] has read once.
    pub fn new(directory: Directory) -> Arc<Self> {
        unimplemented!()
    }
    /// Reads the change counter every 200 ms on a connection of its own, for ever; also checks id and counter (DESIGN section 6, "Which directory") through `check`.
    pub async fn watch(self: Arc<Self>) {
        unimplemented!()
    }
    /// Reads the counter once; for `run` before the listener opens, and for tests.
    pub async fn refresh(&self) -> Result<(), DirectoryUnknown> {
        unimplemented!()
    }
    /// Where the employee stands; `Ok(None)`: nobody of that name (or not any more).
    pub async fn standing(&self, login: &Login) -> Result<Option<Arc<EmployeeStanding>>, DirectoryUnknown> {
        unimplemented!()
    }
    /// Whether this session was ended before its time.
    pub fn is_ended(&self, public_id: &str) -> Result<bool, DirectoryUnknown> {
        unimplemented!()
    }
    /// Forgets nothing but reads the counter at once: what this gateway itself has just changed is seen by its next request.
    pub async fn changed_here(&self) -> Result<(), DirectoryUnknown> {
        unimplemented!()
    }
}

/// Why an import changed nothing.
#[derive(Debug)]
pub enum ImportRefused {
    /// These rows, by index, do not fit.
    Rows(Vec<(usize, String)>),
    /// The directory could not answer.
    Unknown(DirectoryUnknown),
}
