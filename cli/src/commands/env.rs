//! `procwire env PID`

use std::io::{self, Write};

use clap::Args;
use procwire_client::v1::Process;
use procwire_proto::json;

use super::{
    one_process::{note_unreadable, read, require},
    rows::write_rows,
    target::Target,
};
use crate::{connection::Connection, error::CliError, exit::Exit, output::Output, render::process::environ};

/// Whose environment, as typed.
#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// Its pid, or PID@START_TICKS
    #[arg(value_name = "PID")]
    target: Target,
    /// Only variables of these names
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The bytes as they are, each variable ended by a NUL byte, for xargs -0; withheld ones are left out
    #[arg(short = '0', long)]
    null: bool,
}

/// Prints the environment that a process was started with, in its order.
pub(crate) async fn run(args: &EnvArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    if args.null && out.width.is_some() {
        let problem = "--null writes the bytes as they are: into a file or a pipe, not onto a terminal";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let mut process = read(args.target, &["pid", "environ"], connection).await?;
    require(&process, "environ", !process.environ.is_empty(), connection.is_local)?;
    if !args.names.is_empty() {
        process.environ.retain(|variable| args.names.iter().any(|name| name.as_bytes() == variable.name));
    }
    if args.null {
        // Not through the stream for text, which takes out what a terminal would obey.
        out.answer.flush()?;
        environ::write_raw(&mut io::stdout().lock(), &process.environ)?;
    } else if out.is_for_people() {
        environ::write_text(&mut out.answer, &process.environ)?;
    } else {
        write_rows(out, process.environ.iter().map(json::to_json))?;
    }
    note(&process, connection, out)?;
    let is_found = args.names.is_empty() || !process.environ.is_empty();
    Ok(if is_found { Exit::Success } else { Exit::Failed })
}

fn note(process: &Process, connection: &Connection, out: &mut Output) -> Result<(), CliError> {
    let withheld = process.environ.iter().filter(|variable| variable.redacted).count();
    if withheld > 0 {
        let (noun, verb) = if withheld == 1 { ("value", "is") } else { ("values", "are") };
        return Ok(out.note(&format!("{withheld} {noun} {verb} masked or withheld (REDACTED)"))?);
    }
    note_unreadable(std::slice::from_ref(process), connection, out)
}
