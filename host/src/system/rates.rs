//! Usage ratios and rates: what two snapshots of the same host tell that one cannot.

mod cgroup;
mod cpu;
mod disks;
mod network;
mod swap;

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{SampleTime, System},
};

/// Fills usage, rates and `*_per_second` of `current` from two readings. A rate whose counters are missing or went back
/// (a device was replaced, counters were reset) is absent; so is every rate after a reboot or without time between the readings.
pub fn add_rates(previous: &System, current: &mut System) {
    add_rates_of(SystemFieldSet::all_served(), previous, current);
}

/// [`add_rates`], but only those of these fields: the set that `current` was read with.
pub fn add_rates_of(fields: SystemFieldSet, previous: &System, current: &mut System) {
    let Some(window) = Window::between(previous.sampled.as_ref(), current.sampled.as_ref()) else { return };
    if let (Some(previous), Some(current)) = (&previous.cpu, &mut current.cpu) {
        cpu::add_rates(fields, previous, current, window);
    }
    if let (Some(previous), Some(current)) = (&previous.swap, &mut current.swap) {
        swap::add_rates(fields, previous, current, window);
    }
    if fields.contains(bit::DISKS) {
        disks::add_rates(&previous.disks, &mut current.disks, window);
    }
    if let (true, Some(previous), Some(current)) =
        (fields.intersects(network::FIELDS), &previous.network, &mut current.network)
    {
        network::add_rates(fields, &previous.interfaces, &mut current.interfaces, window);
    }
    if let (true, Some(previous), Some(current)) = (fields.contains(bit::CGROUP), &previous.cgroup, &mut current.cgroup)
    {
        cgroup::add_rates(previous, current, window);
    }
}

/// What [`add_rates_of`] looks at in the first of two readings made for these fields: enough to read for it, and to keep.
#[must_use]
pub fn compared_fields(fields: SystemFieldSet) -> SystemFieldSet {
    // Disks and the group carry their counters and rates in one; the index tells an interface from its successor of the same name.
    let whole = bit::DISKS.union(bit::CGROUP);
    let index = if fields.intersects(network::FIELDS) { bit::NETWORK_INTERFACES_INDEX } else { SystemFieldSet::EMPTY };
    fields.rates().union(fields.intersection(whole.union(index))).with_counters_of_rates()
}

/// Time between two readings of one boot, never nothing.
#[derive(Clone, Copy)]
struct Window {
    ns: u64,
}

impl Window {
    fn between(previous: Option<&SampleTime>, current: Option<&SampleTime>) -> Option<Self> {
        let (previous, current) = previous.zip(current)?;
        if previous.boot_id != current.boot_id {
            return None;
        }
        let ns = current.monotonic_ns.checked_sub(previous.monotonic_ns).filter(|ns| *ns > 0)?;
        Some(Self { ns })
    }

    fn per_second(self, count: u64) -> f64 {
        count as f64 * 1e9 / self.ns as f64
    }
}

/// How far a counter came; nothing if it is missing or went back.
fn advance(previous: Option<u64>, current: Option<u64>) -> Option<u64> {
    current?.checked_sub(previous?)
}

/// The row of `rows` that was at or near `index` when nothing changed between the readings, wherever it is now.
fn find<T>(rows: &[T], index: usize, is_same: impl Fn(&T) -> bool) -> Option<&T> {
    rows.get(index).filter(|row| is_same(row)).or_else(|| rows.iter().find(|row| is_same(row)))
}

#[cfg(test)]
mod tests {
    use procwire_proto::v1::{Cpu, CpuTimes, Disk, Network, NetworkCounters, NetworkInterface, Swap};

    use super::*;

    /// A snapshot in which every counter says `count`.
    fn snapshot(boot_id: &'static [u8], monotonic_ns: u64, count: u64) -> System {
        let value = Some(count);
        System {
            sampled: Some(SampleTime { wall: None, monotonic_ns, boot_id: boot_id.into() }),
            cpu: Some(Cpu { times: Some(CpuTimes { user_ns: value, ..CpuTimes::default() }), ..Cpu::default() }),
            swap: Some(Swap { swapped_in_bytes: value, swapped_out_bytes: value, ..Swap::default() }),
            disks: vec![Disk {
                reads: value,
                writes: value,
                read_bytes: value,
                write_bytes: value,
                busy_time_ns: value,
                weighted_time_ns: value,
                ..Disk::default()
            }],
            network: Some(Network {
                interfaces: vec![NetworkInterface {
                    counters: Some(NetworkCounters {
                        received_bytes: value,
                        received_packets: value,
                        sent_bytes: value,
                        sent_packets: value,
                        ..NetworkCounters::default()
                    }),
                    ..NetworkInterface::default()
                }],
                ..Network::default()
            }),
            ..System::default()
        }
    }

