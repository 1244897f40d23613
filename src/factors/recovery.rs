//! Recovery codes: for a lost phone, each good once.

use super::verify::{Fault, Judged};
use super::waiting::Waiting;
use crate::access::{Doorstep, Unknown};
use crate::clock::Timestamp;
use crate::directory::CodeUse;
use crate::gate::FactorKind;

impl Doorstep {
    /// Judges a code of a passcode's shape as one of the holder's recovery codes, and spends it where it is.
    pub(super) async fn judge_recovery_code(
        &self,
        waiting: &Waiting,
        code: &str,
        now: Timestamp,
    ) -> Result<Judged, Unknown> {
        if !waiting.allows(FactorKind::RecoveryCode) {
            return Ok(Judged::Not(Fault::Wrong));
        }
        let login = waiting.login();
        Ok(
            match self.directory.spend_recovery_code(login, code, now).await? {
                CodeUse::Spent => Judged::Right(FactorKind::RecoveryCode),
                CodeUse::Used => Judged::Not(Fault::Used),
                CodeUse::NoCode => Judged::Not(Fault::Wrong),
            },
        )
    }
}
