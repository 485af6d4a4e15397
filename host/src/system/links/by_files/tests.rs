#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{os::unix::fs::symlink, sync::Arc};

use procwire_proto::v1::{FieldErrorReason, System};

use super::*;
use crate::{Host, Machine, Roots, SystemReader};

/// A captured tree to write into.
struct Tree(tempfile::TempDir);

const FILES: [(&str, &str); 8] = [
    ("ifindex", "3\n"),
    ("mtu", "1500\n"),
    ("carrier_changes", "4\n"),
    ("address", "02:fc:00:00:00:01\n"),
    ("operstate", "up\n"),
    ("flags", "0x1003\n"),
    ("carrier", "1\n"),
    ("uevent", "INTERFACE=eth0\nIFINDEX=3\n"),
];

impl Tree {
    fn new(names: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        let lines: String =
            names.iter().map(|name| format!("{name}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")).collect();
        tree.write("proc/net/dev", &format!("heading\nheading\n{lines}"));
        for name in names.iter().filter(|name| !name.contains('/')) {
            FILES.iter().for_each(|(file, text)| tree.write(&format!("sys/class/net/{name}/{file}"), text));
            fs::create_dir_all(tree.path(&format!("sys/devices/{name}"))).unwrap();
            symlink(format!("../../../devices/{name}"), tree.path(&format!("sys/class/net/{name}/device"))).unwrap();
        }
        tree
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    fn read(&self, fields: SystemFieldSet) -> System {
        let roots = Roots { proc: self.path("proc"), sys: self.path("sys"), ..Roots::default() };
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: bytes::Bytes::default() };
        SystemReader::new(Arc::new(Host::with_machine(roots, machine).unwrap())).read(fields)
    }

    /// The only interface, and the errors of the whole.
    fn only(&self, fields: SystemFieldSet) -> NetworkInterface {
        let system = self.read(fields);
        assert_eq!(system.errors, []);
        let [only] = system.network.unwrap().interfaces.try_into().unwrap();
        only
    }
}

fn blamed(row: &NetworkInterface) -> Vec<(&str, FieldErrorReason)> {
    row.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect()
}

#[test]
fn sysfs_tells_what_netlink_would() {
    let tree = Tree::new(&["eth0"]);
    tree.write("sys/class/net/eth0/ifalias", "to the\u{e4} wall\n");
    tree.write("sys/class/net/eth0/master/ifindex", "9\n");
    tree.write("sys/class/net/eth0/speed", "100000\n");
    tree.write("sys/class/net/eth0/duplex", "full\n");
    let row = tree.only(PROPERTIES.union(SPEED));
    assert_eq!(row.errors, []);
    assert_eq!((row.index, row.mtu_bytes, row.carrier_changes), (Some(3), Some(1500), Some(4)));
    assert_eq!(row.hardware_address.as_deref(), Some(&[2, 0xfc, 0, 0, 0, 1][..]));
    assert_eq!((row.operational_state.as_deref(), row.running), (Some("up"), Some(true)));
    assert_eq!(row.flags, Some(0x1_1043), "what the kernel makes up is made up here");
    assert_eq!((row.kind.as_deref(), row.controller_index), (None, Some(9)));
    assert_eq!(row.alias.as_deref(), Some("to the\u{e4} wall".as_bytes()));
    assert_eq!((row.bits_per_second, row.duplex()), (Some(100_000_000_000), Duplex::Full));
    assert_eq!(row.counters, None, "not asked for");
}

#[test]
fn a_link_that_is_down_does_not_run() {
    let tree = Tree::new(&["eth0"]);
    tree.write("sys/class/net/eth0/flags", "0x1002\n");
    let row = tree.only(PROPERTIES);
    assert_eq!((row.flags, row.running), (Some(0x1002), Some(false)), "a carrier alone makes no flags");
    tree.write("sys/class/net/eth0/flags", "0x1043\n");
    tree.write("sys/class/net/eth0/operstate", "lowerlayerdown\n");
    let row = tree.only(PROPERTIES);
    assert_eq!((row.flags, row.running), (Some(0x1_1003), Some(false)), "up, and what is below is not");
    tree.write("sys/class/net/eth0/dormant", "1\n");
    assert_eq!(tree.only(PROPERTIES).flags, Some(0x3_1003));
}

