//! Shell patterns of unit names, for a systemd that does not match them itself (before 230), and to hold every systemd to them.

mod element;

use std::fmt;

use self::element::{Bits, Element};

/// A pattern as fnmatch(3) takes it: `*`, `?`, `[a-z]`, `[!a-z]`, `[[:digit:]]`; `\` takes the next character for itself.
///
/// Names are matched in time that grows with their length alone: where a name may stand in the pattern is a set of bits, moved once for each
/// byte of it. What a pattern spells out, and how often a star could be tried, is paid for once.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    /// For each byte, the elements that take it and not every other.
    takers: Box<[Bits; 256]>,
    /// Elements that take any byte.
    any: Bits,
    /// Before these elements, or at the end, any number of bytes may come.
    stars: Bits,
    /// Elements that are no stars: where a name stands that has matched them all.
    elements: u8,
}

/// Why a text is no pattern. Reads on from what it stands in: "patterns[0] is empty".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternProblem {
    #[error("is empty")]
    Empty,
    #[error("is longer than {MOST_BYTES} bytes; names of units are not")]
    TooLong,
    #[error("has a control character; names of units have none")]
    Control,
}

/// Names of units end here (`UNIT_NAME_MAX`).
const MOST_BYTES: usize = 255;

/// More stars than these are not for systemd to try: fnmatch(3) may try each at every byte, for every place of the one before it.
const SYSTEMD_MOST_STARS: usize = 2;

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternProblem> {
        match text {
            "" => Err(PatternProblem::Empty),
            text if text.len() > MOST_BYTES => Err(PatternProblem::TooLong),
            text if text.chars().any(char::is_control) => Err(PatternProblem::Control),
            text => Ok(Self::compile(text)),
        }
    }

    /// True if fnmatch(3) has little to do with it.
    fn is_light(&self) -> bool {
        let count = |wanted: u8| self.text.bytes().filter(|byte| *byte == wanted).count();
        count(b'[') == 0 && count(b'*') <= SYSTEMD_MOST_STARS
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let end = name.bytes().fold(Bits::of(0), |places, byte| {
            let takers = self.takers.get(usize::from(byte)).map_or(self.any, |takers| takers.or(self.any));
            places.and(takers).next().or(places.and(self.stars))
        });
        end.contains(self.elements)
    }

    fn compile(text: &str) -> Self {
        let mut takers = Box::new([Bits::NONE; 256]);
        let (mut any, mut stars, mut elements) = (Bits::NONE, Bits::NONE, 0_u8);
        let mut rest = text.as_bytes();
        while let Some((element, behind)) = Element::first(rest) {
            rest = behind;
            let here = Bits::of(elements);
            match element {
                Element::Star => {
                    stars = stars.or(here);
                    continue;
                }
                Element::Any => any = any.or(here),
                Element::One(byte) => {
                    takers.iter_mut().skip(usize::from(byte)).take(1).for_each(|takers| *takers = takers.or(here));
                }
                Element::Set(members) => (0..=u8::MAX)
                    .zip(takers.iter_mut())
                    .filter(|(byte, _)| members.contains(*byte))
                    .for_each(|(_, takers)| *takers = takers.or(here)),
            }
            // An element is a byte of the text at least.
            elements = elements.saturating_add(1);
        }
        Self { text: text.to_owned(), takers, any, stars, elements }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Pattern").field(&self.text).finish()
    }
}

