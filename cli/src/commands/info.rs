//! `procwire info PID`

use std::time::Duration;

use clap::Args;
use procwire_client::{
    ProcessSelect,
    v1::{FieldErrorReason, Process},
};
use procwire_proto::{ProcessFieldSet, json, process_fields::bit, v1::FieldCost};

use super::{one_process::note_redacted, target::Target};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::{
        process::{Detail, Relatives, write_page},
        unreadable,
    },
    selectors::parse_usage_window,
};

/// Which process to show, as typed.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Its pid, or PID@START_TICKS
    #[arg(value_name = "PID")]
    target: Target,
    /// Everything, however slow: long lists in full, the environment, mapped memory
    #[arg(short, long, conflicts_with = "fields")]
    all: bool,
    /// Only these fields: name,memory.resident_bytes ("memory": all of it, "*": everything)
    #[arg(short, long, value_name = "A,B,...", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new())]
    fields: Vec<String>,
    /// Measure its use of processors over this time, 500ms if none is given
    #[arg(short, long, value_name = "TIME", num_args = 0..=1, default_missing_value = "500ms", value_parser = parse_usage_window)]
    cpu: Option<Duration>,
}

/// Shows all of one process.
pub(crate) async fn run(args: &InfoArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut request = connection.client.processes().get(args.target.pid).fields(fields(args, out));
    if let Some(window) = args.cpu {
        request = request.usage_window(window);
    }
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let process = request.await?.process.unwrap_or_default();
    if let Some(reference) = process.reference() {
        args.target.check(reference)?;
    }
    if !out.is_for_people() {
        out.write_value(&json::to_json(&process))?;
        return Ok(Exit::Success);
    }
    let relatives =
        if args.fields.is_empty() { relatives(&process, connection, out).await? } else { Relatives::default() };
    let detail = Detail { clock: &out.clock, relatives: &relatives, is_whole: args.all || !args.fields.is_empty() };
    write_page(&mut out.answer, &process, &detail, out.width)?;
    if process.errors.iter().any(|error| error.reason() == FieldErrorReason::PermissionDenied) {
        out.note(unreadable::advice(connection.is_local))?;
    }
    note_redacted(std::slice::from_ref(&process), out)?;
    Ok(Exit::Success)
}

/// What is asked for: unless told otherwise all that is cheap, and the lists that a look at a process is for.
fn fields(args: &InfoArgs, out: &Output) -> Vec<String> {
    let set: ProcessFieldSet = match (args.all, args.fields.is_empty()) {
        (_, false) => return args.fields.clone(),
        (true, _) if !out.is_for_people() => return vec!["*".to_owned()],
        // The page adds mappings up; one by one they are many, and `maps --each` shows them.
        (true, _) => ProcessFieldSet::all_served().difference(bit::MEMORY_MAPS),
        (false, _) => {
            let cheap = ProcessFieldSet::matching(|field| field.is_served() && field.cost != FieldCost::Heavy);
            let lists = bit::OPEN_FILES.union(bit::SOCKETS).union(bit::THREADS);
            cheap.union(lists).difference(bit::ENVIRON).difference(bit::CMDLINE_RAW)
        }
    };
    set.to_mask().paths
}

/// The names of those above it, and those below it.
async fn relatives(process: &Process, connection: &Connection, out: &mut Output) -> Result<Relatives, CliError> {
    let Some(reference) = process.reference() else { return Ok(Relatives::default()) };
    let mut request = connection.list().matching(ProcessSelect::new().children_of(reference));
    if !process.ancestors.is_empty() {
        request = request.matching(ProcessSelect::new().refs(process.ancestors.iter().cloned()));
    }
    match request.fields(["pid", "ref", "ppid", "name"]).await {
        Ok(list) => Ok(Relatives::of(process, list.processes)),
        // The process itself is the answer.
        Err(error) => {
            out.note(&format!("its relatives are not shown: {error}"))?;
            Ok(Relatives::default())
        }
    }
}
