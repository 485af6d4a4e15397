//! `procwire limits PID`

use clap::Args;
use procwire_client::{
    ProcessSelect,
    v1::{Process, ResourceKind},
};
use procwire_proto::json;

use super::{
    one_process::{note_unreadable, read, require},
    rows::write_rows,
    target::Target,
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::process::limits::{self, Usage},
};

/// Whose limits, as typed.
#[derive(Debug, Args)]
pub(crate) struct LimitsArgs {
    /// Its pid, or PID@START_TICKS
    #[arg(value_name = "PID")]
    target: Target,
}

/// The limits, and what of them is used.
const FIELDS: [&str; 11] = [
    "pid",
    "resource_limits",
    "fd_count",
    "cpu_times",
    "nice",
    "uids",
    "memory.resident_bytes",
    "memory.virtual_bytes",
    "memory.data_bytes",
    "memory.locked_bytes",
    "scheduling",
];

/// Shows the resource limits of a process beside what it uses.
pub(crate) async fn run(args: &LimitsArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let process = read(args.target, &FIELDS, connection).await?;
    require(&process, "resource_limits", !process.resource_limits.is_empty(), connection.is_local)?;
    let usage = Usage { user_threads: user_threads(&process, connection).await };
    if out.is_for_people() {
        limits::table(&process, &usage).write(&mut out.answer, out.width)?;
        note_unreadable(std::slice::from_ref(&process), connection, out)?;
    } else {
        let rows = process.resource_limits.iter().map(|limit| {
            let mut row = json::to_json(limit);
            if let (Some(object), Some(used)) = (row.as_object_mut(), usage.of(&process, limit.resource())) {
                object.insert("used".to_owned(), used.into());
            }
            row
        });
        write_rows(out, rows)?;
    }
    Ok(Exit::Success)
}

/// The kernel counts threads against the limit of processes, and all of the user's (kernel/fork.c: `is_rlimit_overlimit`).
async fn user_threads(process: &Process, connection: &Connection) -> Option<u64> {
    process.resource_limit(ResourceKind::Nproc)?;
    let user = process.uids?.real;
    let request = connection.list().matching(ProcessSelect::new().uid(user)).fields(["thread_count"]);
    // It is said beside the limit if it can be told, and the limits are the answer.
    let list = request.await.ok()?;
    Some(list.processes.iter().filter_map(|process| process.thread_count).map(u64::from).sum())
}
