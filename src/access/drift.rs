//! What the portal does that its rules do not say: counted, audited, told by `/readyz`.

use serde_json::json;

use super::{Doorstep, Unknown};
use crate::directory::{Actor, AuditEvent};
use crate::gate::Login;
use crate::gate::login::Judgement;

impl Doorstep {
    /// Notes a drift.
    ///
    /// # Errors
    /// Where the directory cannot take the audit's row.
    pub async fn note_drift(
        &self,
        reason: &'static str,
        path: &str,
        login: Option<&Login>,
        client: std::net::IpAddr,
    ) -> Result<(), Unknown> {
        let now = self.now();
        self.metrics.drifted(reason);
        if !self.metrics.drift.warn(reason, path, now) {
            return Ok(());
        }
        let event = AuditEvent {
            event: "portal.drift",
            actor: Actor {
                name: "gateway".into(),
                from: client.to_string(),
            },
            firm: None,
            login: login.cloned(),
            details: json!({ "reason": reason, "path": path }),
        };
        Ok(self.directory.audit(&event, now).await?)
    }

    /// Counts how a login was judged.
    ///
    /// # Errors
    /// Where the directory cannot take the audit's row of a sudden change.
    pub async fn note_judged(
        &self,
        rule: &str,
        judgement: Judgement,
        client: std::net::IpAddr,
    ) -> Result<(), Unknown> {
        if self.metrics.drift.judged(rule, judgement) {
            self.note_drift("ratio", rule, None, client).await?;
        }
        Ok(())
    }
}
