//! `procwire files PID...`

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use clap::Args;
use procwire_client::{
    ListProcesses, SocketSelect,
    v1::{ListProcessesSummary, OpenFileKind, Process},
};

use super::{
    holders::{note_summary, programs_of, sockets},
    one_process::{note_unreadable, read, require},
    rows::RowWriter,
    target::Target,
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::{
        process::files::{EntryFilter, EntryTable, entries},
        sockets::{holder_table, sort},
        units, unreadable,
    },
};

/// Which open files, as typed.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a PID every process is looked into, which costs some 10 microseconds for each descriptor on the host."
)]
pub(crate) struct FilesArgs {
    /// Pids, or PID@START_TICKS
    #[arg(value_name = "PID", required_unless_present_any = ["port", "path", "deleted", "all"])]
    targets: Vec<Target>,
    /// Who holds sockets with this port, at either end
    #[arg(long, value_name = "PORT,...", value_delimiter = ',', conflicts_with_all = ["targets", "path", "deleted", "all", "kind", "mapped"])]
    port: Vec<u16>,
    /// Only this path and what is below it
    #[arg(long, value_name = "PATH")]
    path: Option<std::path::PathBuf>,
    /// Only files that were removed: their space comes back when they are closed
    #[arg(short, long)]
    deleted: bool,
    /// Only descriptors of this kind: regular, directory, device, pipe, socket, memfd, anonymous-inode, pidfd, bpf, eventfd,
    /// epoll, timerfd, signalfd, notify, io-uring
    #[arg(short, long, value_name = "KIND,...", value_delimiter = ',', value_parser = kind)]
    kind: Vec<OpenFileKind>,
    /// Files mapped into memory too, such as libraries; slow on large processes
    #[arg(short, long)]
    mapped: bool,
    /// Everything of every process
    #[arg(short, long, conflicts_with = "targets")]
    all: bool,
}

/// Shows what processes have open.
pub(crate) async fn run(args: &FilesArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    if !args.port.is_empty() {
        return print_port(&args.port, connection, out).await;
    }
    let filter = filter(args, connection)?;
    let mut printer = Printer::new(filter, args.targets.len() != 1, out);
    if args.targets.is_empty() {
        let request = connection.list().fields(fields(args));
        print_all(request, printer, connection, out).await?;
        return Ok(Exit::Success);
    }
    let mut exit = Exit::Success;
    for target in &args.targets {
        match one(*target, args, connection).await {
            Ok(process) => printer.print(&process, out)?,
            Err(error) if args.targets.len() == 1 => return Err(error),
            // The others are shown all the same.
            Err(error) => {
                exit = error.exit();
                out.note(&error.to_string())?;
            }
        }
    }
    let incomplete = printer.finish(out)?;
    note_unreadable(&incomplete, connection, out)?;
    Ok(exit)
}

async fn one(target: Target, args: &FilesArgs, connection: &Connection) -> Result<Process, CliError> {
    let process = read(target, &fields(args), connection).await?;
    require(&process, "open_files", !process.open_files.is_empty(), connection.is_local)?;
    Ok(process)
}

fn fields(args: &FilesArgs) -> Vec<&'static str> {
    let mut fields = vec!["pid", "ref", "name", "username", "uids", "open_files"];
    if args.kind.is_empty() {
        fields.extend(["cwd", "cwd_deleted", "root", "exe", "exe_deleted"]);
    }
    // Sockets are neither below a path nor removed.
    let may_be_sockets = args.kind.is_empty() || args.kind.contains(&OpenFileKind::Socket);
    if may_be_sockets && args.path.is_none() && !args.deleted {
        fields.push("sockets");
    }
    if args.mapped {
        fields.push("memory_map_groups");
    }
    fields
}

fn filter(args: &FilesArgs, connection: &Connection) -> Result<EntryFilter, CliError> {
    let below = match &args.path {
        None => None,
        Some(path) if !path.is_absolute() => {
            let problem = format!("--path needs a whole path, from / on: {}", path.display());
            return Err(CliError::Usage(problem));
        }
        // The kernel shows files where they are, not by the links that lead there.
        Some(path) if connection.is_local => {
            Some(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()).into_os_string().into_vec())
        }
        Some(path) => Some(path.as_os_str().as_bytes().to_vec()),
    };
    Ok(EntryFilter { kinds: args.kind.clone(), only_deleted: args.deleted, below })
}

