//! `inet_diag`: requests and answers of the protocols above IP (include/uapi/linux/inet_diag.h).

use procwire_proto::v1::SocketFamily;

use super::{Attributes, u16_be_at, u32_at};
use crate::sockets::{
    row::{CLOSE, CLOSE_WAIT, ESTABLISHED, Endpoint, Ends, FIN_WAIT1, LAST_ACK, LISTEN, Row, SYN_SENT},
    tables::Transport,
};

/// `AF_INET`; the other one is `AF_INET6`.
const AF_INET: u8 = 2;
/// `INET_DIAG_REQ_PROTOCOL`: a protocol number that does not fit into a byte.
const REQUEST_PROTOCOL: u16 = 3;
/// No protocol: a kernel that does not know the attribute has nothing to answer with.
const NO_PROTOCOL: u8 = 254;
/// `struct inet_diag_sockid`.
const ID_BYTES: usize = 48;
/// `INET_DIAG_PEERS`: an SCTP association, and no endpoint.
const PEERS: u16 = 13;

/// `struct inet_diag_req_v2`.
pub(super) fn request(transport: Transport, family: SocketFamily, states: u32) -> Vec<u8> {
    let protocol = transport.protocol();
    // SCTP numbers its states otherwise, so that all are asked for.
    let states = if transport == Transport::Sctp { u32::MAX } else { states };
    let mut request = Vec::with_capacity(64);
    request.extend_from_slice(&[family as u8, u8::try_from(protocol).unwrap_or(NO_PROTOCOL), 0, 0]);
    request.extend_from_slice(&states.to_ne_bytes());
    request.extend_from_slice(&[0; ID_BYTES]);
    if u8::try_from(protocol).is_err() {
        request.extend_from_slice(&8_u16.to_ne_bytes());
        request.extend_from_slice(&REQUEST_PROTOCOL.to_ne_bytes());
        request.extend_from_slice(&u32::from(protocol).to_ne_bytes());
    }
    request
}

/// `struct inet_diag_msg`.
pub(super) fn parse(message: &[u8], transport: Transport) -> Option<Row> {
    let (fixed, attributes) = message.split_first_chunk::<72>()?;
    let [family, state, ..] = *fixed;
    let (local_port, remote_port) = (u16_be_at(fixed, 4)?, u16_be_at(fixed, 6)?);
    let ends = if family == AF_INET {
        Ends::Inet4 {
            local: Endpoint { ip: *fixed.get(8..)?.first_chunk()?, port: local_port },
            remote: Endpoint { ip: *fixed.get(24..)?.first_chunk()?, port: remote_port },
        }
    } else {
        Ends::Inet6 {
            local: Endpoint { ip: *fixed.get(8..)?.first_chunk()?, port: local_port },
            remote: Endpoint { ip: *fixed.get(24..)?.first_chunk()?, port: remote_port },
        }
    };
    let state = if transport == Transport::Sctp { sctp_state(state, attributes) } else { state };
    Some(
        Row {
            inode: u32_at(fixed, 68)?.into(),
            ends,
            receive_queue: u32_at(fixed, 56),
            send_queue: u32_at(fixed, 60),
            uid: u32_at(fixed, 64),
            interface: u32_at(fixed, 40)?,
            protocol: Some(transport.protocol()),
            kind: transport.kind(),
            state,
            namespace: 0,
        }
        .settled(transport),
    )
}

/// States of an association (include/net/sctp/constants.h: enum sctp_state) by the nearest name of TCP's.
fn sctp_state(state: u8, attributes: &[u8]) -> u8 {
    let is_association = Attributes(attributes).any(|(kind, _)| kind == PEERS);
    match (is_association, state) {
        (false, LISTEN) => LISTEN,
        (true, 1 | 2) => SYN_SENT,
        (true, 3) => ESTABLISHED,
        (true, 4 | 5) => FIN_WAIT1,
        (true, 6) => CLOSE_WAIT,
        (true, 7) => LAST_ACK,
        (_, _) => CLOSE,
    }
}

impl Row {
    /// What netlink and the text tables have in common: numbers that stand for nothing are taken out.
    pub(in crate::sockets) fn settled(mut self, transport: Transport) -> Self {
        if !transport.has_states() && self.state == CLOSE {
            self.state = 0;
        }
        // Nobody owns it, and the kernel writes 0, which would be root.
        if self.inode == 0 && self.uid == Some(0) {
            self.uid = None;
        }
        if transport == Transport::Raw {
            // The "port" of a raw socket is its protocol (net/ipv4/raw.c).
            let mut protocol = None;
            match &mut self.ends {
                Ends::Inet4 { local, .. } => protocol = Some(std::mem::take(&mut local.port)),
                Ends::Inet6 { local, .. } => protocol = Some(std::mem::take(&mut local.port)),
                Ends::Unix { .. } | Ends::Netlink { .. } | Ends::Packet { .. } | Ends::Vsock { .. } => {}
            }
            self.protocol = protocol;
        }
        self
    }
}
