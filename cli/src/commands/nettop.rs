//! `procwire nettop`

use std::{ffi::OsString, time::Duration};

use clap::Args;
use procwire_client::v1::{ProtocolStatistic, System};
use procwire_proto::json;

use super::{ifconfig, one_host, rows::write_rows};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::interfaces::{
        protocols::{Counted, counted, protocol_table},
        rates::{Unit, rate_table, sort_by_traffic},
    },
};

/// Traffic, and what it takes to sort and add it up.
const FIELDS: [&str; 7] = [
    "network.interfaces.name",
    "network.interfaces.counters",
    "network.interfaces.rates",
    "network.interfaces.counters_reset",
    "network.interfaces.flags",
    "network.interfaces.kind",
    "network.interfaces.index",
];

const PROTOCOLS: [&str; 1] = ["network.protocols"];

/// Whose traffic to measure, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
RECEIVED  bytes since the interface was made; SENT too; both as they are on the link, with headers
ERRORS    packets that were damaged or could not be sent, since the interface was made
DROPS     packets that were given up, for want of room or because nobody wanted them, since then
TROUBLE   with --protocols: what a counter means, where it means that something is amiss
Counters of protocols have the names that the kernel gives them in /proc/net/snmp and netstat.")]
pub(crate) struct NettopArgs {
    /// Only these interfaces
    #[arg(value_name = "NAME", conflicts_with = "protocols")]
    names: Vec<OsString>,
    /// Measure over this time
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = one_host::parse_window)]
    window: Duration,
    /// Interfaces that are switched off too; of protocols, counters that did not change too
    #[arg(short, long)]
    all: bool,
    /// Bits per second in place of bytes
    #[arg(short, long, conflicts_with = "protocols")]
    bits: bool,
    /// What the protocols counted in that time, in place of interfaces: retransmissions, drops, errors
    #[arg(short, long)]
    protocols: bool,
}

/// Shows what the network carries.
pub(crate) async fn run(args: &NettopArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    if args.protocols {
        show_protocols(args, connection, out).await
    } else {
        show_interfaces(args, connection, out).await
    }
}

async fn show_interfaces(args: &NettopArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let system = one_host::read(FIELDS, Some(args.window), connection).await?;
    let all = ifconfig::interfaces(&system, connection)?;
    let mut shown = ifconfig::choose(all, &args.names, args.all)?;
    sort_by_traffic(&mut shown);
    if out.is_for_people() {
        let unit = if args.bits { Unit::Bits } else { Unit::Bytes };
        rate_table(&shown, unit).write(&mut out.answer, out.width)?;
    } else {
        write_rows(out, shown.iter().map(|interface| json::to_json(*interface)))?;
    }
    ifconfig::note_left_out(all, &shown, &args.names, out)?;
    one_host::note_unreadable(&system, "network.interfaces", connection, out)?;
    Ok(Exit::Success)
}

async fn show_protocols(args: &NettopArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let before = one_host::read(PROTOCOLS, None, connection).await?;
    one_host::require(&before, "network.protocols", !statistics(&before).is_empty(), connection.is_local)?;
    // The counters belong to no one, so the time between two readings may pass here.
    tokio::time::sleep(args.window).await;
    let after = one_host::read(PROTOCOLS, None, connection).await?;
    let counted = counted(statistics(&before), statistics(&after), between_ns(&before, &after), args.all);
    if !out.is_for_people() {
        write_rows(out, counted.iter().map(Counted::to_json))?;
    } else if counted.is_empty() {
        writeln!(out.answer, "nothing was counted in {}", humantime::format_duration(args.window))?;
    } else {
        protocol_table(&counted).write(&mut out.answer, out.width)?;
    }
    one_host::note_unreadable(&after, "network.protocols", connection, out)?;
    Ok(Exit::Success)
}

fn statistics(system: &System) -> &[ProtocolStatistic] {
    system.network.as_ref().map_or(&[], |network| &network.protocols)
}

/// By the host's own clock.
fn between_ns(before: &System, after: &System) -> u64 {
    let moment = |system: &System| system.sampled.as_ref().map(|sampled| sampled.monotonic_ns).unwrap_or_default();
    moment(after).saturating_sub(moment(before))
}
