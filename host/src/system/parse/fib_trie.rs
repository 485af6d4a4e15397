//! `/proc/net/fib_trie` (net/ipv4/fib_trie.c: `fib_trie_seq_show`): routes, those to the host itself among them.

use super::lines;
use crate::procfs::Numbers;

/// What the tables tell of the host's own addresses, each once, in host byte order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::system) struct Table {
    pub(in crate::system) own: Vec<u32>,
    /// Networks that are the host's own as a whole, with the length of their prefix.
    pub(in crate::system) own_networks: Vec<(u32, u32)>,
    pub(in crate::system) broadcast: Vec<u32>,
}

/// A line `|-- 192.0.2.2` and below it a line for each route there: `/32 host LOCAL`.
pub(in crate::system) fn parse(text: &[u8]) -> Table {
    let mut table = Table::default();
    let mut leaf = None;
    for line in lines(text) {
        let line = line.trim_ascii();
        if let Some(address) = line.strip_prefix(b"|-- ") {
            leaf = ip(address);
        } else if let Some((address, rest)) = leaf.zip(line.strip_prefix(b"/")) {
            let mut words = Numbers::new(rest);
            let length = words.unsigned().and_then(|length| u32::try_from(length).ok());
            let kind = words.skip(1).token();
            match (length, kind) {
                (Some(32), Some(b"LOCAL")) => table.own.push(address),
                (Some(length @ 0..32), Some(b"LOCAL")) => table.own_networks.push((address, length)),
                (Some(32), Some(b"BROADCAST")) => table.broadcast.push(address),
                _ => {}
            }
        }
    }
    // Tables that are one (without policy rules) are shown twice.
    for list in [&mut table.own, &mut table.broadcast] {
        list.sort_unstable();
        list.dedup();
    }
    table.own_networks.sort_unstable();
    table.own_networks.dedup();
    table
}

fn ip(text: &[u8]) -> Option<u32> {
    let address: std::net::Ipv4Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_bits())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 192.0.2.2
        /32 host LOCAL
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
";

    #[test]
    fn own_addresses_are_found_once() {
        let table = parse(TEXT.as_bytes());
        assert_eq!(table.own, [0x7f00_0001, 0xc000_0202]);
        assert_eq!(table.own_networks, [(0x7f00_0000, 8)]);
        assert_eq!(table.broadcast, [0x7fff_ffff, 0xc000_02ff]);
    }

    #[test]
    fn what_cannot_be_read_is_nobodys_address() {
        assert_eq!(parse(b"     |-- 999.0.0.1\n        /32 host LOCAL\n"), Table::default());
        assert_eq!(parse(b"        /32 host LOCAL\n"), Table::default());
        assert_eq!(
            parse(b"     |-- 10.0.0.1\n        /99 host LOCAL\n        /32 host\n        /\n"),
            Table::default()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>, cut in 0_usize..700) {
            parse(&text);
            parse(TEXT.as_bytes().get(..cut).unwrap_or_default());
        }
    }
}
