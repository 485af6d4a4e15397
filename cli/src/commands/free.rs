//! `procwire free`

use clap::Args;
use procwire_proto::json;

use super::one_host;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::memory::{Shown, write_memory},
    sizes::{LongHelp, SizeArgs},
};

/// What to ask for.
const FIELDS: [&str; 13] = [
    "memory.total_bytes",
    "memory.available_bytes",
    "memory.used_bytes",
    "memory.free_bytes",
    "memory.buffers_bytes",
    "memory.cached_bytes",
    "memory.shared_bytes",
    "memory.used_ratio",
    "swap.total_bytes",
    "swap.used_bytes",
    "swap.free_bytes",
    "swap.used_ratio",
    "cgroup",
];

/// And for `--all`.
const FIELDS_OF_ALL: [&str; 4] = ["memory", "memory.nodes", "memory.huge_pages", "swap"];

/// What to show of the memory, as typed.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "\
USED        what could not be given to a new program: TOTAL - AVAILABLE
FREE        used for nothing; little of it is no sign of want
BUFF/CACHE  contents of files, most of it given up when it is needed
AVAILABLE   what new programs can have without swapping
SHARED      memory that is shared as a file: tmpfs, shared memory

The figures are those of the host, also where the agent runs in a container; if that has a limit,
a line says so."
)]
pub(crate) struct FreeArgs {
    #[command(flatten)]
    sizes: SizeArgs,
    /// Buffers and cache in columns of their own
    #[arg(short, long)]
    wide: bool,
    /// A line with the sum of memory and swap
    #[arg(short, long)]
    total: bool,
    /// Swap devices, huge pages and NUMA nodes too
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    help: LongHelp,
}

/// Shows memory and swap.
pub(crate) async fn run(args: &FreeArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let more = if args.all { &FIELDS_OF_ALL[..] } else { &[] };
    let system = one_host::read(FIELDS.iter().chain(more).copied(), None, connection).await?;
    one_host::require(&system, "memory", system.memory.is_some(), connection.is_local)?;
    if out.is_for_people() {
        let wide = args.wide || out.format == crate::output::Format::Wide;
        let shown = Shown { unit: args.sizes.unit(), wide, total: args.total, all: args.all };
        write_memory(&mut out.answer, &system, shown, out.width)?;
        one_host::note_unreadable(&system, "memory", connection, out)?;
        one_host::note_unreadable(&system, "swap", connection, out)?;
    } else {
        out.write_value(&json::to_json(&system))?;
    }
    Ok(Exit::Success)
}
