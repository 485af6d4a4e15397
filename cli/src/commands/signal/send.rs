//! Showing, asking, sending, telling.

use std::time::Duration;

use procwire_client::{ControlScope, ErrorKind, Reached, SignalOutcomes, SignalProcesses, v1::Process};

use crate::{
    commands::{choice::Chosen, consent::ActionArgs, rows::write_rows, tally::Tally, terminate::ScopeArgs},
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::{chosen, signalled},
    signals::signal_name,
};

/// More lines than these say no more than a number.
const TOLD_MAX: usize = 20;

/// What to send, and how.
pub(super) struct Sending<'args> {
    pub(super) signal: i32,
    pub(super) scope: ScopeArgs,
    pub(super) action: &'args ActionArgs,
}

/// Sends the signal to those that were chosen, once that is settled.
pub(super) async fn send(
    sending: &Sending<'_>,
    mut chosen: Chosen,
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    if let Some(exit) = chosen.note_missing(out)? {
        return Ok(exit);
    }
    let is_wide = sending.scope.get() != ControlScope::Process;
    let mut request = sending.request(&chosen, connection);
    if is_wide {
        let most = sending.consent_to_scope(&chosen, connection, out).await?;
        request = request.at_most(most);
    } else {
        let count = chosen.count();
        if count > 1 {
            chosen.show(out)?;
        }
        let question = format!("Send SIG{} to these {count} processes?", signal_name(sending.signal));
        sending.action.consent(count, &question, out).await?;
    }
    let outcomes = request.dry_run(sending.action.dry_run).await?;
    let is_named_one = chosen.processes.len() == 1 && chosen.missing.is_empty() && !is_wide;
    if let ([(_, Err(error))], true) = (&outcomes.results[..], is_named_one && out.is_for_people()) {
        return Err(error.clone().into());
    }
    let tally = tell(sending, &outcomes, &chosen.processes, chosen.missing.len(), out)?;
    Ok(tally.exit(chosen.by_pattern))
}

impl Sending<'_> {
    fn request(&self, chosen: &Chosen, connection: &Connection) -> SignalProcesses {
        let ActionArgs { reason, request_id, .. } = self.action;
        let mut request =
            connection.client.control().signal_many(chosen.references(), self.signal).scope(self.scope.get());
        // Whoever read the list and said yes, or typed the number, has confirmed it.
        if chosen.processes.len() > 1 {
            request = request.expect_count(chosen.count());
        }
        if let Some(reason) = reason {
            request = request.reason(reason);
        }
        if let Some(id) = request_id {
            request = request.request_id(id);
        }
        match connection.timeout {
            Some(timeout) => request.timeout(timeout),
            None => request.timeout(Duration::from_secs(30)),
        }
    }

    async fn consent_to_scope(
        &self,
        chosen: &Chosen,
        connection: &Connection,
        out: &mut Output,
    ) -> Result<u32, CliError> {
        let rehearsal = self.request(chosen, connection).dry_run(true).await?;
        if let Some((_, error)) = rehearsal.refused().find(|(_, error)| error.kind() == ErrorKind::NotServed) {
            return Err(error.clone().into());
        }
        let count = u32::try_from(rehearsal.results.len()).unwrap_or(u32::MAX);
        if count > 1 && !self.action.dry_run {
            let targets: Vec<_> = rehearsal.reached().map(|reached| reached.process.clone()).collect();
            out.answer.flush()?;
            chosen::write_targets(&mut out.notes, out.notes_width, &targets)?;
        }
        let most = self.action.most(count);
        let targets = chosen.processes.len();
        let whom = if targets == 1 { "the process".to_owned() } else { format!("the {targets} processes") };
        let belongs = self.scope.in_words(targets);
        let signal = signal_name(self.signal);
        let question = format!("Send SIG{signal} to {whom}{belongs}, {count} now and at most {most}?");
        self.action.consent(count, &question, out).await?;
        Ok(most)
    }
}

fn tell(
    sending: &Sending<'_>,
    outcomes: &SignalOutcomes,
    processes: &[Process],
    missing: usize,
    out: &mut Output,
) -> Result<Tally, CliError> {
    let mut tally = Tally { gone: missing, ..Tally::default() };
    for (_, result) in &outcomes.results {
        match result {
            Ok(_) => tally.done += 1,
            Err(error) => tally.failed(Exit::of_kind(error.kind())),
        }
    }
    match out.format {
        Format::Json => out.write_value(&signalled::response_json(outcomes))?,
        Format::Ndjson => write_rows(out, signalled::results_json(outcomes))?,
        Format::Table | Format::Wide => {
            let all = outcomes.results.len();
            let is_told = |result: &Result<Reached, _>| all <= TOLD_MAX || sending.action.dry_run || result.is_err();
            for (process, result) in outcomes.results.iter().filter(|(_, result)| is_told(result)) {
                let line = signalled::line(sending.signal, process, result, processes, outcomes.dry_run);
                writeln!(out.answer, "{line}")?;
            }
            if all > TOLD_MAX && !outcomes.dry_run {
                writeln!(out.answer, "{}", signalled::summary_line(sending.signal, tally.done, all))?;
            }
        }
    }
    Ok(tally)
}
