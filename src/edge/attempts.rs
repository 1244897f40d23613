//! Logins that are tried, whatever brings them: counted before they are sent, reported where nobody
//! understands the answer.

use pingora::proxy::Session;

use super::arrival::Arrival;
use super::door::Door;
use crate::access::{Ending, Unknown, Who};
use crate::clock::Timestamp;
use crate::directory::{Actor, AuditEvent};
use crate::gate::Login;
use crate::pages::Told;
use crate::secret::Purpose;
use crate::sessions::{Allowance, Limit, LimitKey, Ticket, limited_network};

/// Outer: the wire. Inner: directory and store.
type Outcome<T> = pingora::Result<Result<T, Unknown>>;

impl Door {
    /// Counts a password that may be wrong, for the login and for the address, alike for known and unknown
    /// names. Until when there are too many, where there are.
    pub(super) async fn reserve(
        &self,
        arrival: &Arrival,
        typed: Option<&Login>,
        now: Timestamp,
    ) -> Result<Result<Vec<Ticket>, Timestamp>, Unknown> {
        let limits = &arrival.settings.config.limits;
        let network = limited_network(arrival.client);
        let mut counted: Vec<(&'static str, &[u8], Limit)> = vec![(
            "failed_passwords_per_address",
            network.as_bytes(),
            limits.failed_passwords_per_address,
        )];
        if let Some(typed) = typed {
            let subject = typed.folded().as_bytes();
            counted.push((
                "failed_passwords_per_login",
                subject,
                limits.failed_passwords_per_login,
            ));
        }
        let mut tickets = Vec::with_capacity(2);
        for (name, subject, limit) in counted {
            let key = LimitKey {
                name,
                subject: self.door.keys.keyed_hash(Purpose::Limit, subject),
            };
            match self.door.store.take(&key, limit, now).await? {
                Allowance::Granted(ticket) => tickets.push(ticket),
                Allowance::Refused { until } => {
                    self.give_back(&tickets).await?;
                    return Ok(Err(until));
                }
            }
        }
        Ok(Ok(tickets))
    }

    pub(super) async fn give_back(&self, tickets: &[Ticket]) -> Result<(), Unknown> {
        for ticket in tickets {
            self.door.store.give_back(ticket).await?;
        }
        Ok(())
    }

    /// Shuts a login that nobody understands: its session ends, its jar is thrown away, and it is reported.
    pub(super) async fn shut_login(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        who: &Who,
        typed: Option<&Login>,
        reason: &'static str,
    ) -> Outcome<()> {
        self.door.metrics.login("not_understood");
        if let Err(unknown) = self.report(arrival, who, typed, reason).await {
            return Ok(Err(unknown));
        }
        let cookie = self.door.clear_session_cookie();
        self.tell(session, arrival, &Told::LoginNotUnderstood, Some(cookie))
            .await
            .map(Ok)
    }

    async fn report(
        &self,
        arrival: &Arrival,
        who: &Who,
        typed: Option<&Login>,
        reason: &'static str,
    ) -> Result<(), Unknown> {
        if let Who::Session(live) = who {
            // Whoever was faster under it had the same name, and an answer of their own.
            let _: Ending = self.door.end_session(live).await?;
        }
        let path = arrival.target.path();
        let event = AuditEvent {
            event: "login.not_understood",
            actor: Actor {
                name: "gateway".into(),
                from: arrival.client.to_string(),
            },
            firm: None,
            login: typed.cloned(),
            details: serde_json::json!({ "path": path, "reason": reason }),
        };
        self.door.directory.audit(&event, self.door.now()).await?;
        self.door.note_drift(reason, path, typed, arrival.client).await
    }
}
