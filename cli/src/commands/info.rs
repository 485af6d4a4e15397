//! `procwire info PID`

use clap::Args;
use procwire_proto::json;

use super::target::Target;
use crate::{connection::Connection, error::CliError, exit::Exit, output::Output, render::process::write_page};

/// Which process to show, as typed.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Its pid
    #[arg(value_name = "PID")]
    target: Target,
    /// Fields to show ("*": everything, however slow); without it: all that are cheap
    #[arg(short, long, value_name = "A,B,...", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new())]
    fields: Vec<String>,
}

/// Shows all of one process.
pub(crate) async fn run(args: &InfoArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut request = connection.client.processes().get(args.target.pid);
    if !args.fields.is_empty() {
        request = request.fields(&args.fields);
    }
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let process = request.await?.process.unwrap_or_default();
    if let Some(reference) = process.reference() {
        args.target.check(reference)?;
    }
    if out.is_for_people() {
        write_page(&mut out.answer, &process, &out.clock, out.width)?;
    } else {
        out.write_value(&json::to_json(&process))?;
    }
    Ok(Exit::Success)
}
