//! Interfaces as files tell them where netlink is not for us: `/sys/class/net` (Documentation/ABI/testing/sysfs-class-net), and
//! `/proc/net` for addresses.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{Duplex, NetworkInterface},
};

use super::{
    PROPERTIES, SPEED, absent,
    by_kernel::bits_per_second,
    gone,
    ipv4_files::{self, Found},
};
use crate::{
    HostError,
    netlink::link::{RUNNING, UP},
    system::{
        answer::{Answer, Failure},
        kept_file::{KeptFile, ReadBuffer},
        parse::if_inet6,
    },
};

/// `IFF_LOWER_UP`, `IFF_DORMANT`.
const LOWER_UP: u32 = 1 << 16;
const DORMANT: u32 = 1 << 17;
/// What the kernel makes up when it is asked by other ways (net/core/dev.c: `dev_get_flags`), and sysfs shows as it was left.
const MADE_UP: u32 = RUNNING | LOWER_UP | DORMANT;

/// Kinds that sysfs names as the kernel's netlink does: their `DEVTYPE`.
const KINDS: [&str; 9] = ["bridge", "bond", "vlan", "vxlan", "geneve", "macvlan", "hsr", "ppp", "wireguard"];

/// Files that stand in for netlink.
pub(super) struct Files {
    /// None: sysfs is of another namespace.
    class_net: Option<PathBuf>,
    if_inet6: KeptFile,
    fib_trie: KeptFile,
    route: KeptFile,
    /// Why the kernel cannot be asked.
    no_netlink: String,
}

impl Files {
    pub(super) fn new(net: &Path, class_net: Option<PathBuf>, no_netlink: String) -> Self {
        let file = |name: &str| KeptFile::new(net.join(name));
        let (if_inet6, fib_trie, route) = (file("if_inet6"), file("fib_trie"), file("route"));
        Self { class_net, if_inet6, fib_trie, route, no_netlink }
    }

    pub(super) fn tell(&mut self, rows: &mut [NetworkInterface], buffer: &mut ReadBuffer, answer: &mut Answer) {
        let in_sysfs = PROPERTIES.union(SPEED);
        if answer.wants(in_sysfs) {
            match self.class_net.as_deref() {
                None => {
                    let detail = format!("{}; /sys has the interfaces of another network", self.no_netlink);
                    answer.failed(in_sysfs, &Failure::unsupported(detail));
                }
                Some(class_net) if !class_net.is_dir() => {
                    let detail = format!("{}; {} is not there", self.no_netlink, class_net.display());
                    answer.failed(in_sysfs, &Failure::unsupported(detail));
                }
                Some(class_net) => {
                    for row in rows.iter_mut() {
                        match folder(class_net, &row.name).filter(|folder| folder.is_dir()) {
                            Some(folder) => Interface { folder, answer, no_netlink: &self.no_netlink, row }.tell(),
                            None => absent(in_sysfs, row, &gone(), answer),
                        }
                    }
                }
            }
        }
        if answer.wants(bit::NETWORK_INTERFACES_ADDRESSES) {
            self.tell_addresses(rows, buffer, answer);
        }
    }

    fn tell_addresses(&mut self, rows: &mut [NetworkInterface], buffer: &mut ReadBuffer, answer: &mut Answer) {
        let field = bit::NETWORK_INTERFACES_ADDRESSES;
        let mut found = Found::default();
        match ipv4_files::addresses(&mut self.fib_trie, &mut self.route, buffer) {
            Ok(of_ipv4) => found = of_ipv4,
            Err(error) => answer.unreadable(field, &error),
        }
        match self.if_inet6.read(buffer) {
            Ok(text) => found.addresses.extend(if_inet6::parse(text).map(|(name, address)| (name.to_vec(), address))),
            // A kernel without IPv6.
            Err(HostError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => answer.unreadable(field, &error),
        }
        let places: HashMap<_, _> = rows.iter().enumerate().map(|(place, row)| (row.name.clone(), place)).collect();
        for (name, address) in found.addresses {
            match places.get(&name).and_then(|place| rows.get_mut(*place)) {
                Some(row) => row.addresses.push(address),
                None => found.of_nobody += 1,
            }
        }
        if found.of_nobody > 0 {
            let detail = format!("{}; files do not tell whose {} addresses are", self.no_netlink, found.of_nobody);
            answer.failed(field, &Failure::unsupported(detail));
        }
    }
}

/// The folder of an interface, unless the name could lead elsewhere.
fn folder(class_net: &Path, name: &[u8]) -> Option<PathBuf> {
    let is_plain = !name.contains(&b'/') && !matches!(name, b"" | b"." | b"..");
    is_plain.then(|| class_net.join(OsStr::from_bytes(name)))
}

/// One interface in sysfs.
struct Interface<'a> {
    folder: PathBuf,
    answer: &'a Answer,
    no_netlink: &'a str,
    row: &'a mut NetworkInterface,
}

