#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::v1::IpNetwork;

use super::*;
use crate::sockets::row::{Endpoint, STREAM};

fn filter(predicates: impl IntoIterator<Item = SocketPredicate>) -> SocketFilter {
    SocketFilter::parse(predicates.into_iter().collect()).unwrap()
}

fn tcp(local: u16, remote: u16, state: u8) -> Row {
    let ends = Ends::Inet4 {
        local: Endpoint { ip: [127, 0, 0, 1], port: local },
        remote: Endpoint { ip: if remote == 0 { [0; 4] } else { [10, 0, 0, 9] }, port: remote },
    };
    Row {
        inode: 77,
        ends,
        receive_queue: None,
        send_queue: None,
        uid: Some(1000),
        interface: 0,
        protocol: Some(6),
        kind: STREAM,
        state,
        namespace: 0,
    }
}

fn unix(name: Option<&[u8]>, peer: u64) -> Row {
    let ends = Ends::Unix { name: name.map(Into::into), peer };
    Row { ends, protocol: None, uid: None, ..tcp(0, 0, 0) }
}

fn matches(filter: &SocketFilter, row: &Row) -> bool {
    filter.matches(row, &Beside { namespace: Some(5), peer_name: None }, |_| false)
}

#[test]
fn no_condition_lets_everything_pass() {
    let all = filter([]);
    assert!(matches(&all, &tcp(80, 5, ESTABLISHED)) && matches(&all, &unix(None, 0)));
    assert!(Table::ALL.into_iter().all(|table| all.states_of(table) == Some(u32::MAX)));
}

#[test]
fn every_field_is_a_condition_of_its_own() {
    let row = tcp(80, 50000, ESTABLISHED);
    let network = |ip: [u8; 4]| vec![IpNetwork { ip: ip.to_vec(), prefix_length: 24 }];
    let default = SocketPredicate::default;
    let pairs = [
        (SocketPredicate { families: vec![2], ..default() }, SocketPredicate { families: vec![10, 1], ..default() }),
        (SocketPredicate { types: vec![2, 1], ..default() }, SocketPredicate { types: vec![2], ..default() }),
        (SocketPredicate { states: vec![1], ..default() }, SocketPredicate { states: vec![10, 7], ..default() }),
        (
            SocketPredicate { local_ports: vec![80], ..default() },
            SocketPredicate { local_ports: vec![50000], ..default() },
        ),
        (
            SocketPredicate { remote_ports: vec![50000], ..default() },
            SocketPredicate { remote_ports: vec![80], ..default() },
        ),
        (
            SocketPredicate { local_networks: network([127, 0, 0, 0]), ..default() },
            SocketPredicate { local_networks: network([10, 0, 0, 0]), ..default() },
        ),
        (
            SocketPredicate { remote_networks: network([10, 0, 0, 0]), ..default() },
            SocketPredicate { remote_networks: network([127, 0, 0, 0]), ..default() },
        ),
        (SocketPredicate { protocols: vec![6], ..default() }, SocketPredicate { protocols: vec![17], ..default() }),
        (SocketPredicate { uids: vec![1000], ..default() }, SocketPredicate { uids: vec![0], ..default() }),
        (
            SocketPredicate { network_namespaces: vec![5], ..default() },
            SocketPredicate { network_namespaces: vec![6], ..default() },
        ),
        (SocketPredicate { inodes: vec![77], ..default() }, SocketPredicate { inodes: vec![7, 0], ..default() }),
    ];
    for (yes, no) in pairs {
        assert!(matches(&filter([yes.clone()]), &row), "{yes:?}");
        assert!(!matches(&filter([no.clone()]), &row), "{no:?}");
        assert!(matches(&filter([no.clone(), yes.clone()]), &row), "the union");
    }
    let both = SocketPredicate { local_ports: vec![80], uids: vec![0], ..default() };
    assert!(!matches(&filter([both]), &row), "every field must hold");
}

