//! `doorstep canary`: signs in at the portal with a test account, once wrongly and once rightly, and says what
//! of the rules no longer fits.

mod bird;
mod form;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::context::{Context, login};
use super::failure::Failure;
use crate::config::{Canary as Account, Config};
use crate::gate::Login;
use crate::secret::Redacted;

use bird::Bird;

/// What may be said.
#[derive(Args)]
pub(super) struct Canary {
    /// The test account's name at the portal; default: [canary] login.
    #[arg(long, value_parser = login)]
    login: Option<Login>,
    /// A file with its password; default: [canary] `password_file`.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// One rule, tried.
struct Trial {
    path: String,
    faults: Vec<String>,
}

impl Canary {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        let config = context.config()?;
        let account = self.account(&config)?;
        let password = std::fs::read_to_string(&account.password_file)
            .map(|text| Redacted::new(text.trim_end_matches(['\r', '\n']).to_owned()))
            .map_err(|error| {
                Failure::Refused(format!(
                    "{} cannot be read: {error}",
                    account.password_file.display()
                ))
            })?;
        let bird = Bird::new(&config, &account, context).map_err(refused)?;
        let mut trials = Vec::new();
        for rule in &config.portal.rules.logins {
            trials.push(Trial {
                path: rule.path.as_str().to_owned(),
                faults: bird.try_rule(rule, &password).await,
            });
        }
        let sings = trials.iter().all(|trial| trial.faults.is_empty());
        let lines: Vec<String> = trials
            .iter()
            .flat_map(|trial| match trial.faults.as_slice() {
                [] => vec![format!(
                    "{}: a wrong password is refused and the right one accepted.",
                    trial.path
                )],
                faults => faults
                    .iter()
                    .map(|fault| format!("{}: {fault}", trial.path))
                    .collect(),
            })
            .collect();
        let answer = || {
            let rules: Vec<Value> = trials
                .iter()
                .map(|trial| json!({"path": trial.path, "faults": trial.faults}))
                .collect();
            json!({"fits": sings, "rules": rules})
        };
        context.screen.result(&lines.join("\n"), answer)?;
        if sings {
            return Ok(());
        }
        Err(Failure::Refused(
            "the portal's login no longer fits its rules; doorstep learn shows what it answers now".into(),
        ))
    }

    fn account(&self, config: &Config) -> Result<Account, Failure> {
        let configured = config.canary.as_ref();
        let login = self
            .login
            .clone()
            .or_else(|| configured.map(|canary| canary.login.clone()));
        let file = self
            .password_file
            .clone()
            .or_else(|| configured.map(|canary| canary.password_file.clone()));
        let (Some(login), Some(password_file)) = (login, file) else {
            let what = "name the test account: [canary] login and password_file in the configuration, or --login and --password-file";
            return Err(Failure::Usage(what.into()));
        };
        let (password_field, fields) = configured
            .map(|canary| (canary.password_field.clone(), canary.fields.clone()))
            .unwrap_or_default();
        Ok(Account {
            login,
            password_file,
            password_field,
            fields,
        })
    }
}

fn refused(error: anyhow::Error) -> Failure {
    Failure::Refused(format!("{error:#}"))
}
