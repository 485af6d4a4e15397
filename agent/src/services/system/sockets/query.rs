//! The request of ListSockets, parsed once into what is meant.

use procwire_host::sockets::{SocketFilter, SocketQuery, SocketSource};
use procwire_proto::v1::ListSocketsRequest;

use crate::status::Failure;

/// What a list of sockets is asked to give.
#[derive(Clone, Debug)]
pub(in crate::services::system) struct SocketsQuery {
    pub(super) query: SocketQuery,
    /// At most this many rows.
    pub(super) limit: usize,
}

impl SocketsQuery {
    pub(in crate::services::system) fn parse(request: ListSocketsRequest) -> Result<Self, Failure> {
        let ListSocketsRequest { allow, with_holders, all_network_namespaces, limit } = request;
        let filter = SocketFilter::parse(allow).map_err(|invalid| Failure::invalid(invalid.field, invalid.problem))?;
        let query = SocketQuery { filter, with_holders, all_network_namespaces, source: SocketSource::Auto };
        let limit = match limit {
            0 => usize::MAX,
            rows => usize::try_from(rows).unwrap_or(usize::MAX),
        };
        Ok(Self { query, limit })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{ErrorReason, IpNetwork, SocketPredicate};

    use super::*;

    fn refused(predicate: SocketPredicate) -> (ErrorReason, String) {
        let good = SocketPredicate { uids: vec![0], ..Default::default() };
        let request = ListSocketsRequest { allow: vec![good, predicate], ..Default::default() };
        let failure = SocketsQuery::parse(request).unwrap_err();
        (failure.reason(), failure.field().unwrap().to_owned())
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let network = |ip: Vec<u8>, prefix_length| vec![IpNetwork { ip, prefix_length }];
        for (predicate, field) in [
            (SocketPredicate::default(), "allow[1]"),
            (SocketPredicate { families: vec![2, 0], ..Default::default() }, "allow[1].families[1]"),
            (SocketPredicate { families: vec![99], ..Default::default() }, "allow[1].families[0]"),
            (SocketPredicate { types: vec![-1], ..Default::default() }, "allow[1].types[0]"),
            (SocketPredicate { states: vec![13], ..Default::default() }, "allow[1].states[0]"),
            (SocketPredicate { local_ports: vec![80, 65_536], ..Default::default() }, "allow[1].local_ports[1]"),
            (SocketPredicate { remote_ports: vec![u32::MAX], ..Default::default() }, "allow[1].remote_ports[0]"),
            (
                SocketPredicate { local_networks: network(vec![1; 5], 8), ..Default::default() },
                "allow[1].local_networks[0].ip",
            ),
            (
                SocketPredicate { remote_networks: network(vec![1; 16], 129), ..Default::default() },
                "allow[1].remote_networks[0].prefix_length",
            ),
            (SocketPredicate { pids: vec![1, 0], ..Default::default() }, "allow[1].pids[1]"),
            (SocketPredicate { protocols: vec![65_536], ..Default::default() }, "allow[1].protocols[0]"),
        ] {
            assert_eq!(refused(predicate), (ErrorReason::InvalidRequest, field.to_owned()));
        }
    }

    #[test]
    fn no_limit_is_no_limit() {
        assert_eq!(SocketsQuery::parse(ListSocketsRequest::default()).unwrap().limit, usize::MAX);
        let limited = ListSocketsRequest { limit: 3, ..Default::default() };
        assert_eq!(SocketsQuery::parse(limited).unwrap().limit, 3);
    }
}
