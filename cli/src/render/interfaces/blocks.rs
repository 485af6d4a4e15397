//! A block for each interface, as `ifconfig` and `ip address` have them.

use procwire_proto::v1::{NetworkCounters, NetworkInterface};

use super::{describe, name};
use crate::render::{page::Page, units, unreadable};

/// Every one of `shown`; `all` are those of the host, by which parts of others find their name.
pub(crate) fn interface_page(shown: &[&NetworkInterface], all: &[NetworkInterface]) -> Page {
    let mut page = Page::default();
    for interface in shown {
        page.list(format!("{}: {}", name(interface), describe::state(interface)), pairs(interface, all));
    }
    page
}

fn pairs(interface: &NetworkInterface, all: &[NetworkInterface]) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut push = |label: &str, text: Option<String>| pairs.extend(text.map(|text| (label.to_owned(), text)));
    push("link", describe::link(interface));
    push("kind", describe::kind(interface, all));
    push("alias", interface.alias.as_deref().map(|alias| procwire_proto::escape::terminal(alias).into_owned()));
    let hardware = interface.hardware_address.as_deref().filter(|address| address.iter().any(|byte| *byte != 0));
    push("hardware", hardware.map(describe::hardware_address));
    for address in &interface.addresses {
        push("address", Some(describe::address(address, interface)));
    }
    push("mtu", interface.mtu_bytes.map(|mtu| format!("{mtu} bytes")));
    push("flags", interface.flags.map(describe::flags));
    push("index", interface.index.map(|index| index.to_string()));
    if let Some(counters) = &interface.counters {
        push("received", received(counters));
        push("sent", sent(counters));
    }
    // An interface that always was as it is says nothing new.
    let changes = interface.carrier_changes.filter(|changes| *changes > 1);
    push("carrier", changes.map(|changes| format!("came or went {} times", units::count(changes.into()))));
    for (reason, fields) in unreadable::by_reason(&interface.errors) {
        push("not readable", Some(format!("{fields}: {reason}")));
    }
    if pairs.is_empty() {
        // A section of nothing would not be shown.
        pairs.push(("nothing".to_owned(), "is known of it".to_owned()));
    }
    pairs
}

fn received(counters: &NetworkCounters) -> Option<String> {
    let troubles = [
        ("errors", counters.receive_errors),
        ("drops", counters.receive_drops),
        ("multicast", counters.received_multicast),
    ];
    traffic(counters.received_bytes, counters.received_packets, &troubles)
}

fn sent(counters: &NetworkCounters) -> Option<String> {
    let troubles =
        [("errors", counters.send_errors), ("drops", counters.send_drops), ("collisions", counters.collisions)];
    traffic(counters.sent_bytes, counters.sent_packets, &troubles)
}

