//! `doorstep employee`: people, their numbers and their factors.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::context::{Context, firm_id, login, ops};
use super::failure::Failure;
use super::phone_change::PhoneChanges;
use super::{enroll_totp, import};
use crate::clock::Timestamp;
use crate::directory::{Directory, Employee as Person, EmployeeChanges, EmployeeFilter, NewEmployee, Phone};
use crate::gate::{FirmId, Login, Role as GateRole};
use crate::views;

/// What may be done with employees.
#[derive(Subcommand)]
pub(super) enum Employee {
    /// Adds an employee.
    Add(Add),
    /// Lists employees, in the order of their logins.
    List(List),
    /// Shows one.
    Show(Who),
    /// Changes one; an empty text clears a phone, an address or the aliases.
    Set(Box<Set>),
    /// Removes one, with their factors and sessions.
    Remove(Who),
    /// Adds employees from a CSV file, all or none: columns login, name, phone, firm, role, optionally email.
    Import {
        /// The file; - reads standard input.
        file: PathBuf,
    },
    /// Writes employees as CSV, with the columns that import reads.
    Export {
        /// Only this firm's.
        #[arg(long, value_name = "ID", value_parser = firm_id)]
        firm: Option<FirmId>,
    },
    /// Makes a key for an authenticator app, which counts at once: prints its otpauth URI and QR code.
    EnrollTotp(enroll_totp::EnrollTotp),
    /// Lost phone: factors, remembered devices and sessions go; prints a one-time passcode, once.
    Reset(Who),
    /// Clears a lock after wrong tokens.
    Unlock(Who),
    /// Changes of number that wait: list, approve, cancel.
    #[command(subcommand)]
    PhoneChange(PhoneChanges),
}

#[derive(Args)]
pub(super) struct Who {
    #[arg(value_parser = login)]
    login: Login,
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Tech,
    Admin,
}

impl From<Role> for GateRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Tech => Self::Tech,
            Role::Admin => Self::Admin,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Activity {
    Active,
    Inactive,
}

#[derive(Args)]
pub(super) struct Add {
    /// Their username in the portal.
    #[arg(value_parser = login)]
    login: Login,
    /// Their firm.
    #[arg(long, value_name = "ID", value_parser = firm_id)]
    firm: FirmId,
    /// Their name.
    #[arg(long)]
    name: String,
    /// Their number, in international form.
    #[arg(long, value_parser = phone)]
    phone: Option<Phone>,
    /// Their address, for notices.
    #[arg(long)]
    email: Option<String>,
    /// What they may do.
    #[arg(long, value_enum, default_value = "tech")]
    role: Role,
}

#[derive(Args)]
pub(super) struct List {
    /// Only this firm's.
    #[arg(long, value_name = "ID", value_parser = firm_id)]
    firm: Option<FirmId>,
    /// Only those whose login or name holds this text.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those in this state: ready, no_phone, locked, inactive.
    #[arg(long, value_parser = ["ready", "no_phone", "locked", "inactive"])]
    state: Option<String>,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
pub(super) struct Changes {
    /// Their name.
    #[arg(long)]
    name: Option<String>,
    /// Their number, in international form; setting one confirms it.
    #[arg(long)]
    phone: Option<String>,
    /// Their address, for notices.
    #[arg(long)]
    email: Option<String>,
    /// What they may do.
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// Deactivates (which ends every session) or reactivates.
    #[arg(long, value_enum)]
    state: Option<Activity>,
    /// Another name under which the portal knows them; all that are given replace all there were.
    #[arg(long = "alias", value_name = "LOGIN")]
    aliases: Option<Vec<String>>,
}

#[derive(Args)]
pub(super) struct Set {
    #[arg(value_parser = login)]
    login: Login,
    #[command(flatten)]
    changes: Changes,
}

/// For clap: a number in international form.
fn phone(text: &str) -> Result<Phone, String> {
    Phone::parse(text, None)
}

impl Employee {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.apply(context).await,
            Self::List(list) => list.apply(context).await,
            Self::Show(who) => who.show(context).await,
            Self::Set(set) => set.apply(context).await,
            Self::Remove(who) => who.remove(context).await,
            Self::Import { file } => import::import(context, &file).await,
            Self::Export { firm } => import::export(context, firm).await,
            Self::EnrollTotp(enroll) => enroll.apply(context).await,
            Self::Reset(who) => who.reset(context).await,
            Self::Unlock(who) => who.unlock(context).await,
            Self::PhoneChange(changes) => changes.apply(context).await,
        }
    }
}

/// An employee, or the refusal that says there is none.
pub(super) async fn find(directory: &Directory, login: &Login) -> Result<Person, Failure> {
    directory.employee(login).await?.ok_or_else(|| {
        Failure::Refused(format!(
            "there is no employee {login}. See: doorstep employee list"
        ))
    })
}

/// An employee as every JSON of doorstep shows them.
pub(super) fn to_json(person: &Person, now: Timestamp) -> Value {
    views::json(&views::Employee::of(person, now))
}

fn row(person: &Person, now: Timestamp) -> Vec<String> {
    let standing = &person.standing;
    vec![
        standing.login.to_string(),
        standing.firm.id.to_string(),
        standing.name.clone(),
        person
            .phone
            .as_ref()
            .map(|phone| phone.e164().to_owned())
            .unwrap_or_default(),
        person.email.clone().unwrap_or_default(),
        standing.role.as_str().to_owned(),
        person.state(now).to_owned(),
    ]
}

