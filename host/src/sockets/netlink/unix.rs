//! `unix_diag` (include/uapi/linux/unix_diag.h).

use crate::{
    netlink::message::{Attributes, u32_at},
    sockets::row::{CLOSE, Ends, Row},
};

const AF_UNIX: u8 = 1;
/// `UDIAG_SHOW_NAME`, `_PEER`, `_RQLEN`, `_UID` (kernel 5.3).
const SHOW: u32 = 0x01 | 0x04 | 0x10 | 0x40;
/// `UNIX_DIAG_NAME`, `_PEER`, `_RQLEN`, `_UID`.
const NAME: u16 = 0;
const PEER: u16 = 2;
const QUEUES: u16 = 4;
const UID: u16 = 7;

/// `struct unix_diag_req`.
pub(super) fn request(states: u32) -> Vec<u8> {
    let mut request = vec![AF_UNIX, 0, 0, 0];
    request.extend_from_slice(&states.to_ne_bytes());
    request.extend_from_slice(&0_u32.to_ne_bytes());
    request.extend_from_slice(&SHOW.to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    request
}

/// `struct unix_diag_msg`.
pub(super) fn parse(message: &[u8]) -> Option<Row> {
    let (fixed, attributes) = message.split_first_chunk::<16>()?;
    let [_, kind, state, ..] = *fixed;
    let mut row = Row {
        inode: u32_at(fixed, 4)?.into(),
        ends: Ends::Unix { name: None, peer: 0 },
        receive_queue: None,
        send_queue: None,
        uid: None,
        interface: 0,
        protocol: None,
        kind,
        state: if state == CLOSE { 0 } else { state },
        namespace: 0,
    };
    let (mut name, mut peer) = (None, 0);
    for (attribute, value) in Attributes(attributes) {
        match attribute {
            NAME => name = Some(unterminated(value)),
            PEER => peer = u32_at(value, 0).unwrap_or(0).into(),
            QUEUES => (row.receive_queue, row.send_queue) = (u32_at(value, 0), u32_at(value, 4)),
            UID => row.uid = u32_at(value, 0),
            _ => {}
        }
    }
    row.ends = Ends::Unix { name: name.filter(|name| !name.is_empty()).map(Into::into), peer };
    Some(row)
}

/// A path comes with the NUL that ends it; an abstract name begins with one and keeps whatever it has.
fn unterminated(name: &[u8]) -> &[u8] {
    match name {
        [0, ..] => name,
        [path @ .., 0] => path,
        path => path,
    }
}
