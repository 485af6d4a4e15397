//! `/proc/net/if_inet6` (net/ipv6/addrconf.c: `if6_seq_show`).

use procwire_proto::v1::InterfaceAddress;

use super::lines;
use crate::procfs::Numbers;

/// Names and addresses: address, index of the interface, length of the prefix, scope, flags, all hexadecimal; name.
pub(in crate::system) fn parse(text: &[u8]) -> impl Iterator<Item = (&[u8], InterfaceAddress)> {
    lines(text).filter_map(|line| {
        let mut words = Numbers::new(line);
        let ip = words.token().filter(|digits| digits.len() == 32)?;
        let prefix_length = hexadecimal(words.skip(1).token()?).filter(|length| *length <= 128)?;
        let scope = rtnetlink_scope(hexadecimal(words.token()?)?);
        let name = words.skip(1).token()?;
        let ip = ip.chunks(2).map(|digits| u8::try_from(hexadecimal(digits)?).ok()).collect::<Option<Vec<_>>>()?;
        Some((name, InterfaceAddress { ip, prefix_length, scope, ..InterfaceAddress::default() }))
    })
}

/// `IPV6_ADDR_LOOPBACK`, `_LINKLOCAL`, `_SITELOCAL` as rtnetlink names them (`rt_scope`).
fn rtnetlink_scope(scope: u32) -> u32 {
    match scope & 0xf0 {
        0x10 => 254,
        0x20 => 253,
        0x40 => 200,
        _ => 0,
    }
}

fn hexadecimal(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_with_their_scope() {
        let text = b"fe8000000000000000fc00fffe000001 04 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 04 40 00 82     eth0
";
        let found: Vec<_> = parse(text).collect();
        let told: Vec<_> = found.iter().map(|(name, found)| (*name, found.prefix_length, found.scope)).collect();
        assert_eq!(told, [(b"eth0".as_slice(), 64, 253), (b"lo", 128, 254), (b"eth0", 64, 0)]);
        assert_eq!(found[0].1.ip, [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0xfc, 0, 0xff, 0xfe, 0, 0, 1]);
    }

    #[test]
    fn torn_lines_are_no_addresses() {
        for line in [&b"fd00 04 40 00 82 eth0"[..], b"zz000000000000000000000000000002 04 40 00 82 eth0", b"\n\n"] {
            assert_eq!(parse(line).count(), 0);
        }
        assert_eq!(parse(b"fd000000000000000000000000000002 04 40 00 82").count(), 0);
        assert_eq!(parse(b"fd000000000000000000000000000002 04 81 00 82 eth0").count(), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text).count();
        }
    }
}
