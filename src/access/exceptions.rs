//! Named exceptions to I1, noted in the audit once per session and gateway.

use std::collections::HashSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::directory::{Actor, AuditEvent, TrailFilter};
use crate::gate::{Exception, FirmId, Login};

/// At most so many are remembered; past it all are forgotten, and audited once more.
const BOUND: usize = 100_000;

/// Which sessions' exceptions were audited already.
#[derive(Debug, Default)]
pub struct Noted(Mutex<HashSet<(String, Exception)>>);

impl Noted {
    /// Whether this is the first time for this session and exception.
    fn is_first(&self, session: &str, exception: Exception) -> bool {
        let Ok(mut noted) = self.0.lock() else {
            return true;
        };
        if noted.len() >= BOUND {
            noted.clear();
        }
        noted.insert((session.to_owned(), exception))
    }

    /// Whether this is the first time for this key, whatever it is made of.
    pub(super) fn is_first_time(&self, key: &str) -> bool {
        self.is_first(key, Exception::UnknownEmployee)
    }

    pub(super) fn forget_time(&self, key: &str) {
        self.forget(key, Exception::UnknownEmployee);
    }

    fn forget(&self, session: &str, exception: Exception) {
        if let Ok(mut noted) = self.0.lock() {
            noted.remove(&(session.to_owned(), exception));
        }
    }
}

impl Doorstep {
    /// Audits that a session passes on a named exception. Nobody passes on one that cannot be audited.
    ///
    /// # Errors
    /// Where the directory cannot take the row.
    pub async fn note_exception(
        &self,
        session: &LiveSession,
        exception: Exception,
        client: std::net::IpAddr,
        now: Timestamp,
    ) -> Result<(), Unknown> {
        let record = &session.stored.record;
        let Some(holder) = record.level.holder() else {
            return Ok(());
        };
        if !self.noted.is_first(record.id.public(), exception) {
            return Ok(());
        }
        let noted = self
            .audit_passed(
                &holder.login,
                holder.firm.as_ref(),
                exception.as_str(),
                client,
                now,
            )
            .await;
        if noted.is_err() {
            self.noted.forget(record.id.public(), exception);
        }
        noted
    }

    /// What an exception's row says; of a break-glass also who opened it, and the reason they gave.
    async fn why(&self, reason: &str, firm: Option<&FirmId>) -> Result<Value, Unknown> {
        let mut why = json!({ "reason": reason });
        let Some(firm) = firm.filter(|_| reason == Exception::BreakGlass.as_str()) else {
            return Ok(why);
        };
        let newest = TrailFilter {
            firm: firm.clone(),
            login: None,
            event: Some("firm.break_glass".into()),
            since: None,
            until: None,
            before: None,
            limit: 1,
        };
        if let Some(opened) = self.directory.trail(&newest).await?.pop() {
            why["opened_by"] = json!(opened.actor);
            why["because"] = opened.details.get("reason").cloned().unwrap_or_default();
        }
        Ok(why)
    }

    /// Writes `login.passed_without_second_factor`.
    ///
    /// # Errors
    /// Where the directory cannot take the row.
    pub(super) async fn audit_passed(
        &self,
        login: &Login,
        firm: Option<&FirmId>,
        reason: &str,
        client: std::net::IpAddr,
        now: Timestamp,
    ) -> Result<(), Unknown> {
        let event = AuditEvent {
            event: "login.passed_without_second_factor",
            actor: Actor {
                name: login.as_str().to_owned(),
                from: client.to_string(),
            },
            firm: firm.cloned(),
            login: Some(login.clone()),
            details: self.why(reason, firm).await?,
        };
        Ok(self.directory.audit(&event, now).await?)
    }
}