/// What of these patterns systemd is to match: nothing if it would have work with one of them. It has one thread for everything.
pub(super) fn for_systemd(patterns: &[Pattern]) -> Vec<&str> {
    if patterns.iter().all(Pattern::is_light) {
        patterns.iter().map(|pattern| pattern.text.as_str()).collect()
    } else {
        vec![]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn shell_patterns() {
        for (pattern, name) in [
            ("ssh.service", "ssh.service"),
            ("*", "ssh.service"),
            ("s*.service", "ssh.service"),
            ("*.s?rvice", "ssh.service"),
            ("*s*s*", "ssh.service"),
            ("[a-s]sh.*", "ssh.service"),
            ("[!a-r]sh.*", "ssh.service"),
            ("[]x]", "]"),
            ("[x-]", "-"),
            ("[", "["),
            ("a\\*", "a*"),
            ("getty@tty[12].service", "getty@tty2.service"),
            ("***", ""),
            ("tty[[:digit:]]", "tty7"),
            ("tty[x[:alpha:]-]", "tty-"),
            ("[a\\-z]", "-"),
            ("[\\]]", "]"),
            ("[z-a-c]", "-"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("ssh", "ssh.service"),
            ("s?.service", "ssh.service"),
            ("[!s]*", "ssh.service"),
            ("[^s]*", "ssh.service"),
            ("a\\*", "ab"),
            ("?", ""),
            ("*.socket", "ssh.service"),
            ("[a", "a"),
            ("tty[[:digit:]]", "ttyd"),
            ("tty[![:digit:]]", "tty7"),
            ("[[:none:]]", "n"),
            ("[a\\-z]", "b"),
            ("[z-a]", "b"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        assert_eq!(Pattern::parse(""), Err(PatternProblem::Empty));
        assert_eq!(Pattern::parse(&"*".repeat(256)), Err(PatternProblem::TooLong));
        assert_eq!(Pattern::parse("a\0"), Err(PatternProblem::Control));
        assert_eq!(Pattern::parse("a\x1b[2J"), Err(PatternProblem::Control));
    }

    /// What a byte of a name costs is the same for all patterns: two words are moved. What differs is what was paid when it was parsed.
    #[test]
    fn what_is_dear_in_a_pattern_is_paid_once() {
        // A set that was looked through for each byte of a name, after a star that tried them all.
        let long = format!("*[{}]", "A".repeat(MOST_BYTES - 3));
        let set = Pattern::parse(&long).unwrap();
        assert_eq!((set.elements, set.stars), (1, Bits::of(0)));
        let takers: Vec<_> = (0..=u8::MAX).filter(|byte| set.takers[usize::from(*byte)] != Bits::NONE).collect();
        assert_eq!(takers, b"A");
        assert!(set.matches(&"A".repeat(255)) && !set.matches(&"B".repeat(255)));
        let stars = Pattern::parse(&"a*".repeat(127)).unwrap();
        assert_eq!(stars.elements, 127);
        assert!(stars.matches(&"a".repeat(255)) && !stars.matches(&"a".repeat(126)));
    }

    #[test]
    fn the_longest_pattern_has_places_for_all_its_elements() {
        for length in [127, 128, 129, 254, 255] {
            let name: String = (b'a'..=b'z').cycle().take(length).map(char::from).collect();
            assert!(matches(&name, &name) && matches(&"?".repeat(length), &name));
            assert!(!matches(&name, &name[1..]) && !matches(&name, &format!("{name}a")));
            assert!(matches(&format!("{}*", &name[1..]), &name[1..]) && matches(&format!("*{}", &name[1..]), &name));
        }
    }

    #[test]
    fn systemd_gets_light_patterns_alone() {
        for (text, is_light) in [
            ("ssh.service", true),
            ("*.s?rvice", true),
            ("*ssh*", true),
            ("a\\*b", true),
            ("*a*b*", false),
            ("***", false),
            ("[a]", false),
            ("a[", false),
        ] {
            let patterns = ["cron.service", text].map(|text| Pattern::parse(text).unwrap());
            assert_eq!(for_systemd(&patterns), if is_light { vec!["cron.service", text] } else { vec![] });
        }
    }

    /// By the plain meaning, whatever it costs.
    fn means(pattern: &[u8], name: &[u8]) -> bool {
        let Some((element, rest)) = Element::first(pattern) else { return name.is_empty() };
        match (&element, name) {
            (Element::Star, name) => (0..=name.len()).any(|from| means(rest, &name[from..])),
            (_, []) => false,
            (Element::Any, [_, behind @ ..]) => means(rest, behind),
            (Element::One(byte), [first, behind @ ..]) => byte == first && means(rest, behind),
            (Element::Set(members), [first, behind @ ..]) => members.contains(*first) && means(rest, behind),
        }
    }

    #[test]
    fn any_pattern_is_survived_and_a_name_matches_itself_escaped() {
        const ALPHABET: [char; 8] = ['*', '?', '[', ']', '!', '-', '\\', 'a'];
        for number in 0..ALPHABET.len().pow(5) {
            let digits = (0..5).map(|place| ALPHABET[number / ALPHABET.len().pow(place) % ALPHABET.len()]);
            let text: String = digits.collect();
            let escaped: String = text.chars().flat_map(|character| ['\\', character]).collect();
            for name in ["", "a", "a-a[]", "[a!", "]]-a", "\\\\a"] {
                assert_eq!(matches(&text, name), means(text.as_bytes(), name.as_bytes()), "{text} {name}");
            }
            assert!(matches(&escaped, &text), "{escaped}");
        }
    }
}
