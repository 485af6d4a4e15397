//! A termination of one process, printed step by step.

use procwire_client::{TerminateEvent, TerminateStep, Termination};

use crate::{
    commands::rows::RowWriter,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::termination,
};

/// Prints each step as it comes. What became of the process is the exit code.
pub(super) async fn one(mut termination: Termination, out: &mut Output) -> Result<Exit, CliError> {
    let mut rows = RowWriter::default();
    let mut exit = Exit::Success;
    if out.is_for_people() {
        for line in termination::plan_lines(termination.plan()) {
            writeln!(out.answer, "{line}")?;
        }
    } else {
        rows.push(out, &termination::plan_json(termination.plan()))?;
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
            rows.push(out, &termination::step_json(&process, elapsed, &step))?;
        }
        out.answer.flush()?;
    }
    if let Some(summary) = termination.summary().filter(|_| !out.is_for_people()) {
        rows.push(out, &termination::summary_json(summary))?;
    }
    if out.format == Format::Json {
        rows.finish(out)?;
    }
    Ok(exit)
}