#[test]
fn what_a_socket_does_not_have_matches_nothing() {
    let listener = tcp(80, 0, LISTEN);
    let everywhere = vec![IpNetwork { ip: vec![0; 4], prefix_length: 0 }];
    let default = SocketPredicate::default;
    assert!(!matches(&filter([SocketPredicate { remote_networks: everywhere.clone(), ..default() }]), &listener));
    assert!(!matches(&filter([SocketPredicate { remote_ports: vec![0], ..default() }]), &listener));
    assert!(matches(&filter([SocketPredicate { local_networks: everywhere, ..default() }]), &listener));
    let unnamed = unix(None, 0);
    assert!(!matches(&filter([SocketPredicate { states: vec![7], ..default() }]), &unnamed));
    assert!(!matches(&filter([SocketPredicate { uids: vec![0], ..default() }]), &unnamed), "unknown is not root");
    let nobody = Row { inode: 0, ..listener };
    assert!(!matches(&filter([SocketPredicate { inodes: vec![0], ..default() }]), &nobody));
}

#[test]
fn a_path_is_the_sockets_own_or_its_peers() {
    let filter = filter([SocketPredicate { unix_paths: vec![b"/run/x".to_vec()], ..Default::default() }]);
    assert!(filter.needs_peer_names());
    let matches = |row: &Row, peer_name| filter.matches(row, &Beside { namespace: None, peer_name }, |_| false);
    assert!(matches(&unix(Some(b"/run/x"), 0), None));
    assert!(matches(&unix(None, 3), Some(b"/run/x")));
    assert!(!matches(&unix(Some(b"/run/y"), 3), Some(b"/run/z")));
    assert!(!matches(&tcp(1, 2, ESTABLISHED), None));
    assert!(filter.may_match(&unix(None, 3), None), "the row alone does not decide");
}

#[test]
fn pids_are_asked_of_whoever_knows_the_holders() {
    let default = SocketPredicate::default;
    let filter = filter([
        SocketPredicate { pids: vec![9, 7], ..default() },
        SocketPredicate { pids: vec![7], states: vec![10], ..default() },
    ]);
    assert_eq!(filter.pids(), Some(vec![7, 9]));
    let held_by = |pid: u32| {
        let beside = Beside { namespace: None, peer_name: None };
        filter.matches(&tcp(1, 2, ESTABLISHED), &beside, |pids| pids.contains(&pid))
    };
    assert!(held_by(9) && held_by(7) && !held_by(8));
}

#[test]
fn the_kernel_is_asked_for_no_more_than_can_match() {
    let asked = |predicate: SocketPredicate| -> Vec<(String, u32)> {
        let filter = filter([predicate]);
        Table::ALL.into_iter().filter_map(|table| Some((table.to_string(), filter.states_of(table)?))).collect()
    };
    let default = SocketPredicate::default;
    let listening = asked(SocketPredicate { states: vec![10], protocols: vec![6], ..default() });
    assert_eq!(
        listening,
        [("tcp", 1 << LISTEN), ("tcp6", 1 << LISTEN), ("raw", 0), ("raw6", 0)]
            .map(|(table, states)| (table.to_owned(), states))
            .into_iter()
            .filter(|(_, states)| *states != 0)
            .collect::<Vec<_>>()
    );
    let udp: Vec<String> = asked(SocketPredicate { types: vec![2], local_ports: vec![53], ..default() })
        .into_iter()
        .map(|(table, _)| table)
        .collect();
    assert_eq!(udp, ["udp", "udp6", "udplite", "udplite6", "vsock"]);
    let unix: Vec<_> = asked(SocketPredicate { unix_paths: vec![b"x".to_vec()], ..default() });
    assert_eq!(unix, [("unix".to_owned(), u32::MAX)]);
    let closed = asked(SocketPredicate { states: vec![7], families: vec![2], protocols: vec![6], ..default() });
    assert_eq!(closed, [("tcp".to_owned(), 1 << CLOSE | BOUND_INACTIVE)], "what is only bound says CLOSE");
    assert!(is_only_listening(1 << LISTEN) && !is_only_listening(1 << LISTEN | 1 << ESTABLISHED));
}

#[test]
fn namespaces_that_cannot_match_are_not_looked_into() {
    let named = SocketPredicate { network_namespaces: vec![5], ..Default::default() };
    let named_only = filter([named.clone()]);
    assert!(named_only.names_namespaces() && named_only.names(Some(5)) && !named_only.names(None));
    assert!(named_only.may_match_namespace(Some(5)) && !named_only.may_match_namespace(Some(6)));
    let union = filter([named, SocketPredicate { uids: vec![0], ..Default::default() }]);
    assert!(union.may_match_namespace(Some(6)));
    assert!(!filter([]).names_namespaces() && filter([]).may_match_namespace(None));
}
