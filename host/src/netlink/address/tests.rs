#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::netlink::tests::{attribute, payloads};

/// An address of interface 7.
fn address(family: u8, prefix_length: u8, attributes: &[Vec<u8>]) -> Option<InterfaceAddress> {
    let header = [&[family, prefix_length, 0, 253][..], &7_u32.to_ne_bytes()].concat();
    let (index, address) = parse(&[header, attributes.concat()].concat())?;
    assert_eq!((index, address.scope), (7, 253));
    Some(address)
}

#[test]
#[cfg(target_endian = "little")]
fn the_addresses_of_a_kernel_of_today() {
    let captured = payloads(include_str!("../../../tests/fixtures/netlink/addresses.hex"));
    let found: Vec<_> = captured.iter().map(|message| parse(message).unwrap()).collect();
    let of = |ip: &[u8]| found.iter().find(|(_, address)| address.ip == ip).unwrap();
    assert_eq!(found.len(), 11);

    let (index, loopback) = of(&[127, 0, 0, 1]);
    assert_eq!((*index, loopback.prefix_length, loopback.scope), (1, 8, 254));
    assert_eq!((loopback.broadcast.as_deref(), loopback.peer.as_deref()), (None, None));
    let (index, first) = of(&[192, 0, 2, 5]);
    assert_eq!((*index, first.prefix_length, first.scope), (2, 24, 0));
    assert_eq!(first.broadcast.as_deref(), Some(&[192, 0, 2, 255][..]));
    let (_, labelled) = of(&[192, 0, 2, 6]);
    assert_eq!((labelled.label.as_deref(), labelled.broadcast.as_deref()), (Some(&b"vb:1"[..]), None));
    assert_eq!(of(&[198, 51, 100, 7]).1.prefix_length, 32);
    let (index, tunnel) = of(&[10, 9, 0, 1]);
    assert_eq!((*index, tunnel.peer.as_deref(), tunnel.prefix_length), (5, Some(&[10, 9, 0, 2][..]), 32));
    assert_eq!(tunnel.broadcast, None);

    let ipv6 = |last: u8| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    assert_eq!((of(&ipv6(5)).1.peer.as_deref(), of(&ipv6(5)).1.prefix_length), (None, 64));
    assert_eq!((of(&ipv6(6)).1.peer.as_deref(), of(&ipv6(6)).1.prefix_length), (Some(&ipv6(7)[..]), 128));
    assert_eq!(found.iter().filter(|(_, address)| address.scope == 253).count(), 3, "link-local");
}

#[test]
fn broadcast_addresses_as_they_were_set() {
    let told = |ip: [u8; 4], prefix_length, broadcast: [u8; 4]| {
        let ip = ip.to_vec();
        let attributes = [attribute(ADDRESS, &ip), attribute(LOCAL, &ip), attribute(BROADCAST, &broadcast)];
        address(AF_INET, prefix_length, &attributes).unwrap().broadcast
    };
    assert_eq!(told([10, 1, 1, 86], 24, [10, 1, 1, 255]), Some(vec![10, 1, 1, 255]));
    assert_eq!(told([172, 20, 10, 7], 28, [172, 20, 10, 15]), Some(vec![172, 20, 10, 15]));
    assert_eq!(told([10, 1, 1, 86], 32, [10, 1, 1, 86]), None, "a network of one has none");
}

#[test]
fn the_other_end_has_no_broadcast_beside_it() {
    let attributes =
        [attribute(ADDRESS, &[10, 0, 0, 2]), attribute(LOCAL, &[10, 0, 0, 1]), attribute(BROADCAST, &[10, 0, 0, 255])];
    let found = address(AF_INET, 24, &attributes).unwrap();
    assert_eq!((found.ip, found.peer, found.broadcast), (vec![10, 0, 0, 1], Some(vec![10, 0, 0, 2]), None));
}

#[test]
fn what_is_no_address_is_left_out() {
    assert_eq!(address(17, 0, &[attribute(ADDRESS, &[1, 2, 3, 4])]), None, "a family other than IP");
    assert_eq!(address(AF_INET, 24, &[]), None);
    assert_eq!(address(AF_INET, 24, &[attribute(LOCAL, &[10, 0, 0])]), None, "too short");
    assert_eq!(address(AF_INET6, 64, &[attribute(ADDRESS, &[10, 0, 0, 1])]), None);
    let torn_peer = [attribute(ADDRESS, &[10, 0]), attribute(LOCAL, &[10, 0, 0, 1])];
    assert_eq!(address(AF_INET, 255, &torn_peer).unwrap().peer, None);
}

#[test]
fn a_torn_message_tells_what_it_has_or_nothing() {
    for message in payloads(include_str!("../../../tests/fixtures/netlink/addresses.hex")) {
        for length in 0..message.len() {
            let torn = parse(message.get(..length).unwrap());
            assert!(torn.is_none_or(|(_, address)| matches!(address.ip.len(), 4 | 16)));
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        parse(&bytes);
        parse(&[&[2, 24, 0, 0, 1, 0, 0, 0], bytes.as_slice()].concat());
    }
}
