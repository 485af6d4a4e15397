//! `procwire cpu`

use std::time::Duration;

use clap::Args;
use procwire_proto::json;

use super::{one_host, two_readings};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::cpu::{Shown, write_cpu},
};

/// What to ask for.
const FIELDS: [&str; 2] = ["cpu", "load"];

/// What has no rate on the wire.
const COUNTERS: [&str; 4] = ["cpu.context_switches", "cpu.interrupts", "cpu.soft_interrupts", "cpu.forks"];

/// What to show of the processors, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
BUSY  all but IDLE and WAIT
USER  programs; NICE those of lowered priority; GUEST virtual machines on this host
SYS   the kernel; IRQ and SOFT its work for devices
WAIT  idle while a request to a disk was under way
STEAL taken by the hypervisor for other machines")]
pub(crate) struct CpuArgs {
    /// Each processor too
    #[arg(short, long)]
    all: bool,
    /// The time spent since boot in place of shares
    #[arg(short, long, conflicts_with = "window")]
    times: bool,
    /// Measure over this time
    #[arg(short, long, value_name = "TIME", default_value = "500ms", value_parser = one_host::parse_window)]
    window: Duration,
}

/// Shows the processors.
pub(crate) async fn run(args: &CpuArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let window = (!args.times).then_some(args.window);
    let counters = if out.is_for_people() { &COUNTERS[..] } else { &[] };
    let (before, system) = match counters {
        [] => (None, one_host::read(FIELDS, window, connection).await?),
        _ => two_readings::read(counters, &FIELDS, window, connection).await?,
    };
    one_host::require(&system, "cpu", system.cpu.is_some(), connection.is_local)?;
    if out.is_for_people() {
        let shown = Shown { each: args.all, times: args.times };
        write_cpu(&mut out.answer, before.as_ref(), &system, shown, out.width)?;
        one_host::note_unreadable(&system, "cpu", connection, out)?;
    } else {
        out.write_value(&json::to_json(&system))?;
    }
    Ok(Exit::Success)
}