impl Interface<'_> {
    fn tell(mut self) {
        self.row.index = self.value(bit::NETWORK_INTERFACES_INDEX, "ifindex", number);
        self.row.mtu_bytes = self.value(bit::NETWORK_INTERFACES_MTU_BYTES, "mtu", number);
        self.row.carrier_changes = self.value(bit::NETWORK_INTERFACES_CARRIER_CHANGES, "carrier_changes", number);
        self.row.hardware_address =
            self.value(bit::NETWORK_INTERFACES_HARDWARE_ADDRESS, "address", hardware_address).flatten();
        self.row.operational_state = self.value(bit::NETWORK_INTERFACES_OPERATIONAL_STATE, "operstate", word);
        self.tell_flags();
        self.tell_kind();
        // What these have nothing to say about they do not have, or cannot be read (EINVAL).
        if self.answer.wants(bit::NETWORK_INTERFACES_CONTROLLER_INDEX) {
            self.row.controller_index = self.optional("master/ifindex").and_then(|text| number(&text));
        }
        if self.answer.wants(bit::NETWORK_INTERFACES_ALIAS) {
            self.row.alias = self.optional("ifalias").filter(|alias| !alias.is_empty());
        }
        if self.answer.wants(bit::NETWORK_INTERFACES_BITS_PER_SECOND) {
            self.row.bits_per_second = self.optional("speed").and_then(|text| number(&text)).and_then(bits_per_second);
        }
        if self.answer.wants(bit::NETWORK_INTERFACES_DUPLEX) {
            self.row.duplex = match self.optional("duplex").as_deref() {
                Some(b"half") => Some(Duplex::Half.into()),
                Some(b"full") => Some(Duplex::Full.into()),
                _ => None,
            };
        }
    }

    /// The kernel makes some flags up for whoever asks in other ways (net/core/dev.c: `dev_get_flags`); here they are made the same way.
    fn tell_flags(&mut self) {
        let fields = bit::NETWORK_INTERFACES_FLAGS.union(bit::NETWORK_INTERFACES_RUNNING);
        let Some(left) = self.value(fields, "flags", hexadecimal) else { return };
        let mut flags = left & !MADE_UP;
        if flags & UP != 0 {
            let is_up = matches!(self.optional("operstate").as_deref(), Some(b"up" | b"unknown"));
            let is_one = |file| self.optional(file).as_deref() == Some(b"1");
            flags |= if is_up { RUNNING } else { 0 };
            flags |= if is_one("carrier") { LOWER_UP } else { 0 };
            flags |= if is_one("dormant") { DORMANT } else { 0 };
        }
        self.row.flags = self.answer.wants(bit::NETWORK_INTERFACES_FLAGS).then_some(flags);
        self.row.running = self.answer.wants(bit::NETWORK_INTERFACES_RUNNING).then_some(flags & RUNNING != 0);
    }

    /// What is made by software has no device; what kind it is sysfs tells of some.
    fn tell_kind(&mut self) {
        let field = bit::NETWORK_INTERFACES_KIND;
        if !self.answer.wants(field) || self.folder.join("device").exists() {
            return;
        }
        let event = self.optional("uevent").unwrap_or_default();
        let kind = event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"DEVTYPE="));
        let known = KINDS.into_iter().find(|name| kind == Some(name.as_bytes()));
        self.row.kind = known.or_else(|| self.folder.join("tun_flags").exists().then_some("tun")).map(str::to_owned);
        // Loopback has no kind either.
        if self.row.kind.is_none() && self.row.name != b"lo" {
            let failure = Failure::unsupported(format!("{}; sysfs does not tell", self.no_netlink));
            absent(field, self.row, &failure, self.answer);
        }
    }

    /// What a file says, if one of these fields was asked for; why they are absent, if it cannot be read.
    fn value<T>(&mut self, fields: SystemFieldSet, file: &str, parse: fn(&[u8]) -> Option<T>) -> Option<T> {
        if !self.answer.wants(fields) {
            return None;
        }
        let path = self.folder.join(file);
        let failure = match fs::read(&path) {
            Ok(text) => match parse(text.trim_ascii()) {
                Some(value) => return Some(value),
                None => Failure::invalid(&path, &text),
            },
            Err(error) => HostError::Io { operation: "read", path, source: error }.into(),
        };
        absent(fields, self.row, &failure, self.answer);
        None
    }

    /// What a file says that need not be there.
    fn optional(&self, file: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.join(file)).ok().map(|text| text.trim_ascii().to_vec())
    }
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn hexadecimal(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text.strip_prefix(b"0x")?).ok()?, 16).ok()
}

fn word(text: &[u8]) -> Option<String> {
    std::str::from_utf8(text).ok().filter(|word| !word.is_empty()).map(str::to_owned)
}

/// "02:fc:00:00:00:01"; nothing of what has none.
#[allow(clippy::option_option, reason = "what cannot be read is not the same as what is not there")]
fn hardware_address(text: &[u8]) -> Option<Option<Vec<u8>>> {
    if text.is_empty() {
        return Some(None);
    }
    let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    text.split(|byte| *byte == b':').map(byte).collect::<Option<Vec<_>>>().map(Some)
}

#[cfg(test)]
mod tests;
