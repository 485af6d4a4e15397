//! `procwire system`: the host as a page.

use std::{
    io::{self, Write},
    time::Duration,
};

use procwire_proto::{
    escape, json,
    v1::{Mount, System},
};
use serde_json::Value;

use super::{
    attention::attention,
    group::limits,
    memory::{memory_details, memory_summary},
    network::{is_worth_a_row, network_table},
    processors::{busy_title, each_processor, processors},
    warmth::warmth,
};
use crate::{
    render::{
        clock::Clock,
        cpu::frequency_table,
        disks::{Measured, rate_table, was_used},
        filesystems::{self, Choice, choose, mount_table},
        memory::{huge_page_table, node_table},
        page::Page,
        pressure::{pressure_table, resources},
        sessions::session_table,
        units, unreadable, value,
    },
    sizes::SizeUnit,
};

/// What the page shows, and what tells one thing from another.
pub(crate) const PAGE_FIELDS: [&str; 42] = [
    "host",
    "boot",
    "cpu.times",
    "cpu.usage",
    "cpu.cpus.times",
    "cpu.cpus.usage",
    "cpu.logical_count",
    "cpu.physical_count",
    "cpu.usable_count",
    "cpu.quota_cpus",
    "cpu.context_switches",
    "cpu.interrupts",
    "cpu.soft_interrupts",
    "cpu.forks",
    "cpu.running_threads",
    "cpu.blocked_threads",
    "cpu.offline_cpus",
    "cpu.models",
    "load",
    "memory.total_bytes",
    "memory.available_bytes",
    "memory.used_bytes",
    "memory.free_bytes",
    "memory.buffers_bytes",
    "memory.cached_bytes",
    "memory.shared_bytes",
    "memory.active_bytes",
    "memory.inactive_bytes",
    "memory.slab_bytes",
    "memory.used_ratio",
    "swap",
    "disks",
    "mounts",
    "network.interfaces",
    "sensors.temperatures",
    "sensors.fans",
    "sensors.thermal_zones",
    "power",
    "users",
    "pressure",
    "cgroup",
    "gpus",
];

/// Parts that are on the page only where they were asked for.
const IN_DETAIL: [(&str, &str); 5] = [
    ("memory", "statistics"),
    ("sensors", "voltages"),
    ("sensors", "powers"),
    ("network", "protocols"),
    ("network", "socket_statistics"),
];

/// Labels and values.
pub(super) type Pairs = Vec<(String, String)>;

/// Prints the page of a host.
pub(crate) fn write_page(out: &mut dyn Write, system: &System, clock: &Clock, width: Option<u16>) -> io::Result<()> {
    let mut page = Page::default();
    let mut mounts = choose(&system.mounts, &Choice::default());
    mounts.sort_by(|left, right| fullness(right).total_cmp(&fullness(left)));
    page.list(host_name(system), host(system, clock));
    page.list("Attention", attention(system, &mounts));
    let (cpu, memory) = (system.cpu.clone().unwrap_or_default(), system.memory.clone().unwrap_or_default());
    page.list("Processors", processors(&cpu, system.load.as_ref()));
    page.grid(busy_title(&cpu), each_processor(&cpu));
    page.list("Memory", memory_summary(&memory, system.swap.as_ref()));
    page.grid("Memory in detail", memory_details(&memory, system.swap.as_ref()));
    page.list("The agent's own control group", system.cgroup.as_ref().map(limits).unwrap_or_default());
    devices(&mut page, system, &mounts, clock);
    in_detail(&mut page, system, clock);
    page.list("Not readable", unreadable::by_reason(&system.errors));
    page.write(out, width)
}

/// The fullest first, and before them those that do not answer.
fn fullness(mount: &Mount) -> f64 {
    match &mount.usage {
        Some(usage) => usage.used_ratio.unwrap_or_default(),
        None => f64::INFINITY,
    }
}

fn devices(page: &mut Page, system: &System, mounts: &[&Mount], clock: &Clock) {
    if let Some(pressure) = system.pressure.filter(|pressure| resources(pressure).iter().any(|(_, one)| one.is_some()))
    {
        page.table("Pressure", pressure_table(&pressure));
    }
    if !mounts.is_empty() {
        let shown = filesystems::Shown { unit: SizeUnit::Human, inodes: false, wide: false };
        page.table("Filesystems", mount_table(mounts, shown));
    }
    let disks: Vec<_> = system.disks.iter().filter(|disk| was_used(disk)).collect();
    if !disks.is_empty() {
        let measured: Vec<_> = disks.iter().map(|disk| Measured::new(disk, &[])).collect();
        page.table("Disks", rate_table(&measured, None, false));
    }
    let interfaces: Vec<_> = system.network.iter().flat_map(|network| &network.interfaces).collect();
    let shown: Vec<_> = interfaces.into_iter().filter(|interface| is_worth_a_row(interface)).collect();
    if !shown.is_empty() {
        page.table("Network", network_table(&shown));
    }
    page.list("Sensors and power", warmth(system));
    if !system.users.is_empty() {
        page.table("Users", session_table(&system.users, clock));
    }
}

