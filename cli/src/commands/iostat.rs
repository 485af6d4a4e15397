//! `procwire iostat`

use std::{ffi::OsString, os::unix::ffi::OsStrExt as _, time::Duration};

use clap::Args;
use procwire_client::v1::{Disk, DiskClass};
use procwire_proto::{escape, json};

use super::{one_host, rows::write_rows, two_readings};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::disks::{Measured, extended_table, rate_table, was_used},
};

/// Which disks to measure, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
BUSY%  share of the time with at least one request under way; disks that do many at once have
       more to give at 100
RWAIT  mean time of a read in ms, from its being handed over to its being done; WWAIT of a write
QUEUE  mean number of requests under way
RSIZE  mean size of a read; WSIZE of a write
\"all disks\" adds up the hardware alone: what partitions, LVM, RAID and loops do is done by disks.")]
pub(crate) struct IostatArgs {
    /// Only these devices: sda, nvme0n1p2
    #[arg(value_name = "NAME")]
    names: Vec<OsString>,
    /// Measure over this time
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = one_host::parse_window)]
    window: Duration,
    /// Devices that never did anything, and partitions, too
    #[arg(short, long)]
    all: bool,
    /// Partitions too
    #[arg(short, long)]
    partitions: bool,
    /// How long requests take, how many wait and how large they are
    #[arg(short = 'x', long)]
    extended: bool,
}

/// Shows what disks do.
pub(crate) async fn run(args: &IostatArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let counters = if args.extended && out.is_for_people() { &["disks"][..] } else { &[] };
    let window = Some(args.window);
    let (before, system) = match counters {
        [] => (None, one_host::read(["disks"], window, connection).await?),
        _ => two_readings::read(counters, &["disks"], window, connection).await?,
    };
    one_host::require(&system, "disks", !system.disks.is_empty(), connection.is_local)?;
    args.require_named(&system.disks)?;
    let chosen: Vec<&Disk> = system.disks.iter().filter(|disk| args.takes(disk)).collect();
    if !out.is_for_people() {
        write_rows(out, chosen.iter().map(|disk| json::to_json(*disk)))?;
    } else if chosen.is_empty() {
        writeln!(out.answer, "no disk has done anything yet")?;
    } else {
        let total = args.names.is_empty().then(|| system.disk_totals()).flatten();
        let before = before.map(|before| before.disks).unwrap_or_default();
        let measured: Vec<Measured<'_>> = chosen.iter().map(|disk| Measured::new(disk, &before)).collect();
        let table = match args.extended {
            true => extended_table(&measured, total.as_ref()),
            false => rate_table(&measured, total.as_ref(), out.format == Format::Wide),
        };
        table.write(&mut out.answer, out.width)?;
    }
    one_host::note_unreadable(&system, "disks", connection, out)?;
    Ok(Exit::Success)
}

impl IostatArgs {
    fn takes(&self, disk: &Disk) -> bool {
        if !self.names.is_empty() {
            return self.names.iter().any(|name| name.as_bytes() == disk.name);
        }
        let is_partition = disk.disk_class() == DiskClass::Partition;
        self.all || (was_used(disk) && (self.partitions || !is_partition))
    }

    fn require_named(&self, disks: &[Disk]) -> Result<(), CliError> {
        let is_there = |name: &OsString| disks.iter().any(|disk| disk.name == name.as_bytes());
        match self.names.iter().find(|name| !is_there(name)) {
            Some(name) => {
                let name = escape::terminal(name.as_bytes()).into_owned();
                Err(CliError::NothingFound(format!("no block device {name}; `procwire iostat --all` lists them")))
            }
            None => Ok(()),
        }
    }
}
