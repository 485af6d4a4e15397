//! The table of the fields of [`System`]. Adding a field: its line in `system.proto`, its row here, the line in
//! `host/src/system` that reads it, its test.
//!
//! A path may lead through a list: `cpu.cpus.times` asks for the times of every processor and nothing else of them. Rows of a
//! list carry their `number` or `name` whatever else was asked. What one file gives in one go has one row here.

use crate::{field_set::field_table, v1::System};

/// A set of fields of [`System`].
pub type SystemFieldSet = crate::FieldSet<System>;

/// Rates and ratios that are made of two readings, and the counters that they are made of.
const RATES: [(SystemFieldSet, SystemFieldSet); 6] = [
    (bit::CPU_USAGE, bit::CPU_TIMES),
    (bit::CPU_CPUS_USAGE, bit::CPU_CPUS_TIMES),
    (bit::SWAP_SWAPPED_IN_BYTES_PER_SECOND, bit::SWAP_SWAPPED_IN_BYTES),
    (bit::SWAP_SWAPPED_OUT_BYTES_PER_SECOND, bit::SWAP_SWAPPED_OUT_BYTES),
    (bit::NETWORK_INTERFACES_RATES, bit::NETWORK_INTERFACES_COUNTERS),
    (bit::NETWORK_INTERFACES_COUNTERS_RESET, bit::NETWORK_INTERFACES_COUNTERS),
];

impl SystemFieldSet {
    /// This set and the counters that its rates are made of: whoever asks for a rate gets those too.
    #[must_use]
    pub fn with_counters_of_rates(self) -> Self {
        RATES.iter().filter(|(rate, _)| self.contains(*rate)).fold(self, |set, (_, counters)| set.union(*counters))
    }

    /// The fields of this set that need two readings; in the first they are absent without error.
    #[must_use]
    pub fn rates(self) -> Self {
        self.intersection(RATES.iter().fold(Self::EMPTY, |set, (rate, _)| set.union(*rate)))
    }
}

