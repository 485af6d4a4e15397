//! Lines of kernel text.

/// The lines without their ends; the last need not have one.
pub(in crate::system) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, tail) = rest.split_at_checked(end)?;
        rest = tail.get(1..).unwrap_or_default();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_torn_last_line_is_a_line() {
        let found: Vec<_> = lines(b"a\n\nb").collect();
        assert_eq!(found, [b"a".as_slice(), b"", b"b"]);
        assert_eq!(lines(b"").count(), 0);
    }

    proptest! {
        #[test]
        fn lines_lose_no_byte(text in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200)) {
            let joined = lines(&text).collect::<Vec<_>>().join(&b'\n');
            let expected = text.strip_suffix(b"\n").unwrap_or(&text);
            prop_assert_eq!(joined, expected);
        }
    }
}