/// `1.2 GiB in 1 234 567 packets; errors 0, drops 5`.
fn traffic(bytes: Option<u64>, packets: Option<u64>, others: &[(&str, Option<u64>)]) -> Option<String> {
    let packets =
        packets.map(|packets| format!("{} packet{}", units::count(packets), if packets == 1 { "" } else { "s" }));
    let first: Vec<_> = bytes.map(units::bytes).into_iter().chain(packets).collect();
    let always = ["errors", "drops"];
    let others = others.iter().filter_map(|(name, number)| Some((*name, (*number)?)));
    let others = others.filter(|(name, number)| always.contains(name) || *number > 0);
    let others: Vec<_> = others.map(|(name, number)| format!("{name} {}", units::count(number))).collect();
    let parts: Vec<_> = [first.join(" in "), others.join(", ")].into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
pub(super) mod tests {
    use procwire_proto::v1::{Duplex, FieldError, FieldErrorReason, InterfaceAddress};

    use super::*;

    #[test]
    fn one_packet_is_no_packets() {
        assert_eq!(traffic(Some(74), Some(1), &[]).unwrap(), "74 B in 1 packet");
        assert_eq!(traffic(Some(0), Some(0), &[("drops", Some(2))]).unwrap(), "0 B in 0 packets; drops 2");
    }

    /// A bridge, its hostile member and the loopback.
    pub(crate) fn interfaces() -> Vec<NetworkInterface> {
        let address = |ip: &[u8], prefix_length, scope| InterfaceAddress {
            ip: ip.to_vec(),
            prefix_length,
            scope,
            ..InterfaceAddress::default()
        };
        let loopback = NetworkInterface {
            name: b"lo".to_vec(),
            index: Some(1),
            flags: Some(0x1_0049),
            running: Some(true),
            operational_state: Some("unknown".to_owned()),
            addresses: vec![address(&[127, 0, 0, 1], 8, 254)],
            hardware_address: Some(vec![0; 6]),
            ..NetworkInterface::default()
        };
        let bridge = NetworkInterface {
            name: b"br0".to_vec(),
            index: Some(2),
            flags: Some(0x1043),
            running: Some(true),
            operational_state: Some("up".to_owned()),
            mtu_bytes: Some(1500),
            bits_per_second: Some(2_500_000_000),
            duplex: Some(Duplex::Full.into()),
            kind: Some("bridge".to_owned()),
            hardware_address: Some(vec![2, 0xfc, 0, 0, 0, 1]),
            addresses: vec![
                InterfaceAddress {
                    broadcast: Some(vec![10, 0, 0, 255]),
                    label: Some(b"br0:1".to_vec()),
                    ..address(&[10, 0, 0, 2], 24, 0)
                },
                InterfaceAddress { peer: Some(vec![10, 9, 0, 1]), ..address(&[10, 9, 0, 2], 32, 0) },
            ],
            counters: Some(NetworkCounters {
                received_bytes: Some(3_565_158),
                received_packets: Some(1_234_567),
                receive_errors: Some(0),
                receive_drops: Some(7),
                received_multicast: Some(3),
                sent_bytes: Some(812),
                sent_packets: Some(4),
                send_errors: Some(0),
                send_drops: Some(0),
                collisions: Some(0),
            }),
            ..NetworkInterface::default()
        };
        let hostile = NetworkInterface {
            name: b")\n\x1b[2J\xff".to_vec(),
            index: Some(3),
            flags: Some(0x1002),
            controller_index: Some(2),
            kind: Some("veth".to_owned()),
            alias: Some(b"up\x07link".to_vec()),
            carrier_changes: Some(4),
            errors: vec![FieldError {
                path: "bits_per_second".to_owned(),
                reason: FieldErrorReason::Unsupported.into(),
                ..FieldError::default()
            }],
            ..NetworkInterface::default()
        };
        vec![loopback, bridge, hostile]
    }

    fn printed(width: Option<u16>) -> String {
        let all = interfaces();
        let mut out = Vec::new();
        interface_page(&all.iter().collect::<Vec<_>>(), &all).write(&mut out, width).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn a_block_says_all_that_is_known_of_an_interface() {
        let wanted = r"lo: up
  address  127.0.0.1/8  scope host
  flags    up, loopback, running, lower up
  index    1

br0: up
  link      2.5 Gbit/s, full duplex
  kind      bridge
  hardware  02:fc:00:00:00:01
  address   10.0.0.2/24  broadcast 10.0.0.255, scope global, label br0:1
  address   10.9.0.2/32  peer 10.9.0.1, scope global
  mtu       1500 bytes
  flags     up, broadcast, running, multicast
  index     2
  received  3.4 MiB in 1 234 567 packets; errors 0, drops 7, multicast 3
  sent      812 B in 4 packets; errors 0, drops 0

)\n\x1b[2J\xff: switched off
  kind          veth, part of br0
  alias         up\x07link
  flags         broadcast, multicast
  index         3
  carrier       came or went 4 times
  not readable  bits_per_second: unsupported
";
        assert_eq!(printed(Some(200)), wanted);
        assert_eq!(printed(Some(80)), wanted, "nothing of it is wider than 80 columns");
        assert!(printed(Some(50)).lines().all(|line| line.chars().count() <= 50), "{}", printed(Some(50)));
    }

    #[test]
    fn an_interface_of_which_nothing_is_known_is_there() {
        let alone = [NetworkInterface { name: b"x".to_vec(), ..NetworkInterface::default() }];
        let mut out = Vec::new();
        interface_page(&[&alone[0]], &alone).write(&mut out, None).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("x: state not known"));
    }
}