fn in_detail(page: &mut Page, system: &System, clock: &Clock) {
    let policies = system.cpu.as_ref().map_or(&[][..], |cpu| &cpu.frequency_policies);
    if !policies.is_empty() {
        page.table("Frequency", frequency_table(policies));
    }
    if let Some(memory) = &system.memory {
        let nodes = node_table(&memory.nodes, SizeUnit::Human).map(|table| ("NUMA nodes", table));
        let pools = huge_page_table(&memory.huge_pages, SizeUnit::Human).map(|table| ("Huge pages", table));
        for (title, table) in nodes.into_iter().chain(pools) {
            page.table(title, table);
        }
    }
    let asked = System {
        memory: system.memory.clone(),
        network: system.network.clone(),
        sensors: system.sensors.clone(),
        ..System::default()
    };
    let object = json::to_json(&asked);
    for (section, part) in IN_DETAIL {
        let list = object.get(section).and_then(|section| section.get(part)).unwrap_or(&Value::Null);
        page.value(format!("{}: {}", value::title(section), value::label(part)), list, clock);
    }
}

fn host_name(system: &System) -> String {
    let name = system.host.as_ref().map(|host| escape::terminal(&host.hostname).into_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "Host".to_owned())
}

fn host(system: &System, clock: &Clock) -> Pairs {
    let mut pairs = Pairs::new();
    if let Some(host) = &system.host {
        let parts = [&host.kernel_name, &host.kernel_release, &host.machine].map(|part| escape::terminal(part));
        pairs.push(("kernel".to_owned(), parts.join(" ")));
    }
    if let Some(boot) = &system.boot {
        let up = boot.uptime_ns.map(|uptime| units::span(Duration::from_nanos(uptime)));
        let since = boot.time.as_ref().map(|time| format!("since {}", clock.full(time)));
        let parts: Vec<_> = up.into_iter().chain(since).collect();
        pairs.push(("up".to_owned(), parts.join(", ")));
    }
    pairs
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;
    use procwire_proto::{
        FieldMask, SystemFieldSet,
        v1::{
            Cpu, CpuFrequencyPolicy, CpuUsage, Disk, DiskClass, DiskUsage, FieldError, FieldErrorReason, HostIdentity,
            LoadAverage, LogicalCpu, Memory, MemoryStatistic, Network, NetworkCounters, NetworkInterface, Swap,
            memory_statistic,
        },
    };

    use super::*;

    fn system() -> System {
        let usage = CpuUsage {
            busy_ratio: 0.25,
            user_ratio: 0.2,
            system_ratio: 0.05,
            window_ns: 500_000_000,
            ..CpuUsage::default()
        };
        let disk = |name: &[u8], reads| Disk {
            name: name.to_vec(),
            disk_class: DiskClass::Disk.into(),
            reads: Some(reads),
            read_bytes: Some(3_565_158),
            ..Disk::default()
        };
        System {
            host: Some(HostIdentity {
                hostname: b"web1\x1b[2J".to_vec(),
                kernel_name: b"Linux".to_vec(),
                ..HostIdentity::default()
            }),
            cpu: Some(Cpu {
                usage: Some(usage),
                cpus: vec![LogicalCpu { number: 3, usage: Some(usage), ..LogicalCpu::default() }],
                logical_count: Some(2),
                ..Cpu::default()
            }),
            memory: Some(Memory {
                total_bytes: Some(1 << 30),
                used_bytes: Some(1 << 29),
                used_ratio: Some(0.5),
                ..Memory::default()
            }),
            swap: Some(Swap { total_bytes: Some(0), used_ratio: Some(0.0), ..Swap::default() }),
            disks: vec![disk(b"vda", 5), disk(b"loop0", 0)],
            network: Some(Network {
                interfaces: vec![NetworkInterface { name: b"eth0".to_vec(), ..NetworkInterface::default() }],
                ..Network::default()
            }),
            errors: vec![FieldError {
                path: "boot".to_owned(),
                reason: FieldErrorReason::PermissionDenied.into(),
                detail: String::new(),
            }],
            ..System::default()
        }
    }

    fn printed(system: &System, width: Option<u16>) -> String {
        let clock = Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), TimeZone::UTC);
        let mut out = Vec::new();
        write_page(&mut out, system, &clock, width).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn the_page_says_what_matters_first() {
        let page = printed(&system(), Some(80));
        for wanted in [
            "web1\\x1b[2J\n",
            "busy     █████░░░░░░░░░░░░░░░  25.0 %",
            "of that  user 20.0 %, system 5.0 %; waiting for disks 0.0 %",
            "Each processor over 500 ms\n  cpu 3  25.0 %",
            "used  ██████████░░░░░░░░░░  512 MiB of 1.0 GiB (50.0 %)",
            "swap  none",
            "permission denied  boot",
        ] {
            assert!(page.contains(wanted), "{wanted:?} is not in:\n{page}");
        }
    }

    #[test]
    fn a_disk_that_never_did_anything_is_left_out() {
        let page = printed(&system(), Some(80));
        assert!(page.contains("vda") && !page.contains("loop0"));
    }

    #[test]
    fn an_interface_that_never_carried_anything_is_left_out() {
        let interface = |name: &str, packets| NetworkInterface {
            name: name.as_bytes().to_vec(),
            counters: Some(NetworkCounters {
                received_packets: Some(packets),
                sent_packets: Some(0),
                ..NetworkCounters::default()
            }),
            ..NetworkInterface::default()
        };
        let network = Network { interfaces: vec![interface("eth0", 1), interface("ifb0", 0)], ..Network::default() };
        let page = printed(&System { network: Some(network), ..System::default() }, Some(80));
        assert!(page.contains("  eth0") && !page.contains("ifb0"), "{page}");
    }

    #[test]
    fn every_field_asked_for_exists() {
        let mask = FieldMask { paths: PAGE_FIELDS.map(str::to_owned).to_vec() };
        SystemFieldSet::from_mask(Some(&mask), SystemFieldSet::EMPTY).unwrap();
    }

    #[test]
    fn what_needs_attention_stands_before_everything_and_the_fullest_filesystem_first() {
        let mount = |place: &str, minor, used_ratio| Mount {
            mount_point: place.as_bytes().to_vec(),
            physical: true,
            minor,
            id: minor.into(),
            usage: Some(DiskUsage { total_bytes: 1 << 30, used_ratio: Some(used_ratio), ..DiskUsage::default() }),
            ..Mount::default()
        };
        let mounts = vec![mount("/", 1, 0.2), mount("/full", 2, 0.95), mount("/half", 3, 0.5)];
        let page = printed(&System { mounts, ..system() }, Some(80));
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not in:\n{page}"));
        assert!(at("Attention\n  filesystem  /full is 95 % full") < at("Processors\n"));
        assert!(at("95% /full") < at("50% /half") && at("50% /half") < at("20% /\n"));
    }

    #[test]
    fn parts_asked_for_in_detail_are_tables() {
        let statistic = MemoryStatistic { name: "Dirty".to_owned(), value: Some(memory_statistic::Value::Bytes(4096)) };
        let policy =
            CpuFrequencyPolicy { cpus: vec![0], current_hz: Some(2_000_000_000), ..CpuFrequencyPolicy::default() };
        let system = System {
            memory: Some(Memory { statistics: vec![statistic], ..Memory::default() }),
            cpu: Some(Cpu { frequency_policies: vec![policy], ..Cpu::default() }),
            ..System::default()
        };
        let page = printed(&system, Some(80));
        assert!(page.contains("Memory: statistics\n  NAME  BYTES\n  Dirty"), "{page}");
        assert!(page.contains("Frequency\n") && page.contains("2.00GHz"), "{page}");
    }

    #[test]
    fn a_section_asked_for_alone_is_shown() {
        let load = LoadAverage {
            one_minute: Some(0.5),
            five_minutes: Some(1.0),
            fifteen_minutes: Some(2.0),
            ..LoadAverage::default()
        };
        let page = printed(&System { load: Some(load), ..System::default() }, Some(80));
        assert_eq!(page, "Processors\n  load  0.50  1.00  2.00 over 1, 5 and 15 minutes\n");
        let swap = Swap { total_bytes: Some(0), ..Swap::default() };
        assert_eq!(printed(&System { swap: Some(swap), ..System::default() }, None), "Memory\n  swap  none\n");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        for width in [80, 200] {
            let page = printed(&system(), Some(width));
            assert!(page.lines().all(|line| line.chars().count() <= usize::from(width)), "{page}");
        }
    }

    #[test]
    fn a_host_that_told_nothing_is_an_almost_empty_page() {
        assert_eq!(printed(&System::default(), Some(80)), "");
    }
}
