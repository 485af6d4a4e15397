//! What there is in a text at all. Most arguments hold nothing that a secret could hang on, and a table has thousands of them: one pass
//! that finds that out is cheaper than a search for each shape.

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// `=` or `:`.
    pub(super) has_assignment: bool,
    pub(super) has_blank: bool,
    /// `@`.
    pub(super) has_at: bool,
    /// Five dashes in a row, with which the lines around a key begin and end.
    pub(super) has_dashes: bool,
    /// Letters, digits, and what else a token is made of, in a row.
    pub(super) longest_run: usize,
}

impl Signs {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut signs = Self::default();
        let (mut run, mut dashes) = (0, 0);
        for byte in text {
            dashes = if *byte == b'-' { dashes + 1 } else { 0 };
            signs.has_dashes |= dashes == 5;
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'/' | b'+' => {
                    run += 1;
                    signs.longest_run = signs.longest_run.max(run);
                    continue;
                }
                b'=' | b':' => signs.has_assignment = true,
                b'@' => signs.has_at = true,
                byte if byte.is_ascii_whitespace() => signs.has_blank = true,
                _ => {}
            }
            run = 0;
        }
        signs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_seen() {
        assert_eq!(Signs::of(b""), Signs::default());
        let plain = Signs::of(b"--switched-root");
        assert_eq!(plain, Signs { longest_run: 15, ..Signs::default() });
        let all = Signs::of(b"ab=c@d ef-----\n");
        assert_eq!(
            all,
            Signs { has_assignment: true, has_blank: true, has_at: true, has_dashes: true, longest_run: 7 }
        );
        assert!(!Signs::of(b"---- -").has_dashes);
    }
}
