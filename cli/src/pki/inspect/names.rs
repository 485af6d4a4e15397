//! Names in certificates, as text.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::{extensions::GeneralName, x509::X509Name};

/// `O=operator, CN=alice`.
pub(super) fn distinguished(name: &X509Name<'_>) -> String {
    name.to_string()
}

/// As `procwire pki issue` takes them where it does: `DNS:web1`, `IP:192.0.2.7`, `URI:spiffe://...`.
pub(super) fn alternative(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::RFC822Name(mail) => format!("email:{mail}"),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(|bytes| format!("IP:{}", Ipv4Addr::from(bytes)));
            let address =
                four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| format!("IP:{}", Ipv6Addr::from(bytes))));
            address.unwrap_or_else(|_| format!("IP of {} bytes", bytes.len()))
        }
        other => other.to_string(),
    }
}

/// Two digits for each byte, as `openssl x509 -fingerprint` writes them, without colons.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
