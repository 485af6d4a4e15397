//! `RTM_GETLINK`: what interfaces are (rtnetlink(7), include/uapi/linux/if_link.h, net/core/rtnetlink.c: `rtnl_fill_ifinfo`).

use procwire_proto::v1::{FieldError, FieldErrorReason, NetworkInterface};

use super::message::{Attributes, u32_at};

/// Kinds of the question and of its answers.
pub(crate) const GET: u16 = 18;
pub(crate) const NEW: u16 = 16;

/// `IFF_UP`, `IFF_RUNNING` (include/uapi/linux/if.h).
pub(crate) const UP: u32 = 1;
pub(crate) const RUNNING: u32 = 1 << 6;

/// `struct ifinfomsg`.
const HEADER_BYTES: usize = 16;
/// `IFLA_EXT_MASK` with `RTEXT_FILTER_SKIP_STATS`: counters come from elsewhere. A kernel that does not know it sends them.
const EXTENSIONS: u16 = 29;
const SKIP_STATISTICS: u32 = 1 << 3;
/// `IFLA_ADDRESS`, ...
const ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const CONTROLLER: u16 = 10;
const OPERATIONAL_STATE: u16 = 16;
const LINK_INFO: u16 = 18;
const ALIAS: u16 = 20;
const CARRIER_CHANGES: u16 = 35;
/// `IFLA_INFO_KIND`, within `IFLA_LINKINFO`.
const INFO_KIND: u16 = 1;
/// `NLA_TYPE_MASK`: the two highest bits say how an attribute is made.
const KIND_MASK: u16 = 0x3fff;

/// The question for all interfaces of the namespace.
pub(crate) fn request() -> Vec<u8> {
    let mut request = vec![0; HEADER_BYTES];
    request.extend_from_slice(&8_u16.to_ne_bytes());
    request.extend_from_slice(&EXTENSIONS.to_ne_bytes());
    request.extend_from_slice(&SKIP_STATISTICS.to_ne_bytes());
    request
}

/// An answer: everything but counters, addresses, speed and duplex. `None` if it is torn before the name.
pub(crate) fn parse(message: &[u8]) -> Option<NetworkInterface> {
    let (header, attributes) = message.split_at_checked(HEADER_BYTES)?;
    let flags = u32_at(header, 8)?;
    let mut link = NetworkInterface {
        index: Some(u32_at(header, 4)?),
        flags: Some(flags),
        running: Some(flags & RUNNING != 0),
        ..NetworkInterface::default()
    };
    for (kind, value) in Attributes(attributes) {
        match kind & KIND_MASK {
            ADDRESS => link.hardware_address = (!value.is_empty()).then(|| value.to_vec()),
            NAME => link.name = text(value).to_vec(),
            MTU => link.mtu_bytes = u32_at(value, 0),
            CONTROLLER => link.controller_index = u32_at(value, 0).filter(|index| *index != 0),
            OPERATIONAL_STATE => link.operational_state = value.first().map(|state| state_name(*state)),
            LINK_INFO => {
                let kind = Attributes(value).find(|(kind, _)| kind & KIND_MASK == INFO_KIND);
                link.kind = kind.map(|(_, kind)| String::from_utf8_lossy(text(kind)).into_owned());
            }
            ALIAS => link.alias = Some(text(value).to_vec()).filter(|alias| !alias.is_empty()),
            CARRIER_CHANGES => link.carrier_changes = u32_at(value, 0),
            _ => {}
        }
    }
    for (path, is_told) in [
        ("mtu_bytes", link.mtu_bytes.is_some()),
        ("operational_state", link.operational_state.is_some()),
        // Since kernel 3.15.
        ("carrier_changes", link.carrier_changes.is_some()),
    ] {
        if !is_told {
            link.errors.push(FieldError {
                path: path.to_owned(),
                reason: FieldErrorReason::Unsupported.into(),
                detail: "rtnetlink of this kernel does not tell".to_owned(),
            });
        }
    }
    (!link.name.is_empty()).then_some(link)
}

/// RFC 2863 as the kernel numbers it (`IF_OPER_UNKNOWN`, ...) and sysfs names it (net/core/net-sysfs.c).
fn state_name(state: u8) -> String {
    let names = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];
    names.get(usize::from(state)).map_or_else(|| state.to_string(), |name| (*name).to_owned())
}

/// A string of the kernel, which ends with a zero.
pub(super) fn text(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
