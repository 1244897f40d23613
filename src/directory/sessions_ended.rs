//! Sessions that were ended before their time: recorded here first, so that no store can forget it (I15).

use serde_json::json;

use super::change::{Change, Touched};
use super::ending::Taken;
use super::unknown::{CHANGE, within};
use super::{Actor, AuditEvent, ChangeRefused, Directory, DirectoryUnknown, RevokeScope};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login};

impl Directory {
    /// Ends sessions: the scope's epochs rise, or the one session's public id is recorded until `keep_until`.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn revoke_sessions(
        &self,
        actor: &Actor,
        scope: &RevokeScope,
        keep_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let event = match scope {
                RevokeScope::Session(public_id) => {
                    if public_id.chars().any(char::is_control) {
                        return Err(ChangeRefused::NotFound("there is no such session".into()));
                    }
                    change.record_ended(public_id, keep_until).await?;
                    revoked(
                        actor,
                        None,
                        None,
                        json!({"scope": "session", "session": public_id}),
                    )
                }
                RevokeScope::Employee(login) => change.revoke_employee(actor, login).await?,
                RevokeScope::Firm(firm) => change.revoke_firm(actor, firm).await?,
                RevokeScope::All => {
                    change.revoke_all().await?;
                    revoked(actor, None, None, json!({"scope": "all"}))
                }
            };
            change.audit(&event).await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// Records that a session ended (logout), without an audit row of its own.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn end_session(&self, public_id: &str, keep_until: Timestamp) -> Result<(), DirectoryUnknown> {
        within(CHANGE, async {
            // Its row in `changes` is kept as long as the session's: there is no present moment here.
            let mut change = self.change(keep_until).await?;
            change.record_ended(public_id, keep_until).await?;
            change.commit().await
        })
        .await
    }
}

impl Change {
    async fn record_ended(&mut self, public_id: &str, keep_until: Timestamp) -> Result<(), DirectoryUnknown> {
        sqlx::query(
            "INSERT INTO ended_sessions (public_id, keep_until) VALUES ($1, $2) \
             ON CONFLICT (public_id) DO UPDATE SET keep_until = excluded.keep_until \
             WHERE ended_sessions.keep_until < excluded.keep_until",
        )
        .bind(public_id)
        .bind(keep_until.0)
        .execute(self.db())
        .await?;
        self.touch(Touched::Ended(public_id)).await
    }

    async fn revoke_employee(&mut self, actor: &Actor, login: &Login) -> Result<AuditEvent, ChangeRefused> {
        let key = self.key_of(login).await?;
        self.end(&key, Taken::Sessions).await?;
        let (firm, shown) =
            sqlx::query_as::<_, (String, String)>("SELECT firm, login FROM employees WHERE folded = $1")
                .bind(key.as_str())
                .fetch_one(self.db())
                .await?;
        let firm = FirmId::parse(&firm).ok();
        let login = Login::parse(&shown).ok();
        Ok(revoked(actor, firm, login, json!({"scope": "employee"})))
    }

    async fn revoke_firm(&mut self, actor: &Actor, firm: &FirmId) -> Result<AuditEvent, ChangeRefused> {
        self.firm(firm).await?;
        let epoch = self.counter;
        let people = sqlx::query("UPDATE employees SET epoch = $1 WHERE firm = $2")
            .bind(epoch)
            .bind(firm.as_str())
            .execute(self.db())
            .await?;
        self.touch(Touched::Firm(firm)).await?;
        let details = json!({"scope": "firm", "employees": people.rows_affected()});
        Ok(revoked(actor, Some(firm.clone()), None, details))
    }

    /// Everybody's epoch rises.
    pub(super) async fn revoke_all(&mut self) -> Result<(), DirectoryUnknown> {
        let epoch = self.counter;
        sqlx::query("UPDATE employees SET epoch = $1")
            .bind(epoch)
            .execute(self.db())
            .await?;
        self.touch(Touched::All).await
    }
}

fn revoked(
    actor: &Actor,
    firm: Option<FirmId>,
    login: Option<Login>,
    details: serde_json::Value,
) -> AuditEvent {
    AuditEvent {
        event: "session.revoked",
        actor: actor.clone(),
        firm,
        login,
        details,
    }
}
