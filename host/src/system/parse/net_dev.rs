//! `/proc/net/dev` (net/core/net-procfs.c).

use procwire_proto::v1::{NetworkCounters, NetworkInterface};

use super::lines;
use crate::procfs::Numbers;

/// Two lines of headings.
const HEADER_LINES: usize = 2;

/// One row per interface, in the kernel's order.
pub(in crate::system) fn parse(text: &[u8], with_counters: bool, capacity: usize) -> Vec<NetworkInterface> {
    let mut interfaces = Vec::with_capacity(capacity);
    for line in lines(text).skip(HEADER_LINES) {
        // A name may contain colons (`eth0:1`), the numbers do not.
        let Some((name, rest)) = memchr::memrchr(b':', line).and_then(|colon| line.split_at_checked(colon)) else {
            continue;
        };
        let columns = Numbers::new(rest.get(1..).unwrap_or_default());
        let counters = with_counters.then(|| parse_counters(columns));
        interfaces.push(NetworkInterface { name: name.trim_ascii().to_vec(), counters, ..NetworkInterface::default() });
    }
    interfaces
}

/// Received: bytes packets errs drop fifo frame compressed multicast. Sent: bytes packets errs drop fifo colls carrier
/// compressed. Fields are read in the order in which they are written here.
fn parse_counters(mut columns: Numbers<'_>) -> NetworkCounters {
    NetworkCounters {
        received_bytes: columns.unsigned(),
        received_packets: columns.unsigned(),
        receive_errors: columns.unsigned(),
        receive_drops: columns.unsigned(),
        received_multicast: columns.skip(3).unsigned(),
        sent_bytes: columns.unsigned(),
        sent_packets: columns.unsigned(),
        send_errors: columns.unsigned(),
        send_drops: columns.unsigned(),
        collisions: columns.skip(1).unsigned(),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n";

    fn interfaces(text: &str) -> Vec<NetworkInterface> {
        parse(format!("{HEADER}{text}").as_bytes(), true, 0)
    }

    #[test]
    fn a_kernel_of_today() {
        let interfaces = parse(include_bytes!("../../../tests/fixtures/system-6.18/proc/net/dev"), true, 4);
        let names: Vec<_> = interfaces.iter().map(|interface| interface.name.as_slice()).collect();
        assert_eq!(names, [b"lo".as_slice(), b"ifb0", b"ifb1", b"eth0"]);
        let eth0 = interfaces[3].counters.unwrap_or_default();
        assert_eq!((eth0.received_bytes, eth0.received_packets), (Some(150_676_375), Some(5844)));
        assert_eq!((eth0.sent_bytes, eth0.sent_packets), (Some(324_038), Some(3426)));
    }

    #[test]
    fn every_column_has_its_place() {
        let counters = interfaces("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")[0].counters;
        let expected = NetworkCounters {
            received_bytes: Some(1),
            received_packets: Some(2),
            receive_errors: Some(3),
            receive_drops: Some(4),
            received_multicast: Some(8),
            sent_bytes: Some(9),
            sent_packets: Some(10),
            send_errors: Some(11),
            send_drops: Some(12),
            collisions: Some(14),
        };
        assert_eq!(counters, Some(expected));
    }

    #[test]
    fn names_with_colons_and_without_a_blank_behind() {
        let found = interfaces("  eth0:1:7 8 0 0 0 0 0 0 0 0 0 0 0 0 0 0\nlo: 1\n");
        assert_eq!(found[0].name, b"eth0:1");
        assert_eq!(found[0].counters.and_then(|counters| counters.received_bytes), Some(7));
        assert_eq!(found[1].counters, Some(NetworkCounters { received_bytes: Some(1), ..NetworkCounters::default() }));
    }

    #[test]
    fn names_alone_if_counters_are_not_wanted() {
        let found = parse(format!("{HEADER}lo: 1 2\n").as_bytes(), false, 0);
        assert_eq!(found, [NetworkInterface { name: b"lo".to_vec(), ..NetworkInterface::default() }]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text, true, 0);
            parse(&[HEADER.as_bytes(), &text].concat(), true, 0);
        }

        #[test]
        fn counters_read_back(columns: [u64; 16]) {
            let words = columns.map(|column| column.to_string()).join(" ");
            let counters = interfaces(&format!("x:{words}\n"))[0].counters.unwrap_or_default();
            prop_assert_eq!(counters.received_bytes, Some(columns[0]));
            prop_assert_eq!(counters.sent_bytes, Some(columns[8]));
            prop_assert_eq!(counters.collisions, Some(columns[13]));
        }
    }
}
