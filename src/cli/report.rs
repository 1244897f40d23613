//! `doorstep report`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::context::{Context, firm_id, login};
use super::failure::Failure;
use super::moment::since;
use crate::clock::Timestamp;
use crate::directory::{AuditFilter, PassedWithoutSecondFactor};
use crate::gate::{FirmId, Login};
use crate::views;

/// What may be reported.
#[derive(Subcommand)]
pub(super) enum Report {
    /// Who got in on a password alone, and why; newest first.
    #[command(name = "passed-without-2fa")]
    PassedWithout2fa(Passed),
}

#[derive(Args)]
pub(super) struct Passed {
    /// Only this firm.
    #[arg(long, value_name = "ID", value_parser = firm_id)]
    firm: Option<FirmId>,
    /// Only this employee.
    #[arg(long, value_parser = login)]
    login: Option<Login>,
    /// Only since a date, a moment (RFC 3339), or so long ago (24h).
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

impl Report {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        let Self::PassedWithout2fa(asked) = self;
        let (_, directory) = context.directory().await?;
        let filter = AuditFilter {
            firm: asked.firm,
            login: asked.login,
            since: asked.since,
            limit: asked.limit,
            ..AuditFilter::default()
        };
        let passed = directory.passed_without_second_factor(&filter).await?;
        let rows: Vec<Vec<String>> = passed.iter().map(row).collect();
        let json = || Value::Array(passed.iter().map(to_json).collect());
        context
            .screen
            .listing(&["at", "login", "firm", "reason", "from"], &rows, json)
    }
}

fn row(passed: &PassedWithoutSecondFactor) -> Vec<String> {
    vec![
        passed.at.to_string(),
        passed.login.clone(),
        passed.firm.clone().unwrap_or_default(),
        passed.reason.clone(),
        passed.from.clone(),
    ]
}

fn to_json(passed: &PassedWithoutSecondFactor) -> Value {
    views::json(&views::Passed::of(passed))
}
