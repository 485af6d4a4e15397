//! IPv4 addresses where netlink is not for us. No file has them with their interfaces: `/proc/net/fib_trie` has the addresses that are
//! the host's own, and `/proc/net/route` the networks that are reached through each interface without a gateway.

use procwire_proto::v1::InterfaceAddress;

use crate::{
    HostError,
    system::{
        kept_file::{KeptFile, ReadBuffer},
        parse::{
            fib_trie::{self, Table},
            route::{self, Network},
        },
    },
};

/// `RT_SCOPE_LINK`, `RT_SCOPE_HOST`: how 169.254.0.0/16 and 127.0.0.0/8 are configured.
const SCOPE_LINK: u32 = 253;
const SCOPE_HOST: u32 = 254;

/// Addresses by the name of their interface.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) addresses: Vec<(Vec<u8>, InterfaceAddress)>,
    /// Addresses of which it cannot be told whose they are.
    pub(super) of_nobody: usize,
}

pub(super) fn addresses(
    trie: &mut KeptFile,
    route: &mut KeptFile,
    buffer: &mut ReadBuffer,
) -> Result<Found, HostError> {
    let table = fib_trie::parse(trie.read(buffer)?);
    let networks = route::parse(route.read(buffer)?);
    Ok(join(&table, &networks))
}

fn join(table: &Table, networks: &[Network]) -> Found {
    let mut found = Found::default();
    for &ip in &table.own {
        let network = match table.own_networks.iter().find(|(network, length)| is_within(ip, *network, *length)) {
            // The whole of 127.0.0.0/8 is the host's own, and no route leads there.
            Some((_, length)) => Some((b"lo".as_slice(), *length)),
            None => nearest(ip, networks).map(|network| (network.interface.as_slice(), network.prefix_length)),
        };
        match network {
            Some((name, length)) => found.addresses.push((name.to_vec(), address(ip, length, table))),
            None => found.of_nobody += 1,
        }
    }
    found
}

/// The smallest network that the address is in, if it is of one interface only.
fn nearest(ip: u32, networks: &[Network]) -> Option<&Network> {
    let around = || networks.iter().filter(|network| is_within(ip, network.address, network.prefix_length));
    let nearest = around().max_by_key(|network| network.prefix_length)?;
    let is_only_one = around()
        .filter(|network| network.prefix_length == nearest.prefix_length)
        .all(|network| network.interface == nearest.interface);
    (is_only_one && nearest.prefix_length > 0).then_some(nearest)
}

fn address(ip: u32, prefix_length: u32, table: &Table) -> InterfaceAddress {
    let last = ip | !mask(prefix_length);
    let broadcast = (prefix_length < 31 && table.broadcast.contains(&last)).then(|| last.to_be_bytes().to_vec());
    let scope = match ip.to_be_bytes() {
        [127, ..] => SCOPE_HOST,
        [169, 254, ..] => SCOPE_LINK,
        _ => 0,
    };
    InterfaceAddress {
        ip: ip.to_be_bytes().to_vec(),
        prefix_length,
        // Loopback has one in the table, and its interface has not.
        broadcast: broadcast.filter(|_| scope != SCOPE_HOST),
        scope,
        ..InterfaceAddress::default()
    }
}

fn is_within(ip: u32, network: u32, prefix_length: u32) -> bool {
    (ip ^ network) & mask(prefix_length) == 0
}

fn mask(prefix_length: u32) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(prefix_length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: [u32; 3] = [0xc000_0202, 0x0a00_0005, 0x7f00_0001];

    fn network(interface: &str, address: u32, prefix_length: u32) -> Network {
        Network { interface: interface.into(), address, prefix_length }
    }

    #[test]
    fn an_address_is_of_the_interface_that_its_network_is_reached_through() {
        let table = Table {
            own: vec![IP[2], IP[0]],
            own_networks: vec![(0x7f00_0000, 8)],
            broadcast: vec![0xc000_02ff, 0x7fff_ffff],
        };
        let networks = [network("eth0", 0xc000_0200, 24), network("wide", 0xc000_0000, 16), network("any", 0, 0)];
        let found = join(&table, &networks);
        let [(lo, loopback), (eth0, address)] = found.addresses.as_slice() else { unreachable!("{found:?}") };
        assert_eq!((lo.as_slice(), eth0.as_slice(), found.of_nobody), (b"lo".as_slice(), b"eth0".as_slice(), 0));
        assert_eq!((loopback.ip.as_slice(), loopback.prefix_length, loopback.scope), (&[127, 0, 0, 1][..], 8, 254));
        assert_eq!(loopback.broadcast, None);
        assert_eq!((address.ip.as_slice(), address.prefix_length, address.scope), (&[192, 0, 2, 2][..], 24, 0));
        assert_eq!(address.broadcast.as_deref(), Some(&[192, 0, 2, 255][..]));
    }

    #[test]
    fn what_could_be_of_two_is_of_nobody() {
        let table = Table { own: vec![IP[1]], ..Table::default() };
        let twice = [network("eth0", 0x0a00_0000, 8), network("eth1", 0x0a00_0000, 8)];
        assert_eq!(join(&table, &twice), Found { addresses: vec![], of_nobody: 1 });
        // A default route without a gateway tells nothing.
        assert_eq!(join(&table, &[network("ppp0", 0, 0)]).of_nobody, 1);
        assert_eq!(join(&table, &[]).of_nobody, 1);
    }

    #[test]
    fn networks_of_any_length_have_a_mask() {
        assert_eq!((mask(0), mask(8), mask(32), mask(77)), (0, 0xff00_0000, u32::MAX, u32::MAX));
    }
}
