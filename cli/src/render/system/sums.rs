//! Sums over devices that count each byte once.

use procwire_proto::v1::System;

/// Read and written bytes per second of the hardware; partitions and what is built upon disks would count twice.
pub(super) fn disk_rates(system: &System) -> Option<(f64, f64)> {
    let totals = system.disk_totals()?;
    totals.read_bytes_per_second.zip(totals.write_bytes_per_second)
}

/// Received and sent bytes per second of the hardware; without the loopback, and without what passes through a bridge or a tunnel
/// before it goes through a card.
pub(super) fn network_rates(system: &System) -> Option<(f64, f64)> {
    let totals = system.wire_totals()?;
    totals.received_bytes_per_second.zip(totals.sent_bytes_per_second)
}
