//! Counters of protocols: `/proc/net/snmp`, `netstat` (net/ipv4/proc.c), `snmp6` (net/ipv6/proc.c).

use procwire_proto::v1::ProtocolStatistic;

use super::lines;
use crate::procfs::Numbers;

/// Tables of two lines: names, then values, both behind the name of the protocol. What one line has more than the other is left out.
pub(in crate::system) fn tables(text: &[u8], into: &mut Vec<ProtocolStatistic>) {
    let mut lines = lines(text).filter_map(split_at_colon).peekable();
    while let Some((protocol, names)) = lines.next() {
        // A table that was cut off has no values, and what follows is another.
        let Some((_, values)) = lines.next_if(|(next, _)| *next == protocol) else { continue };
        let (mut names, mut values) = (Numbers::new(names), Numbers::new(values));
        while let (Some(name), Some(value)) = (names.token(), values.token()) {
            push(protocol, name, value, into);
        }
    }
}

/// Lines of a name and a value: `Ip6InReceives 17`. The protocol ends with its 6.
pub(in crate::system) fn lines_of_ipv6(text: &[u8], into: &mut Vec<ProtocolStatistic>) {
    for line in lines(text) {
        let mut words = Numbers::new(line);
        let (Some(name), Some(value)) = (words.token(), words.token()) else { continue };
        let end = memchr::memchr(b'6', name).map_or(name.len(), |six| six + 1);
        if let Some((protocol, name)) = name.split_at_checked(end).filter(|(_, name)| !name.is_empty()) {
            push(protocol, name, value, into);
        }
    }
}

/// Sockets in use, `/proc/net/sockstat` and `sockstat6`: `TCP: inuse 5 orphan 0`.
pub(in crate::system) fn pairs(text: &[u8], into: &mut Vec<ProtocolStatistic>) {
    for (protocol, pairs) in lines(text).filter_map(split_at_colon) {
        let mut words = Numbers::new(pairs);
        while let (Some(name), Some(value)) = (words.token(), words.token()) {
            push(protocol, name, value, into);
        }
    }
}

fn split_at_colon(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (protocol, rest) = line.split_at_checked(memchr::memchr(b':', line)?)?;
    Some((protocol.trim_ascii(), rest.get(1..)?))
}

fn push(protocol: &[u8], name: &[u8], value: &[u8], into: &mut Vec<ProtocolStatistic>) {
    let word = |word| std::str::from_utf8(word).ok().map(str::to_owned);
    if let (Some(protocol), Some(name), Some(value)) = (word(protocol), word(name), value_of(value)) {
        into.push(ProtocolStatistic { protocol, name, value });
    }
}

/// Most are printed without a sign, and a gauge that is summed over processors may be below zero for a moment: it looks like a number
/// near 2^64 then.
fn value_of(word: &[u8]) -> Option<i64> {
    let mut number = Numbers::new(word);
    if word.starts_with(b"-") { number.signed() } else { number.unsigned().map(u64::cast_signed) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(parse: fn(&[u8], &mut Vec<ProtocolStatistic>), text: &[u8]) -> Vec<(String, String, i64)> {
        let mut found = Vec::new();
        parse(text, &mut found);
        found.into_iter().map(|counter| (counter.protocol, counter.name, counter.value)).collect()
    }

    fn told(protocol: &str, name: &str, value: i64) -> (String, String, i64) {
        (protocol.to_owned(), name.to_owned(), value)
    }

    #[test]
    fn names_above_values() {
        let text = b"Tcp: RtoAlgorithm MaxConn CurrEstab\nTcp: 1 -1 3\nIpExt: InOctets\nIpExt: 9223372036854775807\n";
        let expected = [
            told("Tcp", "RtoAlgorithm", 1),
            told("Tcp", "MaxConn", -1),
            told("Tcp", "CurrEstab", 3),
            told("IpExt", "InOctets", i64::MAX),
        ];
        assert_eq!(read(tables, text), expected);
    }

    #[test]
    fn torn_tables_tell_what_they_have() {
        assert_eq!(read(tables, b"Ip: A B C\nIp: 1 2"), [told("Ip", "A", 1), told("Ip", "B", 2)]);
        assert_eq!(read(tables, b"Ip: A\nIp: 1 2 3\n"), [told("Ip", "A", 1)]);
        assert_eq!(read(tables, b"Ip: A B\nTcp: C\nTcp: 5\n"), [told("Tcp", "C", 5)], "a table without values");
        assert_eq!(read(tables, b"Ip: A B C\nIp: 1 x 3\n"), [told("Ip", "A", 1), told("Ip", "C", 3)]);
        assert_eq!(read(tables, b"Ip: A\n"), []);
    }

    #[test]
    fn gauges_that_wrapped_are_below_zero() {
        assert_eq!(read(tables, b"Tcp: CurrEstab\nTcp: 18446744073709551615\n"), [told("Tcp", "CurrEstab", -1)]);
        assert_eq!(read(tables, b"Tcp: CurrEstab\nTcp: 18446744073709551616\n"), [], "no number of 64 bits");
    }

    #[test]
    fn protocols_of_ipv6_end_with_their_6() {
        let text = b"Ip6InReceives                   \t17\nIcmp6OutType133\t2\nUdpLite6InErrors 0\nOdd 5\nIp6 7\n";
        let expected = [told("Ip6", "InReceives", 17), told("Icmp6", "OutType133", 2), told("UdpLite6", "InErrors", 0)];
        assert_eq!(read(lines_of_ipv6, text), expected);
    }

    #[test]
    fn sockets_in_use() {
        let text = b"sockets: used 119\nTCP: inuse 5 orphan 0 mem\nFRAG6: inuse 0 memory 0\n";
        let expected = [
            told("sockets", "used", 119),
            told("TCP", "inuse", 5),
            told("TCP", "orphan", 0),
            told("FRAG6", "inuse", 0),
            told("FRAG6", "memory", 0),
        ];
        assert_eq!(read(pairs, text), expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            for parse in [tables, lines_of_ipv6, pairs] {
                read(parse, &text);
                read(parse, &[b"Ip: A B\nIp: 1 ", text.as_slice()].concat());
            }
        }
    }
}
