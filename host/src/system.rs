//! The whole host at one moment: [`SystemReader`] fills `v1::System` with what a field set asks for.
//!
//! Every file is read at most once per snapshot however many fields come from it, through a descriptor that stays open between
//! snapshots. Parsers (`parse`) take bytes and never open files; the modules named like sections read and fill.

mod answer;
mod attribute;
mod class_folder;
mod cpu;
mod disk_class;
mod disk_inventory;
mod disks;
mod frequency;
mod gpus;
mod huge_pages;
mod identity;
mod kept_file;
mod links;
mod load;
mod memory;
mod mounts;
mod network;
mod nodes;
mod own_cgroup;
mod parse;
mod power;
mod pressure;
mod protocols;
mod rates;
mod sensors;
mod sessions;
mod source;
mod swap;
mod swap_devices;
mod topology;
mod watch;

use std::sync::Arc;

use procwire_proto::{
    SystemFieldSet,
    v1::{FieldErrorReason, System},
};

use self::{
    answer::Answer, disk_inventory::DiskInventory, frequency::Frequencies, gpus::Gpus, huge_pages::HugePages,
    kept_file::ReadBuffer, links::Links, mounts::Mounts, nodes::Nodes, own_cgroup::OwnCgroup, power::PowerSupplies,
    pressure::PressureFiles, protocols::Protocols, sensors::SensorFiles, sessions::Sessions, source::Source,
    swap_devices::SwapDevices, topology::Topology,
};
use crate::Host;

pub(crate) use self::parse::mountinfo;
pub(crate) use self::parse::pressure::parse as pressure_text;
pub use self::rates::{add_rates, add_rates_of, compared_fields};
pub(crate) use parse::cpu_list::parse as number_list;

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
    topology: Topology,
    frequency: Frequencies,
    nodes: Nodes,
    huge_pages: HugePages,
    swap_devices: SwapDevices,
    pressure: PressureFiles,
    mounts: Mounts,
    links: Links,
    protocols: Protocols,
    sensors: SensorFiles,
    power: PowerSupplies,
    gpus: Gpus,
    sessions: Sessions,
    own_cgroup: OwnCgroup,
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
            net_dev: Source::at(links::net_folder(&host).join("dev"), "/proc/net/dev"),
            disk_inventory: DiskInventory::new(roots),
            topology: Topology::new(&host),
            frequency: Frequencies::new(&host),
            nodes: Nodes::new(&host),
            huge_pages: HugePages::new(&host),
            swap_devices: SwapDevices::new(&host),
            pressure: PressureFiles::new(&host),
            mounts: Mounts::new(&host),
            links: Links::new(&host),
            protocols: Protocols::new(&host),
            sensors: SensorFiles::new(&host),
            power: PowerSupplies::new(&host),
            gpus: Gpus::new(&host),
            sessions: Sessions::new(&host),
            own_cgroup: OwnCgroup::new(&host),
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
        let Self { host, buffer, .. } = self;
        self.topology.read(host, buffer, &mut answer);
        self.frequency.read(host, buffer, &mut answer);
        self.own_cgroup.read(host, buffer, &mut answer);
        self.nodes.read(host, buffer, &mut answer);
        self.huge_pages.read(host, buffer, &mut answer);
        self.swap_devices.read(host, buffer, &mut answer);
        self.mounts.read(host, buffer, &mut answer);
        self.links.read(host, buffer, &mut answer);
        self.protocols.read(host, buffer, &mut answer);
        self.sensors.read(&mut answer);
        self.power.read(&mut answer);
        self.gpus.read(&mut answer);
        self.sessions.read(host, buffer, &mut answer);
        self.pressure.read(host, buffer, &mut answer);
        answer.system
    }
}

#[cfg(test)]
mod made_tree;
#[cfg(test)]
mod tests;
