#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use procwire_proto::{FieldMask, SystemFieldSet, v1::System};

use super::*;
use crate::{Host, Roots, SystemReader, netlink::tests::OtherNetwork};

fn fields(paths: &[&str]) -> SystemFieldSet {
    let mask = FieldMask { paths: paths.iter().map(|path| format!("network.interfaces.{path}")).collect() };
    SystemFieldSet::from_mask(Some(&mask), SystemFieldSet::EMPTY).unwrap()
}

fn row<'a>(system: &'a System, name: &str) -> &'a NetworkInterface {
    system.network.as_ref().unwrap().interfaces.iter().find(|row| row.name == name.as_bytes()).unwrap()
}

#[test]
fn speeds_that_are_not_known_are_absent() {
    for unknown in [0, 0xffff, 0xffff_ffff, 0x8000_0000] {
        assert_eq!(bits_per_second(unknown), None, "{unknown}");
    }
    assert_eq!(bits_per_second(10), Some(10_000_000));
    assert_eq!(bits_per_second(100_000), Some(100_000_000_000), "100 GbE does not fit into 16 bits");
    assert_eq!(bits_per_second(i32::MAX.cast_unsigned()), Some(2_147_483_647_000_000));
}

#[test]
fn what_drivers_do_not_know_is_no_error_and_what_they_refuse_is() {
    let host = Host::open(Roots::default()).unwrap();
    let answer = Answer::new(SPEED, host.sample_time());
    let told = |told| {
        let mut row = NetworkInterface::default();
        tell_speed(told, &mut row, &answer);
        let errors: Vec<_> = row.errors.iter().map(|error| (error.path.clone(), error.reason())).collect();
        (row.bits_per_second, row.duplex.map(|_| row.duplex()), errors)
    };
    let known = |speed, duplex| told(Ok(LinkSpeed { speed, duplex }));
    assert_eq!(known(1000, 1), (Some(1_000_000_000), Some(Duplex::Full), vec![]));
    assert_eq!(known(10, 0), (Some(10_000_000), Some(Duplex::Half), vec![]));
    assert_eq!(known(u32::MAX, 0xff), (None, None, vec![]));
    for silent in [Errno::OPNOTSUPP, Errno::INVAL] {
        assert_eq!(told(Err(silent)), (None, None, vec![]));
    }
    for (errno, reason) in [
        (Errno::BUSY, procwire_proto::v1::FieldErrorReason::ReadFailed),
        (Errno::NODEV, procwire_proto::v1::FieldErrorReason::ReadFailed),
        (Errno::PERM, procwire_proto::v1::FieldErrorReason::PermissionDenied),
    ] {
        let expected = vec![("bits_per_second".to_owned(), reason), ("duplex".to_owned(), reason)];
        assert_eq!(told(Err(errno)), (None, None, expected));
    }
}

/// A row for each of these names, as the list of counters has them.
fn rows(names: &[&str]) -> Vec<NetworkInterface> {
    names
        .iter()
        .map(|name| NetworkInterface { name: name.as_bytes().to_vec(), ..NetworkInterface::default() })
        .collect()
}

