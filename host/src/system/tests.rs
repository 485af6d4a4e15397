//! The reader on captured and made trees, and on this machine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use procwire_proto::{FieldTable as _, system_fields::bit, v1};

use super::*;
use crate::{Machine, Roots};

const BOOT_ID: &[u8; 16] = b"0123456789abcdef";

/// A reader of the tree below `root`, whose pages are larger than psutil believes.
pub(super) fn reader(root: &Path) -> SystemReader {
    let roots = Roots { proc: root.join("proc"), sys: root.join("sys"), ..Roots::default() };
    let machine = Machine { page_size_bytes: 16_384, ticks_per_second: 100, boot_id: Bytes::from_static(BOOT_ID) };
    SystemReader::new(Arc::new(Host::with_machine(roots, machine).unwrap()))
}

fn captured() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/system-6.18")
}

/// An empty tree to write files into.
pub(super) struct Tree(tempfile::TempDir);

impl Tree {
    pub(super) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        fs::create_dir(tree.0.path().join("proc")).unwrap();
        tree
    }

    pub(super) fn with(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(super) fn reader(&self) -> SystemReader {
        reader(self.0.path())
    }
}

pub(super) fn errors(system: &System) -> Vec<(&str, FieldErrorReason)> {
    system.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect()
}

/// The names of the fields of a snapshot that are set.
fn sections(system: &System) -> Vec<&'static str> {
    let System { sampled: _, host, boot, cpu, load, memory, swap, disks, mounts, network, .. } = system;
    let System { sensors, power, users, pressure, cgroup, gpus, errors: _, .. } = system;
    let set = [
        ("host", host.is_some()),
        ("boot", boot.is_some()),
        ("cpu", cpu.is_some()),
        ("load", load.is_some()),
        ("memory", memory.is_some()),
        ("swap", swap.is_some()),
        ("disks", !disks.is_empty()),
        ("mounts", !mounts.is_empty()),
        ("network", network.is_some()),
        ("sensors", sensors.is_some()),
        ("power", power.is_some()),
        ("users", !users.is_empty()),
        ("pressure", pressure.is_some()),
        ("cgroup", cgroup.is_some()),
        ("gpus", !gpus.is_empty()),
    ];
    set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}

#[test]
fn a_captured_host_is_read_whole() {
    let system = reader(&captured()).read(SystemFieldSet::default_list().union(bit::MEMORY_STATISTICS));
    assert_eq!(errors(&system), [("disks.size_bytes", FieldErrorReason::Unsupported)], "the capture has no sysfs");
    assert_eq!(sections(&system), ["host", "boot", "cpu", "load", "memory", "swap", "disks", "network"]);

    let boot = system.boot.unwrap();
    assert_eq!(boot.time.unwrap().seconds, 1_795_296_583);
    assert_eq!(boot.id, BOOT_ID);
    assert_eq!(boot.uptime_ns, Some(system.sampled.unwrap().monotonic_ns));
    let cpu = system.cpu.unwrap();
    assert_eq!((cpu.cpus.len(), cpu.logical_count, cpu.forks), (2, Some(2), Some(10_690)));
    assert!(cpu.usable_count.unwrap() > 0);
    assert_eq!((cpu.usage, cpu.cpus[0].usage), (None, None), "the first reading has no rates");
    assert_eq!(system.load.unwrap().total_threads, Some(89));
    let memory = system.memory.unwrap();
    assert_eq!((memory.total_bytes, memory.available_bytes), (Some(24_684_084 * 1024), Some(24_345_876 * 1024)));
    assert_eq!(memory.statistics.len(), 54);
    let swap = system.swap.unwrap();
    assert_eq!((swap.total_bytes, swap.used_ratio), (Some(0), Some(0.0)));
    assert_eq!((system.disks.len(), system.disks[0].disk_class()), (10, v1::DiskClass::Loop));
    assert_eq!(system.network.unwrap().interfaces.len(), 4);
}

