//! Sums over devices: psutil's `disk_io_counters()` and `net_io_counters()` without a device, and what they should have been.

use crate::v1::{Disk, DiskClass, NetworkInterface, System};

/// IFF_LOOPBACK: include/uapi/linux/if.h.
const LOOPBACK: u32 = 1 << 3;

/// Counters and rates of several disks added up. A counter that one of them does not tell is absent: the others alone are no sum.
/// A rate is that of the disks which have one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DiskTotals {
    /// How many disks.
    pub disks: usize,
    /// Reads completed. psutil: read_count.
    pub reads: Option<u64>,
    /// Writes completed. psutil: write_count.
    pub writes: Option<u64>,
    /// Bytes read. psutil: read_bytes.
    pub read_bytes: Option<u64>,
    /// Bytes written. psutil: write_bytes.
    pub write_bytes: Option<u64>,
    /// Time of all reads. psutil: read_time, ms.
    pub read_time_ns: Option<u64>,
    /// Time of all writes. psutil: write_time, ms.
    pub write_time_ns: Option<u64>,
    /// Reads merged with a neighbour. psutil: read_merged_count.
    pub reads_merged: Option<u64>,
    /// Writes merged with a neighbour. psutil: write_merged_count.
    pub writes_merged: Option<u64>,
    /// Time with at least one request in flight, of each disk. psutil: busy_time, ms.
    pub busy_time_ns: Option<u64>,
    /// Reads completed per second.
    pub reads_per_second: Option<f64>,
    /// Writes completed per second.
    pub writes_per_second: Option<f64>,
    /// Bytes read per second.
    pub read_bytes_per_second: Option<f64>,
    /// Bytes written per second.
    pub write_bytes_per_second: Option<f64>,
}

/// Counters and rates of several network interfaces added up. A counter that one of them does not tell is absent; a rate is that of
/// the interfaces which have one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct NetworkTotals {
    /// How many interfaces.
    pub interfaces: usize,
    /// psutil: bytes_recv.
    pub received_bytes: Option<u64>,
    /// psutil: packets_recv.
    pub received_packets: Option<u64>,
    /// psutil: errin.
    pub receive_errors: Option<u64>,
    /// psutil: dropin.
    pub receive_drops: Option<u64>,
    /// psutil: bytes_sent.
    pub sent_bytes: Option<u64>,
    /// psutil: packets_sent.
    pub sent_packets: Option<u64>,
    /// psutil: errout.
    pub send_errors: Option<u64>,
    /// psutil: dropout.
    pub send_drops: Option<u64>,
    /// Bytes received per second.
    pub received_bytes_per_second: Option<f64>,
    /// Packets received per second.
    pub received_packets_per_second: Option<f64>,
    /// Bytes sent per second.
    pub sent_bytes_per_second: Option<f64>,
    /// Packets sent per second.
    pub sent_packets_per_second: Option<f64>,
}

impl System {
    /// What the disks of this host did, each byte counted once: those of class [`DiskClass::Disk`], without their partitions and
    /// without what is built upon them. `None` without any. psutil adds LVM, RAID and loop devices to the disks that they are made
    /// of: [`DiskTotals::of`] all that are no [`DiskClass::Partition`] is its sum.
    pub fn disk_totals(&self) -> Option<DiskTotals> {
        DiskTotals::of(self.disks.iter().filter(|disk| disk.disk_class() == DiskClass::Disk))
    }

    /// What all interfaces did, as psutil adds it up: the loopback too, and what passes through a bridge, a bond or a tunnel and then
    /// through a card twice. `None` without any.
    pub fn network_totals(&self) -> Option<NetworkTotals> {
        NetworkTotals::of(self.interfaces())
    }

    /// What went over the wire, each packet counted once: the interfaces that are hardware, or, where there is none as in a container,
    /// all but the loopback. `None` without any. Takes `network.interfaces.kind` to have been read.
    pub fn wire_totals(&self) -> Option<NetworkTotals> {
        let outward = || self.interfaces().filter(|interface| !interface.is_loopback());
        NetworkTotals::of(outward().filter(|interface| interface.kind.is_none()))
            .or_else(|| NetworkTotals::of(outward()))
    }

    fn interfaces(&self) -> impl Iterator<Item = &NetworkInterface> {
        self.network.iter().flat_map(|network| &network.interfaces)
    }
}

impl NetworkInterface {
    /// True for the loopback: by its flags, or where those were not read by its name.
    pub fn is_loopback(&self) -> bool {
        self.flags.map_or(self.name == b"lo", |flags| flags & LOOPBACK != 0)
    }
}

