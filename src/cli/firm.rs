//! `doorstep firm`: firms, their flag and their policy.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{Context, firm_id, ops};
use super::failure::Failure;
use super::moment::moment;
use super::policy;
use crate::clock::Timestamp;
use crate::config::parse_positive_duration;
use crate::directory::{ChangeRefused, Directory, Firm as Row, Readiness};
use crate::gate::FirmId;
use crate::views;

/// What may be done with firms.
#[derive(Subcommand)]
pub(super) enum Firm {
    /// Adds a firm.
    Add {
        #[arg(value_parser = firm_id)]
        id: FirmId,
        /// Its shown name.
        #[arg(long)]
        name: String,
    },
    /// Lists all firms.
    List,
    /// Shows one.
    Show {
        #[arg(value_parser = firm_id)]
        id: FirmId,
    },
    /// Sets its name or keys of its policy; KEY= clears a key.
    ///
    /// Keys: name, factors (push,sms,totp), remember_device, idle_timeout, absolute_timeout, networks
    /// (10.0.0.0/8,…), enrolment_window (until a date, or for 7d from now), carry_over (yes, no),
    /// sessions_per_employee, logins (patterns such as *@corp-a.example).
    Set {
        #[arg(value_parser = firm_id)]
        id: FirmId,
        #[arg(required = true, value_name = "KEY=VALUE")]
        assignments: Vec<String>,
    },
    /// Asks the firm's people for a second factor. Refused while one of them has neither phone nor factor.
    #[command(name = "enable-2fa")]
    Enable2fa(Enable),
    /// Lets the firm's people in on their passwords.
    #[command(name = "disable-2fa")]
    Disable2fa {
        #[arg(value_parser = firm_id)]
        id: FirmId,
    },
    /// Lets a firm in on passwords for a while; written into the audit.
    BreakGlass(BreakGlass),
}

#[derive(Args)]
pub(super) struct Enable {
    #[arg(value_parser = firm_id)]
    id: FirmId,
    /// Says what it would mean, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// From when: 2026-12-01 (midnight UTC) or RFC 3339; default: at once.
    #[arg(long, value_name = "DATE", value_parser = moment)]
    from: Option<Timestamp>,
    /// Also where people would be shut out.
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
pub(super) struct BreakGlass {
    #[arg(value_parser = firm_id)]
    id: FirmId,
    /// For how long, such as 1h.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_positive_duration)]
    length: Duration,
    /// Why; for the audit.
    #[arg(long)]
    reason: String,
}

impl Firm {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Add { id, name } => {
                let (_, directory) = context.directory().await?;
                directory.add_firm(&ops(), &id, &name, context.now()).await?;
                tell(context, &directory, &id, "Added").await
            }
            Self::List => list(context).await,
            Self::Show { id } => {
                let (_, directory) = context.directory().await?;
                show(context, &find(&directory, &id).await?)
            }
            Self::Set { id, assignments } => set(context, &id, &assignments).await,
            Self::Enable2fa(enable) => enable.apply(context).await,
            Self::Disable2fa { id } => {
                let (_, directory) = context.directory().await?;
                directory.disable_two_factor(&ops(), &id, context.now()).await?;
                tell(context, &directory, &id, "A password lets in the people of").await
            }
            Self::BreakGlass(glass) => glass.apply(context).await,
        }
    }
}

async fn find(directory: &Directory, id: &FirmId) -> Result<Row, Failure> {
    directory
        .firm(id)
        .await?
        .ok_or_else(|| Failure::Refused(format!("there is no firm {id}. See: doorstep firm list")))
}

/// Says what was done to a firm, and shows it where JSON was asked for.
async fn tell(context: &Context, directory: &Directory, id: &FirmId, done: &str) -> Result<(), Failure> {
    let firm = find(directory, id).await?;
    let sentence = format!("{done} {id} ({}).", firm.name);
    context
        .screen
        .result(&sentence, || views::json(&views::Firm::of(&firm)))
}

fn flag(firm: &Row) -> String {
    if firm.two_factor.enabled { "on" } else { "off" }.to_owned()
}

async fn list(context: &Context) -> Result<(), Failure> {
    let (_, directory) = context.directory().await?;
    let firms = directory.firms().await?;
    let rows: Vec<Vec<String>> = firms
        .iter()
        .map(|firm| {
            let from = firm
                .two_factor
                .from
                .map(|from| from.to_string())
                .unwrap_or_default();
            vec![firm.id.to_string(), firm.name.clone(), flag(firm), from]
        })
        .collect();
    let json = || {
        Value::Array(
            firms
                .iter()
                .map(|firm| views::json(&views::Firm::of(firm)))
                .collect(),
        )
    };
    context
        .screen
        .listing(&["id", "name", "two_factor", "from"], &rows, json)
}

