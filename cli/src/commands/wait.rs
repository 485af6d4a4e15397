//! `procwire wait PID`

use std::time::{Duration, Instant};

use clap::Args;
use procwire_client::WaitOutcome;
use procwire_proto::{
    json,
    v1::{WaitProcessResponse, WaitStillRunning, wait_process_response},
};

use super::target::TargetArgs;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::{printable::printable, units},
};

/// Which process to wait for, as typed; how long is the `--timeout` of every command.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    target: TargetArgs,
}

/// Waits for the end of a process. Whatever its exit status: that it ended is success.
pub(crate) async fn run(args: &WaitArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    // The time given is for waiting, and may be none at all.
    let target = args.target.resolve(&connection.client, None).await?;
    let mut request = connection.client.control().wait(&target);
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let began = Instant::now();
    let outcome = request.await?;
    let waited = began.elapsed();
    if out.is_for_people() {
        let after = units::span(waited);
        match &outcome {
            WaitOutcome::Exited(status) => {
                writeln!(out.answer, "{target} ended: {} (after {after})", printable(&status.to_string()))?;
            }
            WaitOutcome::StillRunning(state) => {
                writeln!(out.answer, "{target} is still running, state {} (after {after})", state.as_words())?;
            }
        }
    } else {
        out.write_value(&json::to_json(&response(outcome.clone(), waited)))?;
    }
    Ok(match outcome {
        WaitOutcome::Exited(_) => Exit::Success,
        WaitOutcome::StillRunning(_) => Exit::StillRunning,
    })
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