impl DiskTotals {
    /// The sum of these; `None` of none.
    pub fn of<'a>(disks: impl IntoIterator<Item = &'a Disk>) -> Option<Self> {
        disks.into_iter().map(Self::from).reduce(|left, right| Self {
            disks: left.disks + right.disks,
            reads: both(left.reads, right.reads),
            writes: both(left.writes, right.writes),
            read_bytes: both(left.read_bytes, right.read_bytes),
            write_bytes: both(left.write_bytes, right.write_bytes),
            read_time_ns: both(left.read_time_ns, right.read_time_ns),
            write_time_ns: both(left.write_time_ns, right.write_time_ns),
            reads_merged: both(left.reads_merged, right.reads_merged),
            writes_merged: both(left.writes_merged, right.writes_merged),
            busy_time_ns: both(left.busy_time_ns, right.busy_time_ns),
            reads_per_second: either(left.reads_per_second, right.reads_per_second),
            writes_per_second: either(left.writes_per_second, right.writes_per_second),
            read_bytes_per_second: either(left.read_bytes_per_second, right.read_bytes_per_second),
            write_bytes_per_second: either(left.write_bytes_per_second, right.write_bytes_per_second),
        })
    }
}

impl NetworkTotals {
    /// The sum of these; `None` of none.
    pub fn of<'a>(interfaces: impl IntoIterator<Item = &'a NetworkInterface>) -> Option<Self> {
        interfaces.into_iter().map(Self::from).reduce(|left, right| Self {
            interfaces: left.interfaces + right.interfaces,
            received_bytes: both(left.received_bytes, right.received_bytes),
            received_packets: both(left.received_packets, right.received_packets),
            receive_errors: both(left.receive_errors, right.receive_errors),
            receive_drops: both(left.receive_drops, right.receive_drops),
            sent_bytes: both(left.sent_bytes, right.sent_bytes),
            sent_packets: both(left.sent_packets, right.sent_packets),
            send_errors: both(left.send_errors, right.send_errors),
            send_drops: both(left.send_drops, right.send_drops),
            received_bytes_per_second: either(left.received_bytes_per_second, right.received_bytes_per_second),
            received_packets_per_second: either(left.received_packets_per_second, right.received_packets_per_second),
            sent_bytes_per_second: either(left.sent_bytes_per_second, right.sent_bytes_per_second),
            sent_packets_per_second: either(left.sent_packets_per_second, right.sent_packets_per_second),
        })
    }
}

impl From<&Disk> for DiskTotals {
    fn from(disk: &Disk) -> Self {
        let rates = disk.rates.as_ref();
        Self {
            disks: 1,
            reads: disk.reads,
            writes: disk.writes,
            read_bytes: disk.read_bytes,
            write_bytes: disk.write_bytes,
            read_time_ns: disk.read_time_ns,
            write_time_ns: disk.write_time_ns,
            reads_merged: disk.reads_merged,
            writes_merged: disk.writes_merged,
            busy_time_ns: disk.busy_time_ns,
            reads_per_second: rates.map(|rates| rates.reads_per_second),
            writes_per_second: rates.map(|rates| rates.writes_per_second),
            read_bytes_per_second: rates.map(|rates| rates.read_bytes_per_second),
            write_bytes_per_second: rates.map(|rates| rates.write_bytes_per_second),
        }
    }
}

impl From<&NetworkInterface> for NetworkTotals {
    fn from(interface: &NetworkInterface) -> Self {
        let (counters, rates) = (interface.counters.unwrap_or_default(), interface.rates.as_ref());
        Self {
            interfaces: 1,
            received_bytes: counters.received_bytes,
            received_packets: counters.received_packets,
            receive_errors: counters.receive_errors,
            receive_drops: counters.receive_drops,
            sent_bytes: counters.sent_bytes,
            sent_packets: counters.sent_packets,
            send_errors: counters.send_errors,
            send_drops: counters.send_drops,
            received_bytes_per_second: rates.map(|rates| rates.received_bytes_per_second),
            received_packets_per_second: rates.map(|rates| rates.received_packets_per_second),
            sent_bytes_per_second: rates.map(|rates| rates.sent_bytes_per_second),
            sent_packets_per_second: rates.map(|rates| rates.sent_packets_per_second),
        }
    }
}

fn both(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    Some(left?.saturating_add(right?))
}