#[test]
fn nothing_is_read_that_was_not_asked_for() {
    // With no file there at all, whatever was read would leave an error, or a section.
    let tree = Tree::new();
    for field in System::FIELDS.iter().filter(|field| field.is_served()) {
        let asked = SystemFieldSet::matching(|other| other.path == field.path).with_counters_of_rates();
        let system = tree.reader().read(asked);
        let blamed: Vec<_> = errors(&system).into_iter().map(|(path, _)| path).collect();
        let is_asked = |path: &str| asked.iter().any(|field| is_part(path, field.path));
        assert!(blamed.iter().all(|path| is_asked(path)), "{}: {blamed:?}", field.path);
        let own_section = field.path.split('.').next().unwrap();
        assert!(sections(&system).iter().all(|section| *section == own_section), "{}: {system:?}", field.path);
        // What comes from such a file cannot be there, and must have its reason.
        if ["/proc/", "/sys/devices/system/", "/sys/devices/cpu_core", "/sys/kernel/mm/"]
            .iter()
            .any(|place| field.source.starts_with(place))
            && OWN_SECTIONS.contains(&own_section)
        {
            let expected: Vec<_> = asked.iter().map(|field| field.path).collect();
            assert_eq!(blamed, expected);
        }
    }
    let nothing = tree.reader().read(SystemFieldSet::EMPTY);
    assert_eq!(nothing, System { sampled: nothing.sampled.clone(), ..System::default() });
}

/// Sections whose every field comes from files, and from no system call that answers for this machine whatever the tree.
const OWN_SECTIONS: [&str; 6] = ["cpu", "load", "memory", "swap", "disks", "pressure"];

