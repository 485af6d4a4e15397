//! The steps: each asks the agent over mutual TLS and shows what came.

use std::time::{Duration, Instant};

use anstyle::Style;
use procwire_client::{ErrorKind, SystemEvent, TerminateStep};
use procwire_proto::v1::{ExitStatus, Process, exit_status};
use serde_json::Value;

use super::{child, narrator::Narrator, stage::Stage};
use crate::{
    error::CliError,
    render::{
        printable::printable,
        process::{Layout, table as process_table},
        system::{SampleLines, WATCHED, write_page},
        table::{Align, Column, Table},
        termination,
        value::MISSING,
    },
};

const ROWS: usize = 8;
const SAMPLES: u32 = 5;
const INTERVAL: Duration = Duration::from_millis(500);

/// The processes with the largest resident memory.
pub(super) async fn table(stage: &Stage, say: &mut Narrator<'_>) -> Result<(), CliError> {
    say.step("The process table", Some("procwire ps"))?;
    let began = Instant::now();
    let layout = Layout::compact();
    let list = stage.reader.processes().list().fields(layout.fields()).await?;
    let took = began.elapsed();
    let mut processes = list.processes;
    let total = processes.len();
    processes.sort_by_key(|process| std::cmp::Reverse(resident_bytes(process)));
    processes.truncate(ROWS);
    process_table(&layout, &processes, &say.out.clock).write(&mut say.out.answer, say.out.width)?;
    writeln!(say.out.answer)?;
    say.line(&format!(
        "the {ROWS} largest of {total} processes; all of them in {:.1} ms, {:.1} ms of it reading /proc",
        took.as_secs_f64() * 1e3,
        Duration::from_nanos(list.summary.read_ns).as_secs_f64() * 1e3,
    ))?;
    Ok(())
}

/// The host, measured over half a second.
pub(super) async fn snapshot(stage: &Stage, say: &mut Narrator<'_>) -> Result<(), CliError> {
    say.step("The host", Some("procwire system"))?;
    let response = stage.reader.system().get().usage_window(INTERVAL).await?;
    write_page(&mut say.out.answer, &response.system.unwrap_or_default(), &say.out.clock, say.out.width)?;
    Ok(())
}

/// A few samples of one stream.
pub(super) async fn samples(stage: &Stage, say: &mut Narrator<'_>) -> Result<(), CliError> {
    say.step("Samples as they are taken: one stream, rates included", Some("procwire watch system --interval 500ms"))?;
    let mut watch = stage.reader.system().watch().fields(WATCHED).interval(INTERVAL).await?;
    let mut lines = SampleLines::new(say.out.width, None);
    let mut left = SAMPLES;
    while left > 0 {
        match watch.next().await? {
            Some(SystemEvent::Sample { system, .. }) => {
                left -= 1;
                lines.write(&mut say.out.answer, &system, &say.out.clock)?;
                say.out.answer.flush()?;
            }
            Some(_) => {}
            None => return Err(CliError::Demo("the stream ended before its samples".to_owned())),
        }
    }
    Ok(())
}

