//! Names as SPIFFE has them: `spiffe://trust-domain/path`. To the letter of its standard "The SPIFFE Identity and Verifiable Identity
//! Document", section 2, so that one workload has one spelling, and whoever is denied by it is.

/// The standard's limit of a trust domain.
const TRUST_DOMAIN_MAX_BYTES: usize = 255;
/// The standard's limit of a whole id.
const ID_MAX_BYTES: usize = 2048;
const SCHEME: &str = "spiffe://";

/// An id that follows the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpiffeId<'a> {
    pub(crate) trust_domain: &'a str,
}

/// Small letters, digits, dots, dashes and underscores.
pub(crate) fn is_trust_domain(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    !text.is_empty() && text.len() <= TRUST_DOMAIN_MAX_BYTES && text.bytes().all(is_allowed)
}

impl<'a> SpiffeId<'a> {
    /// `None`: it is no SPIFFE id.
    pub(crate) fn parse(text: &'a str) -> Option<SpiffeId<'a>> {
        let (trust_domain, path) = split(text)?;
        let is_good = text.len() <= ID_MAX_BYTES
            && is_trust_domain(trust_domain)
            && path.is_none_or(|path| path.split('/').all(is_segment));
        is_good.then_some(SpiffeId { trust_domain })
    }
}

/// True if it wants to be one.
pub(crate) fn poses_as_id(text: &str) -> bool {
    text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let rest = text.strip_prefix(SCHEME)?;
    Some(match rest.split_once('/') {
        Some((trust_domain, path)) => (trust_domain, Some(path)),
        None => (rest, None),
    })
}

fn is_segment(segment: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_standard() {
        for (id, trust_domain) in [
            ("spiffe://staging.example.com/payments/mysql", "staging.example.com"),
            ("spiffe://example.org", "example.org"),
            ("spiffe://k8s_1-a.example/9eebccd2-12bf-40a6-b262-65fe0487d453", "k8s_1-a.example"),
            ("spiffe://example.org/ns/default/sa/Web..1", "example.org"),
        ] {
            assert_eq!(SpiffeId::parse(id).map(|id| id.trust_domain), Some(trust_domain), "{id}");
        }
    }

    #[test]
    fn other_spellings_are_no_ids() {
        let long = format!("spiffe://{}/x", "a".repeat(256));
        for odd in [
            "",
            "spiffe://",
            "spiffe:///x",
            "SPIFFE://example.org/x",
            "spiffe://Example.org/x",
            "spiffe://example.org/",
            "spiffe://example.org//x",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/./b",
            "spiffe://example.org/x?y",
            "spiffe://example.org/x#y",
            "spiffe://example.org/%61",
            "spiffe://example.org:443/x",
            "spiffe://user@example.org/x",
            "spiffe://ex\u{e4}mple.org/x",
            "https://example.org/x",
            &long,
        ] {
            assert_eq!(SpiffeId::parse(odd), None, "{odd}");
        }
        assert!(poses_as_id("SPIFFE://x") && poses_as_id("spiffe://") && !poses_as_id("alice") && !poses_as_id(""));
    }
}
