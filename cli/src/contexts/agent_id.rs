//! Who an agent must be, as people write it: one SPIFFE id, or any of a trust domain.

use std::{fmt, str::FromStr};

use procwire_client::{ClientBuilder, InvalidSpiffeId, SpiffeId, TrustDomain};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `spiffe://example.org/procwire/web1`, or `spiffe://example.org` for every agent of that trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AgentId {
    /// The one of this id.
    One(SpiffeId),
    /// Every one of this trust domain.
    OfDomain(TrustDomain),
}

impl AgentId {
    /// Makes clients that talk to no other.
    pub(crate) fn demand(&self, builder: ClientBuilder) -> ClientBuilder {
        match self {
            Self::One(id) => builder.agent_spiffe_id(id.as_str()),
            Self::OfDomain(domain) => builder.agent_trust_domain(domain.as_str()),
        }
    }
}

impl FromStr for AgentId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        match text.strip_prefix("spiffe://") {
            // The scheme is demanded here: a bare word is more likely a host name in the wrong place.
            Some(domain) if !domain.contains('/') => text.parse().map(Self::OfDomain),
            _ => text.parse().map(Self::One),
        }
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(id) => write!(formatter, "{id}"),
            Self::OfDomain(domain) => write!(formatter, "spiffe://{domain}"),
        }
    }
}

impl Serialize for AgentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AgentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_agent_and_a_domain_is_all_of_it() {
        let parse = |text: &str| text.parse::<AgentId>();
        assert!(matches!(parse("spiffe://example.org/web1").unwrap(), AgentId::One(_)));
        assert!(matches!(parse("spiffe://example.org").unwrap(), AgentId::OfDomain(_)));
        for text in ["spiffe://example.org/web1", "spiffe://example.org"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        for wrong in
            ["", "web1", "example.org", "spiffe://", "spiffe://example.org/", "spiffe://Example.org", "https://x/y"]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
