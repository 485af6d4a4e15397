//! How bytes of a process are compared.

use procwire_proto::v1::{BytesMatch, bytes_match::Match};
use regex::bytes::{Regex, RegexBuilder};

use super::Truth;
use crate::status::Failure;

/// Longest regular expression that is taken.
pub(super) const REGEX_MAX_BYTES: usize = 1024;
/// Sizes of a compiled regular expression: the first that it fits into is what it counts as. The time that a byte takes grows with it.
const COMPILED_BYTES: [usize; 5] = [4 * 1024, 8 * 1024, 16 * 1024, 32 * 1024, 64 * 1024];
/// What all regular expressions of a filter may count as.
const COMPILED_MAX_BYTES: usize = 256 * 1024;
/// The cache that a regular expression grows while it is used.
const CACHE_MAX_BYTES: usize = 64 * 1024;
/// Regular expressions in a whole filter: each may take memory of its own.
const REGEXES_MAX: usize = 32;
/// What is matched of a command line, which may be megabytes: a large pattern takes a microsecond and more for each byte.
pub(super) const MATCHED_MAX_BYTES: usize = 16 * 1024;
/// How far behind the end of a match its pattern may look: at a whole character, for `\b`.
const LOOKAHEAD_BYTES: usize = 4;

/// What the regular expressions of a filter may still take.
#[derive(Debug)]
pub(super) struct RegexBudget {
    regexes: usize,
    compiled_bytes: usize,
}

impl Default for RegexBudget {
    fn default() -> Self {
        Self { regexes: REGEXES_MAX, compiled_bytes: COMPILED_MAX_BYTES }
    }
}

/// What bytes are compared with.
#[derive(Debug)]
pub(super) enum Text {
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
    Pattern(Regex),
}

impl Text {
    pub(super) fn parse(path: &str, text: BytesMatch, budget: &mut RegexBudget) -> Result<Self, Failure> {
        match text.r#match {
            None => Err(Failure::invalid(path, "is empty: give exact, prefix or regex")),
            Some(Match::Exact(bytes)) => Ok(Self::Exact(bytes)),
            Some(Match::Prefix(bytes)) => Ok(Self::Prefix(bytes)),
            Some(Match::Regex(pattern)) => budget.regex(&format!("{path}.regex"), &pattern).map(Self::Pattern),
        }
    }

    pub(super) fn matches(&self, bytes: &[u8]) -> Truth {
        match self {
            Self::Exact(exact) => (bytes == exact).into(),
            Self::Prefix(prefix) => bytes.starts_with(prefix).into(),
            Self::Pattern(_) if bytes.len() > MATCHED_MAX_BYTES => self.matches_beginning(bytes),
            Self::Pattern(pattern) => pattern.is_match(bytes).into(),
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
            Self::Pattern(pattern) => {
                let beginning = beginning.get(..MATCHED_MAX_BYTES).unwrap_or(beginning);
                // More bytes could undo a match at the end: "x$".
                let is_sure = |end: usize| end + LOOKAHEAD_BYTES <= beginning.len();
                if pattern.shortest_match(beginning).is_some_and(is_sure) { Truth::True } else { Truth::Unknown }
            }
        }
    }
}

impl RegexBudget {
    fn regex(&mut self, path: &str, pattern: &str) -> Result<Regex, Failure> {
        let Some(regexes) = self.regexes.checked_sub(1) else {
            let problem = format!("is one regular expression more than the {REGEXES_MAX} that a filter may have");
            return Err(Failure::invalid(path, problem));
        };
        let (regex, compiled_bytes) = compile(path, pattern)?;
        let Some(compiled_bytes) = self.compiled_bytes.checked_sub(compiled_bytes) else {
            let problem = "is too large once compiled, together with the regular expressions before it: repeat less, or \
                           use (?-u) for classes of bytes";
            return Err(Failure::invalid(path, problem));
        };
        *self = Self { regexes, compiled_bytes };
        Ok(regex)
    }
}

