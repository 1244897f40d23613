//! What bounds the bill for SMS (SMS pumping): where tokens go, and how many.
//!
//! The counts are kept in the session store: one that is lost lets more messages out and nobody in (I15).

use super::send::PAUSE;
use super::waiting::Waiting;
use crate::access::{Doorstep, Settings, Unknown};
use crate::clock::Timestamp;
use crate::directory::Phone;
use crate::sessions::{Allowance, Limit, Ticket, limited_network};

/// Whether doorstep itself sends to this number.
pub(super) fn sends_to(settings: &Settings, phone: &Phone) -> bool {
    settings.sms.is_some() && allows_country(settings, phone)
}

/// Whether SMS may go to the number's country.
pub(super) fn allows_country(settings: &Settings, phone: &Phone) -> bool {
    let sms = settings.config.factors.sms.as_ref();
    sms.is_none_or(|sms| sms.countries.allow(phone))
}

impl Doorstep {
    /// Counts one message against each limit, or against none where one of them refuses: then not before
    /// the moment in the inner error. The tickets are those of the limits in the hour, not of the pause.
    pub(super) async fn take_all(
        &self,
        settings: &Settings,
        waiting: &Waiting,
        number: &str,
        now: Timestamp,
    ) -> Result<Result<Vec<Ticket>, Timestamp>, Unknown> {
        let limits = &settings.config.limits;
        let address = limited_network(waiting.stored.record.address);
        let (employee, number) = (("employee", waiting.login().folded()), ("number", number));
        let firm = ("firm", waiting.employee.standing.firm.id.as_str());
        let pause = Limit {
            count: 1,
            window: PAUSE,
        };
        let limits = [
            ("sms_pause", employee, pause),
            ("sms_pause", number, pause),
            ("sms_per_employee", employee, limits.sms_per_employee),
            ("sms_per_employee", number, limits.sms_per_employee),
            (
                "sms_per_address",
                ("address", address.as_str()),
                limits.sms_per_address,
            ),
            ("sms_per_firm", firm, limits.sms_per_firm),
            ("sms_in_all", ("all", ""), limits.sms_in_all),
        ];
        let mut tickets = Vec::with_capacity(limits.len());
        for (name, (kind, whose), limit) in limits {
            let key = self.limit_key(name, kind, whose);
            match self.store.take(&key, limit, now).await? {
                Allowance::Granted(ticket) => tickets.push(ticket),
                Allowance::Refused { until } => {
                    self.give_back(&tickets).await?;
                    self.note_limit(name, waiting);
                    return Ok(Err(until));
                }
            }
        }
        // Pressed again at once after a failure, it would only fail again.
        Ok(Ok(tickets.split_off(2)))
    }

    /// A limit that many share is ops' business: it is either too low, or being pumped.
    fn note_limit(&self, name: &'static str, waiting: &Waiting) {
        if !matches!(name, "sms_per_address" | "sms_per_firm" | "sms_in_all") {
            return;
        }
        let firm = waiting.employee.standing.firm.id.as_str();
        tracing::warn!(limit = name, firm, "no more tokens are sent by SMS for now");
        self.metrics.factor(name);
    }
}
