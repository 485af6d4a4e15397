//! `procwire who`

use clap::Args;
use procwire_proto::json;

use super::{one_host, rows::write_rows};
use crate::{connection::Connection, error::CliError, exit::Exit, output::Output, render::sessions::session_table};

/// Nothing to choose.
#[derive(Debug, Args)]
pub(crate) struct WhoArgs {}

/// Lists who is logged in.
pub(crate) async fn run(_: &WhoArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let system = one_host::read(["users"], None, connection).await?;
    one_host::require(&system, "users", !system.users.is_empty(), connection.is_local)?;
    if !out.is_for_people() {
        write_rows(out, system.users.iter().map(json::to_json))?;
    } else if system.users.is_empty() {
        writeln!(out.answer, "nobody is logged in")?;
    } else {
        session_table(&system.users, &out.clock).write(&mut out.answer, out.width)?;
    }
    one_host::note_unreadable(&system, "users", connection, out)?;
    Ok(Exit::Success)
}
