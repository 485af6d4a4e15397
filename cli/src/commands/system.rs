//! `procwire system`

use std::time::Duration;

use clap::Args;
use procwire_proto::json;

use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::system::{PAGE_FIELDS, write_page},
};

/// What to show of the host, as typed.
#[derive(Debug, Args)]
pub(crate) struct SystemArgs {
    /// Only these sections or fields: cpu,memory.available_bytes ("*": everything)
    #[arg(short, long, value_name = "A,B,...", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new())]
    fields: Vec<String>,
    /// Measure usage and rates over this time; 0s: counters only
    #[arg(short, long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    window: Duration,
}

/// Shows the host.
pub(crate) async fn run(args: &SystemArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut request = connection.client.system().get();
    request = match args.fields.as_slice() {
        [] => request.fields(PAGE_FIELDS),
        fields => request.fields(fields),
    };
    if !args.window.is_zero() {
        request = request.usage_window(args.window);
    }
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let system = request.await?.system.unwrap_or_default();
    if out.is_for_people() {
        write_page(&mut out.answer, &system, &out.clock, out.width)?;
    } else {
        out.write_value(&json::to_json(&system))?;
    }
    Ok(Exit::Success)
}
