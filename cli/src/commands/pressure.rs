//! `procwire pressure`

use clap::Args;
use procwire_proto::json;

use super::one_host;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::pressure::{pressure_table, resources},
};

/// Nothing to choose.
#[derive(Debug, Args)]
#[command(after_help = "\
The share of the last 10, 60 and 300 seconds in which some tasks, or all that had something to do, waited for a resource;
IN ALL is the time since boot. It says what the load average does not: whether waiting costs anything, and for what.
A few percent are usual on a busy host; memory or io far above that are felt by everyone who works there.")]
pub(crate) struct PressureArgs {}

/// Shows how long tasks waited for what.
pub(crate) async fn run(_: &PressureArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let system = one_host::read(["pressure"], None, connection).await?;
    let pressure = system.pressure.unwrap_or_default();
    let is_there = resources(&pressure).iter().any(|(_, resource)| resource.is_some());
    one_host::require(&system, "pressure", is_there, connection.is_local)?;
    if out.is_for_people() {
        pressure_table(&pressure).write(&mut out.answer, out.width)?;
    } else {
        out.write_value(&json::to_json(&system))?;
    }
    one_host::note_unreadable(&system, "pressure", connection, out)?;
    Ok(Exit::Success)
}