/// True of `field` itself and of what is below it.
fn is_part(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[test]
fn only_what_was_asked_is_filled() {
    let mut reader = reader(&captured());
    let memory = reader.read(bit::MEMORY_AVAILABLE_BYTES).memory.unwrap();
    let expected = v1::Memory { available_bytes: Some(24_345_876 * 1024), ..v1::Memory::default() };
    assert_eq!(memory, expected);

    let system = reader.read(bit::CPU_FORKS.union(bit::CPU_CPUS_NUMBER));
    let cpu = |number| v1::LogicalCpu { number, ..v1::LogicalCpu::default() };
    let expected = v1::Cpu { forks: Some(10_690), cpus: vec![cpu(0), cpu(1)], ..v1::Cpu::default() };
    assert_eq!(system.cpu.as_ref(), Some(&expected));
    assert_eq!(sections(&system), ["cpu"]);

    let swap = reader.read(bit::SWAP_CACHED_BYTES).swap.unwrap();
    assert_eq!(swap, v1::Swap { cached_bytes: Some(0), ..v1::Swap::default() });

    let names = reader.read(bit::NETWORK_INTERFACES_NAME).network.unwrap();
    assert!(names.interfaces.iter().all(|interface| interface.counters.is_none()));

    let boot = reader.read(bit::BOOT_TIME).boot.unwrap();
    assert_eq!((boot.uptime_ns, boot.id.len()), (None, 0));
}

#[test]
fn a_rate_brings_its_counters() {
    let cpu = reader(&captured()).read(bit::CPU_USAGE).cpu.unwrap();
    assert!(cpu.times.is_some() && cpu.cpus.is_empty() && cpu.forks.is_none());
}

#[test]
fn lines_that_a_kernel_does_not_have_are_absent_with_a_reason() {
    let tree = Tree::new()
        .with("proc/stat", "cpu 1 2 3 4\nbtime 9\n")
        .with("proc/meminfo", "MemTotal: 100 kB\nMemFree: 40 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n")
        .with("proc/vmstat", "pgfault 1\n")
        .with("proc/loadavg", "0.10 0.20\n")
        .with("proc/diskstats", "8 0 sda 1 2 3\n8 1 sda1 1 2 3 4\n");
    let fields = SystemFieldSet::matching(|field| {
        [
            "cpu.times",
            "cpu.cpus.times",
            "cpu.forks",
            "memory.total_bytes",
            "memory.available_bytes",
            "memory.slab_bytes",
        ]
        .contains(&field.path)
            || ["swap.swapped_in_bytes", "load", "disks"].contains(&field.path)
    });
    let system = tree.reader().read(fields);
    let expected = [
        ("cpu.forks", FieldErrorReason::Unsupported),
        ("cpu.cpus.times", FieldErrorReason::Unsupported),
        ("load", FieldErrorReason::InvalidData),
        ("memory.slab_bytes", FieldErrorReason::Unsupported),
        ("swap.swapped_in_bytes", FieldErrorReason::Unsupported),
        ("disks", FieldErrorReason::InvalidData),
        ("disks.size_bytes", FieldErrorReason::Unsupported),
    ];
    assert_eq!(errors(&system), expected);
    assert!(
        system.errors[0].detail.ends_with("proc/stat has no readable line \"processes\""),
        "{}",
        system.errors[0].detail
    );
    let memory = system.memory.unwrap();
    assert_eq!((memory.available_bytes, memory.slab_bytes), (Some(40 * 1024), None), "an estimate: free + cached");
    assert_eq!(system.load.unwrap().five_minutes, Some(0.2), "what can be read is kept");
    assert_eq!(system.disks.len(), 1);
}

#[test]
fn empty_files_leave_every_field_with_a_reason() {
    let tree = Tree::new();
    for name in ["stat", "meminfo", "vmstat", "loadavg", "diskstats", "net/dev", "partitions"] {
        tree.write(&format!("proc/{name}"), "");
    }
    let emptied = ["/proc/stat", "/proc/meminfo", "/proc/vmstat", "/proc/loadavg", "/proc/diskstats", "/proc/net/dev"];
    let asked = SystemFieldSet::matching(|field| emptied.contains(&field.source) && field.is_served());
    let system = tree.reader().read(asked);
    let blamed: Vec<_> = errors(&system).into_iter().map(|(path, _)| path).collect();
    for field in asked.difference(asked.rates()).iter() {
        // No line for it is no error where lines are a list.
        let may_be_empty = ["disks", "memory.statistics"].contains(&field.path) || field.path.starts_with("network.");
        // sysinfo(2) steps in.
        let is_completed =
            ["swap.total_bytes", "swap.used_bytes", "swap.free_bytes", "swap.used_ratio"].contains(&field.path);
        assert_eq!(blamed.contains(&field.path), !may_be_empty && !is_completed, "{}", field.path);
    }
}

#[test]
fn a_container_with_lxcfs_that_mixes_its_own_total_with_the_hosts_rest() {
    let tree = Tree::new().with("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 5000 kB\n");
    let memory = tree.reader().read(bit::MEMORY_AVAILABLE_BYTES.union(bit::MEMORY_USED_BYTES)).memory.unwrap();
    assert_eq!((memory.available_bytes, memory.used_bytes), (Some(300 * 1024), Some(700 * 1024)));
}

#[test]
fn kernels_without_available_are_helped_with_their_zones() {
    let text = "MemTotal: 90000 kB\nMemFree: 50000 kB\nCached: 9 kB\nActive(file): 100 kB\nInactive(file): 100 kB\nSReclaimable: 10 kB\n";
    let tree = Tree::new().with("proc/meminfo", text).with("proc/zoneinfo", "Node 0, zone DMA\n  low 1\n  high 2\n");
    // One page of 16 KiB: 50000 - 16 + 200 - min(100, 16) + 10 - min(5, 16)
    let memory = tree.reader().read(bit::MEMORY_AVAILABLE_BYTES).memory.unwrap();
    assert_eq!(memory.available_bytes, Some(50_173 * 1024));
}

#[test]
fn swapped_pages_have_the_size_of_the_machines_pages() {
    let tree = Tree::new().with("proc/vmstat", "pswpin 3\npswpout 5\n");
    let swap = tree.reader().read(bit::SWAP_SWAPPED_IN_BYTES.union(bit::SWAP_SWAPPED_OUT_BYTES)).swap.unwrap();
    assert_eq!((swap.swapped_in_bytes, swap.swapped_out_bytes), (Some(3 * 16_384), Some(5 * 16_384)));
}

#[test]
fn swapped_pages_are_found_when_they_move_in_their_file() {
    let tree = Tree::new();
    let mut reader = tree.reader();
    let mut swapped_in_after = |before: &str| {
        tree.write("proc/vmstat", &format!("{before}pswpin 3\npswpout {}5\npgalloc 1\n", before.len()));
        let swap = reader.read(bit::SWAP_SWAPPED_IN_BYTES.union(bit::SWAP_SWAPPED_OUT_BYTES)).swap.unwrap();
        assert_eq!(swap.swapped_out_bytes, Some(format!("{}5", before.len()).parse::<u64>().unwrap() * 16_384));
        swap.swapped_in_bytes
    };
    for lines_before in [1, 1, 2, 40, 3, 500] {
        assert_eq!(swapped_in_after(&"nr_free_pages 1\n".repeat(lines_before)), Some(3 * 16_384), "{lines_before}");
    }
}

#[test]
fn two_readings_through_kept_descriptors_make_rates() {
    let tree = Tree::new()
        .with("proc/stat", "cpu 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n")
        .with("proc/vmstat", "pswpin 3\npswpout 5\n")
        .with("proc/diskstats", "8 0 sda 1 0 2 0 3 0 4 0 0 0 0\n")
        .with("proc/net/dev", "a\nb\neth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    let fields = SystemFieldSet::all_served();
    let mut reader = tree.reader();
    let previous = reader.read(fields);
    let compared = System { sampled: previous.sampled.clone(), ..tree.reader().read(compared_fields(fields)) };
    assert!(previous.memory.is_some() && compared.memory.is_none());
    tree.write("proc/stat", "cpu 30 0 10 60\ncpu1 30 0 10 60\n");
    tree.write("proc/vmstat", "pswpin 4\npswpout 5\n");
    tree.write("proc/diskstats", "8 0 sda 2 0 4 0 3 0 4 0 0 0 0\n");
    tree.write("proc/net/dev", "a\nb\neth0: 2 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    let mut current = reader.read(fields);
    let mut with_compared = current.clone();
    add_rates(&previous, &mut current);
    add_rates_of(fields, &compared, &mut with_compared);
    assert_eq!(with_compared, current, "the first reading need not be whole");

    let cpu = current.cpu.unwrap();
    assert_eq!(cpu.usage.unwrap().user_ratio, 0.3);
    assert_eq!((cpu.cpus.len(), cpu.cpus[0].number, cpu.cpus[0].usage.unwrap().idle_ratio), (1, 1, 0.6));
    assert!(current.swap.unwrap().swapped_in_bytes_per_second.unwrap() > 0.0);
    let disk = current.disks[0].rates.unwrap();
    assert!(disk.reads_per_second > 0.0 && disk.writes_per_second == 0.0);
    let network = current.network.unwrap().interfaces[0].rates.unwrap();
    assert!(network.received_bytes_per_second > 0.0 && network.sent_bytes_per_second == 0.0);
}

/// What a machine may lack, and why; all the rest every machine has.
const MAY_BE_LACKING: &[(&str, &str)] = &[
    ("cpu.cpus.frequency_hz", "guests on ARM have no cpufreq, and cpuinfo tells none there"),
    ("cpu.cpus.core_id", "sysfs may be hidden from a sandbox, and firmware of ARM boards may not tell"),
    ("cpu.cpus.package_id", "the same"),
    ("cpu.physical_count", "the same"),
    ("cpu.offline_cpus", "the same"),
    ("cpu.models", "cpuinfo of arm64 and s390x names none"),
    ("cpu.frequency_policies", "guests have no cpufreq"),
    ("cpu.quota_cpus", "control groups may not be mounted"),
    ("cgroup", "the same"),
    ("memory.nodes", "kernels without CONFIG_NUMA"),
    ("memory.huge_pages", "kernels without CONFIG_HUGETLBFS"),
    ("swap.devices", "kernels without CONFIG_SWAP"),
    ("pressure", "kernels without CONFIG_PSI, or where it is off; irq needs 6.1 and CONFIG_IRQ_TIME_ACCOUNTING"),
    ("disks.size_bytes", "sysfs may be hidden from a sandbox"),
    ("mounts", "an ordinary user may not look into every mount"),
    ("network.interfaces.bits_per_second", "drivers of virtual interfaces do not tell"),
    ("network.interfaces.duplex", "the same"),
    ("network.protocols", "procfs of a sandbox may not have them"),
    ("sensors", "guests have none, and drivers fail"),
    ("power", "servers and guests have no batteries"),
    ("users", "containers have neither utmp nor systemd-logind"),
    ("gpus", "few machines have one"),
];

#[test]
fn this_machine_answers_everything_that_is_served() {
    let host = Arc::new(Host::open(Roots::default()).unwrap());
    let mut reader = SystemReader::new(host);
    for _ in 0..2 {
        let system = reader.read(SystemFieldSet::all_served());
        let may_lack = |path: &str| MAY_BE_LACKING.iter().any(|(field, _)| is_part(path, field));
        let lacking: Vec<_> = system.errors.iter().filter(|error| !may_lack(&error.path)).collect();
        assert!(lacking.is_empty(), "{lacking:?}");
        let (cpu, memory) = (system.cpu.unwrap(), system.memory.unwrap());
        assert_eq!(usize::try_from(cpu.logical_count.unwrap()).unwrap(), cpu.cpus.len());
        assert!(cpu.physical_count.is_none_or(|cores| cores > 0));
        assert!(memory.total_bytes.unwrap() >= memory.used_bytes.unwrap());
        assert_eq!(system.host.unwrap().kernel_name, b"Linux");
        assert!(system.network.unwrap().interfaces.iter().any(|interface| interface.name == b"lo"));
    }
}

#[test]
fn what_a_machine_may_lack_is_served() {
    let served = SystemFieldSet::all_served();
    for (path, _) in MAY_BE_LACKING {
        let is_field = served.iter().any(|field| is_part(path, field.path) || is_part(field.path, path));
        assert!(is_field, "{path} is no field");
    }
}

#[test]
fn a_reader_may_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<SystemReader>();
}
