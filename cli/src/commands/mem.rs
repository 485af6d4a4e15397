//! `procwire mem`

use clap::Args;

use super::{
    listing,
    target::{Target, look_up},
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::process::{
        Layout,
        memory::{note, table_with_sums},
    },
    selectors::SelectorArgs,
    sorting::SortKey,
};

/// Whose memory, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
USS   what would be free if the process ended
PSS   USS and its share of what it shares
SWAP  what of it is swapped out
RSS   all that is in RAM, shared or not: summed up, it counts shared memory many times")]
pub(crate) struct MemArgs {
    /// Only these processes: pids, or PID@START_TICKS
    #[arg(id = "targets", value_name = "PID")]
    targets: Vec<Target>,
    /// Order: uss, pss, rss, swap or another order of `ps`
    #[arg(short, long, value_name = "KEY[:asc],...", value_delimiter = ',', default_value = "uss")]
    sort: Vec<SortKey>,
    /// Show at most so many processes; sums are over all
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    selectors: SelectorArgs,
}

/// Lists processes by the memory that they alone hold.
pub(crate) async fn run(args: &MemArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut selectors = args.selectors.clone().with_named(look_up(&args.targets, connection).await?);
    // Threads of the kernel have no memory of their own; but whatever is named is shown.
    if !selectors.names_some() {
        selectors = selectors.without_kernel_threads();
    }
    let order: Vec<SortKey> = args.sort.iter().map(of_footprint).collect();
    let request = listing::request(&selectors, &order, None, connection).await?;
    let layout = Layout::memory();
    let returned = if out.is_for_people() {
        let list = request.fields(layout.fields()).await?;
        table_with_sums(&layout, &list.processes, args.limit, &out.clock).write(&mut out.answer, out.width)?;
        listing::note_unjudged(&list.summary, &selectors, connection, out)?;
        if let Some(note) = note(&list.processes, connection.is_local) {
            out.note(&note)?;
        }
        list.summary.returned
    } else {
        let request = if let Some(limit) = args.limit { request.limit(limit) } else { request };
        let fields = layout.fields().into_iter().chain(["ref", "memory_footprint"]);
        listing::print_json(request.fields(fields), &selectors, connection, out).await?
    };
    listing::require_some(&selectors.named_pids(), returned)?;
    listing::note_nothing(returned, &selectors, out)?;
    Ok(Exit::Success)
}

/// Swap as it is shown here, shared memory included.
fn of_footprint(key: &SortKey) -> SortKey {
    key.clone().replacing("memory.swap_bytes", "memory_footprint.swap_bytes")
}
