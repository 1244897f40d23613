//! Machine clients that passed an exempt entry, audited: once for each entry, client and address in an hour.

use serde_json::json;

use super::{Doorstep, Unknown};
use crate::directory::{Actor, AuditEvent};

impl Doorstep {
    /// Audits that a machine client passes without a second factor. Nobody passes who cannot be audited.
    ///
    /// # Errors
    /// Where the directory cannot take the row.
    pub async fn note_exempt(
        &self,
        entry: &str,
        client: Option<&str>,
        from: std::net::IpAddr,
    ) -> Result<(), Unknown> {
        let now = self.now();
        let hour = now.seconds() / 3600;
        let key = format!("{hour} {entry} {} {from}", client.unwrap_or_default());
        if !self.noted.is_first_time(&key) {
            return Ok(());
        }
        let event = AuditEvent {
            event: "login.passed_without_second_factor",
            actor: Actor {
                name: client.unwrap_or("machine client").to_owned(),
                from: from.to_string(),
            },
            firm: None,
            login: None,
            details: json!({ "reason": "exempt", "path": entry, "client": client }),
        };
        let noted = self.directory.audit(&event, now).await;
        if noted.is_err() {
            self.noted.forget_time(&key);
        }
        Ok(noted?)
    }
}
