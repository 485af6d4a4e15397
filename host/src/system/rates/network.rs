//! What network interfaces did between two readings.

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{NetworkCounters, NetworkInterface, NetworkRates},
};

use super::{Window, advance, find};

/// Rates, and which interfaces began to count anew.
pub(super) const FIELDS: SystemFieldSet = bit::NETWORK_INTERFACES_RATES.union(bit::NETWORK_INTERFACES_COUNTERS_RESET);

pub(super) fn add_rates(
    fields: SystemFieldSet,
    previous: &[NetworkInterface],
    current: &mut [NetworkInterface],
    window: Window,
) {
    for (index, interface) in current.iter_mut().enumerate() {
        let Some(before) = find(previous, index, |before| before.name == interface.name) else { continue };
        let Some((from, to)) = before.counters.as_ref().zip(interface.counters.as_ref()) else { continue };
        // Another interface has the name now: its counters may well be above those of the one before.
        let is_another = before.index.zip(interface.index).is_some_and(|(before, now)| before != now);
        let is_reset = is_another || went_back(from, to);
        if fields.contains(bit::NETWORK_INTERFACES_RATES) && !is_reset {
            interface.rates = rates(from, to, window);
        }
        interface.counters_reset = fields.contains(bit::NETWORK_INTERFACES_COUNTERS_RESET) && is_reset;
    }
}

fn went_back(from: &NetworkCounters, to: &NetworkCounters) -> bool {
    let pairs = [
        (from.received_bytes, to.received_bytes),
        (from.received_packets, to.received_packets),
        (from.receive_errors, to.receive_errors),
        (from.receive_drops, to.receive_drops),
        (from.sent_bytes, to.sent_bytes),
        (from.sent_packets, to.sent_packets),
        (from.send_errors, to.send_errors),
        (from.send_drops, to.send_drops),
        (from.received_multicast, to.received_multicast),
        (from.collisions, to.collisions),
    ];
    pairs.into_iter().any(|(from, to)| from.zip(to).is_some_and(|(from, to)| to < from))
}

/// All or none.
fn rates(previous: &NetworkCounters, current: &NetworkCounters, window: Window) -> Option<NetworkRates> {
    let per_second = |before, after| advance(before, after).map(|count| window.per_second(count));
    Some(NetworkRates {
        received_bytes_per_second: per_second(previous.received_bytes, current.received_bytes)?,
        received_packets_per_second: per_second(previous.received_packets, current.received_packets)?,
        sent_bytes_per_second: per_second(previous.sent_bytes, current.sent_bytes)?,
        sent_packets_per_second: per_second(previous.sent_packets, current.sent_packets)?,
        window_ns: window.ns,
    })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    const HALF_A_SECOND: Window = Window { ns: 500_000_000 };

    fn interface(
        name: &str,
        [received_bytes, received_packets, sent_bytes, sent_packets]: [u64; 4],
    ) -> NetworkInterface {
        let counters = NetworkCounters {
            received_bytes: Some(received_bytes),
            received_packets: Some(received_packets),
            sent_bytes: Some(sent_bytes),
            sent_packets: Some(sent_packets),
            ..NetworkCounters::default()
        };
        NetworkInterface { name: name.as_bytes().to_vec(), counters: Some(counters), ..NetworkInterface::default() }
    }

    fn add_rates(previous: &[NetworkInterface], current: &mut [NetworkInterface]) {
        super::add_rates(FIELDS, previous, current, HALF_A_SECOND);
    }

    #[test]
    fn rates_are_per_second_and_matched_by_name() {
        let previous = [interface("lo", [1, 1, 1, 1]), interface("eth0", [10, 20, 30, 40])];
        let mut current = [interface("eth0", [15, 21, 32, 43]), interface("veth1", [9, 9, 9, 9])];
        add_rates(&previous, &mut current);
        let expected = NetworkRates {
            received_bytes_per_second: 10.0,
            received_packets_per_second: 2.0,
            sent_bytes_per_second: 4.0,
            sent_packets_per_second: 6.0,
            window_ns: 500_000_000,
        };
        assert_eq!((current[0].rates, current[1].rates), (Some(expected), None));
    }

    #[test]
    fn an_interface_that_is_new_was_not_reset() {
        let mut current = [interface("eth0", [100, 100, 100, 100])];
        add_rates(&[interface("eth1", [200, 200, 200, 200])], &mut current);
        assert_eq!((current[0].rates, current[0].counters_reset), (None, false));
    }

    #[test]
    fn an_interface_made_anew_has_no_rates_and_is_marked() {
        let before = [interface("eth0", [10, 20, 30, 40])];
        let mut current = [interface("eth0", [100, 100, 100, 39])];
        add_rates(&before, &mut current);
        assert_eq!((current[0].rates, current[0].counters_reset), (None, true));
        // The same goes for a counter that no rate is made of.
        let with_drops = |drops| {
            let mut row = interface("eth0", [100; 4]);
            row.counters = row.counters.map(|counters| NetworkCounters { send_drops: Some(drops), ..counters });
            row
        };
        let mut current = [with_drops(3)];
        add_rates(&[with_drops(4)], &mut current);
        assert_eq!((current[0].rates, current[0].counters_reset), (None, true));
    }

    #[test]
    fn another_interface_of_the_same_name_is_known_by_its_index() {
        let with_index = |index, count| NetworkInterface { index, ..interface("veth0", [count; 4]) };
        for (before, now, is_reset) in [(Some(3), Some(4), true), (Some(3), Some(3), false), (None, Some(3), false)] {
            let mut current = [with_index(now, 1000)];
            add_rates(&[with_index(before, 10)], &mut current);
            assert_eq!((current[0].counters_reset, current[0].rates.is_none()), (is_reset, is_reset));
        }
    }

    #[test]
    fn only_what_was_asked_for() {
        let (before, after) = (interface("eth0", [10; 4]), interface("eth0", [5; 4]));
        let mut current = [after];
        super::add_rates(bit::NETWORK_INTERFACES_RATES, std::slice::from_ref(&before), &mut current, HALF_A_SECOND);
        assert_eq!((current[0].rates, current[0].counters_reset), (None, false));
        let mut current = [interface("eth0", [20; 4])];
        super::add_rates(bit::NETWORK_INTERFACES_COUNTERS_RESET, &[before], &mut current, HALF_A_SECOND);
        assert_eq!((current[0].rates, current[0].counters_reset), (None, false));
    }
}
