//! `procwire ps --threads`: one row per thread of each process.

use procwire_proto::{
    escape,
    v1::{Process, ProcessThread},
};

use super::columns::style;
use crate::render::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// The fields to ask for.
pub(crate) const FIELDS: [&str; 8] = ["pid", "ref", "name", "cmdline", "state", "uids", "username", "threads"];

/// The threads of these processes; a process whose threads could not be read has one row.
pub(crate) fn table(processes: &[Process]) -> Table {
    let droppable =
        |header: &str, align, drop_order| Column { drop_order: Some(drop_order), ..Column::new(header, align) };
    let mut table = Table::new(vec![
        Column::new("PID", Align::Right),
        Column::new("TID", Align::Right),
        Column { max_width: 16, ..Column::new("USER", Align::Left) },
        Column::new("S", Align::Left),
        droppable("NI", Align::Right, 3),
        droppable("CPU", Align::Right, 2),
        Column::new("TIME+", Align::Right),
        Column { max_width: 16, ..Column::new("THREAD", Align::Left) },
        Column::new("COMMAND", Align::Left),
    ]);
    for process in processes {
        let user = match (&process.username, process.uids) {
            (Some(name), _) => escape::terminal(name).into_owned(),
            (None, Some(uids)) => uids.real.to_string(),
            (None, None) => MISSING.to_owned(),
        };
        let command = process.display_command();
        let mut push = |thread: Option<&ProcessThread>| {
            let show = |value: fn(&ProcessThread) -> Option<String>| {
                thread.and_then(value).unwrap_or_else(|| MISSING.to_owned())
            };
            let cells = vec![
                process.pid.to_string(),
                show(|thread| Some(thread.thread_id.to_string())),
                user.clone(),
                show(|thread| thread.state.map(|_| thread.state().letter().to_string())),
                show(|thread| Some(thread.nice?.to_string())),
                show(|thread| Some(thread.cpu_number?.to_string())),
                show(|thread| Some(units::cpu_time(thread.user_ns?.saturating_add(thread.system_ns?)))),
                show(|thread| Some(escape::terminal(thread.name.as_deref()?).into_owned())),
                command.clone(),
            ];
            table.push(cells, style(process));
        };
        process.threads.iter().for_each(|thread| push(Some(thread)));
        if process.threads.is_empty() {
            push(None);
        }
    }
    table
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::ProcessState;

    use super::*;
    use crate::render::process::layout::tests::process;

    #[test]
    fn each_thread_has_its_row_and_a_process_without_any_has_one_too() {
        let thread = |thread_id, name: &[u8]| ProcessThread {
            thread_id,
            name: Some(name.to_vec()),
            state: Some(ProcessState::Running.into()),
            user_ns: Some(1_000_000_000),
            system_ns: Some(0),
            ..ProcessThread::default()
        };
        let with_threads =
            Process { threads: vec![thread(7, b"main"), thread(8, b"\x1b[2J")], ..process(7, b"java", &[]) };
        let mut out = Vec::new();
        table(&[with_threads, process(9, b"gone", &[])]).write(&mut out, None).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<_>> = text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [
                ["7", "7", "alice", "R", "-", "-", "0:01.00", "main", "[java]"],
                ["7", "8", "alice", "R", "-", "-", "0:01.00", r"\x1b[2J", "[java]"],
                ["9", "-", "alice", "-", "-", "-", "-", "-", "[gone]"],
            ]
        );
    }
}
