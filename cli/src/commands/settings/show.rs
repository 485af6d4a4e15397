//! What is set now.

use anstyle::Style;
use procwire_client::v1::{Process, ProcessThread};
use procwire_proto::{escape, json};

use crate::{
    commands::{
        choice::{ChoiceArgs, Chosen},
        one_process::{note_unreadable, require},
        rows::write_rows,
    },
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::{
        table::{Align, Column, Table},
        value::MISSING,
    },
};

/// A setting as it is shown.
pub(super) struct Shown {
    /// The field of a process that it comes from.
    pub(super) field: &'static str,
    /// The name of its column.
    pub(super) header: &'static str,
    /// Where its cells stand.
    pub(super) align: Align,
    /// Its value.
    pub(super) of_process: fn(&Process) -> Option<String>,
    /// Its value of a thread, where threads have one of their own.
    pub(super) of_thread: Option<fn(&ProcessThread) -> Option<String>>,
}

/// Shows the setting of each process, or of each of their threads.
pub(super) async fn show(
    choice: &ChoiceArgs,
    shown: &Shown,
    threads: bool,
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let of_thread = shown.of_thread.filter(|_| threads);
    if threads && of_thread.is_none() {
        let problem = format!(
            "the {} of each thread cannot be read; without --threads that of the main thread is shown",
            shown.header.to_lowercase()
        );
        return Err(CliError::Usage(problem));
    }
    let fields: &[&str] = if of_thread.is_some() { &["threads"] } else { &[shown.field] };
    let mut chosen = choice.choose(fields, connection, out).await?;
    if let Some(exit) = chosen.note_missing(out)? {
        return Ok(exit);
    }
    if let ([only], Some(path)) = (&chosen.processes[..], fields.first()) {
        let is_there = if of_thread.is_some() { !only.threads.is_empty() } else { (shown.of_process)(only).is_some() };
        require(only, path, is_there, connection.is_local)?;
    }
    if !out.is_for_people() {
        write_rows(out, chosen.processes.iter().map(json::to_json))?;
    } else {
        let table = match of_thread {
            Some(of_thread) => table_of_threads(&chosen, shown, of_thread),
            None => table_of_processes(&chosen, shown),
        };
        table.write(&mut out.answer, out.width)?;
        note_unreadable(&chosen.processes, connection, out)?;
    }
    Ok(if chosen.missing.is_empty() { Exit::Success } else { Exit::Mixed })
}

fn table_of_processes(chosen: &Chosen, shown: &Shown) -> Table {
    let mut table = Table::new(vec![
        Column::new("TARGET", Align::Left),
        Column::new(shown.header, shown.align),
        Column::new("NAME", Align::Left),
    ]);
    for process in &chosen.processes {
        let value = (shown.of_process)(process).unwrap_or_else(|| MISSING.to_owned());
        table.push(vec![target(process), value, process.display_name().into_owned()], Style::new());
    }
    table
}

fn table_of_threads(chosen: &Chosen, shown: &Shown, of_thread: fn(&ProcessThread) -> Option<String>) -> Table {
    let mut table = Table::new(vec![
        Column::new("TARGET", Align::Left),
        Column::new("THREAD", Align::Right),
        Column::new(shown.header, shown.align),
        Column::new("NAME", Align::Left),
    ]);
    for process in &chosen.processes {
        for thread in &process.threads {
            let name = thread.name.as_deref().map_or(MISSING.into(), escape::terminal).into_owned();
            let value = of_thread(thread).unwrap_or_else(|| MISSING.to_owned());
            table.push(vec![target(process), thread.thread_id.to_string(), value, name], Style::new());
        }
    }
    table
}

fn target(process: &Process) -> String {
    process.reference().map_or_else(|| process.pid.to_string(), ToString::to_string)
}
