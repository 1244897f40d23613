//! `doorstep audit`: who did what, and whether the chain holds.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{Context, firm_id, login};
use super::failure::Failure;
use super::moment::since;
use crate::clock::Timestamp;
use crate::directory::{AuditEntry, AuditFilter, ChainState};
use crate::gate::{FirmId, Login};
use crate::views;

/// What may be done with the audit.
#[derive(Subcommand)]
pub(super) enum Audit {
    /// Lists it, oldest first.
    List(List),
    /// Checks that every row carries the hash of the one before it.
    Verify,
}

#[derive(Args)]
pub(super) struct List {
    /// Only about this firm.
    #[arg(long, value_name = "ID", value_parser = firm_id)]
    firm: Option<FirmId>,
    /// Only about this employee.
    #[arg(long, value_parser = login)]
    login: Option<Login>,
    /// Only this event, such as session.revoked, or a beginning: "firm.*".
    #[arg(long)]
    event: Option<String>,
    /// Only since a date, a moment (RFC 3339), or so long ago (24h).
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,
    /// At most so many, the newest.
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

impl Audit {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.apply(context).await,
            Self::Verify => verify(context).await,
        }
    }
}

impl List {
    async fn apply(self, context: &Context) -> Result<(), Failure> {
        let (_, directory) = context.directory().await?;
        let filter = AuditFilter {
            firm: self.firm,
            login: self.login,
            event: self.event,
            since: self.since,
            after: None,
            limit: self.limit,
        };
        let entries = directory.audit_list(&filter).await?;
        let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
        let heads = ["seq", "at", "event", "actor", "from", "firm", "login", "details"];
        context.screen.listing(&heads, &rows, || {
            Value::Array(entries.iter().map(to_json).collect())
        })
    }
}

fn row(entry: &AuditEntry) -> Vec<String> {
    vec![
        entry.seq.to_string(),
        entry.at.to_string(),
        entry.event.clone(),
        entry.actor.clone(),
        entry.from.clone(),
        entry.firm.clone().unwrap_or_default(),
        entry.login.clone().unwrap_or_default(),
        entry.details.to_string(),
    ]
}

fn to_json(entry: &AuditEntry) -> Value {
    views::json(&views::AuditRow::of(entry))
}

async fn verify(context: &Context) -> Result<(), Failure> {
    let (_, directory) = context.directory().await?;
    match directory.audit_verify().await? {
        ChainState::Holds { rows } => {
            let sentence = format!("The chain holds: {rows} rows.");
            context
                .screen
                .result(&sentence, || json!({"holds": true, "rows": rows}))
        }
        ChainState::Broken { at, why } => {
            if context.screen.json {
                context
                    .screen
                    .result("", || json!({"holds": false, "at": at, "why": why}))?;
            }
            Err(Failure::Refused(format!(
                "the audit's chain is broken at row {at}: {why}. Compare with a backup, and find out who could write to the directory"
            )))
        }
    }
}
