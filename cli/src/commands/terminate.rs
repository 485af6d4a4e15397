//! `procwire terminate PID`

use std::time::Duration;

use clap::Args;
use procwire_client::{Escalation, Signal, TerminateEvent, TerminateProcess, TerminateStep, Termination};
use tokio::signal::ctrl_c;

use super::target::TargetArgs;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::{
        json::{ArrayWriter, write_line},
        termination,
    },
};

/// How to end a process, as typed.
#[derive(Debug, Args)]
pub(crate) struct TerminateArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// First signal: TERM, INT, HUP, ...
    #[arg(short, long, value_name = "SIGNAL", default_value = "TERM", value_parser = parse_signal)]
    signal: Signal,
    /// Time to end after it, at most 1h; 0s: kill at once
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// Do not kill what lives on after that time
    #[arg(long)]
    give_up: bool,
    /// Why, for the audit record
    #[arg(short, long, value_name = "TEXT")]
    reason: Option<String>,
    /// Check everything, do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Ends a process.
pub(crate) async fn run(args: &TerminateArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let target = args.target.resolve(&connection.client, connection.timeout).await?;
    let termination = request(args, connection.client.control().terminate(&target), connection.timeout).await?;
    let request_id = termination.request_id().to_owned();
    let outcome = tokio::select! {
        outcome = follow(termination, out) => Some(outcome?),
        _ = ctrl_c() => None,
    };
    if outcome.is_none() {
        out.note(&termination::left(&target, &request_id, connection.is_local))?;
    }
    Ok(outcome.unwrap_or(Exit::Interrupted))
}

fn request(args: &TerminateArgs, request: TerminateProcess, timeout: Option<Duration>) -> TerminateProcess {
    let escalation = if args.give_up { Escalation::GiveUp } else { Escalation::Kill };
    let mut request = request.signal(args.signal).grace(args.grace).then(escalation).dry_run(args.dry_run);
    if let Some(reason) = &args.reason {
        request = request.reason(reason);
    }
    if let Some(timeout) = timeout {
        request = request.timeout(timeout);
    }
    request
}

/// Prints each step as it comes. What became of the process is the exit code.
async fn follow(mut termination: Termination, out: &mut Output) -> Result<Exit, CliError> {
    let mut array = ArrayWriter::default();
    let mut exit = Exit::Success;
    if out.is_for_people() {
        for line in termination::plan_lines(termination.plan()) {
            writeln!(out.answer, "{line}")?;
        }
    } else {
        print_json(&termination::plan_json(termination.plan()), &mut array, out)?;
    }
    out.answer.flush()?;
    while let Some(TerminateEvent { process, elapsed, step, .. }) = termination.next().await? {
        match step {
            TerminateStep::StillRunning(_) => exit = Exit::StillRunning,
            TerminateStep::Refused(error) => return Err(error.into()),
            _ => {}
        }
        if out.is_for_people() {
            writeln!(out.answer, "{}", termination::step_line(elapsed, &step))?;
        } else {
            print_json(&termination::step_json(&process, elapsed, &step), &mut array, out)?;
        }
        out.answer.flush()?;
    }
    if let Some(summary) = termination.summary().filter(|_| !out.is_for_people()) {
        print_json(&termination::summary_json(summary), &mut array, out)?;
    }
    if out.format == Format::Json {
        array.finish(&mut out.answer)?;
    }
    Ok(exit)
}

fn print_json(value: &serde_json::Value, array: &mut ArrayWriter, out: &mut Output) -> std::io::Result<()> {
    match out.format {
        Format::Ndjson => write_line(&mut out.answer, value),
        _ => array.push(&mut out.answer, value),
    }
}

fn parse_signal(text: &str) -> Result<Signal, String> {
    let number = text.parse().ok().and_then(|number: i32| Signal::try_from(number).ok());
    number
        .filter(|signal| *signal != Signal::Unspecified)
        .or_else(|| Signal::from_code(text))
        .ok_or_else(|| "not a signal; write TERM, SIGTERM or 15".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for text in ["TERM", "SIGTERM", "term", "15"] {
            assert_eq!(parse_signal(text), Ok(Signal::Term));
        }
        for wrong in ["", "0", "64", "-1", "TERMINATE", "UNSPECIFIED"] {
            assert!(parse_signal(wrong).is_err(), "{wrong}");
        }
    }
}