#[test]
fn what_is_kept_is_told_until_something_changes() {
    let Some(mut network) = OtherNetwork::new() else { return };
    let made = "ip link add va type veth peer name vb && ip addr add 192.0.2.1/24 dev va";
    let without_ipv6 = "ip link set va addrgenmode none && ip link set vb addrgenmode none";
    assert!(network.run(&format!("{made} && {without_ipv6} && ip link set va up && ip link set vb up")));
    let mut kernel = network.enter(|| Kernel::open().unwrap());
    let host = Host::open(Roots { proc: "/proc".into(), ..Roots::default() }).unwrap();
    let place = Place::new(&host);
    // The watch of another namespace is opened in it, which is tried elsewhere.
    kernel.watch = Some(network.enter(|| Watch::open().unwrap()));
    let all = PROPERTIES.union(bit::NETWORK_INTERFACES_ADDRESSES);
    let read_of = |kernel: &mut Kernel, names: &[&str], asked| {
        let (mut rows, mut answer) = (rows(names), Answer::new(asked, host.sample_time()));
        kernel.tell(&place, &mut rows, &mut answer);
        assert_eq!(answer.system.errors, []);
        rows
    };
    let read = |kernel: &mut Kernel, names: &[&str]| read_of(kernel, names, all);
    let first = read(&mut kernel, &["lo", "va"]);
    assert_eq!((first[1].mtu_bytes, first[1].addresses.len()), (Some(1500), 1));
    // A mark on what is kept shows whether it was asked for again.
    let mark = |kernel: &mut Kernel| {
        let known = kernel.known.as_mut().unwrap();
        known.links.iter_mut().for_each(|link| link.index = Some(4711));
    };
    let is_kept = |rows: &[NetworkInterface]| rows[1].index == Some(4711);
    // A link that was just set up goes on changing for a moment.
    let is_kept_at_last = (0..1000).any(|_| {
        mark(&mut kernel);
        assert!(network.run("sleep 0.01"));
        is_kept(&read(&mut kernel, &["lo", "va"]))
    });
    assert!(is_kept_at_last, "nothing changed");
    for (change, mtu, addresses) in [
        ("ip link set va mtu 1400", 1400, 1),
        ("ip addr add 192.0.2.2/24 dev va", 1400, 2),
        ("ip link set va alias x", 1400, 2),
        ("ip link del va; ip link add va type veth peer name vb", 1500, 0),
    ] {
        mark(&mut kernel);
        assert!(network.run(change));
        let rows = read(&mut kernel, &["lo", "va"]);
        assert!(!is_kept(&rows), "{change}");
        assert_eq!((rows[1].mtu_bytes, rows[1].addresses.len()), (Some(mtu), addresses), "{change}");
    }
    let all_but_silent = all.difference(CHANGED_IN_SILENCE);
    let is_kept_at_last = (0..1000).any(|_| {
        mark(&mut kernel);
        is_kept(&read_of(&mut kernel, &["lo", "va"], all_but_silent))
    });
    assert!(is_kept_at_last, "down, and nothing changes");
    assert!(network.run("ip link set va alias y"));
    let rows = read(&mut kernel, &["lo", "va"]);
    assert_eq!(rows[1].alias.as_deref(), Some(&b"y"[..]), "nobody says so of an interface that is down");
    mark(&mut kernel);
    let rows = read(&mut kernel, &["lo", "va", "unheard-of"]);
    assert!(!is_kept(&rows), "a name that is not known makes us ask");
    let said: Vec<_> = rows[2].errors.iter().map(|error| error.path.as_str()).collect();
    assert!(said.contains(&"mtu_bytes") && said.contains(&"addresses"), "{said:?}");
}

#[test]
fn links_of_another_network_are_read_from_within_it() {
    let Some(mut network) = OtherNetwork::new() else { return };
    let made = "ip link add inner0 type veth peer name inner1 && ip addr add 192.0.2.1/24 broadcast + dev inner0";
    assert!(network.run(made));
    // A procfs that is not the agent's own, with the process whose network is the host's.
    let tree = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(tree.path().join("1/ns")).unwrap();
    for file in ["ns/net", "net"] {
        let target = format!("/proc/{}/{file}", network.pid());
        std::os::unix::fs::symlink(target, tree.path().join("1").join(file)).unwrap();
    }
    let machine = crate::Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: bytes::Bytes::default() };
    let roots = Roots { proc: tree.path().into(), ..Roots::default() };
    let mut reader = SystemReader::new(Arc::new(Host::with_machine(roots, machine).unwrap()));
    let asked = fields(&["counters", "kind", "addresses", "index", "bits_per_second", "duplex"]);
    for mtu_asked_too in [false, true, true] {
        let asked = if mtu_asked_too { asked.union(bit::NETWORK_INTERFACES_MTU_BYTES) } else { asked };
        let system = reader.read(asked);
        assert_eq!(system.errors, []);
        let row = row(&system, "inner0");
        assert_eq!((row.kind.as_deref(), row.mtu_bytes), (Some("veth"), mtu_asked_too.then_some(1500)));
        assert!(row.counters.is_some() && row.index.is_some());
        assert_eq!((row.bits_per_second, row.duplex()), (Some(10_000_000_000), Duplex::Full), "as veth says");
        assert_eq!(row.addresses.len(), 1);
        assert_eq!(row.addresses[0].broadcast.as_deref(), Some(&[192, 0, 2, 255][..]));
    }
}

#[test]
fn an_index_comes_with_what_is_compared() {
    let host = Arc::new(Host::open(Roots::default()).unwrap());
    let mut reader = SystemReader::new(host);
    let lo = |system: &System| row(system, "lo").clone();
    assert_eq!(lo(&reader.read(fields(&["counters"]))).index, None);
    let compared = lo(&reader.read(fields(&["counters_reset"])));
    // A sandbox may have no netlink, and then nothing tells cheaply.
    assert!(matches!(compared.index, Some(1) | None), "{compared:?}");
    assert_eq!((compared.flags, compared.mtu_bytes), (None, None));
}