/// Says what was done to an employee, and shows them where JSON was asked for.
async fn tell(context: &Context, directory: &Directory, login: &Login, done: &str) -> Result<(), Failure> {
    let person = find(directory, login).await?;
    let sentence = format!("{done} {} ({}).", person.standing.login, person.standing.name);
    context
        .screen
        .result(&sentence, || to_json(&person, context.now()))
}

impl Add {
    async fn apply(self, context: &Context) -> Result<(), Failure> {
        let (_, directory) = context.directory().await?;
        let new = NewEmployee {
            login: self.login,
            firm: self.firm,
            name: self.name,
            phone: self.phone,
            email: self.email.filter(|email| !email.is_empty()),
            role: self.role.into(),
        };
        directory.add_employee(&ops(), &new, context.now()).await?;
        tell(context, &directory, &new.login, "Added").await
    }
}

impl List {
    async fn apply(self, context: &Context) -> Result<(), Failure> {
        let (_, directory) = context.directory().await?;
        let filter = EmployeeFilter {
            firm: self.firm,
            query: self.search,
            ..EmployeeFilter::default()
        };
        let now = context.now();
        let mut people = directory.employees(&filter).await?;
        if let Some(state) = &self.state {
            people.retain(|person| person.state(now) == state);
        }
        let rows: Vec<Vec<String>> = people.iter().map(|person| row(person, now)).collect();
        let heads = ["login", "firm", "name", "phone", "email", "role", "state"];
        let json = || Value::Array(people.iter().map(|person| to_json(person, now)).collect());
        context.screen.listing(&heads, &rows, json)
    }
}

impl Set {
    async fn apply(self, context: &Context) -> Result<(), Failure> {
        let changes = self.changes.read().map_err(Failure::Usage)?;
        let (_, directory) = context.directory().await?;
        directory
            .set_employee(&ops(), &self.login, &changes, context.now())
            .await?;
        tell(context, &directory, &self.login, "Changed").await
    }
}

impl Changes {
    fn read(self) -> Result<EmployeeChanges, String> {
        let phone = match self.phone.as_deref().map(str::trim) {
            None => None,
            Some("") => Some(None),
            Some(text) => Some(Some(
                Phone::parse(text, None).map_err(|error| format!("the number {error}"))?,
            )),
        };
        let aliases = match self.aliases {
            None => None,
            Some(names) => {
                let names = names.iter().filter(|name| !name.trim().is_empty());
                Some(names.map(|name| login(name)).collect::<Result<Vec<_>, _>>()?)
            }
        };
        Ok(EmployeeChanges {
            name: self.name,
            phone,
            email: self
                .email
                .map(|email| Some(email).filter(|email| !email.is_empty())),
            role: self.role.map(GateRole::from),
            active: self.state.map(|state| matches!(state, Activity::Active)),
            aliases,
        })
    }
}

impl Who {
    async fn show(self, context: &Context) -> Result<(), Failure> {
        let (_, directory) = context.directory().await?;
        let person = find(&directory, &self.login).await?;
        let now = context.now();
        let heads = ["login", "firm", "name", "phone", "email", "role", "state"];
        let mut facts: Vec<(&str, String)> = heads.into_iter().zip(row(&person, now)).collect();
        if person.phone_suspended {
            facts.push((
                "phone_suspended",
                "yes: it counts again when it is set, or confirmed by the employee".into(),
            ));
        }
        for alias in &person.aliases {
            facts.push(("alias", alias.to_string()));
        }
        for factor in directory.factors_of(&person).await? {
            facts.push((
                "factor",
                format!(
                    "{} ({}), added {}",
                    factor.kind.as_str(),
                    factor.name,
                    factor.added
                ),
            ));
        }
        if let Some(until) = person.locked_until.filter(|until| now < *until) {
            facts.push(("locked_until", until.to_string()));
        }
        facts.extend(person.last_sign_in.map(|at| ("last_sign_in", at.to_string())));
        context.screen.facts(&facts, || to_json(&person, now))
    }

    async fn remove(self, context: &Context) -> Result<(), Failure> {
        let (_, directory) = context.directory().await?;
        directory
            .remove_employee(&ops(), &self.login, context.now())
            .await?;
        let sentence = format!("Removed {}.", self.login);
        context.screen.result(
            &sentence,
            || json!({"login": self.login.as_str(), "removed": true}),
        )
    }

    async fn reset(self, context: &Context) -> Result<(), Failure> {
        let (_, directory) = context.directory().await?;
        let passcode = directory
            .reset_employee(&ops(), &self.login, context.now())
            .await?;
        let (code, until) = (passcode.code.reveal(), passcode.expires_at);
        let sentence = format!(
            "Reset {}. One-time passcode, shown once, good until {until}:\n{code}\nIt leads to enrolment only.",
            self.login
        );
        context.screen.result(
            &sentence,
            || json!({"login": self.login.as_str(), "passcode": code, "expires_at": until.to_string()}),
        )
    }

    async fn unlock(self, context: &Context) -> Result<(), Failure> {
        let (_, directory) = context.directory().await?;
        directory
            .unlock_employee(&ops(), &self.login, context.now())
            .await?;
        tell(context, &directory, &self.login, "Unlocked").await
    }
}
