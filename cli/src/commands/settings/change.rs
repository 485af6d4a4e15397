//! Changing a setting of some processes, one call for each.

use procwire_client::{UpdateOutcome, UpdateProcess, v1::Process};
use tokio::signal::ctrl_c;

use crate::{
    commands::{
        choice::{ChoiceArgs, Chosen},
        consent::ActionArgs,
        rows::RowWriter,
        tally::Tally,
    },
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::settings,
};

/// A change to be made.
pub(super) struct Change<'args> {
    /// In words, for the question: `nice 5`.
    pub(super) in_words: String,
    /// Puts it into a request.
    pub(super) apply: &'args (dyn Fn(UpdateProcess) -> UpdateProcess + Sync),
    /// Of all threads, not the main thread alone.
    pub(super) all_threads: bool,
    /// How to act.
    pub(super) action: &'args ActionArgs,
}

/// Makes the change in each process that is chosen, once that is settled.
pub(super) async fn change(
    choice: &ChoiceArgs,
    change: &Change<'_>,
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let mut chosen = choice.choose(&[], connection, out).await?;
    if let Some(exit) = chosen.note_missing(out)? {
        return Ok(exit);
    }
    let count = chosen.count();
    if count > 1 {
        chosen.show(out)?;
    }
    change.action.consent(count, &format!("Set {} of these {count} processes?", change.in_words), out).await?;
    let mut rows = RowWriter::default();
    let mut tally = Tally { gone: chosen.missing.len(), ..Tally::default() };
    let finished = tokio::select! {
        done = change_each(&chosen, change, &mut rows, &mut tally, connection, out) => { done?; true }
        _ = ctrl_c() => false,
    };
    if out.format == Format::Json {
        rows.finish(out)?;
    }
    if !finished {
        let done = tally.done;
        out.note(&format!(
            "interrupted; of {count} processes {done} were changed and stay so, one more may have been"
        ))?;
        return Ok(Exit::Interrupted);
    }
    Ok(tally.exit(chosen.by_pattern))
}

async fn change_each(
    chosen: &Chosen,
    change: &Change<'_>,
    rows: &mut RowWriter,
    tally: &mut Tally,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    let is_alone = chosen.processes.len() == 1 && chosen.missing.is_empty();
    for process in &chosen.processes {
        let Some(reference) = process.reference() else { continue };
        let request = connection.client.control().update(reference).all_threads(change.all_threads);
        let request = with_action((change.apply)(request), change.action, (!is_alone).then_some(process.pid));
        let request = match connection.timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        };
        match request.await {
            Ok(outcome) => tell(process, &outcome, rows, tally, out)?,
            Err(error) if is_alone || !error.is_gone() && error.reason().is_none() => return Err(error.into()),
            Err(error) => {
                tally.failed(Exit::of_kind(error.kind()));
                if out.is_for_people() {
                    writeln!(out.answer, "{}", settings::refused_line(process, &error))?;
                } else {
                    rows.push(out, &settings::refused_json(process, &error))?;
                }
            }
        }
    }
    Ok(())
}

fn with_action(request: UpdateProcess, action: &ActionArgs, one_of_many: Option<u32>) -> UpdateProcess {
    let ActionArgs { reason, request_id, dry_run, .. } = action;
    let mut request = request.dry_run(*dry_run);
    if let Some(reason) = reason {
        request = request.reason(reason);
    }
    match (request_id, one_of_many) {
        // Each process is an action of its own.
        (Some(id), Some(pid)) => request.request_id(format!("{id}.{pid}")),
        (Some(id), None) => request.request_id(id),
        (None, _) => request,
    }
}

fn tell(
    process: &Process,
    outcome: &UpdateOutcome,
    rows: &mut RowWriter,
    tally: &mut Tally,
    out: &mut Output,
) -> Result<(), CliError> {
    match outcome.results.iter().find_map(|(_, result)| result.as_ref().err()) {
        None => tally.done += 1,
        Some(error) => tally.failed(Exit::of_kind(error.kind())),
    }
    if out.is_for_people() {
        for line in settings::lines(process, outcome) {
            writeln!(out.answer, "{line}")?;
        }
    } else {
        rows.push(out, &settings::outcome_json(outcome))?;
    }
    Ok(out.answer.flush()?)
}
