//! `procwire threads PID`

use std::time::Duration;

use clap::Args;
use procwire_client::v1::{GetProcessResponse, Process};
use procwire_proto::json;

use super::{
    one_process::{note_unreadable, require},
    rows::write_rows,
    target::Target,
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::process::threads::{self, ThreadUsage},
    selectors::parse_usage_window,
};

/// Whose threads, as typed.
#[derive(Debug, Args)]
pub(crate) struct ThreadsArgs {
    /// Its pid, or PID@START_TICKS
    #[arg(value_name = "PID")]
    target: Target,
    /// Measure the processor time of each thread over this time, 500ms if none is given, and show the busiest first
    #[arg(short, long, value_name = "TIME", num_args = 0..=1, default_missing_value = "500ms", value_parser = parse_usage_window)]
    cpu: Option<Duration>,
}

/// Shows the threads of a process.
pub(crate) async fn run(args: &ThreadsArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let first = ask(args.target, connection).await?;
    let (process, usage) = match args.cpu {
        None => (first.process.unwrap_or_default(), None),
        Some(window) => {
            tokio::time::sleep(window).await;
            let same = first.process.as_ref().and_then(Process::reference);
            let target = Target {
                start_ticks: same.map(|reference| reference.start_ticks).or(args.target.start_ticks),
                ..args.target
            };
            let second = ask(target, connection).await?;
            let usage = ThreadUsage::between(&first, &second);
            (second.process.unwrap_or_default(), Some(usage))
        }
    };
    require(&process, "threads", !process.threads.is_empty(), connection.is_local)?;
    let rows = threads::in_order(&process, usage.as_ref());
    if out.is_for_people() {
        let table = threads::table(&rows, usage.as_ref(), out.format == Format::Wide);
        table.write(&mut out.answer, out.width)?;
    } else {
        let rows = rows.iter().map(|thread| {
            let mut row = json::to_json(*thread);
            let ratio = usage.as_ref().and_then(|usage| usage.of(thread));
            if let (Some(object), Some(ratio)) = (row.as_object_mut(), ratio) {
                object.insert("cpu_usage_ratio".to_owned(), ratio.into());
            }
            row
        });
        write_rows(out, rows)?;
    }
    note_unreadable(std::slice::from_ref(&process), connection, out)?;
    Ok(Exit::Success)
}

async fn ask(target: Target, connection: &Connection) -> Result<GetProcessResponse, CliError> {
    let mut request = connection.client.processes().get(target.pid).fields(["pid", "ref", "threads"]);
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let response = request.await?;
    if let Some(reference) = response.process.as_ref().and_then(Process::reference) {
        target.check(reference)?;
    }
    Ok(response)
}
