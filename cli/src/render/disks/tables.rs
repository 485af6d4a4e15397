//! Disks as tables.

use anstyle::Style;
use procwire_proto::{
    DiskTotals, escape,
    v1::{Disk, DiskRates},
};

use super::{Measured, class};
use crate::render::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// Requests and bytes per second, and what came together since boot.
pub(crate) fn rate_table(disks: &[Measured<'_>], total: Option<&DiskTotals>, wide: bool) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let rarely = |drop_order, header| Column { drop_order: Some(drop_order), ..right(header) };
    let mut columns = vec![
        Column::new("NAME", Align::Left),
        Column { drop_order: Some(4), ..Column::new("CLASS", Align::Left) },
        right("READS/s"),
        right("WRITES/s"),
        right("READ/s"),
        right("WRITTEN/s"),
        right("BUSY%"),
        rarely(2, "READ"),
        rarely(2, "WRITTEN"),
    ];
    if wide {
        columns.extend([rarely(5, "SIZE"), rarely(6, "IN FLIGHT"), rarely(7, "DISCARDED")]);
    }
    let width = columns.len();
    let mut table = Table::new(columns);
    for Measured { disk, .. } in disks {
        let rate = |rate: fn(&DiskRates) -> f64| disk.rates.as_ref().map(rate);
        let mut cells = vec![
            name(disk),
            Some(class(disk)),
            rate(|rates| rates.reads_per_second).map(per_second),
            rate(|rates| rates.writes_per_second).map(per_second),
            rate(|rates| rates.read_bytes_per_second).map(units::byte_rate_short),
            rate(|rates| rates.write_bytes_per_second).map(units::byte_rate_short),
            busy(disk),
            disk.read_bytes.map(units::bytes_short),
            disk.write_bytes.map(units::bytes_short),
        ];
        if wide {
            cells.extend([
                disk.size_bytes.map(units::bytes_short),
                disk.in_flight.map(|requests| requests.to_string()),
                disk.discarded_bytes.map(units::bytes_short),
            ]);
        }
        push(&mut table, width, cells);
    }
    if let Some(total) = total {
        let cells = vec![
            Some("all disks".to_owned()),
            Some(String::new()),
            total.reads_per_second.map(per_second),
            total.writes_per_second.map(per_second),
            total.read_bytes_per_second.map(units::byte_rate_short),
            total.write_bytes_per_second.map(units::byte_rate_short),
            Some(String::new()),
            total.read_bytes.map(units::bytes_short),
            total.write_bytes.map(units::bytes_short),
        ];
        push(&mut table, width, cells);
    }
    table
}

/// How long requests take, how many wait and how large they are.
pub(crate) fn extended_table(disks: &[Measured<'_>], total: Option<&DiskTotals>) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let rarely = |drop_order, header| Column { drop_order: Some(drop_order), ..right(header) };
    let columns = vec![
        Column::new("NAME", Align::Left),
        Column { drop_order: Some(8), ..Column::new("CLASS", Align::Left) },
        right("READS/s"),
        rarely(5, "READ/s"),
        right("RWAIT"),
        rarely(6, "RSIZE"),
        right("WRITES/s"),
        rarely(5, "WRITTEN/s"),
        right("WWAIT"),
        rarely(6, "WSIZE"),
        right("QUEUE"),
        right("BUSY%"),
    ];
    let width = columns.len();
    let mut table = Table::new(columns);
    for measured in disks {
        let disk = measured.disk;
        let rate = |rate: fn(&DiskRates) -> f64| disk.rates.as_ref().map(rate);
        let cells = vec![
            name(disk),
            Some(class(disk)),
            rate(|rates| rates.reads_per_second).map(per_second),
            rate(|rates| rates.read_bytes_per_second).map(units::byte_rate_short),
            measured.read_wait_ns().map(milliseconds),
            measured.read_size_bytes().map(units::byte_rate_short),
            rate(|rates| rates.writes_per_second).map(per_second),
            rate(|rates| rates.write_bytes_per_second).map(units::byte_rate_short),
            measured.write_wait_ns().map(milliseconds),
            measured.write_size_bytes().map(units::byte_rate_short),
            rate(|rates| rates.queue_length).map(|length| format!("{length:.2}")),
            busy(disk),
        ];
        push(&mut table, width, cells);
    }
    if let Some(total) = total {
        let blank = || Some(String::new());
        let cells = vec![
            Some("all disks".to_owned()),
            blank(),
            total.reads_per_second.map(per_second),
            total.read_bytes_per_second.map(units::byte_rate_short),
            blank(),
            blank(),
            total.writes_per_second.map(per_second),
            total.write_bytes_per_second.map(units::byte_rate_short),
        ];
        push(&mut table, width, cells);
    }
    table
}

/// Cells that are missing at the end are blank.
fn push(table: &mut Table, width: usize, cells: Vec<Option<String>>) {
    let mut cells: Vec<String> = cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).collect();
    cells.resize(width, String::new());
    table.push(cells, Style::new());
}

fn name(disk: &Disk) -> Option<String> {
    Some(escape::terminal(&disk.name).into_owned())
}

fn busy(disk: &Disk) -> Option<String> {
    match disk.rates {
        Some(rates) => Some(format!("{:.1}", rates.busy_ratio * 100.0)),
        None if disk.counters_reset => Some("reset".to_owned()),
        None => None,
    }
}

/// Requests per second: `0`, `0.5`, `12`, `1234`.
fn per_second(rate: f64) -> String {
    if rate > 0.0 && rate < 9.95 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// `0.35`, `12.3`, `450`.
fn milliseconds(nanoseconds: f64) -> String {
    let milliseconds = nanoseconds / 1e6;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.2}"),
        10.0..100.0 => format!("{milliseconds:.1}"),
        _ => format!("{milliseconds:.0}"),
    }
}