field_table! { System,
    HOST = "host" from "uname(2)" Free Basic Default;
    BOOT_TIME = "boot.time" from "/proc/stat" Cheap Basic Default;
    BOOT_UPTIME_NS = "boot.uptime_ns" from "clock_gettime(2)" Free Basic Default;
    BOOT_ID = "boot.id" from "/proc/sys/kernel/random/boot_id" Free Basic Default;
    CPU_TIMES = "cpu.times" from "/proc/stat" Cheap Basic Default;
    CPU_USAGE = "cpu.usage" from "/proc/stat" Cheap Basic Default;
    CPU_CPUS_NUMBER = "cpu.cpus.number" from "/proc/stat" Cheap Basic Default;
    CPU_CPUS_TIMES = "cpu.cpus.times" from "/proc/stat" Cheap Basic Default;
    CPU_CPUS_USAGE = "cpu.cpus.usage" from "/proc/stat" Cheap Basic Default;
    CPU_CPUS_FREQUENCY_HZ = "cpu.cpus.frequency_hz" from "/sys/devices/system/cpu/cpufreq" Cheap Basic Served;
    CPU_CPUS_CORE_ID = "cpu.cpus.core_id" from "/sys/devices/system/cpu/cpu*/topology" Cheap Basic Served;
    CPU_CPUS_PACKAGE_ID = "cpu.cpus.package_id" from "/sys/devices/system/cpu/cpu*/topology" Cheap Basic Served;
    CPU_CPUS_KIND = "cpu.cpus.kind" from "/sys/devices/cpu_core" Cheap Basic Served;
    CPU_CPUS_CAPACITY = "cpu.cpus.capacity" from "/sys/devices/system/cpu/cpu*/cpu_capacity" Cheap Basic Served;
    CPU_LOGICAL_COUNT = "cpu.logical_count" from "/proc/stat" Cheap Basic Default;
    CPU_PHYSICAL_COUNT = "cpu.physical_count" from "/sys/devices/system/cpu/cpu*/topology" Cheap Basic Served;
    CPU_USABLE_COUNT = "cpu.usable_count" from "sched_getaffinity(2)" Cheap Basic Default;
    CPU_QUOTA_CPUS = "cpu.quota_cpus" from "/sys/fs/cgroup" Cheap Basic Served;
    CPU_CONTEXT_SWITCHES = "cpu.context_switches" from "/proc/stat" Cheap Basic Default;
    CPU_INTERRUPTS = "cpu.interrupts" from "/proc/stat" Cheap Basic Default;
    CPU_SOFT_INTERRUPTS = "cpu.soft_interrupts" from "/proc/stat" Cheap Basic Default;
    CPU_FORKS = "cpu.forks" from "/proc/stat" Cheap Basic Default;
    CPU_RUNNING_THREADS = "cpu.running_threads" from "/proc/stat" Cheap Basic Default;
    CPU_BLOCKED_THREADS = "cpu.blocked_threads" from "/proc/stat" Cheap Basic Default;
    CPU_FREQUENCY_POLICIES = "cpu.frequency_policies" from "/sys/devices/system/cpu/cpufreq" Cheap Basic Served;
    CPU_OFFLINE_CPUS = "cpu.offline_cpus" from "/sys/devices/system/cpu/present" Cheap Basic Served;
    CPU_MODELS = "cpu.models" from "/proc/cpuinfo" Cheap Basic Served;
    LOAD = "load" from "/proc/loadavg" Cheap Basic Default;
    MEMORY_TOTAL_BYTES = "memory.total_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_AVAILABLE_BYTES = "memory.available_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_USED_BYTES = "memory.used_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_FREE_BYTES = "memory.free_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_BUFFERS_BYTES = "memory.buffers_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_CACHED_BYTES = "memory.cached_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_SHARED_BYTES = "memory.shared_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_ACTIVE_BYTES = "memory.active_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_INACTIVE_BYTES = "memory.inactive_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_SLAB_BYTES = "memory.slab_bytes" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_USED_RATIO = "memory.used_ratio" from "/proc/meminfo" Cheap Basic Default;
    MEMORY_STATISTICS = "memory.statistics" from "/proc/meminfo" Cheap Basic Served;
    MEMORY_NODES = "memory.nodes" from "/sys/devices/system/node" Cheap Basic Served;
    MEMORY_HUGE_PAGES = "memory.huge_pages" from "/sys/kernel/mm/hugepages" Cheap Basic Served;
    SWAP_TOTAL_BYTES = "swap.total_bytes" from "/proc/meminfo" Cheap Basic Default;
    SWAP_USED_BYTES = "swap.used_bytes" from "/proc/meminfo" Cheap Basic Default;
    SWAP_FREE_BYTES = "swap.free_bytes" from "/proc/meminfo" Cheap Basic Default;
    SWAP_USED_RATIO = "swap.used_ratio" from "/proc/meminfo" Cheap Basic Default;
    SWAP_SWAPPED_IN_BYTES = "swap.swapped_in_bytes" from "/proc/vmstat" Cheap Basic Default;
    SWAP_SWAPPED_OUT_BYTES = "swap.swapped_out_bytes" from "/proc/vmstat" Cheap Basic Default;
    SWAP_SWAPPED_IN_BYTES_PER_SECOND = "swap.swapped_in_bytes_per_second" from "/proc/vmstat" Cheap Basic Default;
    SWAP_SWAPPED_OUT_BYTES_PER_SECOND = "swap.swapped_out_bytes_per_second" from "/proc/vmstat" Cheap Basic Default;
    SWAP_CACHED_BYTES = "swap.cached_bytes" from "/proc/meminfo" Cheap Basic Default;
    SWAP_DEVICES = "swap.devices" from "/proc/swaps" Cheap Basic Served;
    DISKS = "disks" from "/proc/diskstats" Cheap Basic Default;
    MOUNTS_SOURCE = "mounts.source" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_MOUNT_POINT = "mounts.mount_point" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_FILESYSTEM_TYPE = "mounts.filesystem_type" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_OPTIONS = "mounts.options" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_PHYSICAL = "mounts.physical" from "/proc/filesystems" Cheap Basic Served;
    MOUNTS_READ_ONLY = "mounts.read_only" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_MAJOR = "mounts.major" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_MINOR = "mounts.minor" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_ROOT = "mounts.root" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_USAGE = "mounts.usage" from "statfs(2)" Heavy Basic Served;
    MOUNTS_ID = "mounts.id" from "/proc/self/mountinfo" Cheap Basic Served;
    MOUNTS_PARENT_ID = "mounts.parent_id" from "/proc/self/mountinfo" Cheap Basic Served;
    NETWORK_INTERFACES_NAME = "network.interfaces.name" from "/proc/net/dev" Cheap Basic Default;
    NETWORK_INTERFACES_COUNTERS = "network.interfaces.counters" from "/proc/net/dev" Cheap Basic Default;
    NETWORK_INTERFACES_RATES = "network.interfaces.rates" from "/proc/net/dev" Cheap Basic Default;
    NETWORK_INTERFACES_ADDRESSES = "network.interfaces.addresses" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_HARDWARE_ADDRESS = "network.interfaces.hardware_address" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_FLAGS = "network.interfaces.flags" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_RUNNING = "network.interfaces.running" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_BITS_PER_SECOND = "network.interfaces.bits_per_second" from "ethtool netlink" Cheap Basic Served;
    NETWORK_INTERFACES_DUPLEX = "network.interfaces.duplex" from "ethtool netlink" Cheap Basic Served;
    NETWORK_INTERFACES_MTU_BYTES = "network.interfaces.mtu_bytes" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_INDEX = "network.interfaces.index" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_KIND = "network.interfaces.kind" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_CONTROLLER_INDEX = "network.interfaces.controller_index" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_OPERATIONAL_STATE = "network.interfaces.operational_state" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_CARRIER_CHANGES = "network.interfaces.carrier_changes" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_ALIAS = "network.interfaces.alias" from "rtnetlink(7)" Cheap Basic Served;
    NETWORK_INTERFACES_COUNTERS_RESET = "network.interfaces.counters_reset" from "/proc/net/dev" Cheap Basic Default;
    NETWORK_PROTOCOLS = "network.protocols" from "/proc/net/snmp" Cheap Basic Served;
    NETWORK_SOCKET_STATISTICS = "network.socket_statistics" from "/proc/net/sockstat" Cheap Basic Served;
    SENSORS_TEMPERATURES = "sensors.temperatures" from "/sys/class/hwmon" Heavy Basic Served;
    SENSORS_FANS = "sensors.fans" from "/sys/class/hwmon" Heavy Basic Served;
    SENSORS_VOLTAGES = "sensors.voltages" from "/sys/class/hwmon" Heavy Basic Served;
    SENSORS_POWERS = "sensors.powers" from "/sys/class/hwmon" Heavy Basic Served;
    SENSORS_CURRENTS = "sensors.currents" from "/sys/class/hwmon" Heavy Basic Served;
    SENSORS_ENERGIES = "sensors.energies" from "/sys/class/hwmon" Heavy Basic Served;
    SENSORS_HUMIDITIES = "sensors.humidities" from "/sys/class/hwmon" Heavy Basic Served;
    SENSORS_THERMAL_ZONES = "sensors.thermal_zones" from "/sys/class/thermal" Heavy Basic Served;
    POWER = "power" from "/sys/class/power_supply" Cheap Basic Served;
    USERS = "users" from "/var/run/utmp" Cheap Basic Served;
    PRESSURE = "pressure" from "/proc/pressure" Cheap Basic Served;
    CGROUP = "cgroup" from "/sys/fs/cgroup" Cheap Basic Served;
    GPUS = "gpus" from "/sys/class/drm" Heavy Basic Served;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod tests {
    use prost::Message as _;
    use prost_types::{DescriptorProto, FieldMask, FileDescriptorSet, field_descriptor_proto::Type};

    use super::*;
    use crate::FieldTable as _;

    fn message(name: &str) -> DescriptorProto {
        let set = FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
        let simple = name.rsplit('.').next().unwrap();
        set.file
            .into_iter()
            .filter(|file| file.package() == "procwire.v1")
            .flat_map(|file| file.message_type)
            .find(|message| message.name() == simple)
            .unwrap_or_else(|| panic!("{name} is no message"))
    }

    /// Every path below `message` that is neither a row of the table nor inside one.
    fn uncovered(message: &DescriptorProto, prefix: &str) -> Vec<String> {
        let covers = |path: &str| System::FIELDS.iter().any(|field| field.path == path);
        let descends = |path: &str| System::FIELDS.iter().any(|field| field.path.starts_with(&format!("{path}.")));
        let mut missing = Vec::new();
        for field in &message.field {
            let path = format!("{prefix}{}", field.name());
            match (covers(&path), descends(&path)) {
                (true, false) => {}
                (false, true) => {
                    assert_eq!(field.r#type(), Type::Message, "{path}");
                    missing.extend(uncovered(&self::message(field.type_name()), &format!("{path}.")));
                }
                (true, true) => panic!("{path} has a row and rows below it"),
                (false, false) => missing.push(path),
            }
        }
        missing
    }

    fn exists(path: &str) -> bool {
        let mut current = message("System");
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let Some(field) = current.field.iter().find(|field| field.name() == part) else { return false };
            if parts.peek().is_some() {
                current = message(field.type_name());
            }
        }
        true
    }

    #[test]
    fn every_row_names_a_field_of_the_message() {
        let absent: Vec<_> =
            System::FIELDS.iter().filter(|field| !exists(field.path)).map(|field| field.path).collect();
        assert_eq!(absent, [""; 0]);
        assert!(!exists("memory.nonsense"), "the check itself must be able to fail");
    }

    #[test]
    fn every_field_of_the_message_has_a_row() {
        let unasked = ["sampled", "mounts.errors", "network.interfaces.errors", "errors"];
        assert_eq!(uncovered(&message("System"), ""), unasked, "these come unasked");
    }

    #[test]
    fn the_table_fits_a_set_and_has_each_path_once() {
        assert!(System::FIELDS.len() <= 128);
        let mut paths: Vec<_> = System::FIELDS.iter().map(|field| field.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), System::FIELDS.len());
    }

    #[test]
    fn the_default_is_the_sections_that_the_request_promises() {
        let mut sections: Vec<_> =
            SystemFieldSet::default_list().iter().map(|field| field.path.split('.').next().unwrap()).collect();
        sections.dedup();
        assert_eq!(sections, ["host", "boot", "cpu", "load", "memory", "swap", "disks", "network"]);
    }

    #[test]
    fn a_section_selects_all_below_it_served_or_not() {
        let mask = FieldMask { paths: vec!["cpu.cpus".to_owned(), "swap".to_owned()] };
        let set = SystemFieldSet::from_mask(Some(&mask), SystemFieldSet::EMPTY).unwrap();
        assert!(set.contains(bit::CPU_CPUS_NUMBER.union(bit::CPU_CPUS_CORE_ID).union(bit::SWAP_DEVICES)));
        assert!(!set.intersects(bit::CPU_TIMES.union(bit::CPU_FREQUENCY_POLICIES)));
    }

    #[test]
    fn rates_bring_their_counters() {
        assert_eq!(bit::CPU_USAGE.with_counters_of_rates(), bit::CPU_USAGE.union(bit::CPU_TIMES));
        assert_eq!(bit::CPU_TIMES.with_counters_of_rates(), bit::CPU_TIMES);
        assert_eq!(SystemFieldSet::default_list().rates().len(), 6);
        assert!(
            bit::DISKS.rates().is_empty(),
            "a disk carries counters beside its rates, so the field is never absent"
        );
    }
}
