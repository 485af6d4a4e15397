//! `procwire wait`: until processes end.

mod many;

use std::time::{Duration, Instant};

use clap::Args;
use procwire_client::{ProcessRef, WaitOutcome};
use procwire_proto::{
    json,
    v1::{WaitProcessResponse, WaitStillRunning, wait_process_response},
};

use super::choice::ChoiceArgs;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::{printable::printable, units},
};

/// Which processes to wait for, as typed; how long is the `--timeout` of every command.
#[derive(Debug, Args)]
#[command(after_help = "\
Waits for --timeout, or an hour. Exit code 0: all ended, however (with --any: one of them); 5: some live on; 3: none was
there any more; 1: no process matches. Touches nothing, so nothing is asked.")]
pub(crate) struct WaitArgs {
    /// Be done when the first of them ends
    #[arg(long)]
    any: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
}

/// Waits for the ends of processes. Whatever their exit status: that they ended is success.
pub(crate) async fn run(args: &WaitArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    // The time given is for waiting, and may be none at all.
    let lookup = Connection { timeout: None, ..connection.clone() };
    let mut chosen = args.choice.choose(&[], &lookup, out).await?;
    if let Some(exit) = chosen.note_missing(out)? {
        return Ok(exit);
    }
    match &chosen.references()[..] {
        [only] if chosen.missing.is_empty() => one(only, connection, out).await,
        _ => many::run(&chosen, args.any, connection, out).await,
    }
}

async fn one(target: &ProcessRef, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut request = connection.client.control().wait(target);
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let began = Instant::now();
    let outcome = request.await?;
    let waited = began.elapsed();
    if out.is_for_people() {
        writeln!(out.answer, "{target} {} (after {})", in_words(&outcome), units::span(waited))?;
    } else {
        out.write_value(&json::to_json(&response(outcome.clone(), waited)))?;
    }
    Ok(match outcome {
        WaitOutcome::Exited(_) => Exit::Success,
        WaitOutcome::StillRunning(_) => Exit::StillRunning,
    })
}

fn in_words(outcome: &WaitOutcome) -> String {
    match outcome {
        WaitOutcome::Exited(status) => format!("ended: {}", printable(&status.to_string())),
        WaitOutcome::StillRunning(state) => format!("is still running, state {}", state.as_words()),
    }
}

/// The outcome as the wire has it.
fn response(outcome: WaitOutcome, waited: Duration) -> WaitProcessResponse {
    use wait_process_response::Outcome;
    let outcome = match outcome {
        WaitOutcome::Exited(status) => Outcome::Exited(status),
        WaitOutcome::StillRunning(state) => Outcome::StillRunning(WaitStillRunning { state: state.into() }),
    };
    WaitProcessResponse { outcome: Some(outcome), waited_ns: u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX) }
}
