//! Network interfaces: what they are, and what they carry.

pub(crate) mod blocks;
mod describe;
pub(crate) mod protocols;
pub(crate) mod rates;
pub(crate) mod short;
mod speed;

use procwire_proto::{escape, v1::NetworkInterface};

/// IFF_UP: the administrator switched it on (linux/if.h).
const UP: u32 = 1;
/// IFF_LOOPBACK.
const LOOPBACK: u32 = 1 << 3;

/// True unless the administrator switched it off; of what is not known nothing is hidden.
pub(crate) fn is_up(interface: &NetworkInterface) -> bool {
    interface.flags.is_none_or(|flags| flags & UP != 0)
}

/// True for the interface by which a host talks to itself.
pub(crate) fn is_loopback(interface: &NetworkInterface) -> bool {
    interface.flags.map_or(interface.name == b"lo", |flags| flags & LOOPBACK != 0)
}

/// Its name, safe to print.
pub(crate) fn name(interface: &NetworkInterface) -> String {
    escape::terminal(&interface.name).into_owned()
}
