//! `procwire df`

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use procwire_client::{ErrorKind, v1::Mount};
use procwire_proto::{escape, json};

use super::{one_host, rows::write_rows};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::filesystems::{Choice, PathUsage, Shown, choose, mount_table, path_table, unanswered},
    sizes::{LongHelp, SizeArgs},
};

/// Which filesystems to show, as typed.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "\
Without --all: filesystems on disks and of other hosts, and the root; each once, however often
it is mounted. USED% is of what users other than root can have, as df counts. A filesystem that
does not answer, as of a server that is gone, is shown with \"timeout\" and holds up nothing else."
)]
pub(crate) struct DfArgs {
    /// Only the filesystems of these paths of the host
    #[arg(value_name = "PATH", conflicts_with_all = ["all", "kind", "except"])]
    paths: Vec<OsString>,
    /// Every mount: those in memory, of the kernel, and one above the other too
    #[arg(short, long)]
    all: bool,
    /// Inodes in place of bytes
    #[arg(short, long)]
    inodes: bool,
    /// Only filesystems of this type: ext4, nfs4, tmpfs
    #[arg(short = 't', long = "type", id = "kind", value_name = "TYPE,...", value_delimiter = ',')]
    kind: Vec<OsString>,
    /// Without filesystems of this type
    #[arg(short = 'x', long = "exclude-type", id = "except", value_name = "TYPE,...", value_delimiter = ',')]
    except: Vec<OsString>,
    #[command(flatten)]
    sizes: SizeArgs,
    #[command(flatten)]
    help: LongHelp,
}

/// Shows how full filesystems are.
pub(crate) async fn run(args: &DfArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let shown = Shown { unit: args.sizes.unit(), inodes: args.inodes, wide: out.format == Format::Wide };
    match args.paths.as_slice() {
        [] => show_mounts(args, shown, connection, out).await,
        paths => show_paths(paths, shown, connection, out).await,
    }
}

async fn show_mounts(args: &DfArgs, shown: Shown, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let system = one_host::read(["mounts"], None, connection).await?;
    one_host::require(&system, "mounts", !system.mounts.is_empty(), connection.is_local)?;
    let bytes = |types: &[OsString]| types.iter().map(|name| name.as_bytes().to_vec()).collect();
    let choice = Choice { all: args.all, types: bytes(&args.kind), except: bytes(&args.except) };
    let mounts: Vec<&Mount> = choose(&system.mounts, &choice);
    if mounts.is_empty() && !args.kind.is_empty() {
        return Err(CliError::NothingFound("no filesystem of this type is mounted".to_owned()));
    }
    if out.is_for_people() {
        mount_table(&mounts, shown).write(&mut out.answer, out.width)?;
        if let Some(note) = unanswered(&mounts) {
            out.note(&note)?;
        }
    } else {
        write_rows(out, mounts.iter().map(|mount| json::to_json(*mount)))?;
    }
    one_host::note_unreadable(&system, "mounts", connection, out)?;
    Ok(Exit::Success)
}

/// Each path for itself: one that cannot be looked at keeps nobody from the others.
async fn show_paths(
    paths: &[OsString],
    shown: Shown,
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let paths = paths.iter().map(|path| on_the_host(path, connection.is_local)).collect::<Result<Vec<_>, _>>()?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for path in &paths {
        match usage_of(path, connection).await {
            Ok(usage) => found.push(usage),
            Err(error) if paths.len() == 1 => return Err(error),
            Err(error) => failures.push((path, error)),
        }
    }
    if out.is_for_people() && !found.is_empty() {
        path_table(&found, shown).write(&mut out.answer, out.width)?;
    } else if !out.is_for_people() {
        write_rows(out, found.iter().map(PathUsage::to_json))?;
    }
    for (path, error) in &failures {
        out.note(&format!("{}: {error}", escape::terminal(path.as_bytes())))?;
    }
    Ok(failures.first().map_or(Exit::Success, |(_, error)| error.exit()))
}

async fn usage_of(path: &OsStr, connection: &Connection) -> Result<PathUsage, CliError> {
    let mut request = connection.client.system().disk_usage(path);
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    match request.await {
        Ok(answer) => Ok(PathUsage { path: path.as_bytes().to_vec(), answer }),
        // Exit codes tell a path that is not there from a process that is gone.
        Err(error) if error.kind() == ErrorKind::NotFound => Err(CliError::NothingFound(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// The agent knows no working directory but its own; here, where it is this process, that is what is meant.
fn on_the_host(path: &OsStr, is_local: bool) -> Result<OsString, CliError> {
    let path = Path::new(path);
    let shown = || escape::terminal(path.as_os_str().as_bytes()).into_owned();
    match (path.is_absolute(), is_local) {
        (true, _) => Ok(path.as_os_str().to_owned()),
        (false, true) => std::path::absolute(path)
            .map(PathBuf::into_os_string)
            .map_err(|error| CliError::Usage(format!("the path {}: {error}", shown()))),
        (false, false) => {
            Err(CliError::Usage(format!("the path {}: on another host a path begins at the root: /", shown())))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_is_meant_from_here_and_nothing_elsewhere() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(on_the_host(OsStr::new("x/y"), true).unwrap(), here.join("x/y"));
        assert_eq!(on_the_host(OsStr::new("/x"), false).unwrap(), "/x");
        let error = on_the_host(OsStr::new("x\u{1b}"), false).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().contains(r"x\x1b"), "{error}");
    }
}
