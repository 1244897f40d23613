//! Who passes on a password alone in forward-auth mode, where no session need begin for it: audited once for
//! each person, reason and address in an hour.

use super::{Doorstep, Unknown};
use crate::gate::Login;

impl Doorstep {
    /// Audits it. Nobody passes who cannot be audited.
    ///
    /// # Errors
    /// Where the directory cannot take the row.
    pub async fn note_passed(
        &self,
        login: &Login,
        reason: &str,
        from: std::net::IpAddr,
    ) -> Result<(), Unknown> {
        let now = self.now();
        let hour = now.seconds() / 3600;
        let key = format!("front {hour} {} {reason} {from}", login.folded());
        if !self.noted.is_first_time(&key) {
            return Ok(());
        }
        let standing = self.copies.standing(login).await?;
        let firm = standing.as_ref().map(|standing| &standing.firm.id);
        let noted = self.audit_passed(login, firm, reason, from, now).await;
        if noted.is_err() {
            self.noted.forget_time(&key);
        }
        noted
    }
}