/// A child asked to end, and how it did.
pub(super) async fn termination(stage: &Stage, say: &mut Narrator<'_>) -> Result<(), CliError> {
    let child::Running { mut child, lifeline } = child::start().await?;
    let pid = child.id().ok_or_else(|| CliError::Demo("the child ended at once".to_owned()))?;
    let command = format!("procwire terminate {pid} --grace 5s --reason demonstration");
    say.step("A process ended with grace, by bob", Some(&command))?;
    say.line("a child of this program that tidies up on SIGTERM, then exits with 7")?;

    let found = stage.operator.processes().get(pid).fields(["ref"]).await?.process.and_then(|process| process.r#ref);
    let target = found.ok_or_else(|| CliError::Demo("the child is not in the table".to_owned()))?;
    // The kernel tells how a process ended once its parent has asked; here the parent is this program.
    let reaped = tokio::spawn(async move { child.wait().await });
    let mut termination =
        stage.operator.control().terminate(&target).grace(Duration::from_secs(5)).reason("demonstration").await?;
    for line in termination::plan_lines(termination.plan()) {
        say.line(&line)?;
    }
    let mut end = None;
    while let Some(event) = termination.next().await? {
        say.line(&termination::step_line(event.elapsed, &event.step))?;
        if let TerminateStep::Exited(status) = event.step {
            end = Some(status);
        }
    }
    drop(lifeline);
    let code = reaped.await.ok().and_then(Result::ok).and_then(|status| status.code());
    if code != Some(child::EXIT_CODE) || !end.as_ref().is_some_and(is_as_expected) {
        return Err(CliError::Demo(format!(
            "the child was to exit with 7; the agent saw {end:?}, its parent {code:?}"
        )));
    }
    Ok(())
}

/// The agent saw the same end, or said that this kernel does not tell it.
fn is_as_expected(status: &ExitStatus) -> bool {
    matches!(status.end, Some(exit_status::End::Code(7) | exit_status::End::Unknown(_)))
}

/// What must not be possible.
pub(super) async fn refusals(stage: &Stage, say: &mut Narrator<'_>) -> Result<(), CliError> {
    say.step("What is refused", None)?;
    let own = stage.reader.processes().get(std::process::id()).fields(["ref"]).await?.process;
    let own = own.and_then(|process| process.r#ref).unwrap_or_default();

    let denied = stage.reader.control().terminate(&own).await.err();
    let denied = denied.filter(|error| error.kind() == ErrorKind::PermissionDenied);
    say.refused("alice, a reader, tries to end a process", &expected(denied, "a reader was not refused")?)?;

    let protected = match stage.operator.control().terminate(&own).await {
        Ok(termination) => termination.outcome().await.err(),
        Err(error) => Some(error),
    };
    let protected = protected.filter(|error| error.kind() == ErrorKind::ProtectedProcess);
    say.refused("bob, an operator, tries to end the agent", &expected(protected, "the agent was not protected")?)?;

    let stranger = stage.stranger()?.processes().list().await.err();
    let stranger = stranger.filter(|error| error.kind() == ErrorKind::ClientCertificate);
    say.refused(
        "somebody without a certificate asks for processes",
        &expected(stranger, "a stranger was not refused")?,
    )?;
    Ok(())
}

fn expected(error: Option<procwire_client::Error>, otherwise: &str) -> Result<procwire_client::Error, CliError> {
    error.ok_or_else(|| CliError::Demo(otherwise.to_owned()))
}

/// What the agent wrote down: before each act and after it, and each denial.
pub(super) fn audit_trail(stage: &Stage, say: &mut Narrator<'_>) -> Result<(), CliError> {
    say.step("The agent's audit trail", None)?;
    let text = std::fs::read_to_string(stage.audit_file())?;
    let records: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let columns = ["EVENT", "WHO", "DECISION", "RULE", "PROCESS", "RESULT"];
    let mut table = Table::new(columns.map(|header| Column::new(header, Align::Left)).to_vec());
    for record in &records {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or(MISSING).to_owned();
        let pid = record.pointer("/targets/0/pid").map_or_else(|| MISSING.to_owned(), ToString::to_string);
        let cells = [text("event"), text("principal"), text("decision"), text("rule"), pid, text("result")];
        table.push(cells.iter().map(|cell| printable(cell).into_owned()).collect(), Style::new());
    }
    table.write(&mut say.out.answer, say.out.width)?;
    if records.len() < 4 {
        return Err(CliError::Demo(format!("the audit trail has {} records in place of 4", records.len())));
    }
    Ok(())
}

fn resident_bytes(process: &Process) -> u64 {
    process.memory.and_then(|memory| memory.resident_bytes).unwrap_or_default()
}
