//! Terminations of several processes, or of what belongs to one.

use procwire_client::{ControlScope, ProcessRef, TerminateEvent, TerminateProcesses, TerminateStep, Terminations};
use tokio::signal::ctrl_c;

use super::TerminateArgs;
use crate::{
    commands::{choice::Chosen, consent::ActionArgs, rows::RowWriter, tally::Tally},
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::{
        chosen,
        progress::{Progress, Stage},
        termination,
    },
};

/// Shows them, asks, ends them.
pub(super) async fn run(
    args: &TerminateArgs,
    chosen: &Chosen,
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let targets = chosen.references();
    let wide = args.scope.get() != ControlScope::Process;
    let mut at_most = None;
    if wide {
        at_most = Some(consent_to_scope(args, &targets, connection, out).await?);
    } else {
        chosen.show(out)?;
        let question = format!("End these {} processes ({})?", targets.len(), args.in_words());
        args.action.consent(chosen.count(), &question, out).await?;
    }
    let mut request = request(args, &targets, connection).dry_run(args.action.dry_run);
    if let Some(most) = at_most {
        request = request.at_most(most);
    }
    let terminations = request.await?;
    let request_id = terminations.request_id().to_owned();
    let mut tally = Tally { gone: chosen.missing.len(), ..Tally::default() };
    let outcome = tokio::select! {
        outcome = follow(terminations, &mut tally, out) => Some(outcome?),
        _ = ctrl_c() => None,
    };
    match outcome {
        Some(()) => Ok(tally.exit(true)),
        None => {
            if out.is_live {
                writeln!(out.answer)?;
            }
            let what = format!("these {} processes", targets.len());
            out.note(&termination::left(&what, &request_id, connection.is_local))?;
            Ok(Exit::Interrupted)
        }
    }
}

/// Asks the agent what belongs to the targets, shows it and asks whether that is meant. How many may be hit: see
/// [`ActionArgs::most`].
async fn consent_to_scope(
    args: &TerminateArgs,
    targets: &[ProcessRef],
    connection: &Connection,
    out: &mut Output,
) -> Result<u32, CliError> {
    let rehearsal = request(args, targets, connection).dry_run(true).await?;
    let plan = rehearsal.plan().clone();
    drop(rehearsal);
    let count = plan.resolved.max(u32::try_from(plan.targets.len()).unwrap_or(u32::MAX));
    let most = args.action.most(count);
    if count > 1 && !args.action.dry_run {
        out.answer.flush()?;
        chosen::write_targets(&mut out.notes, out.notes_width, &plan.targets)?;
    }
    let belongs = args.scope.in_words(targets.len());
    let whom = if targets.len() == 1 { "the process".to_owned() } else { format!("the {} processes", targets.len()) };
    let question = format!("End {whom}{belongs}, {count} now and at most {most} ({})?", args.in_words());
    args.action.consent(count, &question, out).await?;
    Ok(most)
}

fn request(args: &TerminateArgs, targets: &[ProcessRef], connection: &Connection) -> TerminateProcesses {
    let mut request = connection.client.control().terminate_many(targets);
    request = request.signal(args.signal).grace(args.grace).then(args.escalation()).scope(args.scope.get());
    // Whoever read the list and said yes, or typed the number, has confirmed it.
    if targets.len() > 1 {
        request = request.expect_count(u32::try_from(targets.len()).unwrap_or(u32::MAX));
    }
    let ActionArgs { reason, request_id, .. } = &args.action;
    if let Some(reason) = reason {
        request = request.reason(reason);
    }
    if let Some(id) = request_id {
        request = request.request_id(id);
    }
    match connection.timeout {
        Some(timeout) => request.timeout(timeout),
        None => request,
    }
}

/// Prints what happens and counts how it ends.
async fn follow(mut terminations: Terminations, tally: &mut Tally, out: &mut Output) -> Result<(), CliError> {
    if !out.is_for_people() {
        return follow_as_json(terminations, tally, out).await;
    }
    let plan = terminations.plan().clone();
    if plan.dry_run {
        for line in termination::plan_lines(&plan) {
            writeln!(out.answer, "{line}")?;
        }
    }
    let mut progress = Progress::new(plan.targets.iter(), out);
    while let Some(TerminateEvent { process, elapsed, step, .. }) = terminations.next().await? {
        count(&step, tally);
        if let TerminateStep::Joined(target) = &step {
            progress.joined(target, out)?;
            continue;
        }
        let stage = match &step {
            TerminateStep::Exited(_) => Stage::Ended,
            TerminateStep::StillRunning(_) | TerminateStep::Refused(_) => Stage::Left,
            _ => Stage::Underway,
        };
        progress.step(&process, stage, &termination::step_line(elapsed, &step), out)?;
    }
    progress.finish(out)?;
    if let (Some(summary), false) = (terminations.summary(), plan.dry_run) {
        writeln!(out.answer, "{}", termination::summary_line(summary))?;
    }
    Ok(())
}

async fn follow_as_json(mut terminations: Terminations, tally: &mut Tally, out: &mut Output) -> Result<(), CliError> {
    let mut rows = RowWriter::default();
    rows.push(out, &termination::plan_json(terminations.plan()))?;
    while let Some(TerminateEvent { process, elapsed, step, .. }) = terminations.next().await? {
        count(&step, tally);
        rows.push(out, &termination::step_json(&process, elapsed, &step))?;
        out.answer.flush()?;
    }
    if let Some(summary) = terminations.summary() {
        rows.push(out, &termination::summary_json(summary))?;
    }
    if out.format == Format::Json {
        rows.finish(out)?;
    }
    Ok(())
}

fn count(step: &TerminateStep, tally: &mut Tally) {
    match step {
        TerminateStep::Exited(_) => tally.done += 1,
        TerminateStep::StillRunning(_) => tally.running += 1,
        TerminateStep::Refused(error) => tally.failed(Exit::of_kind(error.kind())),
        _ => {}
    }
}
