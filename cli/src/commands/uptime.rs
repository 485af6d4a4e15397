//! `procwire uptime`

use clap::Args;
use procwire_proto::json;

use super::one_host;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::sessions::{Uptime, boot_time},
};

/// What to say, as typed.
#[derive(Debug, Args)]
pub(crate) struct UptimeArgs {
    /// Only when the host was booted
    #[arg(short, long)]
    since: bool,
}

/// Shows how long the host runs, who is there and how much there is to do.
pub(crate) async fn run(args: &UptimeArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let fields: &[&str] = match args.since {
        true => &["boot"],
        false => &["boot", "load", "users", "cpu.logical_count"],
    };
    let system = one_host::read(fields.iter().copied(), None, connection).await?;
    let boot_time = boot_time(&system, &out.clock);
    one_host::require(&system, "boot.time", boot_time.is_some() || !args.since, connection.is_local)?;
    if !out.is_for_people() {
        out.write_value(&json::to_json(&system))?;
    } else if let Some(boot_time) = boot_time.filter(|_| args.since) {
        writeln!(out.answer, "{boot_time}")?;
    } else {
        writeln!(out.answer, "{}", Uptime { system: &system, clock: &out.clock })?;
    }
    one_host::note_unreadable(&system, "boot", connection, out)?;
    one_host::note_unreadable(&system, "load", connection, out)?;
    Ok(Exit::Success)
}
