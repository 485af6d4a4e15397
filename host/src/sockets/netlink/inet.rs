//! `inet_diag`: requests and answers of the protocols above IP (include/uapi/linux/inet_diag.h).

use procwire_proto::v1::SocketFamily;

use super::Share;
use crate::{
    netlink::message::{Attributes, u16_be_at, u32_at},
    sockets::{
        row::{
            BOUND_INACTIVE, CLOSE, CLOSE_WAIT, ESTABLISHED, Endpoint, Ends, FIN_WAIT1, LAST_ACK, LISTEN, Row, SYN_SENT,
        },
        tables::Transport,
    },
};

/// `AF_INET`; the other one is `AF_INET6`.
const AF_INET: u8 = 2;
/// `INET_DIAG_REQ_PROTOCOL`: a protocol number that does not fit into a byte.
const REQUEST_PROTOCOL: u16 = 3;
/// `INET_DIAG_REQ_BYTECODE`: a program that chooses.
const REQUEST_BYTECODE: u16 = 1;
/// `INET_DIAG_BC_JMP`, `_S_GE`, `_D_GE`, `_D_LE`.
const JUMP: u8 = 1;
const SOURCE_AT_LEAST: u8 = 2;
const DESTINATION_AT_LEAST: u8 = 4;
const DESTINATION_AT_MOST: u8 = 5;
/// Between 32768 and 60999 (`net.ipv4.ip_local_port_range`).
const MIDDLE_PORT: u16 = 46_884;
/// No protocol: a kernel that does not know the attribute has nothing to answer with.
const NO_PROTOCOL: u8 = 254;
/// `struct inet_diag_sockid`.
const ID_BYTES: usize = 48;
/// `INET_DIAG_PEERS`: an SCTP association, and no endpoint.
const PEERS: u16 = 13;

/// `struct inet_diag_req_v2`.
pub(super) fn request(transport: Transport, family: SocketFamily, states: u32, share: Share) -> Vec<u8> {
    let protocol = transport.protocol();
    // SCTP numbers its states otherwise, so that all are asked for.
    let states = if transport == Transport::Sctp { u32::MAX } else { states };
    let mut request = Vec::with_capacity(128);
    request.extend_from_slice(&[family as u8, u8::try_from(protocol).unwrap_or(NO_PROTOCOL), 0, 0]);
    request.extend_from_slice(&share.states(states).to_ne_bytes());
    request.extend_from_slice(&[0; ID_BYTES]);
    if u8::try_from(protocol).is_err() {
        attribute(&mut request, REQUEST_PROTOCOL, &u32::from(protocol).to_ne_bytes());
    }
    restrict(&mut request, share);
    request
}

/// `struct inet_diag_req`: TCP of both families.
pub(super) fn request_of_both(states: u32, share: Share) -> Vec<u8> {
    let mut request = vec![0; 4];
    request.extend_from_slice(&[0; ID_BYTES]);
    request.extend_from_slice(&share.states(states).to_ne_bytes());
    request.extend_from_slice(&[0; 4]);
    restrict(&mut request, share);
    request
}

fn restrict(request: &mut Vec<u8>, share: Share) {
    if let Some(program) = share.program() {
        attribute(request, REQUEST_BYTECODE, &program);
    }
}

fn attribute(request: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    request.extend_from_slice(&length.to_ne_bytes());
    request.extend_from_slice(&kind.to_ne_bytes());
    request.extend_from_slice(value);
}

impl Share {
    /// Who waits or is only bound is in tables of its own, which the first half looks into.
    fn states(self, states: u32) -> u32 {
        const AT_REST: u32 = 1 << LISTEN | 1 << CLOSE | BOUND_INACTIVE;
        if self == Self::Second { states & !AT_REST } else { states }
    }

    /// A program that the kernel runs on each socket (net/ipv4/inet_diag.c: inet_diag_bc_run). Of a host's many connections one port or
    /// the other is ephemeral, so "one of the ports is in the upper half of the ephemeral ones, and the other is not" is true of half of
    /// them, whether it serves or calls. What has no remote port is in the first half.
    fn program(self) -> Option<Vec<u8>> {
        let mut program = Vec::with_capacity(40);
        let (then, otherwise) = match self {
            Self::All => return None,
            Self::First => {
                comparison(&mut program, DESTINATION_AT_MOST, 0, 12);
                operation(&mut program, JUMP, 4, 32);
                ((DESTINATION_AT_MOST, MIDDLE_PORT - 1), (DESTINATION_AT_LEAST, MIDDLE_PORT))
            }
            Self::Second => {
                comparison(&mut program, DESTINATION_AT_LEAST, 1, 40);
                ((DESTINATION_AT_LEAST, MIDDLE_PORT), (DESTINATION_AT_MOST, MIDDLE_PORT - 1))
            }
        };
        // Is the local port in the upper half? Then go on at the next operation, else 20 bytes on, at the last one.
        comparison(&mut program, SOURCE_AT_LEAST, MIDDLE_PORT, 20);
        // The remote port decides; to jump to the end is to accept, 4 bytes beyond is to refuse.
        comparison(&mut program, then.0, then.1, 24);
        operation(&mut program, JUMP, 4, 12);
        comparison(&mut program, otherwise.0, otherwise.1, 12);
        Some(program)
    }
}

/// `struct inet_diag_bc_op`, with the port to compare with in the next one.
fn comparison(program: &mut Vec<u8>, code: u8, port: u16, otherwise: u16) {
    operation(program, code, 8, otherwise);
    operation(program, 0, 0, port);
}

fn operation(program: &mut Vec<u8>, code: u8, then: u8, otherwise: u16) {
    program.extend_from_slice(&[code, then]);
    program.extend_from_slice(&otherwise.to_ne_bytes());
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
