//! What the interfaces carry, the busiest first.

use anstyle::{AnsiColor, Style};
use procwire_proto::v1::{NetworkInterface, NetworkRates};

use super::{is_loopback, name, speed::bits_short};
use crate::render::{
    table::{Align, Column, HEADER, Table},
    units,
    value::MISSING,
};

/// In what traffic is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes, in units of 1024.
    Bytes,
    /// Bits, in units of 1000.
    Bits,
}

impl Unit {
    fn rate(self, bytes_per_second: f64) -> String {
        match self {
            Self::Bytes => units::byte_rate_short(bytes_per_second),
            Self::Bits => bits_short(bytes_per_second),
        }
    }

    fn header(self, direction: &str) -> String {
        match self {
            Self::Bytes => format!("{direction}/s"),
            Self::Bits => format!("{direction} bit/s"),
        }
    }
}

/// Sorts the busiest first, what the host says to itself last, and equals by name.
pub(crate) fn sort_by_traffic(interfaces: &mut [&NetworkInterface]) {
    let traffic = |interface: &NetworkInterface| {
        interface.rates.map_or(-1.0, |rates| rates.received_bytes_per_second + rates.sent_bytes_per_second)
    };
    interfaces.sort_by(|left, right| {
        let last = is_loopback(left).cmp(&is_loopback(right));
        last.then_with(|| traffic(right).total_cmp(&traffic(left))).then_with(|| left.name.cmp(&right.name))
    });
}

/// A row for each interface, and one for all that leaves or enters the host.
pub(crate) fn rate_table(interfaces: &[&NetworkInterface], unit: Unit) -> Table {
    let right = |header: &str| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column { may_be_cut: false, ..Column::new("NAME", Align::Left) },
        right(&unit.header("RECV")),
        right(&unit.header("SENT")),
        right("PACKETS IN/s"),
        right("OUT/s"),
        Column { drop_order: Some(2), ..right("RECEIVED") },
        Column { drop_order: Some(2), ..right("SENT") },
        Column { drop_order: Some(1), ..right("ERRORS") },
        Column { drop_order: Some(1), ..right("DROPS") },
    ]);
    for interface in interfaces {
        let counters = interface.counters.unwrap_or_default();
        let both = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        let troubles =
            [both(counters.receive_errors, counters.send_errors), both(counters.receive_drops, counters.send_drops)];
        let rates = match (interface.counters_reset, &interface.rates) {
            (true, _) => ["reset"; 4].map(str::to_owned),
            (false, Some(rates)) => rate_cells(rates, unit),
            (false, None) => [MISSING; 4].map(str::to_owned),
        };
        let bytes = [counters.received_bytes, counters.sent_bytes].map(|bytes| bytes.map(units::bytes_short));
        let counts = troubles.map(|number| number.map(units::count));
        let rest = bytes.into_iter().chain(counts).map(|cell| cell.unwrap_or_else(|| MISSING.to_owned()));
        let style = if interface.counters_reset { AnsiColor::Yellow.on_default() } else { Style::new() };
        table.push([name(interface)].into_iter().chain(rates).chain(rest).collect(), style);
    }
    if let Some((label, sum)) = total(interfaces) {
        let rest = std::iter::repeat_n(String::new(), 4);
        table.push([label.to_owned()].into_iter().chain(rate_cells(&sum, unit)).chain(rest).collect(), HEADER);
    }
    table
}

fn rate_cells(rates: &NetworkRates, unit: Unit) -> [String; 4] {
    [
        unit.rate(rates.received_bytes_per_second),
        unit.rate(rates.sent_bytes_per_second),
        format!("{:.0}", rates.received_packets_per_second.max(0.0)),
        format!("{:.0}", rates.sent_packets_per_second.max(0.0)),
    ]
}

