//! Names of workloads as SPIFFE writes them: `spiffe://example.org/procwire/web1`.

use std::fmt;
use std::str::FromStr;

const SCHEME: &str = "spiffe://";
/// The standard allows 2048 bytes; agents take no name longer than this, because it stands in every line of their audit trail.
const LONGEST_ID_BYTES: usize = 512;
const LONGEST_TRUST_DOMAIN_BYTES: usize = 255;

/// The name of one workload: a trust domain and a path in it
/// (<https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>).
///
/// ```
/// let id: procwire_client::SpiffeId = "spiffe://example.org/procwire/web1".parse()?;
/// assert_eq!((id.trust_domain(), id.path()), ("example.org", "/procwire/web1"));
/// # Ok::<(), procwire_client::InvalidSpiffeId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: String,
    /// Where the path begins.
    path: usize,
}

/// The part of a [`SpiffeId`] that says whose word it is: all names under it are vouched for by the same authorities.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrustDomain(String);

/// A text that is no SPIFFE id or no trust domain, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: {problem}")]
pub struct InvalidSpiffeId {
    text: String,
    what: &'static str,
    problem: &'static str,
}

impl SpiffeId {
    /// The trust domain: "example.org".
    pub fn trust_domain(&self) -> &str {
        self.text.get(SCHEME.len()..self.path).unwrap_or_default()
    }

    /// The path, with its leading slash.
    pub fn path(&self) -> &str {
        self.text.get(self.path..).unwrap_or_default()
    }

    /// All of it: "spiffe://example.org/procwire/web1".
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    /// As strict as the standard: no capitals in scheme and trust domain, no port, no empty segment, nothing percent-encoded.
    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        let invalid = |problem| InvalidSpiffeId { text: text.to_owned(), what: "SPIFFE id", problem };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| invalid("write spiffe://trust-domain/path"))?;
        if text.len() > LONGEST_ID_BYTES {
            return Err(invalid("it is longer than 512 bytes"));
        }
        let (domain, segments) =
            rest.split_once('/').ok_or_else(|| invalid("the path is missing; write spiffe://trust-domain/path"))?;
        check_trust_domain(domain).map_err(invalid)?;
        for segment in segments.split('/') {
            check_segment(segment).map_err(invalid)?;
        }
        Ok(Self { text: text.to_owned(), path: SCHEME.len() + domain.len() })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

// === impl TrustDomain ===

impl TrustDomain {
    /// Its name: "example.org".
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomain {
    type Err = InvalidSpiffeId;

    /// Takes `example.org` and `spiffe://example.org`.
    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        let name = text.strip_prefix(SCHEME).unwrap_or(text);
        check_trust_domain(name).map_err(|problem| InvalidSpiffeId {
            text: text.to_owned(),
            what: "trust domain",
            problem,
        })?;
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn check_trust_domain(name: &str) -> Result<(), &'static str> {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    if name.is_empty() {
        Err("the trust domain is missing")
    } else if name.len() > LONGEST_TRUST_DOMAIN_BYTES {
        Err("the trust domain is longer than 255 bytes")
    } else if !name.bytes().all(is_good) {
        Err("a trust domain has only lower-case letters, digits and . - _")
    } else {
        Ok(())
    }
}

fn check_segment(segment: &str) -> Result<(), &'static str> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    match segment {
        "" => Err("its path has an empty segment, or ends with /"),
        "." | ".." => Err("its path has . or .. as a segment"),
        segment if !segment.bytes().all(is_good) => Err("its path has only letters, digits and . - _ between slashes"),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_a_trust_domain_and_a_path() {
        let id: SpiffeId = "spiffe://prod.example.org/ns/db_1/sa/Web-1.a".parse().unwrap();
        assert_eq!((id.trust_domain(), id.path()), ("prod.example.org", "/ns/db_1/sa/Web-1.a"));
        assert_eq!(id.to_string(), id.as_str());
        for text in ["example.org", "spiffe://example.org"] {
            assert_eq!(text.parse::<TrustDomain>().unwrap().as_str(), "example.org");
        }
    }

    #[test]
    fn what_the_standard_forbids_is_refused_with_its_reason() {
        for (text, problem) in [
            ("", "spiffe://trust-domain/path"),
            ("https://example.org/a", "spiffe://trust-domain/path"),
            ("SPIFFE://example.org/a", "spiffe://trust-domain/path"),
            ("spiffe://example.org", "path is missing"),
            ("spiffe:///a", "trust domain is missing"),
            ("spiffe://Example.org/a", "lower-case"),
            ("spiffe://example.org:8443/a", "lower-case"),
            ("spiffe://me@example.org/a", "lower-case"),
            ("spiffe://example.org/", "empty segment"),
            ("spiffe://example.org/a/", "empty segment"),
            ("spiffe://example.org//a", "empty segment"),
            ("spiffe://example.org/a/../b", ".."),
            ("spiffe://example.org/a%2fb", "letters"),
            ("spiffe://example.org/a?b", "letters"),
            ("spiffe://example.org/a\u{1b}[2J", "letters"),
            (&format!("spiffe://example.org/{}", "a".repeat(600)), "512"),
            (&format!("spiffe://{}/a", "a".repeat(256)), "255"),
        ] {
            let error = text.parse::<SpiffeId>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?} gave {error:?}");
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
        for text in ["", "spiffe://", "a/b", "A", "spiffe://a/b"] {
            text.parse::<TrustDomain>().unwrap_err();
        }
    }
}
