//! How bytes of a process are compared.

use procwire_proto::v1::{BytesMatch, bytes_match::Match};
use regex::bytes::{Regex, RegexBuilder};

use super::Truth;
use crate::status::Failure;

/// Longest regular expression that is taken.
pub(super) const REGEX_MAX_BYTES: usize = 1024;
/// Size of a compiled regular expression, and of the cache that it grows while it is used: what a request may cost in memory.
const REGEX_MAX_COMPILED_BYTES: usize = 256 * 1024;

/// What bytes are compared with.
#[derive(Debug)]
pub(super) enum Text {
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
    Pattern(Regex),
}

impl Text {
    pub(super) fn parse(path: &str, text: BytesMatch) -> Result<Self, Failure> {
        match text.r#match {
            None => Err(Failure::invalid(path, "is empty: give exact, prefix or regex")),
            Some(Match::Exact(bytes)) => Ok(Self::Exact(bytes)),
            Some(Match::Prefix(bytes)) => Ok(Self::Prefix(bytes)),
            Some(Match::Regex(pattern)) => regex(&format!("{path}.regex"), &pattern).map(Self::Pattern),
        }
    }

    pub(super) fn matches(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => bytes == exact,
            Self::Prefix(prefix) => bytes.starts_with(prefix),
            Self::Pattern(pattern) => pattern.is_match(bytes),
        }
    }

    /// Of bytes that are known up to some place only.
    pub(super) fn matches_beginning(&self, beginning: &[u8]) -> Truth {
        match self {
            Self::Exact(exact) if exact.starts_with(beginning) => Truth::Unknown,
            Self::Exact(_) => Truth::False,
            Self::Prefix(prefix) if beginning.starts_with(prefix) => Truth::True,
            Self::Prefix(prefix) if prefix.starts_with(beginning) => Truth::Unknown,
            Self::Prefix(_) => Truth::False,
            // More bytes could undo a match as well: "x$".
            Self::Pattern(_) => Truth::Unknown,
        }
    }
}

fn regex(path: &str, pattern: &str) -> Result<Regex, Failure> {
    if pattern.len() > REGEX_MAX_BYTES {
        return Err(Failure::invalid(
            path,
            format!("has {} bytes; at most {REGEX_MAX_BYTES} are taken", pattern.len()),
        ));
    }
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(REGEX_MAX_COMPILED_BYTES).dfa_size_limit(REGEX_MAX_COMPILED_BYTES);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            Failure::invalid(path, "is too large once compiled: repeat less, or use (?-u) for classes of bytes")
        }
        // Over many lines, with the pattern and a mark below it: the last line says what is wrong.
        other => {
            let words = other.to_string();
            let problem = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Failure::invalid(path, format!("is no regular expression: {problem}"))
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn parse(text: Match) -> Result<Text, Failure> {
        Text::parse("filter.allow[2].name", BytesMatch { r#match: Some(text) })
    }

    fn refused(pattern: &str) -> Failure {
        parse(Match::Regex(pattern.to_owned())).unwrap_err()
    }

    #[test]
    fn bytes_are_compared_as_bytes() {
        let exact = parse(Match::Exact(b"a\xff".to_vec())).unwrap();
        assert!(exact.matches(b"a\xff") && !exact.matches(b"a") && !exact.matches(b"a\xffb"));
        let prefix = parse(Match::Prefix(b"a\xff".to_vec())).unwrap();
        assert!(prefix.matches(b"a\xffb") && !prefix.matches(b"ba\xff"));
        let pattern = parse(Match::Regex(r"(?-u)^\xff+\)$".to_owned())).unwrap();
        assert!(pattern.matches(b"\xff\xff)") && !pattern.matches(b"x\xff)"));
        let somewhere = parse(Match::Regex("worker".to_owned())).unwrap();
        assert!(somewhere.matches(b"\xff my-worker-3\n"));
    }

    #[test]
    fn of_a_beginning_only_what_is_sure_is_said() {
        let exact = parse(Match::Exact(b"abc".to_vec())).unwrap();
        assert_eq!([exact.matches_beginning(b"ab"), exact.matches_beginning(b"b")], [Truth::Unknown, Truth::False]);
        assert_eq!(exact.matches_beginning(b"abcd"), Truth::False);
        let prefix = parse(Match::Prefix(b"abc".to_vec())).unwrap();
        for (beginning, truth) in [(&b"abcd"[..], Truth::True), (b"ab", Truth::Unknown), (b"abx", Truth::False)] {
            assert_eq!(prefix.matches_beginning(beginning), truth);
        }
        assert_eq!(parse(Match::Regex("b".to_owned())).unwrap().matches_beginning(b"ab"), Truth::Unknown);
    }

    #[test]
    fn what_is_no_regular_expression_or_too_large_is_refused_by_name() {
        parse(Match::Regex("x".repeat(REGEX_MAX_BYTES))).unwrap();
        for pattern in ["(", r"\p{Nonsense}", "a{2,1}", "(?=look)", r"(a)\1", "*"] {
            let failure = refused(pattern);
            assert_eq!(failure.field(), Some("filter.allow[2].name.regex"), "{pattern}");
            assert!(!failure.message().contains('\n'), "{}", failure.message());
        }
        for pattern in
            ["x".repeat(REGEX_MAX_BYTES + 1), r"(\pL{100}){100}".to_owned(), "((a{100}){100}){100}".to_owned()]
        {
            assert_eq!(refused(&pattern).field(), Some("filter.allow[2].name.regex"));
        }
        let empty = Text::parse("filter.deny[0].exe", BytesMatch { r#match: None }).unwrap_err();
        assert_eq!(empty.field(), Some("filter.deny[0].exe"));
    }
}
