//! What the protocols counted between two readings.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use procwire_proto::{escape, v1::ProtocolStatistic};
use serde_json::{Value, json};

use crate::render::{
    table::{Align, Column, Table},
    units,
};

/// States and settings among the counters: their difference is no event.
const GAUGES: [(&str, &str); 8] = [
    ("Ip", "Forwarding"),
    ("Ip", "DefaultTTL"),
    ("Tcp", "RtoAlgorithm"),
    ("Tcp", "RtoMin"),
    ("Tcp", "RtoMax"),
    ("Tcp", "MaxConn"),
    ("Tcp", "CurrEstab"),
    ("MPTcpExt", "MPCurrEstab"),
];

/// Counters that mean trouble, and what trouble (Documentation/networking/snmp_counter.rst).
const TROUBLES: [(&str, &str, &str); 24] = [
    ("Ip", "InDiscards", "packets dropped for want of room"),
    ("Ip", "InHdrErrors", "packets with a bad header"),
    ("Ip", "OutNoRoutes", "no route"),
    ("Ip", "ReasmFails", "fragments that did not come together"),
    ("Icmp", "InErrors", "bad ICMP messages"),
    ("Tcp", "AttemptFails", "connections that did not come about"),
    ("Tcp", "EstabResets", "connections cut off"),
    ("Tcp", "InErrs", "bad segments"),
    ("Tcp", "RetransSegs", "segments sent again: loss on the way"),
    ("TcpExt", "ListenDrops", "connections turned away by a listener"),
    ("TcpExt", "ListenOverflows", "the queue of a listener was full"),
    ("TcpExt", "TCPAbortOnMemory", "connections given up for want of memory"),
    ("TcpExt", "TCPAbortOnTimeout", "connections given up without an answer"),
    ("TcpExt", "TCPBacklogDrop", "segments dropped: the program reads too slowly"),
    ("TcpExt", "TCPLostRetransmit", "segments sent again and lost again"),
    ("TcpExt", "TCPReqQFullDrop", "connection requests dropped: queue full"),
    ("TcpExt", "TCPTimeouts", "no answer in time"),
    ("TcpExt", "TCPZeroWindowDrop", "segments dropped: no window"),
    ("Udp", "InErrors", "datagrams that could not be delivered"),
    ("Udp", "NoPorts", "datagrams for a port where nobody listens"),
    ("Udp", "RcvbufErrors", "datagrams dropped: the program reads too slowly"),
    ("Udp", "SndbufErrors", "datagrams not sent: send buffer full"),
    ("Udp6", "InErrors", "datagrams that could not be delivered"),
    ("Udp6", "RcvbufErrors", "datagrams dropped: the program reads too slowly"),
];

/// One counter after the window, and what it had before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    protocol: String,
    name: String,
    value: i64,
    difference: i64,
    per_second: f64,
}

/// What was counted between two readings, so many nanoseconds apart; unless `all` are asked for, what changed. A counter that was
/// not there before, or went back, has no difference.
pub(crate) fn counted(
    before: &[ProtocolStatistic],
    after: &[ProtocolStatistic],
    between_ns: u64,
    all: bool,
) -> Vec<Counted> {
    let key = |statistic: &ProtocolStatistic| (statistic.protocol.clone(), statistic.name.clone());
    let before: BTreeMap<_, _> = before.iter().map(|statistic| (key(statistic), statistic.value)).collect();
    let counters = after.iter().filter(|statistic| !is_gauge(statistic));
    let counted = counters.filter_map(|statistic| {
        let difference = statistic.value.checked_sub(*before.get(&key(statistic))?).filter(|number| *number >= 0)?;
        Some(Counted {
            protocol: statistic.protocol.clone(),
            name: statistic.name.clone(),
            value: statistic.value,
            difference,
            per_second: if between_ns == 0 { 0.0 } else { difference as f64 * 1e9 / between_ns as f64 },
        })
    });
    counted.filter(|counted| all || counted.difference > 0).collect()
}

fn is_gauge(statistic: &ProtocolStatistic) -> bool {
    GAUGES.contains(&(statistic.protocol.as_str(), statistic.name.as_str()))
}