#[test]
fn what_is_not_known_is_absent_without_an_error() {
    let tree = Tree::new(&["eth0"]);
    for (speed, duplex) in [("-1\n", "unknown\n"), ("4294967295\n", "\n"), ("65535\n", "odd\n"), ("0\n", "")] {
        tree.write("sys/class/net/eth0/speed", speed);
        tree.write("sys/class/net/eth0/duplex", duplex);
        tree.write("sys/class/net/eth0/address", "\n");
        let row = tree.only(SPEED.union(bit::NETWORK_INTERFACES_HARDWARE_ADDRESS));
        assert_eq!((row.bits_per_second, row.duplex, row.hardware_address, row.errors), (None, None, None, vec![]));
    }
}

#[test]
fn kinds_that_sysfs_knows() {
    let tree = Tree::new(&["x"]);
    fs::remove_file(tree.path("sys/class/net/x/device")).unwrap();
    let kind = || {
        let row = tree.only(bit::NETWORK_INTERFACES_KIND);
        (row.kind.clone(), blamed(&row).len())
    };
    assert_eq!(kind(), (None, 1), "made by software, and sysfs does not tell what");
    tree.write("sys/class/net/x/uevent", "DEVTYPE=wlan\nINTERFACE=x\n");
    assert_eq!(kind(), (None, 1), "that is no kind of netlink");
    tree.write("sys/class/net/x/uevent", "DEVTYPE=bridge\nINTERFACE=x\n");
    assert_eq!(kind(), (Some("bridge".to_owned()), 0));
    tree.write("sys/class/net/x/uevent", "");
    tree.write("sys/class/net/x/tun_flags", "0x1\n");
    assert_eq!(kind(), (Some("tun".to_owned()), 0));
}

#[test]
fn hostile_files_are_said_and_not_believed() {
    let tree = Tree::new(&["eth0"]);
    for (file, text) in [("mtu", "99999999999999999999"), ("ifindex", ""), ("flags", "1003"), ("address", "zz:11")] {
        tree.write(&format!("sys/class/net/eth0/{file}"), text);
    }
    fs::write(tree.path("sys/class/net/eth0/operstate"), b"\xff\xfe\n").unwrap();
    fs::remove_file(tree.path("sys/class/net/eth0/carrier_changes")).unwrap();
    let row = tree.only(PROPERTIES);
    let expected = [
        ("index", FieldErrorReason::InvalidData),
        ("mtu_bytes", FieldErrorReason::InvalidData),
        ("carrier_changes", FieldErrorReason::Unsupported),
        ("hardware_address", FieldErrorReason::InvalidData),
        ("operational_state", FieldErrorReason::InvalidData),
        ("flags", FieldErrorReason::InvalidData),
        ("running", FieldErrorReason::InvalidData),
    ];
    assert_eq!(blamed(&row), expected.map(|(path, reason)| (path, reason)));
}

#[test]
fn names_do_not_lead_out_of_the_folder() {
    let tree = Tree::new(&["../../secret", "..", "."]);
    tree.write("sys/secret/mtu", "42\n");
    let system = tree.read(bit::NETWORK_INTERFACES_MTU_BYTES);
    for row in system.network.unwrap().interfaces {
        assert_eq!((row.mtu_bytes, blamed(&row)), (None, vec![("mtu_bytes", FieldErrorReason::ReadFailed)]), "{row:?}");
    }
}

