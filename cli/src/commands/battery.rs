//! `procwire battery`

use clap::Args;
use procwire_proto::json;

use super::one_host;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::power::{battery_page, no_battery},
};

/// Nothing to choose.
#[derive(Debug, Args)]
pub(crate) struct BatteryArgs {}

/// Shows batteries and mains power.
pub(crate) async fn run(_: &BatteryArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let system = one_host::read(["power"], None, connection).await?;
    let power = system.power.as_ref();
    if !out.is_for_people() {
        out.write_value(&json::to_json(&system))?;
    } else if let Some(power) = power.filter(|power| !power.batteries.is_empty()) {
        battery_page(power).write(&mut out.answer, out.width)?;
    } else {
        writeln!(out.answer, "{}", no_battery(power))?;
    }
    one_host::note_unreadable(&system, "power", connection, out)?;
    Ok(Exit::Success)
}