fn show(context: &Context, firm: &Row) -> Result<(), Failure> {
    let mut facts = vec![
        ("id", firm.id.to_string()),
        ("name", firm.name.clone()),
        ("two_factor", flag(firm)),
    ];
    facts.extend(firm.two_factor.from.map(|from| ("from", from.to_string())));
    if let Some(glass) = &firm.break_glass {
        facts.push(("break_glass", format!("until {}: {}", glass.until, glass.reason)));
    }
    facts.extend(policy::words(&firm.policy));
    context
        .screen
        .facts(&facts, || views::json(&views::Firm::of(firm)))
}

async fn set(context: &Context, id: &FirmId, assignments: &[String]) -> Result<(), Failure> {
    let (config, directory) = context.directory().await?;
    let firm = find(&directory, id).await?;
    let (mut name, mut policy) = (firm.name, firm.policy);
    for assignment in assignments {
        policy::set(&mut name, &mut policy, assignment, &config, context.now()).map_err(Failure::Usage)?;
    }
    directory
        .set_firm(&ops(), id, &name, &policy, context.now())
        .await?;
    tell(context, &directory, id, "Changed").await
}

impl Enable {
    async fn apply(self, context: &Context) -> Result<(), Failure> {
        let (_, directory) = context.directory().await?;
        if self.dry_run {
            let readiness = directory.readiness(&self.id).await?;
            return self.tell(context, &readiness, false);
        }
        let enabled = directory
            .enable_two_factor(&ops(), &self.id, self.from, self.force, context.now())
            .await;
        match enabled {
            Ok(readiness) => self.tell(context, &readiness, true),
            Err(ChangeRefused::NotReady { firm, not_ready }) => {
                if context.screen.json {
                    let ready = directory.readiness(&self.id).await?.ready;
                    let readiness = Readiness {
                        ready,
                        not_ready: not_ready.clone(),
                    };
                    self.tell(context, &readiness, false)?;
                }
                Err(Failure::Refused(refusal(&firm, &not_ready)))
            }
            Err(other) => Err(other.into()),
        }
    }

    fn tell(&self, context: &Context, readiness: &Readiness, enabled: bool) -> Result<(), Failure> {
        let Readiness { ready, not_ready } = readiness;
        let when = self
            .from
            .map_or("at once".to_owned(), |from| format!("from {from}"));
        let mut text = if enabled {
            format!(
                "{} asks for a second factor {when}: {ready} ready, {} not.",
                self.id,
                not_ready.len()
            )
        } else {
            format!(
                "{} would ask for a second factor {when}: {ready} ready, {} not.",
                self.id,
                not_ready.len()
            )
        };
        if !not_ready.is_empty() {
            text.push_str("\nWithout phone or factor, so shut out:\n");
            text.push_str(&indented(not_ready));
        }
        context.screen.result(&text, || {
            json!({
                "firm": self.id, "enabled": enabled, "dry_run": self.dry_run,
                "from": self.from.map(|from| from.to_string()),
                "ready": ready, "not_ready": not_ready,
            })
        })
    }
}

fn indented(logins: &[String]) -> String {
    logins
        .iter()
        .map(|login| format!("  {login}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn refusal(firm: &FirmId, not_ready: &[String]) -> String {
    format!(
        "{firm} stays as it is: these employees have neither a phone nor a factor and would be shut out:\n{}\nGive each a number (doorstep employee set LOGIN --phone +…) or a key (doorstep employee enroll-totp LOGIN), or use --force",
        indented(not_ready)
    )
}

impl BreakGlass {
    async fn apply(self, context: &Context) -> Result<(), Failure> {
        if self.reason.trim().is_empty() {
            return Err(Failure::Usage(
                "--reason cannot be empty: the audit keeps it".into(),
            ));
        }
        let (_, directory) = context.directory().await?;
        let now = context.now();
        let until = now.plus(self.length);
        directory
            .break_glass(&ops(), &self.id, until, &self.reason, now)
            .await?;
        let sentence = format!("Passwords let in the people of {} until {until}.", self.id);
        context.screen.result(
            &sentence,
            || json!({"firm": self.id, "until": until.to_string(), "reason": self.reason}),
        )
    }
}
