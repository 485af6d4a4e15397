//! Sums over devices that count each byte once.

use procwire_proto::v1::{DiskClass, System};

/// Read and written bytes per second of the hardware; partitions and what is built upon disks would count twice.
pub(super) fn disk_rates(system: &System) -> Option<(f64, f64)> {
    let disks = system.disks.iter().filter(|disk| disk.disk_class() == DiskClass::Disk);
    sum(disks.filter_map(|disk| disk.rates).map(|rates| (rates.read_bytes_per_second, rates.write_bytes_per_second)))
}

/// Received and sent bytes per second of all interfaces but the loopback.
pub(super) fn network_rates(system: &System) -> Option<(f64, f64)> {
    let interfaces = system.network.iter().flat_map(|network| &network.interfaces);
    let outward = interfaces.filter(|interface| interface.name != b"lo");
    let rates = outward.filter_map(|interface| interface.rates);
    sum(rates.map(|rates| (rates.received_bytes_per_second, rates.sent_bytes_per_second)))
}

/// `None` of nothing: a rate that nobody measured is not zero.
fn sum(rates: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    rates.reduce(|(left, right), (more_left, more_right)| (left + more_left, right + more_right))
}
