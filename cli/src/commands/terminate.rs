//! `procwire terminate`: ends processes, with grace.

mod follow;
mod many;

use std::time::Duration;

use clap::{Args, ValueEnum};
use procwire_client::{ControlScope, Escalation, TerminateProcess};
use tokio::signal::ctrl_c;

use super::{
    choice::{ChoiceArgs, Chosen},
    consent::{self, ActionArgs},
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::{termination, units},
    signals::{parse_signal, signal_name},
};

/// How to end processes, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct TerminateArgs {
    /// First signal: TERM, INT, HUP, 15, ...
    #[arg(short, long, value_name = "SIGNAL", default_value = "TERM", value_parser = parse_signal)]
    signal: i32,
    /// Time to end after it, at most 1h; 0s: kill at once
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// Do not kill what lives on after that time
    #[arg(long)]
    give_up: bool,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
}

/// What belongs to a process, as typed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct ScopeArgs {
    /// The process alone, it and all its descendants, or all of its control group
    #[arg(long, value_name = "SCOPE", default_value = "process")]
    scope: Scope,
    /// Descendants too: --scope tree
    #[arg(long, conflicts_with = "scope")]
    tree: bool,
}

/// What belongs to a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// The process alone
    #[default]
    Process,
    /// It and all its descendants, those that it starts meanwhile too
    Tree,
    /// Every process of its control group and the groups below
    Cgroup,
}

/// Ends processes.
pub(crate) async fn run(args: &TerminateArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut chosen = args.choice.choose(&[], connection, out).await?;
    if let Some(exit) = chosen.note_missing(out)? {
        return Ok(exit);
    }
    match (&chosen.references()[..], args.scope.get()) {
        ([only], ControlScope::Process) if chosen.missing.is_empty() => {
            args.action.consent(1, "", out).await?;
            show_if_by_pattern(&chosen, out)?;
            one(args, only, connection, out).await
        }
        _ => many::run(args, &chosen, connection, out).await,
    }
}

async fn one(
    args: &TerminateArgs,
    target: &procwire_client::ProcessRef,
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let termination = args.apply(connection.client.control().terminate(target), connection.timeout).await?;
    let request_id = termination.request_id().to_owned();
    let outcome = tokio::select! {
        outcome = follow::one(termination, out) => Some(outcome?),
        _ = ctrl_c() => None,
    };
    if outcome.is_none() {
        out.note(&termination::left(&format!("{target}"), &request_id, connection.is_local))?;
    }
    Ok(outcome.unwrap_or(Exit::Interrupted))
}

fn show_if_by_pattern(chosen: &Chosen, out: &mut Output) -> Result<(), CliError> {
    if chosen.by_pattern && out.is_for_people() { chosen.show(out) } else { Ok(()) }
}

impl ScopeArgs {
    /// What belongs to a target.
    pub(crate) fn get(self) -> ControlScope {
        match self.scope {
            _ if self.tree => ControlScope::Tree,
            Scope::Process => ControlScope::Process,
            Scope::Tree => ControlScope::Tree,
            Scope::Cgroup => ControlScope::Cgroup,
        }
    }

    /// What is meant, beside the targets: `and their descendants`.
    pub(crate) fn in_words(self, targets: usize) -> &'static str {
        match (self.get(), targets) {
            (ControlScope::Tree, 1) => " and its descendants",
            (ControlScope::Tree, _) => " and their descendants",
            (ControlScope::Cgroup, 1) => " and its control group",
            (ControlScope::Cgroup, _) => " and their control groups",
            _ => "",
        }
    }
}

impl TerminateArgs {
    fn escalation(&self) -> Escalation {
        if self.give_up { Escalation::GiveUp } else { Escalation::Kill }
    }

    /// What will be done, for the question.
    fn in_words(&self) -> String {
        let then = if self.give_up { "then give up" } else { "then SIGKILL" };
        format!("SIG{}, {} of grace, {then}", signal_name(self.signal), units::span(self.grace))
    }

    fn apply(&self, request: TerminateProcess, timeout: Option<Duration>) -> TerminateProcess {
        let ActionArgs { reason, request_id, dry_run, .. } = &self.action;
        let mut request = request.signal(self.signal).grace(self.grace).then(self.escalation()).dry_run(*dry_run);
        if let Some(reason) = reason {
            request = request.reason(reason);
        }
        if let Some(id) = request_id {
            request = request.request_id(id);
        }
        match timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        }
    }
}
