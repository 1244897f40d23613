//! `doorstep employee phone-change`: changes of number that wait for a yes.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::{Context, firm_id, login, ops};
use super::failure::Failure;
use crate::directory::{Approval, Directory, PhoneChange};
use crate::gate::{FirmId, Login};
use crate::views;

/// What may be done with changes of number.
#[derive(Subcommand)]
pub(super) enum PhoneChanges {
    /// Lists what waits: for whom, since when, and from when it counts.
    List {
        /// Only this firm's.
        #[arg(long, value_name = "ID", value_parser = firm_id)]
        firm: Option<FirmId>,
    },
    /// Says yes; the number counts once phone_change_hold is over.
    Approve {
        #[arg(value_parser = login)]
        login: Login,
    },
    /// Cancels it.
    Cancel {
        #[arg(value_parser = login)]
        login: Login,
    },
}

impl PhoneChanges {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        let (config, directory) = context.directory().await?;
        let now = context.now();
        match self {
            Self::List { firm } => {
                let waiting = directory.pending_phone_changes(firm.as_ref()).await?;
                let rows: Vec<Vec<String>> = waiting.iter().map(row).collect();
                let heads = [
                    "login",
                    "firm",
                    "phone",
                    "asked",
                    "from",
                    "approved_by",
                    "counts_from",
                ];
                context.screen.listing(&heads, &rows, || {
                    Value::Array(
                        waiting
                            .iter()
                            .map(|one| views::json(&views::PhoneChange::of(one)))
                            .collect(),
                    )
                })
            }
            Self::Approve { login } => {
                let change = waiting(&directory, &login).await?;
                let hold = config.factors.phone_change_hold;
                let due = directory
                    .approve_phone_change(&ops(), &login, &change.id, hold, now)
                    .await?;
                let sentence = format!(
                    "{} counts for {} from {due}.",
                    change.phone.masked(),
                    change.login
                );
                context.screen.result(&sentence, || {
                    json!({"login": change.login.as_str(), "phone": change.phone.e164(), "counts_from": due.to_string()})
                })
            }
            Self::Cancel { login } => {
                let change = waiting(&directory, &login).await?;
                directory
                    .cancel_phone_change(&ops(), &login, &change.id, now)
                    .await?;
                let sentence = format!("Cancelled the change of {login}'s number.");
                context
                    .screen
                    .result(&sentence, || json!({"login": login.as_str(), "cancelled": true}))
            }
        }
    }
}

async fn waiting(directory: &Directory, login: &Login) -> Result<PhoneChange, Failure> {
    let change = directory.phone_change(login).await?;
    change.ok_or_else(|| Failure::Refused(format!("no change of {login}'s number waits")))
}

fn approved_by(change: &PhoneChange) -> Option<&str> {
    match &change.approved {
        Some((_, Approval::Person(name))) => Some(name),
        Some((_, Approval::RecoveryCode)) => Some("recovery code"),
        None => None,
    }
}

fn row(change: &PhoneChange) -> Vec<String> {
    vec![
        change.login.to_string(),
        change.firm.to_string(),
        change.phone.e164().to_owned(),
        change.asked.to_string(),
        change.asked_from.clone(),
        approved_by(change).unwrap_or_default().to_owned(),
        change.due.map(|due| due.to_string()).unwrap_or_default(),
    ]
}
