//! Network interfaces.

use anstyle::Style;
use procwire_proto::{
    escape,
    v1::{NetworkCounters, NetworkInterface},
};

use crate::render::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// True if it carried anything, or its counters were not asked for: the kernel makes interfaces that nobody ever uses.
pub(super) fn is_worth_a_row(interface: &NetworkInterface) -> bool {
    let carried = |counters: &NetworkCounters| counters.received_packets != Some(0) || counters.sent_packets != Some(0);
    interface.counters.as_ref().is_none_or(carried)
}

/// A row for each interface.
pub(super) fn network_table(interfaces: &[&NetworkInterface]) -> Table {
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