    /// Which of the four kinds of rates are there.
    fn rates(system: &System) -> [bool; 4] {
        [
            system.cpu.as_ref().is_some_and(|cpu| cpu.usage.is_some()),
            system.swap.as_ref().is_some_and(|swap| swap.swapped_in_bytes_per_second.is_some()),
            system.disks.iter().any(|disk| disk.rates.is_some()),
            system.network.iter().flat_map(|network| &network.interfaces).any(|interface| interface.rates.is_some()),
        ]
    }

    fn after(previous: &System, mut current: System, fields: SystemFieldSet) -> System {
        add_rates_of(fields, previous, &mut current);
        current
    }

    #[test]
    fn two_readings_of_one_boot_give_all_rates() {
        let (previous, mut current) = (snapshot(b"a", 1_000, 5), snapshot(b"a", 2_000, 6));
        add_rates(&previous, &mut current);
        assert_eq!(rates(&current), [true; 4]);
    }

    #[test]
    fn only_the_rates_that_were_asked_for() {
        let (previous, current) = (snapshot(b"a", 1_000, 5), snapshot(b"a", 2_000, 6));
        let only = |fields| rates(&after(&previous, current.clone(), fields));
        assert_eq!(only(bit::CPU_USAGE), [true, false, false, false]);
        assert_eq!(only(bit::SWAP_SWAPPED_IN_BYTES_PER_SECOND), [false, true, false, false]);
        assert_eq!(only(bit::DISKS), [false, false, true, false]);
        assert_eq!(only(bit::NETWORK_INTERFACES_RATES), [false, false, false, true]);
        assert_eq!(only(bit::CPU_TIMES.union(bit::NETWORK_INTERFACES_COUNTERS)), [false; 4]);
    }

    #[test]
    fn what_is_compared_is_what_rates_are_made_of() {
        assert_eq!(compared_fields(bit::LOAD.union(bit::NETWORK_INTERFACES_INDEX)), SystemFieldSet::EMPTY);
        assert_eq!(compared_fields(bit::CPU_USAGE.union(bit::LOAD)), bit::CPU_USAGE.union(bit::CPU_TIMES));
        assert_eq!(compared_fields(bit::DISKS.union(bit::CPU_TIMES)), bit::DISKS);
        let rates = bit::NETWORK_INTERFACES_RATES.union(bit::NETWORK_INTERFACES_INDEX);
        assert_eq!(compared_fields(rates), rates.union(bit::NETWORK_INTERFACES_COUNTERS));
        let all = compared_fields(SystemFieldSet::all_served());
        assert!(all.contains(bit::CGROUP) && !all.intersects(bit::SENSORS_TEMPERATURES.union(bit::MOUNTS_USAGE)));
    }

    #[test]
    fn no_rates_across_a_reboot_or_without_time_between() {
        let all = SystemFieldSet::all_served();
        let previous = snapshot(b"a", 2_000, 5);
        for (what, current) in [
            ("another boot", snapshot(b"b", 3_000, 6)),
            ("no time", snapshot(b"a", 2_000, 6)),
            ("back in time", snapshot(b"a", 1_000, 6)),
            ("no time known", System { sampled: None, ..snapshot(b"a", 3_000, 6) }),
        ] {
            assert_eq!(rates(&after(&previous, current, all)), [false; 4], "{what}");
        }
    }

    #[test]
    fn counters_that_went_back_give_no_rate() {
        let all = SystemFieldSet::all_served();
        let current = after(&snapshot(b"a", 1_000, 5), snapshot(b"a", 2_000, 4), all);
        assert_eq!(rates(&current), [false; 4]);
    }

    #[test]
    fn a_reading_without_sections_is_survived() {
        let all = SystemFieldSet::all_served();
        let empty = System { sampled: snapshot(b"a", 1_000, 0).sampled, ..System::default() };
        assert_eq!(rates(&after(&empty, snapshot(b"a", 2_000, 1), all)), [false; 4]);
        assert_eq!(rates(&after(&snapshot(b"a", 500, 1), empty, all)), [false; 4]);
    }
}
