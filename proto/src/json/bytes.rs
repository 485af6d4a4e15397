//! Bytes as JSON: text where they are text, an address where they are one, base64 beside it where that would lose something.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use prost_reflect::FieldDescriptor;

/// Ending of the member that holds the bytes themselves when the text beside it is only the nearest.
pub(super) const SUFFIX: &str = "_base64";

/// How the bytes of a field are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// As text.
    Text,
    /// As a UUID.
    Uuid,
    /// As hex digits.
    Hex,
    /// As hex pairs with colons.
    HardwareAddress,
    /// As an IP address.
    Ip,
    /// As base64 only.
    Opaque,
}

impl Notation {
    pub(super) fn of(field: &FieldDescriptor) -> Self {
        match (field.parent_message().name(), field.name()) {
            (_, "boot_id") | ("Boot", "id") => Self::Uuid,
            (_, "machine_id") => Self::Hex,
            (_, "hardware_address") => Self::HardwareAddress,
            (_, "ip") | ("InterfaceAddress", "broadcast" | "peer") => Self::Ip,
            (_, "resume_token") => Self::Opaque,
            _ => Self::Text,
        }
    }

    /// The nearest text, and whether the bytes can be had back from it.
    pub(super) fn write(self, bytes: &[u8]) -> (String, bool) {
        if bytes.is_empty() {
            return (String::new(), true);
        }
        let exact = match self {
            Self::Text => str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Uuid => <[u8; 16]>::try_from(bytes).ok().map(|id| uuid(&id)),
            Self::Hex => Some(hex(bytes, "")),
            Self::HardwareAddress => Some(hex(bytes, ":")),
            Self::Ip => ip(bytes).map(|ip| ip.to_string()),
            Self::Opaque => Some(BASE64.encode(bytes)),
        };
        exact.map_or_else(|| (String::from_utf8_lossy(bytes).into_owned(), false), |text| (text, true))
    }

    /// The bytes of a text that [`Notation::write`] could have written.
    pub(super) fn read(self, text: &str) -> Option<Vec<u8>> {
        if text.is_empty() {
            return Some(Vec::new());
        }
        match self {
            Self::Text => Some(text.as_bytes().to_vec()),
            Self::Uuid => unhex(text, '-').filter(|id| id.len() == 16),
            Self::Hex => unhex(text, '-'),
            Self::HardwareAddress => unhex(text, ':'),
            Self::Ip => text.parse().ok().map(|ip| match ip {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            }),
            Self::Opaque => from_base64(text),
        }
    }
}

pub(super) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into())
}

fn hex(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator)
}

fn uuid(id: &[u8; 16]) -> String {
    let digits = hex(id, "");
    // Hex digits are ASCII, so every index is a boundary.
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default()).join("-")
}

fn unhex(text: &str, separator: char) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| *character != separator)
        .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