impl Counted {
    /// The same for programs.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "protocol": self.protocol,
            "name": self.name,
            "value": self.value,
            "difference": self.difference,
            "per_second": self.per_second,
        })
    }

    fn trouble(&self) -> Option<&'static str> {
        let found = TROUBLES
            .iter()
            .filter(|_| self.difference > 0)
            .find(|(protocol, name, _)| self.protocol == *protocol && self.name == *name);
        found.map(|(_, _, trouble)| *trouble)
    }
}

/// A row for each; what means trouble stands out, and says which.
pub(crate) fn protocol_table(counted: &[Counted]) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column::new("PROTOCOL", Align::Left),
        Column { may_be_cut: false, ..Column::new("COUNTER", Align::Left) },
        right("MORE"),
        right("PER SECOND"),
        Column::new("TROUBLE", Align::Left),
    ]);
    for counted in counted {
        let trouble = counted.trouble();
        let style = match trouble {
            Some(_) => AnsiColor::Yellow.on_default(),
            None => Style::new(),
        };
        let cells = vec![
            escape::terminal(counted.protocol.as_bytes()).into_owned(),
            escape::terminal(counted.name.as_bytes()).into_owned(),
            units::count(counted.difference.unsigned_abs()),
            format!("{:.1}", counted.per_second),
            trouble.unwrap_or_default().to_owned(),
        ];
        table.push(cells, style);
    }
    table
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn statistic(protocol: &str, name: &str, value: i64) -> ProtocolStatistic {
        ProtocolStatistic { protocol: protocol.to_owned(), name: name.to_owned(), value }
    }

    fn printed(counted: &[Counted], width: Option<u16>) -> Vec<String> {
        let mut out = Vec::new();
        protocol_table(counted).write(&mut out, width).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_changed_is_shown_and_trouble_is_named() {
        let before = [
            statistic("Tcp", "RetransSegs", 10),
            statistic("Tcp", "CurrEstab", 1),
            statistic("Tcp", "InSegs", 100),
            statistic("Udp", "InErrors", 3),
            statistic("Udp", "InDatagrams", 9),
        ];
        let after = [
            statistic("Tcp", "RetransSegs", 15),
            statistic("Tcp", "CurrEstab", 7),
            statistic("Tcp", "InSegs", 2100),
            statistic("Udp", "InErrors", 3),
            statistic("Udp", "InDatagrams", 2),
            statistic("New\x1b", "Counter", 2),
        ];
        let lines = printed(&counted(&before, &after, 2_000_000_000, false), Some(80));
        let plain: Vec<_> = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(
            plain,
            [
                "PROTOCOL COUNTER      MORE PER SECOND TROUBLE",
                "Tcp      RetransSegs     5        2.5 segments sent again: loss on the way",
                "Tcp      InSegs      2 000     1000.0",
            ]
        );
        assert!(lines[1].contains("\u{1b}[33m") && !lines[2].contains('\u{1b}'), "{lines:?}");
        let all = counted(&before, &after, 0, true);
        assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["RetransSegs", "InSegs", "InErrors"]);
        assert!(!printed(&all, Some(200))[3].contains("datagrams"), "what did not happen is no trouble");
        assert_eq!(all[0].per_second, 0.0, "two readings at one moment have no rate");
    }

    #[test]
    fn huge_numbers_do_no_harm() {
        let odd = counted(&[statistic("a", "b", i64::MIN)], &[statistic("a", "b", i64::MAX)], 1, true);
        assert!(odd.is_empty());
        let far = counted(&[statistic("a\n", "b", 0)], &[statistic("a\n", "b", i64::MAX)], u64::MAX, true);
        assert!(printed(&far, Some(80))[1].starts_with(r"a\n"));
        assert_eq!(far[0].to_json()["difference"], i64::MAX);
    }

    #[test]
    fn every_trouble_is_named_once() {
        let mut named: Vec<_> = TROUBLES.iter().map(|(protocol, name, _)| (protocol, name)).collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!(named.len(), TROUBLES.len());
    }
}
