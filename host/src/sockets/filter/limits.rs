//! How much a filter may ask: every socket of the host is held against all of it.

use procwire_proto::v1::SocketPredicate;

use super::{InvalidPredicate, invalid};

const PREDICATES_MAX: usize = 64;
/// Of all fields of all conditions; they are looked up, not gone through.
const VALUES_MAX: usize = 16_384;
/// Of all conditions; they are gone through.
const NETWORKS_MAX: usize = 256;

pub(super) fn check(allow: &[SocketPredicate]) -> Result<(), InvalidPredicate> {
    if allow.len() > PREDICATES_MAX {
        let problem =
            format!("has {} conditions; {PREDICATES_MAX} at most, put the values of one field together", allow.len());
        return Err(invalid("allow", problem));
    }
    let (mut values, mut networks) = (0, 0);
    for (index, predicate) in allow.iter().enumerate() {
        for (name, count, is_networks) in lists(predicate) {
            values += count;
            networks += if is_networks { count } else { 0 };
            let problem = if networks > NETWORKS_MAX {
                format!("brings the networks of the filter to {networks}; {NETWORKS_MAX} at most")
            } else if values > VALUES_MAX {
                format!("brings the values of the filter to {values}; {VALUES_MAX} at most")
            } else {
                continue;
            };
            return Err(invalid(format!("allow[{index}].{name}"), problem));
        }
    }
    Ok(())
}

/// Every list of a condition: its name, its length, and whether it is one of networks.
fn lists(predicate: &SocketPredicate) -> [(&'static str, usize, bool); 13] {
    let SocketPredicate {
        families,
        types,
        states,
        local_ports,
        remote_ports,
        local_networks,
        remote_networks,
        pids,
        protocols,
        uids,
        network_namespaces,
        unix_paths,
        inodes,
    } = predicate;
    [
        ("families", families.len(), false),
        ("types", types.len(), false),
        ("states", states.len(), false),
        ("local_ports", local_ports.len(), false),
        ("remote_ports", remote_ports.len(), false),
        ("local_networks", local_networks.len(), true),
        ("remote_networks", remote_networks.len(), true),
        ("pids", pids.len(), false),
        ("protocols", protocols.len(), false),
        ("uids", uids.len(), false),
        ("network_namespaces", network_namespaces.len(), false),
        ("unix_paths", unix_paths.len(), false),
        ("inodes", inodes.len(), false),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::IpNetwork;

    use super::*;
    use crate::sockets::SocketFilter;

    fn refused(allow: Vec<SocketPredicate>) -> Option<String> {
        SocketFilter::parse(allow).err().map(|invalid| invalid.field)
    }

    #[test]
    fn too_much_is_refused_by_the_name_of_what_is_too_much() {
        let one = || SocketPredicate { uids: vec![1], ..Default::default() };
        assert_eq!(refused(vec![one(); PREDICATES_MAX]), None);
        assert_eq!(refused(vec![one(); PREDICATES_MAX + 1]), Some("allow".to_owned()));

        let inodes = |count: usize| SocketPredicate { inodes: vec![7; count], ..Default::default() };
        assert_eq!(refused(vec![one(), inodes(VALUES_MAX - 1)]), None);
        assert_eq!(refused(vec![one(), inodes(VALUES_MAX)]), Some("allow[1].inodes".to_owned()));

        let networks = |count: usize| vec![IpNetwork { ip: vec![10, 0, 0, 0], prefix_length: 8 }; count];
        let half = SocketPredicate { local_networks: networks(NETWORKS_MAX / 2), ..Default::default() };
        let rest = |count| SocketPredicate { remote_networks: networks(count), ..half.clone() };
        assert_eq!(refused(vec![rest(NETWORKS_MAX / 2)]), None);
        assert_eq!(refused(vec![rest(NETWORKS_MAX / 2 + 1)]), Some("allow[0].remote_networks".to_owned()));
    }
}
