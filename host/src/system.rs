//! The whole host at one moment: [`SystemReader`] fills `v1::System` with what a field set asks for.
//!
//! Every file is read at most once per snapshot however many fields come from it, through a descriptor that stays open between
//! snapshots. Parsers (`parse`) take bytes and never open files; the modules named like sections read and fill.

mod answer;
mod cpu;
mod disk_class;
mod disk_inventory;
mod disks;
mod identity;
mod kept_file;
mod load;
mod memory;
mod network;
mod parse;
mod rates;
mod source;
mod swap;

use std::sync::Arc;

use procwire_proto::{
    SystemFieldSet,
    v1::{FieldErrorReason, System},
};

use self::{answer::Answer, disk_inventory::DiskInventory, kept_file::ReadBuffer, source::Source};
use crate::Host;

pub use self::rates::{add_rates, add_rates_of};

/// Reads the host. Keeps its files open and its buffer, so a second snapshot costs half of the first; `Send`, one per sampler.
pub struct SystemReader {
    host: Arc<Host>,
    served: SystemFieldSet,
    buffer: ReadBuffer,
    stat: Source,
    loadavg: Source,
    meminfo: Source,
    zoneinfo: Source,
    vmstat: Source,
    diskstats: Source,
    net_dev: Source,
    disk_inventory: DiskInventory,
    /// Rows of the snapshot before, so that the lists of the next one are allocated once.
    cpu_rows: usize,
    interface_rows: usize,
    /// Where /proc/vmstat need not be read any further.
    swapped_pages_end: Option<usize>,
}

impl SystemReader {
    /// A reader of this host. Opens nothing yet.
    pub fn new(host: Arc<Host>) -> Self {
        let roots = host.roots();
        Self {
            served: SystemFieldSet::all_served(),
            buffer: ReadBuffer::new(),
            stat: Source::of(roots, "/proc/stat"),
            loadavg: Source::of(roots, "/proc/loadavg"),
            meminfo: Source::of(roots, "/proc/meminfo"),
            zoneinfo: Source::of(roots, "/proc/zoneinfo"),
            vmstat: Source::of(roots, "/proc/vmstat"),
            diskstats: Source::of(roots, "/proc/diskstats"),
            net_dev: Source::of(roots, "/proc/net/dev"),
            disk_inventory: DiskInventory::new(roots),
            cpu_rows: 0,
            interface_rows: 0,
            swapped_pages_end: None,
            host,
        }
    }

    /// One snapshot of these fields, and of the counters that rates among them are made of. What could not be read is absent and
    /// has its reason in `errors`; rates are absent until [`add_rates_of`] compares two snapshots.
    pub fn read(&mut self, fields: SystemFieldSet) -> System {
        let fields = fields.with_counters_of_rates();
        let mut answer = Answer::new(fields.intersection(self.served), self.host.sample_time());
        for field in fields.difference(self.served).iter() {
            answer.report(field.path, FieldErrorReason::Unsupported, "not served by this version".to_owned());
        }
        identity::fill(&self.host, &mut answer);
        cpu::read(self, &mut answer);
        load::read(self, &mut answer);
        memory::read(self, &mut answer);
        disks::read(self, &mut answer);
        network::read(self, &mut answer);
        answer.system
    }
}

#[cfg(test)]
mod tests;
