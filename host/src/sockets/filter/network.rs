//! IP networks.

use procwire_proto::v1::IpNetwork;

use super::{InvalidPredicate, invalid};

/// An address and how many of its bits count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Network {
    ip: Vec<u8>,
    prefix_length: usize,
}

/// `::ffff:0:0/96`: an IPv4 address as an IPv6 socket has it.
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

impl Network {
    pub(super) fn parse(field: &str, network: &IpNetwork) -> Result<Self, InvalidPredicate> {
        let IpNetwork { ip, prefix_length } = network;
        if !matches!(ip.len(), 4 | 16) {
            return Err(invalid(format!("{field}.ip"), format!("has {} bytes; it must have 4 or 16", ip.len())));
        }
        let bits = ip.len() * 8;
        match usize::try_from(*prefix_length) {
            Ok(prefix_length) if prefix_length <= bits => Ok(Self { ip: ip.clone(), prefix_length }),
            _ => Err(invalid(
                format!("{field}.prefix_length"),
                format!("is {prefix_length}; an address of {} bytes has {bits} bits", ip.len()),
            )),
        }
    }

    /// True if the address is in it. An IPv4 network holds the addresses that an IPv6 socket writes as `::ffff:a.b.c.d`.
    pub(super) fn contains(&self, ip: &[u8]) -> bool {
        let ip = match ip.strip_prefix(&MAPPED) {
            Some(mapped) if self.ip.len() == 4 && ip.len() == 16 => mapped,
            _ => ip,
        };
        if ip.len() != self.ip.len() {
            return false;
        }
        let (whole, rest) = (self.prefix_length / 8, self.prefix_length % 8);
        let differs = |place: usize, mask: u8| match (ip.get(place), self.ip.get(place)) {
            (Some(one), Some(other)) => (one ^ other) & mask != 0,
            _ => false,
        };
        ip.get(..whole) == self.ip.get(..whole)
            && !differs(whole, !0xff_u8.checked_shr(u32::try_from(rest).unwrap_or(0)).unwrap_or(0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn bytes(ip: &str) -> Vec<u8> {
        match ip.parse().unwrap() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        }
    }

    fn contains(network: &str, prefix_length: u32, ip: &str) -> bool {
        let network = IpNetwork { ip: bytes(network), prefix_length };
        Network::parse("n", &network).unwrap().contains(&bytes(ip))
    }

    #[test]
    fn bits_before_the_prefix_count_and_no_others() {
        assert!(contains("10.1.2.3", 0, "192.0.2.1"));
        assert!(contains("10.1.2.3", 8, "10.200.0.1"));
        assert!(!contains("10.1.2.3", 8, "11.1.2.3"));
        assert!(contains("10.1.2.128", 25, "10.1.2.255"));
        assert!(!contains("10.1.2.128", 25, "10.1.2.127"));
        assert!(contains("10.1.2.3", 32, "10.1.2.3"));
        assert!(!contains("10.1.2.3", 32, "10.1.2.2"));
        assert!(contains("fe80::", 10, "febf::1"));
        assert!(!contains("fe80::", 10, "fec0::1"));
    }

    #[test]
    fn families_do_not_mix_but_for_mapped_addresses() {
        assert!(!contains("0.0.0.0", 0, "::1"));
        assert!(!contains("::", 0, "127.0.0.1"));
        assert!(contains("127.0.0.0", 8, "::ffff:127.0.0.1"));
        assert!(contains("::ffff:0:0", 96, "::ffff:127.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_refused_by_name() {
        let refused = |ip: &[u8], prefix_length| {
            Network::parse("allow[0].local_networks[1]", &IpNetwork { ip: ip.to_vec(), prefix_length })
                .unwrap_err()
                .to_string()
        };
        assert_eq!(refused(&[1; 5], 8), "allow[0].local_networks[1].ip has 5 bytes; it must have 4 or 16");
        assert_eq!(
            refused(&[1; 4], 33),
            "allow[0].local_networks[1].prefix_length is 33; an address of 4 bytes has 32 bits"
        );
        assert!(Network::parse("n", &IpNetwork { ip: vec![0; 16], prefix_length: 128 }).is_ok());
        assert!(Network::parse("n", &IpNetwork { ip: vec![0; 16], prefix_length: 129 }).is_err());
    }
}
