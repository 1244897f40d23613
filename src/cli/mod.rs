//! The command line: one file per group of commands, each of the same shape: what may be said, and what is
//! done about it. Commands work on the same directory and session store as the running gateway.

mod audit;
mod canary;
mod check;
mod client_token;
mod context;
mod demo;
mod directory;
mod employee;
mod enroll_totp;
mod failure;
mod firm;
mod import;
mod key;
mod learn;
mod logging;
mod phone_change;
mod report;
mod run;
mod screen;
mod session;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use context::Context;
use failure::Failure;

use crate::views::{moment, policy};

/// A second factor in front of the portal you cannot change.
///
/// Exit codes: 0 done, 1 refused or failed, 2 usage or configuration. Listings are tables on a terminal and
/// tab-separated without a heading elsewhere.
#[derive(Parser)]
#[command(name = "doorstep", version, max_term_width = 100)]
struct Arguments {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "DOORSTEP_CONFIG",
        default_value = "config/doorstep.toml"
    )]
    config: PathBuf,
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The gateway. SIGHUP reloads the configuration, SIGTERM drains and ends.
    ///
    /// It logs to standard error: DOORSTEP_LOG sets the level (info), DOORSTEP_LOG_FORMAT=json makes each line
    /// a JSON object.
    Run,
    /// Validates the configuration and says in words what it means.
    Check,
    /// A sample portal, the gateway and its people's phones, on loopback: nothing to configure.
    Demo(demo::Demo),
    /// Watches one wrong and one right login, and writes the [portal] section.
    ///
    /// It prints an address on loopback that leads to the portal. Open it in a fresh private window, sign in with a wrong
    /// password, with the right one, and out again: everything passes both ways, and passwords are not kept. Then the
    /// section is written, tried with the gateway's own parser and matchers, and printed. It ends when all three were
    /// seen, at Enter, or at Ctrl-C.
    ///
    /// From a browser's recording instead (--har): in a fresh private window with the network tools open, do the same at the
    /// portal itself, and export a HAR file with sensitive data. That file holds your passwords: delete it afterwards.
    ///
    /// The section goes to standard output or into --output; what to do and what was seen, to standard error.
    Learn(learn::Learn),
    /// Firms and their policy.
    #[command(subcommand)]
    Firm(firm::Firm),
    /// Employees and their factors.
    #[command(subcommand)]
    Employee(employee::Employee),
    /// Live sessions.
    #[command(subcommand)]
    Session(session::Session),
    /// Who did what.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Reports from the audit.
    #[command(subcommand)]
    Report(report::Report),
    /// Signs in at the portal with a test account, wrongly and rightly: fails where its rules no longer fit.
    Canary(canary::Canary),
    /// Tokens of machine clients that need no second factor.
    #[command(subcommand)]
    ClientToken(client_token::ClientToken),
    /// The key that seals secrets at rest.
    #[command(subcommand)]
    Key(key::Key),
    /// The directory itself.
    #[command(subcommand)]
    Directory(directory::Directory),
}

/// Reads the command line, does what it says, and tells how it went by the exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let service = matches!(arguments.command, Command::Run | Command::Demo(_));
    logging::init(service);
    let context = Context::new(arguments.config, arguments.json);
    match apply(arguments.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn apply(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Run => run::apply(context),
        Command::Check => check::apply(context),
        Command::Demo(demo) => demo.apply(context),
        Command::Canary(canary) => context.wait(canary.apply(context)),
        Command::ClientToken(token) => context.wait(token.apply(context)),
        Command::Learn(learn) => learn.apply(context),
        Command::Key(key) => key.apply(context),
        Command::Firm(firm) => context.wait(firm.apply(context)),
        Command::Employee(employee) => context.wait(employee.apply(context)),
        Command::Session(session) => context.wait(session.apply(context)),
        Command::Audit(audit) => context.wait(audit.apply(context)),
        Command::Report(report) => context.wait(report.apply(context)),
        Command::Directory(directory) => context.wait(directory.apply(context)),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn config_and_json_stand_in_any_place() {
        for words in [
            "doorstep --config f --json firm list",
            "doorstep firm --json list --config f",
            "doorstep firm list --json --config=f",
        ] {
            let arguments = Arguments::try_parse_from(words.split(' ')).unwrap();
            assert!(
                arguments.json && arguments.config == std::path::Path::new("f"),
                "{words}"
            );
        }
    }
}
