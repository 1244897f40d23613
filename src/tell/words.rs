//! What people are told: which events, and in which words. Nothing of an event's details but what kind of factor
//! it was: no number, no secret.

use serde_json::Value;

use crate::directory::AuditEntry;

/// A notice's words, and whether it goes to the employee too or to the firm's admins alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The subject of a mail.
    pub subject: String,
    /// The whole text.
    pub body: String,
}

/// What to say about a row of the audit, if anything.
pub fn about(entry: &AuditEntry) -> Option<Words> {
    let who = entry.login.as_deref().unwrap_or("somebody");
    let firm = entry.firm.as_deref().unwrap_or("the firm");
    let kind = entry
        .details
        .get("kind")
        .and_then(Value::as_str)
        .map_or("", factor);
    let subject = match entry.event.as_str() {
        "factor.added" => format!("A second factor{kind} was added for {who}"),
        "factor.removed" => format!("A second factor{kind} of {who} was removed"),
        "factor.counter_went_back" => {
            format!("A passkey of {who} was refused, for it may have been copied")
        }
        "factor.locked" => format!("The tokens of {who} are locked after wrong ones"),
        "push.reported" => format!("A sign-in as {who} was reported on their phone as none of theirs"),
        "device.forgotten" => format!("A remembered device of {who} was forgotten"),
        "employee.added" => format!("{who} was added to {firm}"),
        "employee.removed" => format!("{who} was removed from {firm}"),
        "firm.changed" => format!("The policy of {firm} was changed"),
        "firm.break_glass" => format!("{firm} is let in on passwords for a while (break-glass)"),
        "employee.reset" => format!("The second factor of {who} was reset"),
        "employee.changed" if changes(entry, "phone") => format!("The phone number of {who} was changed"),
        "employee.changed" if changes(entry, "role") => format!("The role of {who} was changed"),
        "employee.changed" if changes(entry, "phone_suspended") => {
            format!("The phone number of {who} was confirmed")
        }
        "phone_change.asked" => format!("{who} asked for another phone number"),
        "phone_change.approved" => format!("Another phone number for {who} was approved"),
        "phone_change.cancelled" => format!("The change of the phone number of {who} was cancelled"),
        "phone_change.applied" => format!("The phone number of {who} was changed"),
        "firm.two_factor_enabled" => format!("Two-factor authentication was switched on for {firm}"),
        "firm.two_factor_disabled" => format!("Two-factor authentication was switched off for {firm}"),
        _ => return None,
    };
    let body = format!(
        "{subject}.\n\nWhen: {}\nBy: {}\nFrom: {}\n\nIf this was not meant to happen, tell your firm's admin at once.\n",
        entry.at, entry.actor, entry.from
    );
    Some(Words { subject, body })
}

fn changes(entry: &AuditEntry, key: &str) -> bool {
    let after = entry.details.get("after");
    after.is_some_and(|after| after.get(key).is_some())
}

fn factor(kind: &str) -> &'static str {
    match kind {
        "totp" => " (authenticator app)",
        "push" => " (phone)",
        "passkey" => " (passkey)",
        "recovery_code" => " (recovery codes)",
        "sms" => " (SMS)",
        _ => "",
    }
}
