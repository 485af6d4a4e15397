#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::{Roots, sockets::namespaces::Way};

fn host() -> Host {
    Host::open(Roots::default()).unwrap()
}

/// Reads our own namespace, and then, within these bounds, some that are gone.
fn beside_gone_ones(bounds: Bounds) -> SocketTable {
    let gone = || Namespace::new(Some(1), Way::Process("self".to_owned()));
    let namespaces = [Namespace::own(), gone(), gone(), gone()];
    let mut table = SocketTable::default();
    let stop = AtomicBool::new(false);
    table.read_namespaces(&host(), &SocketQuery::default(), &namespaces, (&stop, bounds), &mut Vec::new()).unwrap();
    table
}

#[test]
fn a_namespace_that_has_gone_is_neither_another_one_nor_an_error() {
    for source in [SocketSource::Auto, SocketSource::Text] {
        let namespaces = [Namespace::own(), Namespace::new(Some(1), Way::Process("self".to_owned()))];
        let query = SocketQuery { source, ..SocketQuery::default() };
        let (mut table, stop) = (SocketTable::default(), AtomicBool::new(false));
        table.read_namespaces(&host(), &query, &namespaces, (&stop, BOUNDS), &mut Vec::new()).unwrap();
        assert_eq!((table.namespaces.len(), table.errors.len()), (1, 0), "{:?}", table.errors);
        assert!(table.rows.iter().all(|row| row.namespace == 0));
    }
}

#[test]
fn namespaces_beyond_the_bounds_are_told_not_read() {
    for (bounds, seen) in [
        (Bounds { namespaces: 2, ..BOUNDS }, "2 of 4 network namespaces"),
        (Bounds { time: Duration::ZERO, ..BOUNDS }, "1 of 4 network namespaces"),
    ] {
        let table = beside_gone_ones(bounds);
        assert_eq!(table.namespaces.len(), 1);
        let [error] = table.errors.as_slice() else { unreachable!("{:?}", table.errors) };
        assert_eq!((error.path.as_str(), error.reason()), (NAMESPACE_FIELD, FieldErrorReason::Truncated));
        assert!(error.detail.starts_with(seen), "{error:?}");
    }
    assert!(beside_gone_ones(Bounds { namespaces: 4, ..BOUNDS }).errors.is_empty());
}

#[test]
fn a_row_has_so_many_holders_and_the_summary_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let _copies = [listener.try_clone().unwrap(), listener.try_clone().unwrap()];
    let port = listener.local_addr().unwrap().port().into();
    let predicate = procwire_proto::v1::SocketPredicate { local_ports: vec![port], ..Default::default() };
    let filter = SocketFilter::parse(vec![predicate]).unwrap();
    let query = SocketQuery { filter, with_holders: true, ..SocketQuery::default() };
    let read = |holders| {
        let bounds = Bounds { holders, ..BOUNDS };
        SocketTable::read_within(&host(), &query, &AtomicBool::new(false), bounds).unwrap()
    };
    let table = read(2);
    assert_eq!(table.sockets().map(|socket| socket.holders.len()).collect::<Vec<_>>(), [2]);
    let error = table.errors.iter().find(|error| error.path == HOLDERS_FIELD).unwrap();
    assert_eq!(error.reason(), FieldErrorReason::Truncated);
    assert!(error.detail.starts_with("1 sockets have more than 2 holders"), "{error:?}");
    assert!(read(4096).errors.iter().all(|error| error.path != HOLDERS_FIELD));
}

#[test]
fn rows_that_are_left_keep_their_holders() {
    let _sockets: Vec<_> = (0..5).map(|_| std::os::unix::net::UnixStream::pair().unwrap()).collect();
    let query = SocketQuery { with_holders: true, ..SocketQuery::default() };
    let mut table = SocketTable::read(&host(), &query, &AtomicBool::new(false)).unwrap();
    let (whole, walked): (Vec<Socket>, usize) = (table.sockets().collect(), table.holders.all().len());
    let is_ours = |socket: &Socket| !socket.holders.is_empty();
    let last = whole.iter().position(is_ours).unwrap();
    table.truncate(last + 1);
    assert_eq!(table.sockets().collect::<Vec<_>>(), whole[..=last]);
    assert!(table.holders.all().len() < walked, "those of the others are let go");
}

#[test]
fn rows_beyond_the_bounds_are_counted() {
    let _sockets: Vec<_> = (0..5).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let predicate = procwire_proto::v1::SocketPredicate { protocols: vec![17], ..Default::default() };
    let filter = SocketFilter::parse(vec![predicate]).unwrap();
    for source in [SocketSource::Auto, SocketSource::Text] {
        let query = SocketQuery { filter: filter.clone(), source, ..SocketQuery::default() };
        let bounds = Bounds { rows: 1, ..BOUNDS };
        let table = SocketTable::read_within(&host(), &query, &AtomicBool::new(false), bounds).unwrap();
        // One of each family.
        assert!((1..=2).contains(&table.len()), "{}", table.len());
        let [error] = table.errors.as_slice() else { unreachable!("{:?}", table.errors) };
        assert_eq!(error.reason(), FieldErrorReason::Truncated);
        assert!(error.detail.ends_with("sockets are left out: there are too many"), "{error:?}");
    }
}

#[test]
fn who_was_not_seen_is_not_known_even_if_nobody_has_the_port() {
    let table = SocketTable { unseen: vec![9], ..SocketTable::default() };
    let owners = table.ports_held(&host(), &AtomicBool::new(false)).unwrap();
    assert_eq!((owners.listens(9, Some(1), &[80]), owners.listens(8, Some(1), &[80])), (None, Some(false)));
}

#[test]
fn many_errors_are_counted() {
    let mut table = SocketTable::default();
    (0..10).for_each(|_| table.note(FieldErrorReason::ReadFailed, "so".to_owned()));
    table.shorten_errors(10);
    assert_eq!(table.errors.len(), 10);
    table.shorten_errors(7);
    assert_eq!((table.errors.len(), table.errors[7].detail.as_str()), (8, "3 more errors"));
}
