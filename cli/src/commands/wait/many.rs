//! Waiting for several processes in one call.

use procwire_client::{WaitEvent, WaitOutcome, Waiting, v1::Process};
use procwire_proto::{
    json,
    v1::{WaitProcessesResponse, WaitResult, WaitStillRunning, wait_processes_response::Event, wait_result::Outcome},
};

use super::in_words;
use crate::{
    commands::{choice::Chosen, rows::RowWriter, tally::Tally},
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::{printable::printable, signalled, units},
};

/// Tells of each as it ends.
pub(super) async fn run(
    chosen: &Chosen,
    any: bool,
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let mut request = connection.client.control().wait_many(chosen.references());
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let mut waiting = request.await?;
    let mut tally = Tally { gone: chosen.missing.len(), ..Tally::default() };
    // One that was gone before the call ended, too, and whoever waits for any has it.
    let has_one = |tally: &Tally| any && tally.done + tally.gone > 0;
    let mut rows = RowWriter::default();
    if !has_one(&tally) {
        while let Some(event) = waiting.next().await? {
            count(&event, &mut tally);
            print(&event, &chosen.processes, &mut rows, out)?;
            if has_one(&tally) {
                break;
            }
        }
    }
    finish(&waiting, rows, out)?;
    Ok(if has_one(&tally) { Exit::Success } else { tally.exit(true) })
}

fn count(event: &WaitEvent, tally: &mut Tally) {
    match &event.result {
        Ok(WaitOutcome::Exited(_)) => tally.done += 1,
        Ok(WaitOutcome::StillRunning(_)) => tally.running += 1,
        Err(error) => tally.failed(Exit::of_kind(error.kind())),
    }
}

fn print(event: &WaitEvent, known: &[Process], rows: &mut RowWriter, out: &mut Output) -> Result<(), CliError> {
    if out.is_for_people() {
        let WaitEvent { process, waited, result, .. } = event;
        let is_it = |known: &&Process| known.reference().is_some_and(|known| known.is_same_process(process));
        let name = known.iter().find(is_it).map(Process::display_name).unwrap_or_default();
        let (what, after) = match result {
            Ok(outcome) => (in_words(outcome), units::span(*waited)),
            Err(error) => (format!("cannot be waited for: {}", printable(error.detail())), units::span(*waited)),
        };
        writeln!(out.answer, "{process} {name} {what} (after {after})")?;
    } else {
        rows.push(out, &json::to_json(&response(event)))?;
    }
    Ok(out.answer.flush()?)
}

fn finish(waiting: &Waiting, mut rows: RowWriter, out: &mut Output) -> Result<(), CliError> {
    if out.is_for_people() {
        return Ok(());
    }
    if let Some(summary) = waiting.summary() {
        rows.push(out, &json::to_json(&WaitProcessesResponse { event: Some(Event::Summary(*summary)) }))?;
    }
    if out.format == Format::Json {
        rows.finish(out)?;
    }
    Ok(())
}

/// The event as the wire has it.
fn response(event: &WaitEvent) -> WaitProcessesResponse {
    let WaitEvent { process, index, waited, result, .. } = event;
    let outcome = match result {
        Ok(WaitOutcome::Exited(status)) => Outcome::Exited(status.clone()),
        Ok(WaitOutcome::StillRunning(state)) => Outcome::StillRunning(WaitStillRunning { state: (*state).into() }),
        Err(error) => Outcome::Refused(signalled::refusal(error)),
    };
    let result = WaitResult {
        r#ref: Some(process.clone()),
        index: u32::try_from(*index).unwrap_or(u32::MAX),
        waited_ns: u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX),
        outcome: Some(outcome),
    };
    WaitProcessesResponse { event: Some(Event::Result(result)) }
}
