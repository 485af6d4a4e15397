//! `procwire policy show|validate|test|explain`: reads a policy here; no agent is asked.

mod explain;
mod show;
mod test;
mod validate;

use std::path::Path;

use clap::Subcommand;
use procwire_agent::policy::{Policy, PolicyError};

use self::{explain::ExplainArgs, show::ShowArgs, test::TestArgs, validate::ValidateArgs};
use crate::{error::CliError, exit::Exit, output::Output};

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the default policy, or the rules of a file
    Show(ShowArgs),
    /// Check a policy as the agent does when it loads it, and list all that is wrong with it
    Validate(ValidateArgs),
    /// Decide the cases of a policy, and compare with what they expect
    Test(TestArgs),
    /// Tell what becomes of a call, by which rule, and what the other rules say to it
    Explain(Box<ExplainArgs>),
}

/// Reads a policy.
pub(crate) fn run(command: &PolicyCommand, out: &mut Output) -> Result<Exit, CliError> {
    match command {
        PolicyCommand::Show(args) => show::run(args, out),
        PolicyCommand::Validate(args) => validate::run(args, out),
        PolicyCommand::Test(args) => test::run(args, out),
        PolicyCommand::Explain(args) => explain::run(args, out),
    }
}

/// The policy of a file, or the default.
fn read(file: Option<&Path>) -> Result<Policy, CliError> {
    file.map_or_else(Policy::built_in, Policy::read).map_err(|error| unusable(&error))
}

fn unusable(error: &PolicyError) -> CliError {
    CliError::Usage(error.to_string())
}

/// A count with its noun: "1 rule", "2 rules".
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
