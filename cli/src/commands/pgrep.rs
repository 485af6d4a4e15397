//! `procwire pgrep`

use std::io::Write as _;

use clap::Args;
use procwire_client::{
    ListProcesses,
    v1::{ListProcessesSummary, Process},
};
use serde_json::json;

use super::listing;
use crate::{
    connection::Connection, error::CliError, exit::Exit, output::Output, selectors::SelectorArgs, sorting::SortKey,
};

/// What to look for, as typed.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints one pid per line, lowest first. Exit code 1: there is none. This command never finds itself."
)]
pub(crate) struct PgrepArgs {
    /// Regular expression that the name contains
    #[arg(value_name = "REGEX", conflicts_with_all = ["match", "name"])]
    regex: Option<String>,
    /// REGEX is looked for in all arguments, joined by spaces
    #[arg(short, long, requires = "regex")]
    full: bool,
    /// REGEX must match all of it
    #[arg(short = 'x', long, requires = "regex")]
    exact: bool,
    /// Print names too
    #[arg(short, long, conflicts_with = "list_full")]
    list_name: bool,
    /// Print arguments too
    #[arg(short = 'a', long)]
    list_full: bool,
    /// Print how many there are
    #[arg(short, long, conflicts_with_all = ["list_name", "list_full"])]
    count: bool,
    /// Only the one that started last
    #[arg(short, long)]
    newest: bool,
    /// Only the one that started first
    #[arg(long, conflicts_with = "newest")]
    oldest: bool,
    /// What stands between pids
    #[arg(short, long, value_name = "TEXT", default_value = "\n", hide_default_value = true)]
    delimiter: String,
    #[command(flatten)]
    selectors: SelectorArgs,
}

/// Prints the pids of processes that match.
pub(crate) async fn run(args: &PgrepArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let selectors = args.selectors()?;
    let filter = listing::without_self(selectors.filter(connection).await?, connection);
    let order = args.order();
    let mut request = listing::filtered_request(filter, &selectors, &order, None, connection);
    if !order.is_empty() {
        request = request.limit(1);
    }
    let found = if args.count {
        count(args, request, connection, out).await?
    } else {
        let fields = ["pid", "ref"].into_iter().chain(args.more_fields().iter().copied());
        let request = request.fields(fields);
        if out.is_for_people() {
            print(args, request, connection, out).await?
        } else {
            listing::print_json(request, &selectors, connection, out).await?
        }
    };
    Ok(if found == 0 { Exit::Failed } else { Exit::Success })
}

impl PgrepArgs {
    /// The options with the expression among them.
    fn selectors(&self) -> Result<SelectorArgs, CliError> {
        let mut selectors = self.selectors.clone();
        if let Some(regex) = &self.regex {
            let regex = if self.exact { format!("^(?:{regex})$") } else { regex.clone() };
            if self.full { &mut selectors.command } else { &mut selectors.matches }.push(regex);
        }
        if selectors.is_everything() {
            return Err(CliError::Usage(
                "pgrep needs something to look for: a REGEX, or a selection such as --user".to_owned(),
            ));
        }
        Ok(selectors)
    }

    /// By start; of processes that started within one tick, by pid.
    fn order(&self) -> Vec<SortKey> {
        let keys = |keys: [&str; 2]| keys.iter().filter_map(|key| key.parse().ok()).collect();
        match (self.newest, self.oldest) {
            (true, _) => keys(["start:desc", "pid:desc"]),
            (_, true) => keys(["start:asc", "pid:asc"]),
            _ => Vec::new(),
        }
    }

    fn more_fields(&self) -> &'static [&'static str] {
        match (self.list_name, self.list_full) {
            (true, _) => &["name"],
            (_, true) => &["name", "cmdline"],
            _ => &[],
        }
    }

    fn line(&self, process: &Process) -> String {
        let pid = process.pid;
        match (self.list_name, self.list_full) {
            (true, _) => format!("{pid} {}", process.display_name()),
            (_, true) => format!("{pid} {}", process.display_command()),
            _ => pid.to_string(),
        }
    }
}

/// Prints lines as they come.
async fn print(
    args: &PgrepArgs,
    request: ListProcesses,
    connection: &Connection,
    out: &mut Output,
) -> Result<u32, CliError> {
    let mut stream = request.stream().await?;
    let mut printed = 0_u32;
    while let Some(processes) = stream.next().await? {
        for process in &processes {
            if printed > 0 {
                out.answer.write_all(args.delimiter.as_bytes())?;
            }
            write!(out.answer, "{}", args.line(process))?;
            printed = printed.saturating_add(1);
        }
    }
    if printed > 0 {
        writeln!(out.answer)?;
    }
    note_unjudged(args, &stream.summary().copied().unwrap_or_default(), connection, out)?;
    Ok(printed)
}

async fn count(
    args: &PgrepArgs,
    request: ListProcesses,
    connection: &Connection,
    out: &mut Output,
) -> Result<u32, CliError> {
    let list = request.fields(["pid"]).await?;
    let count = list.summary.returned;
    if out.is_for_people() {
        writeln!(out.answer, "{count}")?;
    } else {
        out.write_value(&json!({ "count": count }))?;
    }
    note_unjudged(args, &list.summary, connection, out)?;
    Ok(count)
}

/// Scripts shall not hear of each zombie that has no arguments, only of what somebody else might have found.
fn note_unjudged(
    args: &PgrepArgs,
    summary: &ListProcessesSummary,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    match args.selectors.looks_at_guarded_values() {
        true => listing::note_unjudged(summary, &args.selectors, connection, out),
        false => Ok(()),
    }
}
