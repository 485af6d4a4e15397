//! `netlink_diag`, `packet_diag`, `vsock_diag` (include/uapi/linux/netlink_diag.h, packet_diag.h, vm_sockets_diag.h).

use crate::{
    netlink::message::{Attributes, u16_at, u32_at},
    sockets::row::{CLOSE, Ends, Row},
};

const AF_NETLINK: u8 = 16;
const AF_PACKET: u8 = 17;
const AF_VSOCK: u8 = 40;
/// `NDIAG_PROTO_ALL`.
const ALL_PROTOCOLS: u8 = 0xff;
/// `NDIAG_SHOW_GROUPS`.
const SHOW_GROUPS: u32 = 0x02;
/// `NETLINK_DIAG_GROUPS`.
const GROUPS: u16 = 1;
/// `PACKET_SHOW_INFO`.
const SHOW_INFO: u32 = 0x01;
/// `PACKET_DIAG_INFO`, `PACKET_DIAG_UID`.
const INFO: u16 = 0;
const UID: u16 = 5;

/// `struct netlink_diag_req`.
pub(super) fn netlink_request() -> Vec<u8> {
    without_states(AF_NETLINK, ALL_PROTOCOLS, SHOW_GROUPS)
}

/// `struct packet_diag_req`.
pub(super) fn packet_request() -> Vec<u8> {
    without_states(AF_PACKET, 0, SHOW_INFO)
}

fn without_states(family: u8, protocol: u8, show: u32) -> Vec<u8> {
    let mut request = vec![family, protocol, 0, 0];
    request.extend_from_slice(&0_u32.to_ne_bytes());
    request.extend_from_slice(&show.to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    request
}

/// `struct vsock_diag_req`.
pub(super) fn vsock_request(states: u32) -> Vec<u8> {
    let mut request = vec![AF_VSOCK, 0, 0, 0];
    request.extend_from_slice(&states.to_ne_bytes());
    request.extend_from_slice(&[0; 16]);
    request
}

/// `struct netlink_diag_msg`.
pub(super) fn parse_netlink(message: &[u8]) -> Option<Row> {
    let (fixed, attributes) = message.split_first_chunk::<28>()?;
    let [_, kind, protocol, ..] = *fixed;
    let groups = Attributes(attributes).find(|(attribute, _)| *attribute == GROUPS).map_or(0, |(_, words)| {
        // The kernel's words are as long as its pointers; on machines of 32 bits the second is the next.
        let low = u32_at(words, 0).map_or(0, u64::from);
        let high = u32_at(words, 4).map_or(0, u64::from);
        if cfg!(target_endian = "big") && cfg!(target_pointer_width = "64") {
            high | low << 32
        } else {
            low | high << 32
        }
    });
    let ends = Ends::Netlink {
        protocol,
        port_id: u32_at(fixed, 4)?,
        groups,
        remote_port_id: u32_at(fixed, 8)?,
        remote_group: u32_at(fixed, 12)?,
    };
    Some(stateless(u32_at(fixed, 16)?, kind, ends))
}

/// `struct packet_diag_msg`.
pub(super) fn parse_packet(message: &[u8]) -> Option<Row> {
    let (fixed, attributes) = message.split_first_chunk::<16>()?;
    let [_, kind, ..] = *fixed;
    let (mut interface, mut uid) = (0, None);
    for (attribute, value) in Attributes(attributes) {
        match attribute {
            INFO => interface = u32_at(value, 0).unwrap_or(0),
            UID => uid = u32_at(value, 0),
            _ => {}
        }
    }
    let row = stateless(u32_at(fixed, 4)?, kind, Ends::Packet { protocol: u16_at(fixed, 2)?, interface });
    Some(Row { uid, interface, ..row })
}

/// `struct vsock_diag_msg`.
pub(super) fn parse_vsock(message: &[u8]) -> Option<Row> {
    let (fixed, _) = message.split_first_chunk::<32>()?;
    let [_, kind, state, ..] = *fixed;
    let end = |offset| Some((u32_at(fixed, offset)?, u32_at(fixed, offset + 4)?));
    let row = stateless(u32_at(fixed, 20)?, kind, Ends::Vsock { local: end(4)?, remote: end(12)? });
    Some(Row { state: if state == CLOSE { 0 } else { state }, ..row })
}

fn stateless(inode: u32, kind: u8, ends: Ends) -> Row {
    Row {
        inode: inode.into(),
        ends,
        receive_queue: None,
        send_queue: None,
        uid: None,
        interface: 0,
        protocol: None,
        kind,
        state: 0,
        namespace: 0,
    }
}