/// A packet that goes through a bridge, a bond or a tunnel passes several interfaces, but hardware only once. In a container
/// nothing is hardware.
fn total(interfaces: &[&NetworkInterface]) -> Option<(&'static str, NetworkRates)> {
    let outward = || interfaces.iter().filter(|interface| !is_loopback(interface));
    let hardware = || outward().filter(|interface| interface.kind.is_none());
    let (label, summed): (_, Vec<_>) = match hardware().count() {
        0 => ("all but lo", outward().collect()),
        _ if hardware().count() == outward().count() => ("all but lo", outward().collect()),
        _ => ("all hardware", hardware().collect()),
    };
    // Of a single one the sum would say it twice.
    if summed.len() < 2 {
        return None;
    }
    let sum = summed.iter().filter_map(|interface| interface.rates).reduce(|left, right| NetworkRates {
        received_bytes_per_second: left.received_bytes_per_second + right.received_bytes_per_second,
        received_packets_per_second: left.received_packets_per_second + right.received_packets_per_second,
        sent_bytes_per_second: left.sent_bytes_per_second + right.sent_bytes_per_second,
        sent_packets_per_second: left.sent_packets_per_second + right.sent_packets_per_second,
        window_ns: left.window_ns,
    });
    Some((label, sum?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::NetworkCounters;

    use super::*;

    fn interface(name: &[u8], bytes_per_second: f64, kind: Option<&str>) -> NetworkInterface {
        NetworkInterface {
            name: name.to_vec(),
            kind: kind.map(str::to_owned),
            rates: Some(NetworkRates {
                received_bytes_per_second: bytes_per_second,
                received_packets_per_second: 12.4,
                ..NetworkRates::default()
            }),
            counters: Some(NetworkCounters {
                received_bytes: Some(3_565_158),
                receive_drops: Some(2),
                send_drops: Some(1_000_000),
                ..NetworkCounters::default()
            }),
            ..NetworkInterface::default()
        }
    }

    fn printed(interfaces: &[NetworkInterface], unit: Unit, width: Option<u16>) -> Vec<String> {
        let mut shown: Vec<_> = interfaces.iter().collect();
        sort_by_traffic(&mut shown);
        let mut out = Vec::new();
        rate_table(&shown, unit).write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_busiest_comes_first_and_each_byte_counts_once() {
        let all = [
            interface(b"lo", 9e9, None),
            interface(b"br0", 2048.0, Some("bridge")),
            interface(b"eth1", 0.0, None),
            interface(b"eth0", 2048.0, None),
        ];
        assert_eq!(
            printed(&all, Unit::Bytes, Some(80)),
            [
                "NAME         RECV/s SENT/s PACKETS IN/s OUT/s RECEIVED SENT ERRORS     DROPS",
                "br0            2.0K      0           12     0     3.4M    -      - 1 000 002",
                "eth0           2.0K      0           12     0     3.4M    -      - 1 000 002",
                "eth1              0      0           12     0     3.4M    -      - 1 000 002",
                "lo             8.4G      0           12     0     3.4M    -      - 1 000 002",
                "all hardware   2.0K      0           25     0",
            ]
        );
        let bits = printed(&all, Unit::Bits, Some(80));
        assert!(bits[0].starts_with("NAME         RECV bit/s SENT bit/s"), "{bits:?}");
        assert!(bits[1].starts_with("br0                 16k "), "{bits:?}");
        assert!(bits.iter().all(|line| line.chars().count() <= 80), "{bits:?}");
    }

    #[test]
    fn a_container_has_no_hardware_and_a_single_interface_no_sum() {
        let two = [interface(b"eth0", 1024.0, Some("veth")), interface(b"tun0", 1024.0, Some("tun"))];
        assert!(printed(&two, Unit::Bytes, None)[3].starts_with("all but lo   2.0K"));
        assert_eq!(printed(&two[..1], Unit::Bytes, None).len(), 2);
        assert_eq!(printed(&[interface(b"lo", 1.0, None)], Unit::Bytes, None).len(), 2);
        let behind_one = [interface(b"eth0", 1024.0, None), interface(b"docker0", 1024.0, Some("bridge"))];
        assert_eq!(printed(&behind_one, Unit::Bytes, None).len(), 3);
    }

    #[test]
    fn a_reset_is_said_and_what_was_not_measured_is_a_dash() {
        let reset = NetworkInterface { rates: None, counters_reset: true, ..interface(b"eth0", 0.0, None) };
        let fresh = NetworkInterface { rates: None, ..interface(b"\x1b[2J", 0.0, None) };
        let lines = printed(&[reset, fresh], Unit::Bytes, Some(80));
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&lines[1])[..5], [r"\x1b[2J", "-", "-", "-", "-"]);
        assert_eq!(words(&lines[2])[..5], ["eth0", "reset", "reset", "reset", "reset"]);
        assert_eq!(lines.len(), 3, "there is nothing to add up");
    }
}
