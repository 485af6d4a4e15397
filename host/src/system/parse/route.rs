//! `/proc/net/route` (net/ipv4/fib_trie.c: `fib_route_seq_show`): IPv4 routes that are not to the host itself.

use super::lines;
use crate::procfs::Numbers;

/// `RTF_GATEWAY`.
const GATEWAY: u32 = 2;

/// A network that is reached through an interface without a gateway.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::system) struct Network {
    pub(in crate::system) interface: Vec<u8>,
    /// In host byte order.
    pub(in crate::system) address: u32,
    pub(in crate::system) prefix_length: u32,
}

/// Below a heading: Iface Destination Gateway Flags RefCnt Use Metric Mask, addresses as hexadecimal numbers whose bytes in memory are in
/// network order.
pub(in crate::system) fn parse(text: &[u8]) -> Vec<Network> {
    lines(text).skip(1).filter_map(network).collect()
}

fn network(line: &[u8]) -> Option<Network> {
    let mut words = Numbers::new(line);
    let interface = words.token()?.to_vec();
    let address = hexadecimal(words.token()?)?;
    let flags = hexadecimal(words.skip(1).token()?)?;
    let mask = u32::from_be(hexadecimal(words.skip(3).token()?)?);
    let is_connected = flags & GATEWAY == 0 && mask.leading_ones() + mask.trailing_zeros() == 32;
    is_connected.then(|| Network { interface, address: u32::from_be(address), prefix_length: mask.leading_ones() })
}

fn hexadecimal(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn networks_that_are_reached_without_a_gateway() {
        let text = b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
odd\t000200C0\t00000000\t0001\t0\t0\t0\t00FF00FF\t0\t0\t0
torn\t000200C0\t00000000
";
        assert_eq!(parse(text), [Network { interface: b"eth0".into(), address: 0xc000_0200, prefix_length: 24 }]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text);
            parse(&[b"\na 00000000 0 1 0 0 0 ", text.as_slice()].concat());
        }
    }
}
