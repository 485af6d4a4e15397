//! What network interfaces did between two readings.

use procwire_proto::v1::{NetworkCounters, NetworkInterface, NetworkRates};

use super::{Window, advance, find};

pub(super) fn add_rates(previous: &[NetworkInterface], current: &mut [NetworkInterface], window: Window) {
    for (index, interface) in current.iter_mut().enumerate() {
        let before = find(previous, index, |before| before.name == interface.name);
        let counters = before.and_then(|before| before.counters.as_ref()).zip(interface.counters.as_ref());
        interface.rates = counters.and_then(|(before, after)| rates(before, after, window));
    }
}

/// All or none: a counter that went back means that another interface has the name now.
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

    #[test]
    fn rates_are_per_second_and_matched_by_name() {
        let previous = [interface("lo", [1, 1, 1, 1]), interface("eth0", [10, 20, 30, 40])];
        let mut current = [interface("eth0", [15, 21, 32, 43]), interface("veth1", [9, 9, 9, 9])];
        add_rates(&previous, &mut current, HALF_A_SECOND);
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
    fn an_interface_made_anew_has_no_rates() {
        let mut current = [interface("eth0", [100, 100, 100, 39])];
        add_rates(&[interface("eth0", [10, 20, 30, 40])], &mut current, HALF_A_SECOND);
        assert_eq!(current[0].rates, None);
    }
}