fn either(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    left.zip(right).map(|(left, right)| left + right).or(left).or(right)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::v1::{DiskRates, Network, NetworkCounters, NetworkRates};

    fn disk(class: DiskClass, count: u64, rate: Option<f64>) -> Disk {
        let rates = rate.map(|rate| DiskRates { read_bytes_per_second: rate, ..DiskRates::default() });
        let value = Some(count);
        Disk {
            disk_class: class.into(),
            reads: value,
            writes: value,
            read_bytes: value,
            write_bytes: value,
            read_time_ns: value,
            write_time_ns: value,
            reads_merged: value,
            writes_merged: value,
            busy_time_ns: value,
            rates,
            ..Disk::default()
        }
    }

    fn interface(name: &str, kind: Option<&str>, count: u64) -> NetworkInterface {
        let value = Some(count);
        let counters = NetworkCounters {
            received_bytes: value,
            received_packets: value,
            receive_errors: value,
            receive_drops: value,
            sent_bytes: value,
            sent_packets: value,
            send_errors: value,
            send_drops: value,
            ..NetworkCounters::default()
        };
        let rates = NetworkRates { sent_bytes_per_second: 0.5, ..NetworkRates::default() };
        NetworkInterface {
            name: name.as_bytes().to_vec(),
            kind: kind.map(str::to_owned),
            counters: Some(counters),
            rates: Some(rates),
            ..NetworkInterface::default()
        }
    }

    fn host(disks: Vec<Disk>, interfaces: Vec<NetworkInterface>) -> System {
        System { disks, network: Some(Network { interfaces, ..Network::default() }), ..System::default() }
    }

    #[test]
    fn each_byte_of_the_disks_counts_once() {
        use DiskClass::{DeviceMapper, Loop, Partition, Raid};
        let layers = [Partition, DeviceMapper, Raid, Loop].map(|class| disk(class, 1 << 40, Some(1e9)));
        let hardware = [disk(DiskClass::Disk, 7, Some(1.5)), disk(DiskClass::Disk, 5, Some(2.5))];
        let totals = host([hardware.to_vec(), layers.to_vec()].concat(), Vec::new()).disk_totals().unwrap();
        let counters = [
            totals.reads,
            totals.writes,
            totals.read_bytes,
            totals.write_bytes,
            totals.read_time_ns,
            totals.write_time_ns,
            totals.reads_merged,
            totals.writes_merged,
            totals.busy_time_ns,
        ];
        assert_eq!(counters, [Some(12); 9]);
        assert_eq!((totals.disks, totals.read_bytes_per_second), (2, Some(4.0)));
    }

    #[test]
    fn a_counter_that_one_does_not_tell_has_no_sum_and_none_is_not_zero() {
        let mut dumb = disk(DiskClass::Disk, 5, None);
        dumb.busy_time_ns = None;
        let totals = DiskTotals::of([&disk(DiskClass::Disk, 7, Some(1.5)), &dumb]).unwrap();
        assert_eq!((totals.reads, totals.busy_time_ns), (Some(12), None));
        assert_eq!(totals.read_bytes_per_second, Some(1.5), "a disk that is new has no rate yet");
        assert_eq!(host(vec![disk(DiskClass::Loop, 7, None)], Vec::new()).disk_totals(), None);
        assert_eq!((System::default().network_totals(), System::default().wire_totals()), (None, None));
    }

    #[test]
    fn sums_beyond_all_numbers_stay_the_greatest() {
        let most = disk(DiskClass::Disk, u64::MAX, None);
        assert_eq!(DiskTotals::of([&most, &most]).unwrap().reads, Some(u64::MAX));
    }

    #[test]
    fn of_the_network_there_are_psutils_sum_and_that_of_the_wire() {
        let interfaces = [
            interface("lo", None, 1000),
            interface("eth0", None, 3),
            interface("eth1", None, 4),
            interface("bond0", Some("bond"), 7),
            interface("br0", Some("bridge"), 7),
        ];
        let host = host(Vec::new(), interfaces.to_vec());
        let (all, wire) = (host.network_totals().unwrap(), host.wire_totals().unwrap());
        let counters = |totals: NetworkTotals| {
            [
                totals.received_bytes,
                totals.received_packets,
                totals.receive_errors,
                totals.receive_drops,
                totals.sent_bytes,
                totals.sent_packets,
                totals.send_errors,
                totals.send_drops,
            ]
        };
        assert_eq!((counters(all), all.interfaces), ([Some(1021); 8], 5));
        assert_eq!((counters(wire), wire.interfaces), ([Some(7); 8], 2));
        assert_eq!((all.sent_bytes_per_second, wire.sent_bytes_per_second), (Some(2.5), Some(1.0)));
    }

    #[test]
    fn in_a_container_the_end_of_its_cable_is_the_wire() {
        let host = host(Vec::new(), vec![interface("lo", None, 9), interface("eth0", Some("veth"), 3)]);
        assert_eq!(host.wire_totals().unwrap().sent_bytes, Some(3));
    }

    #[test]
    fn the_loopback_is_known_by_its_flag_before_its_name() {
        let named = |name: &str, flags| NetworkInterface { flags, ..interface(name, None, 0) };
        assert!(named("lo", None).is_loopback() && named("self0", Some(0x49)).is_loopback());
        assert!(!named("lo", Some(0x1043)).is_loopback() && !named("lo0", None).is_loopback());
    }
}