/// A kind as JSON has it, with hyphens or underscores.
fn kind(text: &str) -> Result<OpenFileKind, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    let found = OpenFileKind::from_str_name(&format!("OPEN_FILE_KIND_{name}"));
    found.filter(|kind| *kind != OpenFileKind::Unspecified).ok_or_else(|| {
        let all = (1..).map_while(|number| OpenFileKind::try_from(number).ok());
        format!("a kind is one of {}", all.map(|kind| kind.as_words().replace(' ', "-")).collect::<Vec<_>>().join(", "))
    })
}

/// Rows of JSON as they come; rows of a table when all are there.
struct Printer {
    filter: EntryFilter,
    form: Form,
    /// What rows said of what they lack, without the rows.
    incomplete: Vec<Process>,
}

enum Form {
    Rows(RowWriter),
    Table(EntryTable),
}

impl Printer {
    fn new(filter: EntryFilter, names_owners: bool, out: &Output) -> Self {
        let form = match out.is_for_people() {
            true => Form::Table(EntryTable::new(names_owners, out.format == Format::Wide)),
            false => Form::Rows(RowWriter::default()),
        };
        Self { filter, form, incomplete: Vec::new() }
    }

    fn print(&mut self, process: &Process, out: &mut Output) -> Result<(), CliError> {
        for entry in entries(process, &self.filter) {
            match &mut self.form {
                Form::Rows(rows) => rows.push(out, &entry.to_json(process))?,
                Form::Table(table) => table.push(process, &entry),
            }
        }
        if !process.errors.is_empty() {
            let errors = process.errors.clone();
            self.incomplete.push(Process { pid: process.pid, errors, ..Process::default() });
        }
        Ok(())
    }

    fn finish(self, out: &mut Output) -> Result<Vec<Process>, CliError> {
        match self.form {
            Form::Rows(rows) => rows.finish(out)?,
            Form::Table(table) => table.finish().write(&mut out.answer, out.width)?,
        }
        Ok(self.incomplete)
    }
}

async fn print_all(
    request: ListProcesses,
    mut printer: Printer,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    let mut chunks = request.stream().await?;
    while let Some(processes) = chunks.next().await? {
        for process in &processes {
            printer.print(process, out)?;
        }
    }
    let summary = chunks.summary().cloned().unwrap_or_default();
    let incomplete = printer.finish(out)?;
    let closed = incomplete.iter().filter(|process| process.error_of("open_files").is_some()).count();
    Ok(out.note(&cost(&summary, closed, connection.is_local))?)
}

/// What looking into every process came to.
fn cost(summary: &ListProcessesSummary, closed: usize, is_local: bool) -> String {
    let ListProcessesSummary { returned, read_ns, .. } = summary;
    let took = units::span(std::time::Duration::from_nanos(*read_ns));
    let open = format!("{returned} processes looked into in {took}");
    match closed {
        0 => open,
        _ => format!("{open}; {closed} of them kept their descriptors closed; {}", unreadable::advice(is_local)),
    }
}

/// `lsof -i :PORT`
async fn print_port(ports: &[u16], connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let local = ports.iter().fold(SocketSelect::new(), |select, port| select.local_port(*port));
    let remote = ports.iter().fold(SocketSelect::new(), |select, port| select.remote_port(*port));
    let mut list = sockets(connection).matching(local).matching(remote).with_holders().await?;
    sort(&mut list.sockets);
    let programs = programs_of(&list.sockets, &["username", "uids"], connection).await?;
    if out.is_for_people() {
        holder_table(&list.sockets, &programs).write(&mut out.answer, out.width)?;
    } else {
        let mut rows = RowWriter::default();
        for socket in &list.sockets {
            rows.push(out, &programs.to_json(socket))?;
        }
        rows.finish(out)?;
    }
    note_summary(&list.summary, true, connection, out)?;
    Ok(if list.sockets.is_empty() { Exit::Failed } else { Exit::Success })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_in_json() {
        assert_eq!(kind("regular").unwrap(), OpenFileKind::Regular);
        assert_eq!(kind("io-uring").unwrap(), OpenFileKind::IoUring);
        assert_eq!(kind("ANONYMOUS_INODE").unwrap(), OpenFileKind::AnonymousInode);
        assert!(kind("file").unwrap_err().contains("regular, directory, device, pipe, socket, memfd, anonymous-inode"));
    }

    #[test]
    fn the_cost_of_looking_into_everything_is_told() {
        let summary = ListProcessesSummary { returned: 12, read_ns: 1_500_000_000, ..ListProcessesSummary::default() };
        assert_eq!(cost(&summary, 0, true), "12 processes looked into in 1.5 s");
        assert!(cost(&summary, 3, true).starts_with("12 processes looked into in 1.5 s; 3 of them kept"));
    }
}
