//! Shell patterns of unit names, for a systemd that does not match them itself (before 230), and to hold every systemd to them.

/// A pattern as fnmatch(3) takes it: `*`, `?`, `[a-z]`, `[!a-z]`; `\` takes the next character for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(String);

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

/// Names of units end at 255 bytes (`UNIT_NAME_MAX`); a pattern may spell out some more.
const MOST_BYTES: usize = 1024;

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternProblem> {
        match text {
            "" => Err(PatternProblem::Empty),
            text if text.len() > MOST_BYTES => Err(PatternProblem::TooLong),
            text if text.chars().any(char::is_control) => Err(PatternProblem::Control),
            text => Ok(Self(text.to_owned())),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// In time that grows with both lengths, not with what stars could stand for: only the last star is ever tried again.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut read) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while let Some(byte) = name.get(read) {
            let rest = pattern.get(at..).unwrap_or_default();
            if rest.first() == Some(&b'*') {
                star = Some((at + 1, read));
                at += 1;
                continue;
            }
            match element(rest, *byte) {
                Some(length) => (at, read) = (at + length, read + 1),
                None => {
                    let Some((behind, from)) = &mut star else { return false };
                    *from += 1;
                    (at, read) = (*behind, *from);
                }
            }
        }
        pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
    }
}

/// The length of the first element of a pattern, if it matches this byte.
fn element(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', set @ ..] => match bracket(set, byte) {
            Some((length, is_in)) => is_in.then_some(length + 1),
            // A bracket that does not close is one.
            None => (byte == b'[').then_some(1),
        },
        [first, ..] => (*first == byte).then_some(1),
        [] => None,
    }
}

/// Up to the closing bracket: the length with it, and whether the byte is meant.
fn bracket(set: &[u8], byte: u8) -> Option<(usize, bool)> {
    let (negated, set) = match set {
        [b'!' | b'^', rest @ ..] => (true, rest),
        set => (false, set),
    };
    // A bracket that comes first is one of the set.
    let end = set.iter().skip(1).position(|other| *other == b']')? + 1;
    let mut members = set.get(..end)?;
    let mut is_in = false;
    while let Some((&first, rest)) = members.split_first() {
        members = match rest {
            [b'-', last, tail @ ..] => {
                is_in |= (first..=*last).contains(&byte);
                tail
            }
            rest => {
                is_in |= first == byte;
                rest
            }
        };
    }
    Some((end + 1 + usize::from(negated), is_in != negated))
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
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        assert_eq!(Pattern::parse(""), Err(PatternProblem::Empty));
        assert_eq!(Pattern::parse(&"*".repeat(1025)), Err(PatternProblem::TooLong));
        assert_eq!(Pattern::parse("a\0"), Err(PatternProblem::Control));
        assert_eq!(Pattern::parse("a\x1b[2J"), Err(PatternProblem::Control));
    }

    #[test]
    fn many_stars_take_no_time() {
        assert!(!matches(&format!("{}b", "a*".repeat(500)), &"a".repeat(255)));
    }

    #[test]
    fn any_pattern_is_survived_and_a_name_matches_itself_escaped() {
        const ALPHABET: [char; 8] = ['*', '?', '[', ']', '!', '-', '\\', 'a'];
        for number in 0..ALPHABET.len().pow(5) {
            let digits = (0..5).map(|place| ALPHABET[number / ALPHABET.len().pow(place) % ALPHABET.len()]);
            let text: String = digits.collect();
            let escaped: String = text.chars().flat_map(|character| ['\\', character]).collect();
            matches(&text, "a-a[]");
            assert!(matches(&escaped, &text), "{escaped}");
        }
    }
}
