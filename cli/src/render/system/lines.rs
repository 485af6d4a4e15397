//! `procwire watch system`: a line for each sample.

use std::io::{self, Write};

use anstyle::Style;
use procwire_proto::v1::System;

use super::sums::{disk_rates, network_rates};
use crate::render::{
    clock::Clock,
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// The fields to ask for.
pub(crate) const WATCHED: [&str; 9] = [
    "cpu.usage",
    "load",
    "memory.used_bytes",
    "memory.available_bytes",
    "swap.used_bytes",
    "disks",
    "network.interfaces.rates",
    "network.interfaces.flags",
    "network.interfaces.kind",
];

/// Prints samples under a header that comes again with each screenful.
#[derive(Debug)]
pub(crate) struct SampleLines {
    width: Option<u16>,
    lines_per_header: Option<u16>,
    lines: u64,
}

impl SampleLines {
    /// For a terminal of this size; elsewhere the header comes once.
    pub(crate) fn new(width: Option<u16>, height: Option<u16>) -> Self {
        Self { width, lines_per_header: height.map(|height| height.saturating_sub(2).max(5)), lines: 0 }
    }

    /// Prints a sample.
    pub(crate) fn write(&mut self, out: &mut dyn Write, system: &System, clock: &Clock) -> io::Result<()> {
        let mut table = Table::new(columns());
        table.push(cells(system, clock), Style::new());
        let header_is_due = match self.lines_per_header {
            Some(lines) => self.lines.is_multiple_of(u64::from(lines)),
            None => self.lines == 0,
        };
        self.lines += 1;
        if header_is_due { table.write(out, self.width) } else { table.write_rows(out, self.width) }
    }
}

fn columns() -> Vec<Column> {
    let right = |header, min_width| Column::new(header, Align::Right).at_least(min_width);
    let droppable = |drop_order, column| Column { drop_order: Some(drop_order), ..column };
    vec![
        right("TIME", 8),
        right("BUSY%", 5),
        droppable(2, right("USER%", 5)),
        droppable(2, right("SYS%", 5)),
        droppable(2, right("WAIT%", 5)),
        right("LOAD", 5),
        right("USED", 5),
        right("AVAIL", 5),
        droppable(3, right("SWAP", 5)),
        right("READ/s", 6),
        right("WRITE/s", 7),
        right("RECV/s", 6),
        right("SENT/s", 6),
    ]
}

fn cells(system: &System, clock: &Clock) -> Vec<String> {
    let usage = system.cpu.as_ref().and_then(|cpu| cpu.usage);
    let memory = system.memory.as_ref();
    let percent = |ratio: Option<f64>| ratio.map(|ratio| format!("{:.1}", ratio * 100.0));
    let bytes = |bytes: Option<u64>| bytes.map(units::bytes_short);
    let rate = |rate: Option<f64>| rate.map(units::byte_rate_short);
    let (disk, network) = (disk_rates(system), network_rates(system));
    let moment = system.sampled.as_ref().and_then(|sampled| sampled.wall.as_ref());
    let cells = [
        moment.map(|moment| clock.time_of_day(moment)),
        percent(usage.map(|usage| usage.busy_ratio)),
        percent(usage.map(|usage| usage.user_ratio)),
        percent(usage.map(|usage| usage.system_ratio)),
        percent(usage.map(|usage| usage.iowait_ratio)),
        system.load.and_then(|load| load.one_minute).map(|load| format!("{load:.2}")),
        bytes(memory.and_then(|memory| memory.used_bytes)),
        bytes(memory.and_then(|memory| memory.available_bytes)),
        bytes(system.swap.as_ref().and_then(|swap| swap.used_bytes)),
        rate(disk.map(|(read, _)| read)),
        rate(disk.map(|(_, written)| written)),
        rate(network.map(|(received, _)| received)),
        rate(network.map(|(_, sent)| sent)),
    ];
    cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;
    use procwire_proto::{
        FieldMask, SystemFieldSet,
        v1::{
            Cpu, CpuUsage, Disk, DiskClass, DiskRates, LoadAverage, Memory, Network, NetworkInterface, NetworkRates,
            SampleTime,
        },
    };

    use super::*;

    fn sample() -> System {
        let disk = |class: DiskClass, read_bytes_per_second| Disk {
            disk_class: class.into(),
            rates: Some(DiskRates { read_bytes_per_second, ..DiskRates::default() }),
            ..Disk::default()
        };
        let interface = |name: &[u8], received_bytes_per_second| NetworkInterface {
            name: name.to_vec(),
            rates: Some(NetworkRates { received_bytes_per_second, ..NetworkRates::default() }),
            ..NetworkInterface::default()
        };
        System {
            sampled: Some(SampleTime {
                wall: Some(prost_types::Timestamp { seconds: 1_795_293_305, nanos: 0 }),
                ..SampleTime::default()
            }),
            cpu: Some(Cpu {
                usage: Some(CpuUsage { busy_ratio: 1.0, user_ratio: 0.123, ..CpuUsage::default() }),
                ..Cpu::default()
            }),
            load: Some(LoadAverage { one_minute: Some(1.5), ..LoadAverage::default() }),
            memory: Some(Memory { used_bytes: Some(3_565_158), ..Memory::default() }),
            disks: vec![disk(DiskClass::Disk, 2048.0), disk(DiskClass::Partition, 2048.0)],
            network: Some(Network {
                interfaces: vec![interface(b"lo", 9e9), interface(b"eth0", 1024.0), interface(b"eth1", 1024.0)],
                ..Network::default()
            }),
            ..System::default()
        }
    }

    fn printed(samples: &[System], width: Option<u16>, height: Option<u16>) -> Vec<String> {
        let clock = Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), TimeZone::UTC);
        let (mut out, mut lines) = (Vec::new(), SampleLines::new(width, height));
        samples.iter().for_each(|sample| lines.write(&mut out, sample, &clock).unwrap());
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_fits_80_columns_and_counts_each_byte_once() {
        let lines = printed(&[sample()], Some(80), None);
        assert_eq!(lines[0], "    TIME BUSY% USER%  SYS% WAIT%  LOAD  USED AVAIL READ/s WRITE/s RECV/s SENT/s");
        assert_eq!(lines[1], "20:35:05 100.0  12.3   0.0   0.0  1.50  3.4M     -   2.0K       0   2.0K      0");
        assert!(printed(&[sample()], Some(200), None)[0].contains("SWAP"));
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let lines = printed(&[System::default()], None, None);
        assert!(lines[1].split_whitespace().all(|cell| cell == "-"), "{}", lines[1]);
    }

    #[test]
    fn the_header_comes_again_with_each_screenful() {
        let samples = vec![sample(); 11];
        let headers = |height| printed(&samples, Some(80), height).iter().filter(|line| line.contains("BUSY%")).count();
        assert_eq!((headers(Some(7)), headers(Some(50)), headers(None)), (3, 1, 1));
    }

    #[test]
    fn every_field_asked_for_exists() {
        let mask = FieldMask { paths: WATCHED.map(str::to_owned).to_vec() };
        SystemFieldSet::from_mask(Some(&mask), SystemFieldSet::EMPTY).unwrap();
    }
}
