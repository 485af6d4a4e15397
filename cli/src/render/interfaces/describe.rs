//! Parts of an interface in words.

use std::net::IpAddr;

use procwire_proto::{
    escape,
    v1::{Duplex, InterfaceAddress, NetworkInterface},
};

use super::{UP, name, speed::bits};

/// IFF_* of linux/if.h, as ip(8) and psutil name them.
const FLAGS: [&str; 19] = [
    "up",
    "broadcast",
    "debug",
    "loopback",
    "point-to-point",
    "no trailers",
    "running",
    "no arp",
    "promiscuous",
    "all multicast",
    "master",
    "slave",
    "multicast",
    "port select",
    "automedia",
    "dynamic",
    "lower up",
    "dormant",
    "echo",
];

/// Its flags in words, those that have no name in hex.
pub(super) fn flags(flags: u32) -> String {
    let named = FLAGS.iter().enumerate().filter(|(bit, _)| flags & (1 << bit) != 0).map(|(_, name)| (*name).to_owned());
    let rest = flags >> FLAGS.len() << FLAGS.len();
    let words: Vec<_> = named.chain((rest != 0).then(|| format!("{rest:#x}"))).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// Whether it can carry anything: `up`, `down (switched off)`, `up, no carrier`.
pub(super) fn state(interface: &NetworkInterface) -> String {
    let is_on = interface.flags.map(|flags| flags & UP != 0);
    match (is_on, interface.operational_state.as_deref(), interface.running) {
        (Some(false), _, _) => "switched off".to_owned(),
        // The loopback and many virtual interfaces do not tell; they run.
        (_, Some("unknown") | None, Some(true)) | (_, Some("up"), _) => "up".to_owned(),
        (_, Some("down" | "lowerlayerdown"), _) => "on, no carrier".to_owned(),
        (_, Some("unknown") | None, Some(false)) => "on, not running".to_owned(),
        (_, Some(state), _) => escape::terminal(state.as_bytes()).into_owned(),
        (Some(true), None, None) => "on".to_owned(),
        (None, None, None) => "state not known".to_owned(),
    }
}

/// Speed and duplex of the link, where it has any.
pub(super) fn link(interface: &NetworkInterface) -> Option<String> {
    let duplex = match interface.duplex() {
        Duplex::Full => Some("full duplex".to_owned()),
        Duplex::Half => Some("half duplex".to_owned()),
        Duplex::Unspecified => None,
    };
    let parts: Vec<_> = interface.bits_per_second.map(bits).into_iter().chain(duplex).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What kind it is of and what it belongs to.
pub(super) fn kind(interface: &NetworkInterface, all: &[NetworkInterface]) -> Option<String> {
    let kind = interface.kind.as_deref().map(|kind| escape::terminal(kind.as_bytes()).into_owned());
    let controller =
        interface.controller_index.map(|index| match all.iter().find(|other| other.index == Some(index)) {
            Some(controller) => format!("part of {}", name(controller)),
            None => format!("part of interface {index}"),
        });
    let parts: Vec<_> = kind.into_iter().chain(controller).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// An address with its network: `10.0.0.2/24`, `fe80::1/64`.
pub(super) fn network(address: &InterfaceAddress) -> String {
    format!("{}/{}", ip(&address.ip), address.prefix_length)
}

/// All that is known of an address.
pub(super) fn address(address: &InterfaceAddress, interface: &NetworkInterface) -> String {
    let broadcast = address.broadcast.as_deref().map(|broadcast| format!("broadcast {}", ip(broadcast)));
    let peer = address.peer.as_deref().map(|peer| format!("peer {}", ip(peer)));
    let label = address.label.as_deref().filter(|label| *label != interface.name);
    let label = label.map(|label| format!("label {}", escape::terminal(label)));
    let parts = broadcast.into_iter().chain(peer).chain([format!("scope {}", scope(address.scope))]).chain(label);
    format!("{}  {}", network(address), parts.collect::<Vec<_>>().join(", "))
}

/// rtnetlink(7), rt_scope_t.
fn scope(scope: u32) -> String {
    match scope {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        _ => scope.to_string(),
    }
}

/// Bytes that are no address are shown as what they are.
fn ip(bytes: &[u8]) -> String {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        IpAddr::from(bytes).to_string()
    } else if let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
        IpAddr::from(bytes).to_string()
    } else {
        format!("?{}", hex(bytes))
    }
}

/// `02:fc:00:00:00:01`.
pub(super) fn hardware_address(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names_and_what_has_none_is_not_hidden() {
        assert_eq!(flags(0x1_1043), "up, broadcast, running, multicast, lower up");
        assert_eq!(flags(0), "none");
        assert_eq!(flags(1 | 1 << 18 | 1 << 31), "up, echo, 0x80000000");
        assert!(flags(u32::MAX).ends_with("0xfff80000"));
    }

    #[test]
    fn a_state_says_whose_fault_it_is() {
        let interface = |flags, state: Option<&str>, running| NetworkInterface {
            flags,
            running,
            operational_state: state.map(str::to_owned),
            ..NetworkInterface::default()
        };
        for (flags, told, running, wanted) in [
            (Some(0x1043), Some("up"), Some(true), "up"),
            (Some(0x49), Some("unknown"), Some(true), "up"),
            (Some(0x1003), Some("down"), Some(false), "on, no carrier"),
            (Some(0x1003), Some("unknown"), Some(false), "on, not running"),
            (Some(0x1002), Some("down"), Some(false), "switched off"),
            (Some(0x1003), Some("dormant"), Some(false), "dormant"),
            (Some(0x1), Some("\u{1b}"), None, r"\x1b"),
            (Some(1), None, None, "on"),
            (None, None, None, "state not known"),
        ] {
            assert_eq!(state(&interface(flags, told, running)), wanted);
        }
    }

    #[test]
    fn addresses_that_are_none_are_shown_and_not_guessed() {
        assert_eq!(ip(&[10, 0, 0, 2]), "10.0.0.2");
        assert_eq!(ip(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "fe80::1");
        assert_eq!((ip(&[1, 2, 0x1b]), ip(&[])), ("?01021b".to_owned(), "?".to_owned()));
        assert_eq!([0, 200, 253, 254, 255, 7].map(scope), ["global", "site", "link", "host", "nowhere", "7"]);
    }
}
