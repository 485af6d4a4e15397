//! `RTM_GETADDR`: addresses of interfaces (rtnetlink(7), include/uapi/linux/if_addr.h).

use procwire_proto::v1::InterfaceAddress;

use super::{
    link::text,
    message::{Attributes, u32_at},
};

/// Kinds of the question and of its answers.
pub(crate) const GET: u16 = 22;
pub(crate) const NEW: u16 = 20;

/// `struct ifaddrmsg`.
const HEADER_BYTES: usize = 8;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// `IFA_ADDRESS`, `IFA_LOCAL`, `IFA_LABEL`, `IFA_BROADCAST`.
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const LABEL: u16 = 3;
const BROADCAST: u16 = 4;

/// The question for the addresses of all families of all interfaces.
pub(crate) fn request() -> [u8; HEADER_BYTES] {
    [0; HEADER_BYTES]
}

/// An answer: the index of the interface and the address. `None` for families other than IP, and if it is torn.
pub(crate) fn parse(message: &[u8]) -> Option<(u32, InterfaceAddress)> {
    let (header, attributes) = message.split_at_checked(HEADER_BYTES)?;
    let [family, prefix_length, _, scope, ..] = *header else { return None };
    let length = match family {
        AF_INET => 4,
        AF_INET6 => 16,
        _ => return None,
    };
    let (mut address, mut local, mut broadcast, mut label) = (None, None, None, None);
    for (kind, value) in Attributes(attributes) {
        match kind {
            ADDRESS => address = Some(value),
            LOCAL => local = Some(value),
            BROADCAST => broadcast = Some(value),
            LABEL => label = Some(text(value)),
            _ => {}
        }
    }
    // The address is IFA_LOCAL, and IFA_ADDRESS that of the other end; IPv6 has IFA_LOCAL only if there is another end.
    let (own, peer) = match (local, address) {
        (Some(local), other) => (local, other.filter(|other| *other != local)),
        (None, address) => (address?, None),
    };
    let bytes = |value: &[u8]| (value.len() == length).then(|| value.to_vec());
    let peer = peer.and_then(bytes);
    // Some tools set a broadcast address of a network of one.
    let has_broadcast = peer.is_none() && usize::from(prefix_length) < length * 8;
    Some((
        u32_at(header, 4)?,
        InterfaceAddress {
            ip: bytes(own)?,
            prefix_length: prefix_length.into(),
            broadcast: broadcast.filter(|_| has_broadcast).and_then(bytes),
            peer,
            scope: scope.into(),
            label: label.filter(|label| !label.is_empty()).map(<[u8]>::to_vec),
        },
    ))
}

#[cfg(test)]
mod tests;
