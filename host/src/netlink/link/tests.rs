#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::netlink::tests::{attribute, payloads};

fn link(attributes: &[Vec<u8>]) -> NetworkInterface {
    let header = [&[0; 4][..], &7_u32.to_ne_bytes(), &0x1043_u32.to_ne_bytes(), &[0; 4]].concat();
    parse(&[header, attribute(NAME, b"x\0"), attributes.concat()].concat()).unwrap()
}

#[test]
#[cfg(target_endian = "little")]
fn the_interfaces_of_a_kernel_of_today() {
    let captured = payloads(include_str!("../../../tests/fixtures/netlink/links.hex"));
    let links: Vec<_> = captured.iter().map(|message| parse(message).unwrap()).collect();
    let [lo, vb, va, br0, tun0, down0] = links.as_slice() else { unreachable!("{links:?}") };
    assert_eq!((lo.name.as_slice(), lo.index, lo.kind.as_deref()), (b"lo".as_slice(), Some(1), None));
    assert_eq!((lo.hardware_address.as_deref(), lo.mtu_bytes), (Some(&[0; 6][..]), Some(65_536)));
    assert_eq!((lo.operational_state.as_deref(), lo.running), (Some("unknown"), Some(true)));
    assert_eq!((lo.carrier_changes, lo.alias.as_deref()), (Some(0), None));
    assert_eq!((vb.kind.as_deref(), vb.alias.as_deref()), (Some("veth"), Some(&b"up\xe4link"[..])));
    assert_eq!((vb.controller_index, vb.operational_state.as_deref()), (None, Some("up")));
    assert_eq!(vb.hardware_address.as_deref(), Some(&[0x3e, 0x36, 0x73, 0xa1, 0xa5, 0xd4][..]));
    assert_eq!((va.controller_index, va.mtu_bytes, va.carrier_changes), (br0.index, Some(1400), Some(2)));
    assert_eq!(br0.kind.as_deref(), Some("bridge"));
    assert_eq!((tun0.kind.as_deref(), tun0.hardware_address.as_deref()), (Some("tun"), None), "a tun has none");
    // IFF_UP, but nobody has it open.
    assert_eq!((tun0.flags.map(|flags| flags & 1), tun0.running), (Some(1), Some(false)));
    assert_eq!((down0.running, down0.operational_state.as_deref()), (Some(false), Some("down")));
    assert!(links.iter().all(|link| link.errors.is_empty()));
}

#[test]
fn a_torn_message_tells_what_it_has_or_nothing() {
    let captured = payloads(include_str!("../../../tests/fixtures/netlink/links.hex"));
    for message in &captured {
        for length in 0..message.len() {
            let torn = parse(message.get(..length).unwrap());
            assert!(torn.is_none_or(|link| !link.name.is_empty()));
        }
    }
    assert_eq!(parse(&[]), None);
    assert_eq!(parse(&[0; HEADER_BYTES]), None, "an interface has a name");
}

#[test]
fn an_old_kernel_says_less_and_that_is_said() {
    let link = link(&[]);
    let missing: Vec<_> = link.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    let unsupported = FieldErrorReason::Unsupported;
    let expected = [("mtu_bytes", unsupported), ("operational_state", unsupported), ("carrier_changes", unsupported)];
    assert_eq!(missing, expected);
    assert_eq!((link.index, link.flags, link.running), (Some(7), Some(0x1043), Some(true)));
}

#[test]
fn attributes_too_short_are_not_there() {
    let link = link(&[attribute(MTU, &[1, 2]), attribute(OPERATIONAL_STATE, &[]), attribute(ADDRESS, &[])]);
    assert_eq!((link.mtu_bytes, link.operational_state, link.hardware_address), (None, None, None));
}

#[test]
fn names_and_states_are_what_they_are() {
    let infiniband: Vec<u8> = (0..20).collect();
    let nested = attribute(INFO_KIND, b"new\xff\0");
    let link = link(&[
        attribute(NAME, b"\x01\xff\xe2 odd\0rest"),
        attribute(OPERATIONAL_STATE, &[9]),
        attribute(ADDRESS, &infiniband),
        // NLA_F_NESTED
        attribute(LINK_INFO | 0x8000, &nested),
        attribute(ALIAS, b"\0"),
    ]);
    assert_eq!(link.name, b"\x01\xff\xe2 odd");
    assert_eq!(link.operational_state.as_deref(), Some("9"), "a state of a later kernel");
    assert_eq!(link.hardware_address, Some(infiniband));
    assert_eq!((link.kind.as_deref(), link.alias), (Some("new\u{fffd}"), None));
    for (number, name) in
        ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"].iter().enumerate()
    {
        assert_eq!(state_name(u8::try_from(number).unwrap()), *name);
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        parse(&bytes);
        parse(&[&[0; HEADER_BYTES], bytes.as_slice()].concat());
    }
}
