//! `doorstep directory`: a directory that was restored or replaced.

use clap::Subcommand;
use serde_json::{Value, json};

use super::context::{Context, ops};
use super::failure::Failure;
use super::session::open_store;
use crate::directory::{AuditFilter, Directory as Opened, EmployeeFilter, RevokeScope};
use crate::sessions::DirectoryMark;

/// What may be done with the directory as a whole.
#[derive(Subcommand)]
pub(super) enum Directory {
    /// Takes a restored or another directory as the true one: ends every session, and lists what to review.
    Accept,
}

impl Directory {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        let Self::Accept = self;
        let (config, directory) = context.directory().await?;
        let now = context.now();
        let store = open_store(&config).await?;
        let keep_until = now.plus(config.sessions.absolute_timeout);
        directory
            .revoke_sessions(&ops(), &RevokeScope::All, keep_until, now)
            .await?;
        let counter = directory.counter().await?;
        let id = directory.id().to_owned();
        // The mark comes last: until then gateways answer that they do not know (I9).
        if let Some(store) = &store {
            store.clear().await?;
            store
                .note_directory(
                    &DirectoryMark {
                        id: id.clone(),
                        counter,
                    },
                    true,
                )
                .await?;
        }
        let review = Review::of(&directory).await?;
        let mut text = format!("Accepted the directory {id} at change {counter}; every session has ended.");
        if store.is_none() {
            text.push_str(
                "\nRestart the gateway: with store = \"memory\" it remembers the directory before.",
            );
        }
        text.push_str(&review.in_words());
        context.screen.result(
            &text,
            || json!({"directory": id, "counter": counter, "review": review.to_json()}),
        )
    }
}

/// What an older copy may have undone.
struct Review {
    newest: Option<(i64, String)>,
    off: Vec<String>,
    break_glass: Vec<String>,
    inactive: usize,
    employees: usize,
}

impl Review {
    async fn of(directory: &Opened) -> Result<Self, Failure> {
        let firms = directory.firms().await?;
        let people = directory.employees(&EmployeeFilter::default()).await?;
        // The newest row is the acceptance itself; what was lost came after the one before it.
        let filter = AuditFilter {
            limit: Some(2),
            ..AuditFilter::default()
        };
        let entries = directory.audit_list(&filter).await?;
        let off = firms.iter().filter(|firm| !firm.two_factor.enabled);
        let glass = firms.iter().filter(|firm| firm.break_glass.is_some());
        Ok(Self {
            newest: entries
                .first()
                .filter(|_| entries.len() > 1)
                .map(|entry| (entry.seq, entry.at.to_string())),
            off: off.map(|firm| firm.id.to_string()).collect(),
            break_glass: glass.map(|firm| firm.id.to_string()).collect(),
            inactive: people.iter().filter(|person| !person.standing.active).count(),
            employees: people.len(),
        })
    }

    fn in_words(&self) -> String {
        let list = |ids: &[String]| {
            if ids.is_empty() {
                "none".to_owned()
            } else {
                ids.join(", ")
            }
        };
        let newest = self.newest.as_ref().map_or("It holds no change from before.".to_owned(), |(seq, at)| {
            format!("Its last change before this was row {seq} of the audit, {at}: whatever was changed later is undone.")
        });
        format!(
            "\nReview: {newest}\n  firms whose two-factor is off: {}\n  firms with a break-glass: {}\n  employees: {}, of whom {} are inactive; those deactivated, reset or enrolled since need it again",
            list(&self.off),
            list(&self.break_glass),
            self.employees,
            self.inactive
        )
    }

    fn to_json(&self) -> Value {
        json!({
            "last_change": self.newest.as_ref().map(|(seq, at)| json!({"seq": seq, "at": at})),
            "two_factor_off": self.off, "break_glass": self.break_glass,
            "employees": self.employees, "inactive": self.inactive,
        })
    }
}
