//! Disks and network interfaces.

use anstyle::Style;
use procwire_proto::{
    escape,
    v1::{Disk, NetworkInterface},
};

use crate::render::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// Many hosts have dozens of loop devices that never did anything.
pub(super) fn was_used(disk: &Disk) -> bool {
    disk.reads.unwrap_or_default() > 0 || disk.writes.unwrap_or_default() > 0
}

/// A row for each disk.
pub(super) fn disk_table(disks: &[&Disk]) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left),
        Column { drop_order: Some(2), ..Column::new("CLASS", Align::Left) },
        Column { drop_order: Some(1), ..right("SIZE") },
        right("READ"),
        right("WRITTEN"),
        right("READ/s"),
        right("WRITE/s"),
        right("BUSY"),
    ]);
    for disk in disks {
        let bytes = |number: Option<u64>| number.map(units::bytes_short);
        let rate = |rate: Option<f64>| rate.map(units::byte_rate_short);
        let class = disk.disk_class().as_str_name().trim_start_matches("DISK_CLASS_").to_lowercase().replace('_', " ");
        push_row(
            &mut table,
            [
                Some(escape::terminal(&disk.name).into_owned()),
                Some(class),
                bytes(disk.size_bytes),
                bytes(disk.read_bytes),
                bytes(disk.write_bytes),
                rate(disk.rates.map(|rates| rates.read_bytes_per_second)),
                rate(disk.rates.map(|rates| rates.write_bytes_per_second)),
                disk.rates.map(|rates| units::percent(rates.busy_ratio)),
            ],
        );
    }
    table
}

/// A row for each interface.
pub(super) fn network_table(interfaces: &[NetworkInterface]) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left),
        right("RECEIVED"),
        right("SENT"),
        right("RECV/s"),
        right("SENT/s"),
        Column { drop_order: Some(1), ..right("ERRORS") },
        Column { drop_order: Some(1), ..right("DROPS") },
    ]);
    for interface in interfaces {
        let counters = interface.counters.unwrap_or_default();
        let both = |one: Option<u64>, other: Option<u64>| Some(units::count(one?.saturating_add(other?)));
        push_row(
            &mut table,
            [
                Some(escape::terminal(&interface.name).into_owned()),
                counters.received_bytes.map(units::bytes_short),
                counters.sent_bytes.map(units::bytes_short),
                interface.rates.map(|rates| units::byte_rate_short(rates.received_bytes_per_second)),
                interface.rates.map(|rates| units::byte_rate_short(rates.sent_bytes_per_second)),
                both(counters.receive_errors, counters.send_errors),
                both(counters.receive_drops, counters.send_drops),
            ],
        );
    }
    table
}

fn push_row<const N: usize>(table: &mut Table, cells: [Option<String>; N]) {
    table.push(cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).collect(), Style::new());
}