#[test]
fn without_a_sysfs_that_is_said_once() {
    let tree = Tree::new(&["eth0", "eth1"]);
    fs::rename(tree.path("sys/class"), tree.path("sys/elsewhere")).unwrap();
    let system = tree.read(bit::NETWORK_INTERFACES_MTU_BYTES.union(bit::NETWORK_INTERFACES_DUPLEX));
    let paths: Vec<_> = system.errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["network.interfaces.duplex", "network.interfaces.mtu_bytes"]);
    assert!(system.network.unwrap().interfaces.iter().all(|row| row.errors.is_empty()));
}

#[test]
fn the_sysfs_of_a_container_is_not_that_of_its_host() {
    let tree = Tree::new(&["lo"]);
    let roots = Roots { proc: tree.path("proc"), ..Roots::default() };
    let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: bytes::Bytes::default() };
    let mut reader = SystemReader::new(Arc::new(Host::with_machine(roots, machine).unwrap()));
    let system = reader.read(bit::NETWORK_INTERFACES_MTU_BYTES);
    let said: Vec<_> = system.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    assert_eq!(said, [("network.interfaces.mtu_bytes", FieldErrorReason::Unsupported)]);
    assert!(system.network.unwrap().interfaces.iter().all(|row| row.mtu_bytes.is_none()));
}

#[test]
#[cfg(target_endian = "little")]
fn addresses_are_told_of_the_interfaces_that_routes_name() {
    let tree = Tree::new(&["lo", "eth0"]);
    tree.write(
        "proc/net/fib_trie",
        "Main:\n  |-- 192.0.2.2\n     /32 host LOCAL\n  |-- 192.0.2.255\n     /32 link BROADCAST\n  |-- 10.9.9.9\n     /32 host LOCAL\n\
         Local:\n  |-- 127.0.0.0\n     /8 host LOCAL\n  |-- 127.0.0.1\n     /32 host LOCAL\n",
    );
    tree.write("proc/net/route", "heading\neth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n");
    tree.write("proc/net/if_inet6", "fe8000000000000000fc00fffe000001 03 40 20 80 eth0\n");
    let system = tree.read(bit::NETWORK_INTERFACES_ADDRESSES);
    let said: Vec<_> = system.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    assert_eq!(said, [("network.interfaces.addresses", FieldErrorReason::Unsupported)], "10.9.9.9 is nobody's");
    let network = system.network.unwrap();
    let [lo, eth0] = network.interfaces.as_slice() else { unreachable!() };
    assert_eq!((lo.addresses.len(), lo.addresses[0].prefix_length), (1, 8));
    let told: Vec<_> = eth0.addresses.iter().map(|address| (address.ip.len(), address.prefix_length)).collect();
    assert_eq!(told, [(4, 24), (16, 64)]);
    assert_eq!(eth0.addresses[0].broadcast.as_deref(), Some(&[192, 0, 2, 255][..]));
}

#[test]
fn ten_thousand_interfaces_have_their_addresses() {
    let names: Vec<_> = (0..10_000).map(|number| format!("if{number}")).collect();
    let tree = Tree(tempfile::tempdir().unwrap());
    let lines = |line: fn((usize, &String)) -> String| names.iter().enumerate().map(line).collect::<String>();
    tree.write("proc/net/dev", &format!("heading\nheading\n{}", lines(|(_, name)| format!("{name}: 1 2 3\n"))));
    // In another order.
    let addresses: Vec<_> =
        (0..10_000).rev().map(|number| format!("{number:032x} {number:x} 40 00 80 if{number}\n")).collect();
    tree.write("proc/net/if_inet6", &addresses.concat());
    tree.write("proc/net/fib_trie", "");
    tree.write("proc/net/route", "");
    let system = tree.read(bit::NETWORK_INTERFACES_ADDRESSES);
    assert_eq!(system.errors, []);
    let interfaces = system.network.unwrap().interfaces;
    assert_eq!(interfaces.len(), 10_000);
    for (number, row) in interfaces.iter().enumerate() {
        let expected = u128::try_from(number).unwrap().to_be_bytes();
        assert_eq!(
            row.addresses.iter().map(|address| address.ip.as_slice()).collect::<Vec<_>>(),
            [&expected],
            "{row:?}"
        );
    }
}
