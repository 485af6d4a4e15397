//! IP networks as people write them: `10.0.0.0/8`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::socket_text::ip_address;
use crate::v1::IpNetwork;

/// Text that is no IP network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no IP network: write 10.0.0.0/8, fe80::/10 or one address")]
pub struct InvalidNetwork(String);

impl From<IpAddr> for IpNetwork {
    /// The network of this one address.
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(ip) => Self { ip: ip.octets().to_vec(), prefix_length: 32 },
            IpAddr::V6(ip) => Self { ip: ip.octets().to_vec(), prefix_length: 128 },
        }
    }
}

/// `10.0.0.0/8`, `fe80::/10`; an address without a length is the network of that one address.
impl FromStr for IpNetwork {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let mut network = Self::from(address.parse::<IpAddr>().map_err(|_| invalid())?);
        if let Some(length) = length {
            // "+8" is a number to the standard library.
            let digits = length.bytes().all(|byte| byte.is_ascii_digit());
            let length = length.parse().ok().filter(|length| digits && *length <= network.prefix_length);
            network.prefix_length = length.ok_or_else(invalid)?;
        }
        Ok(network)
    }
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ip_address(&self.ip) {
            Some(address) => write!(formatter, "{address}/{}", self.prefix_length),
            None => write!(formatter, "?/{}", self.prefix_length),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_people_write_them() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::1", "::1/128"),
            ("fe80::/10", "fe80::/10"),
            ("::ffff:127.0.0.1/128", "::ffff:127.0.0.1/128"),
        ] {
            assert_eq!(text.parse::<IpNetwork>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_network_is_refused_by_name() {
        let texts = [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0/8",
            "host",
            "1.2.3.4/8/8",
        ];
        for text in texts {
            let refused = text.parse::<IpNetwork>().unwrap_err();
            assert!(refused.to_string().contains(&format!("{text:?}")), "{refused}");
        }
    }
}
