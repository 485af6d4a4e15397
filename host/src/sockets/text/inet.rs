//! `tcp`, `udp`, `udplite`, `raw` and the same for IPv6 (net/ipv4/tcp_ipv4.c: tcp4_seq_show; Documentation/networking/proc_net_tcp.rst).

use super::{hexadecimal, narrow};
use crate::{
    procfs::Numbers,
    sockets::{
        row::{Endpoint, Ends, LISTEN, Row},
        tables::Transport,
    },
};

/// `sl local rem st tx:rx tr:when retrnsmt uid timeout inode ...`
pub(super) fn parse(line: &[u8], transport: Transport) -> Option<Row> {
    let mut columns = Numbers::new(line);
    let (local, remote) = (columns.skip(1).token()?, columns.token()?);
    let ends = match local.len() {
        // 8 digits, a colon, 4 digits.
        13 => Ends::Inet4 { local: endpoint(local)?, remote: endpoint(remote)? },
        _ => Ends::Inet6 { local: endpoint(local)?, remote: endpoint(remote)? },
    };
    let state = narrow(hexadecimal(columns.token()?)?)?;
    let (send_queue, receive_queue) = pair(columns.token()?)?;
    let uid = columns.skip(2).unsigned()?;
    let inode = columns.skip(1).unsigned()?;
    let row = Row {
        inode,
        ends,
        receive_queue: Some(receive_queue),
        // Of a listener it says 0, and not how long its queue may grow.
        send_queue: (state != LISTEN).then_some(send_queue),
        uid: narrow(uid),
        interface: 0,
        protocol: Some(transport.protocol()),
        kind: transport.kind(),
        state,
        namespace: 0,
    };
    Some(row.settled(transport))
}

fn pair(text: &[u8]) -> Option<(u32, u32)> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let number = |digits: &[u8]| narrow(hexadecimal(digits)?);
    Some((number(text.get(..colon)?)?, number(text.get(colon + 1..)?)?))
}

/// The kernel prints each 32-bit word of an address as the number that the machine reads in it.
fn endpoint<const BYTES: usize>(text: &[u8]) -> Option<Endpoint<BYTES>> {
    let (digits, port) = text.split_at_checked(BYTES * 2)?;
    let mut ip = [0; BYTES];
    for (place, word) in ip.chunks_exact_mut(4).zip(digits.chunks_exact(8)) {
        place.copy_from_slice(&narrow::<u32>(hexadecimal(word)?)?.to_ne_bytes());
    }
    Some(Endpoint { ip, port: narrow(hexadecimal(port.strip_prefix(b":")?)?)? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_are_swapped_word_by_word() {
        assert_eq!(endpoint(b"0500000A:0016"), Some(Endpoint { ip: [10, 0, 0, 5], port: 22 }));
        let mapped: Endpoint<16> = endpoint(b"0000000000000000FFFF00000100007F:9E49").unwrap();
        assert_eq!(
            (std::net::Ipv6Addr::from(mapped.ip).to_string(), mapped.port),
            ("::ffff:127.0.0.1".to_owned(), 40521)
        );
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_becomes_a_row() {
        let line = b"   1: 0100007F:1F90 0100007F:C350 08 00000001:0000000A 00:00000000 00000000  1000        0 462170 1 0 20 4 0 10 -1";
        let row = parse(line, Transport::Tcp).unwrap();
        let local = Endpoint { ip: [127, 0, 0, 1], port: 8080 };
        let remote = Endpoint { ip: [127, 0, 0, 1], port: 50000 };
        assert_eq!(row.ends, Ends::Inet4 { local, remote });
        assert_eq!((row.send_queue, row.receive_queue, row.uid), (Some(1), Some(10), Some(1000)));
        assert_eq!((row.inode, row.state, row.protocol, row.kind), (462_170, 8, Some(6), 1));
    }

    #[test]
    fn what_nobody_owns_has_no_owner_and_a_listener_no_limit() {
        let time_wait =
            b" 2: 0100007F:1F90 0100007F:C350 06 00000000:00000000 03:00000E2C 00000000     0        0 0 3 0";
        let row = parse(time_wait, Transport::Tcp).unwrap();
        assert_eq!((row.inode, row.uid, row.state), (0, None, 6));
        let listener =
            b" 3: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 77 1 0";
        let row = parse(listener, Transport::Tcp).unwrap();
        assert_eq!((row.receive_queue, row.send_queue, row.uid), (Some(3), None, Some(0)));
    }

    #[test]
    fn a_raw_socket_has_a_protocol_where_others_have_a_port() {
        let line = b" 1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 88 2 0 0";
        let row = parse(line, Transport::Raw).unwrap();
        assert_eq!((row.protocol, row.state, row.ports()), (Some(1), 0, Some((0, 0))));
    }

    proptest::proptest! {
        #[test]
        fn torn_lines_are_no_rows_and_no_panic(line: Vec<u8>) {
            parse(&line, Transport::Tcp);
        }

        #[test]
        fn a_cut_line_is_no_row(length in 0_usize..75) {
            let line = b"1: 0100007F:1F90 0100007F:C350 08 00000001:0000000A 00:00000000 00000000 1000 0 462170";
            proptest::prop_assert_eq!(parse(line.get(..length).unwrap(), Transport::Tcp), None);
        }
    }
}
