//! Serial numbers, as people and tools write them.

use std::{fmt, str::FromStr};

use super::PkiError;

/// RFC 5280, section 4.1.2.2: at most 20 bytes. Some authorities use one more.
const LONGEST_BYTES: usize = 21;

/// The serial number of a certificate: hexadecimal, lower case, without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Serial(String);

impl Serial {
    /// From bytes, highest first.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(without_leading_zeros(&text))
    }

    /// The bytes, highest first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let padded = if self.0.len() % 2 == 1 { format!("0{}", self.0) } else { self.0.clone() };
        let digits = padded.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
        digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Serial {
    type Err = PkiError;

    /// Takes `4f2a`, `4F:2A` as OpenSSL writes it, and `0x4f2a`.
    fn from_str(text: &str) -> Result<Self, PkiError> {
        let error = |problem| PkiError::Serial { text: text.to_owned(), problem };
        let digits: String = text.trim_start_matches("0x").chars().filter(|character| *character != ':').collect();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error("write it in hexadecimal, as `procwire pki list` shows it"));
        }
        if digits.len() > LONGEST_BYTES * 2 {
            return Err(error("it is longer than a serial number can be; a fingerprint is none"));
        }
        let serial = without_leading_zeros(&digits.to_ascii_lowercase());
        if serial == "0" { Err(error("no certificate has the number 0")) } else { Ok(Self(serial)) }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn without_leading_zeros(digits: &str) -> String {
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_one_number() {
        let wanted = Serial::from_bytes(&[0, 0x0f, 0x2a]);
        assert_eq!((wanted.as_str(), wanted.to_bytes()), ("f2a", vec![0x0f, 0x2a]));
        for text in ["f2a", "0F2A", "0F:2A", "00:0f:2a", "0x0f2a"] {
            assert_eq!(text.parse::<Serial>().unwrap(), wanted, "{text}");
        }
        for wrong in ["", "0", "00:00", "0x", ":", "alice", "4f 2a", &"a".repeat(64)] {
            assert!(wrong.parse::<Serial>().is_err(), "{wrong:?}");
        }
    }
}
