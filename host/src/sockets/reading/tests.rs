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
fn many_errors_are_counted() {
    let mut table = SocketTable::default();
    (0..10).for_each(|_| table.note(FieldErrorReason::ReadFailed, "so".to_owned()));
    table.shorten_errors(10);
    assert_eq!(table.errors.len(), 10);
    table.shorten_errors(7);
    assert_eq!((table.errors.len(), table.errors[7].detail.as_str()), (8, "3 more errors"));
}
