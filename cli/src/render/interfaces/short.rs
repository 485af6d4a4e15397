//! One line for each interface, as `ip -brief address` has them.

use anstyle::{AnsiColor, Style};
use procwire_proto::v1::NetworkInterface;

use super::{describe, is_up, name};
use crate::render::{
    table::{Align, Column, Table},
    value::MISSING,
};

/// A row for each.
pub(crate) fn short_table(interfaces: &[&NetworkInterface]) -> Table {
    let mut table = Table::new(vec![
        Column { may_be_cut: false, ..Column::new("NAME", Align::Left) },
        Column { may_be_cut: false, ..Column::new("STATE", Align::Left) },
        Column { drop_order: Some(2), ..Column::new("MTU", Align::Right) },
        Column { drop_order: Some(3), ..Column::new("SPEED", Align::Right) },
        Column { drop_order: Some(1), may_be_cut: false, ..Column::new("HARDWARE", Align::Left) },
        Column::new("ADDRESSES", Align::Left),
    ]);
    for interface in interfaces {
        let addresses: Vec<_> = interface.addresses.iter().map(describe::network).collect();
        let hardware = interface.hardware_address.as_deref().filter(|address| address.iter().any(|byte| *byte != 0));
        let cells = [
            Some(name(interface)),
            Some(describe::state(interface)),
            interface.mtu_bytes.map(|mtu| mtu.to_string()),
            describe::link(interface).and_then(|link| Some(link.split(',').next()?.to_owned())),
            hardware.map(describe::hardware_address),
            Some(addresses.join(" ")).filter(|addresses| !addresses.is_empty()),
        ];
        let style = if is_up(interface) { Style::new() } else { AnsiColor::BrightBlack.on_default() };
        table.push(cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).collect(), style);
    }
    table
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{super::blocks::tests::interfaces, *};

    fn printed(width: Option<u16>) -> Vec<String> {
        let all = interfaces();
        let mut out = Vec::new();
        short_table(&all.iter().collect::<Vec<_>>()).write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_interface_has_one_line() {
        let wanted = [
            r"NAME           STATE         MTU      SPEED HARDWARE          ADDRESSES",
            r"lo             up              -          - -                 127.0.0.1/8",
            r"br0            up           1500 2.5 Gbit/s 02:fc:00:00:00:01 10.0.0.2/24 10.9.0.2/32",
            r")\n\x1b[2J\xff switched off    -          - -                 -",
        ];
        assert_eq!(printed(Some(200)), wanted);
        assert!(printed(Some(80)).iter().all(|line| line.chars().count() <= 80), "{:?}", printed(Some(80)));
        assert!(printed(Some(80))[2].ends_with("10.0.0.2/24 10.9.0.2/32"), "{:?}", printed(Some(80)));
    }
}
