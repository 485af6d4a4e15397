//! `procwire ps`

use std::time::Duration;

use clap::Args;
use procwire_client::{ListProcesses, ProcessTree};
use procwire_proto::{ProcessFieldSet, json};

use super::{
    listing,
    rows::write_rows,
    target::{Target, look_up},
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::process::{
        Layout,
        branches::{Branches, Strokes},
        mask_path, table, table_of_fields, table_with_branches, thread_rows,
    },
    selectors::{SelectorArgs, USAGE_WINDOW, parse_usage_window},
    sorting::SortKey,
};

const CPU_USAGE: &str = "cpu_usage_ratio";

/// What the columns before the command take, about: the lines of a tree shall leave room for it.
const OTHER_COLUMNS: u16 = 40;

/// What `ps` shows, as typed.
#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// Only these processes: pids, or PID@START_TICKS
    #[arg(id = "targets", value_name = "PID")]
    targets: Vec<Target>,
    /// Fields to show, in this order: pid,name,memory.resident_bytes ("memory": all of it, "*": everything);
    /// `procwire agent capabilities` lists them
    #[arg(short, long, value_name = "A,B,...", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new())]
    fields: Vec<String>,
    #[arg(short, long, value_name = "KEY[:asc],...", value_delimiter = ',', help = format!("Order: {}", SortKey::HELP))]
    sort: Vec<SortKey>,
    /// At most so many processes
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Children below their parents
    #[arg(short = 'T', long, conflicts_with_all = ["sort", "fields"])]
    tree: bool,
    /// A row for each thread; as JSON, the threads of each process
    #[arg(long, conflicts_with_all = ["tree", "fields", "cpu"])]
    threads: bool,
    /// Measure the use of processors over this time, 500ms if none is given; sorting by cpu does so too
    #[arg(short, long, value_name = "TIME", num_args = 0..=1, default_missing_value = "500ms", value_parser = parse_usage_window)]
    cpu: Option<Duration>,
    #[command(flatten)]
    selectors: SelectorArgs,
}

/// Lists processes.
pub(crate) async fn run(args: &PsArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let selectors = args.selectors.clone().with_named(look_up(&args.targets, connection).await?);
    let mut request = listing::request(&selectors, &args.sort, args.window(), connection).await?;
    if let Some(limit) = args.limit {
        request = request.limit(limit);
    }
    let returned = match out.format {
        Format::Json | Format::Ndjson => print_json(args, request, connection, out).await?,
        Format::Table | Format::Wide => print_table(args, request, connection, out).await?,
    };
    listing::require_some(&selectors.named_pids(), returned)?;
    listing::note_nothing(returned, &selectors, out)?;
    Ok(Exit::Success)
}

impl PsArgs {
    /// The window over which the use of processors is measured; a filter or an order by it brings its own.
    fn window(&self) -> Option<Duration> {
        let is_asked_for = self.fields.iter().any(|field| field == CPU_USAGE || field == "*");
        self.cpu.or(is_asked_for.then_some(USAGE_WINDOW))
    }

    fn measures_usage(&self) -> bool {
        self.cpu.is_some() || self.selectors.needs_usage() || self.sort.iter().any(SortKey::needs_usage)
    }

    /// Fields that are shown because an option is about them.
    fn fields_of_options(&self) -> Vec<&str> {
        let usage = self.measures_usage().then_some(CPU_USAGE);
        self.sort.iter().flat_map(SortKey::paths).map(String::as_str).chain(usage).collect()
    }

    fn layout(&self, format: Format) -> Layout {
        let layout = if format == Format::Wide { Layout::wide() } else { Layout::compact() };
        layout.showing(self.fields_of_options())
    }
}

async fn print_table(
    args: &PsArgs,
    request: ListProcesses,
    connection: &Connection,
    out: &mut Output,
) -> Result<u32, CliError> {
    let layout = args.layout(out.format);
    let list = if args.threads {
        let list = request.fields(thread_rows::FIELDS).await?;
        thread_rows::table(&list.processes).write(&mut out.answer, out.width)?;
        list
    } else if args.fields.is_empty() {
        let fields = layout.fields().into_iter().chain(if args.tree { ProcessTree::FIELDS.to_vec() } else { vec![] });
        let list = request.fields(fields).await?;
        let table = match args.tree {
            true => {
                let mut branches = Branches::new(
                    Strokes::of_locale(false),
                    out.width.map(|width| width.saturating_sub(OTHER_COLUMNS)),
                );
                let tree = ProcessTree::new(&list.processes);
                let rows = tree.walk().map(|node| (branches.next(node.depth, node.is_last), node.process));
                table_with_branches(&layout, rows, &out.clock)
            }
            false => table(&layout, &list.processes, &out.clock),
        };
        table.write(&mut out.answer, out.width)?;
        list
    } else {
        let list = request.fields(&args.fields).await?;
        let effective = list.header.effective_mask.clone().unwrap_or_default();
        table_of_fields(&args.fields, &effective, &list.processes, &out.clock).write(&mut out.answer, out.width)?;
        list
    };
    listing::note(&list, &args.selectors, connection, out)?;
    Ok(list.summary.returned)
}

async fn print_json(
    args: &PsArgs,
    mut request: ListProcesses,
    connection: &Connection,
    out: &mut Output,
) -> Result<u32, CliError> {
    let of_options = args.fields_of_options().into_iter().filter_map(mask_path);
    let more: Vec<&str> = of_options.chain(args.threads.then_some("threads")).collect();
    if !args.fields.is_empty() {
        request = request.fields(args.fields.iter().map(String::as_str).chain(more));
    } else if !more.is_empty() {
        let usual = ProcessFieldSet::default_list().to_mask().paths;
        request = request.fields(usual.iter().map(String::as_str).chain(more));
    }
    if !args.tree {
        return listing::print_json(request, &args.selectors, connection, out).await;
    }
    let list = request.await?;
    let tree = ProcessTree::new(&list.processes);
    write_rows(out, tree.walk().map(|node| json::to_json(node.process)))?;
    listing::note_unjudged(&list.summary, &args.selectors, connection, out)?;
    Ok(list.summary.returned)
}