/// With the size that it counts as.
fn compile(path: &str, pattern: &str) -> Result<(Regex, usize), Failure> {
    if pattern.len() > REGEX_MAX_BYTES {
        return Err(Failure::invalid(
            path,
            format!("has {} bytes; at most {REGEX_MAX_BYTES} are taken", pattern.len()),
        ));
    }
    let mut builder = RegexBuilder::new(pattern);
    builder.dfa_size_limit(CACHE_MAX_BYTES);
    for size in COMPILED_BYTES {
        match builder.size_limit(size).build() {
            Ok(regex) => return Ok((regex, size)),
            Err(regex::Error::CompiledTooBig(_)) => {}
            // Over many lines, with the pattern and a mark below it: the last line says what is wrong.
            Err(other) => {
                let words = other.to_string();
                let problem = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
                return Err(Failure::invalid(path, format!("is no regular expression: {problem}")));
            }
        }
    }
    Err(Failure::invalid(path, "is too large once compiled: repeat less, or use (?-u) for classes of bytes"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn parse(text: Match) -> Result<Text, Failure> {
        Text::parse("filter.allow[2].name", BytesMatch { r#match: Some(text) }, &mut RegexBudget::default())
    }

    fn refused(pattern: &str) -> Failure {
        parse(Match::Regex(pattern.to_owned())).unwrap_err()
    }

    #[test]
    fn bytes_are_compared_as_bytes() {
        let exact = parse(Match::Exact(b"a\xff".to_vec())).unwrap();
        let holds = |text: &Text, bytes: &[u8]| text.matches(bytes) == Truth::True;
        assert!(holds(&exact, b"a\xff") && !holds(&exact, b"a") && !holds(&exact, b"a\xffb"));
        let prefix = parse(Match::Prefix(b"a\xff".to_vec())).unwrap();
        assert!(holds(&prefix, b"a\xffb") && !holds(&prefix, b"ba\xff"));
        let pattern = parse(Match::Regex(r"(?-u)^\xff+\)$".to_owned())).unwrap();
        assert!(holds(&pattern, b"\xff\xff)") && !holds(&pattern, b"x\xff)"));
        let somewhere = parse(Match::Regex("worker".to_owned())).unwrap();
        assert!(holds(&somewhere, b"\xff my-worker-3\n"));
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
        for (pattern, truth) in
            [("b", Truth::True), ("b$", Truth::Unknown), ("f", Truth::Unknown), (r"b\b", Truth::True)]
        {
            let pattern = parse(Match::Regex(pattern.to_owned())).unwrap();
            assert_eq!(pattern.matches_beginning(b"ab cdef"), truth, "{pattern:?}");
            assert_eq!(pattern.matches_beginning(b"ab"), Truth::Unknown, "what comes next could undo it: {pattern:?}");
        }
    }

    #[test]
    fn a_pattern_sees_the_beginning_of_what_is_long() {
        let mut long = vec![b'0'; MATCHED_MAX_BYTES];
        long.extend_from_slice(b"end");
        for (pattern, truth) in [("^0", Truth::True), ("end", Truth::Unknown), ("^0+$", Truth::Unknown)] {
            assert_eq!(parse(Match::Regex(pattern.to_owned())).unwrap().matches(&long), truth, "{pattern}");
        }
        assert_eq!(parse(Match::Exact(long.clone())).unwrap().matches(&long), Truth::True);
        assert_eq!(parse(Match::Prefix(b"1".to_vec())).unwrap().matches(&long), Truth::False);
    }

    #[test]
    fn all_patterns_of_a_filter_share_one_budget() {
        let mut budget = RegexBudget::default();
        let mut parse = |pattern: &str| {
            let text = BytesMatch { r#match: Some(Match::Regex(pattern.to_owned())) };
            Text::parse("p", text, &mut budget)
        };
        for usual in [r"\w+@\d+", "(?i)^nginx: (master|worker)", r"java .*-Xmx\d+g", "postgres|mysqld|redis-server"] {
            parse(usual).unwrap();
        }
        let refused = (0..REGEXES_MAX).find_map(|_| parse("(?-u)[01]{900}x").err()).unwrap();
        assert_eq!(refused.field(), Some("p.regex"));
        assert!(refused.message().contains("together"), "{}", refused.message());
        parse("x").unwrap();
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
            ["x".repeat(REGEX_MAX_BYTES + 1), "(?-u)[01]{5000}x".to_owned(), "((a{100}){100}){100}".to_owned()]
        {
            assert_eq!(refused(&pattern).field(), Some("filter.allow[2].name.regex"));
        }
        let empty =
            Text::parse("filter.deny[0].exe", BytesMatch { r#match: None }, &mut RegexBudget::default()).unwrap_err();
        assert_eq!(empty.field(), Some("filter.deny[0].exe"));
    }
}
