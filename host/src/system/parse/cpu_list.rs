//! Lists of numbers as the kernel writes bitmaps (`%*pbl`, lib/vsprintf.c): processors and NUMA nodes.

/// Numbers stay below this, far above what any kernel can be built for, so that a hostile list stays small.
const HIGHEST: u32 = 1 << 19;

/// `0-3,8,10-11`, ascending as the kernel writes it; an empty text is an empty list. Nothing if it is no such list.
pub(crate) fn parse(text: &[u8]) -> Option<Vec<u32>> {
    let text = text.trim_ascii();
    let mut numbers = Vec::new();
    if text.is_empty() {
        return Some(numbers);
    }
    for part in text.split(|byte| *byte == b',') {
        let (first, last) = range(part)?;
        let is_ascending = numbers.last().is_none_or(|before| *before < first);
        if !is_ascending || last < first || last >= HIGHEST {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

fn range(part: &[u8]) -> Option<(u32, u32)> {
    let dash = memchr::memchr(b'-', part);
    let Some(dash) = dash else { return number(part).map(|number| (number, number)) };
    let (first, last) = part.split_at_checked(dash)?;
    Some((number(first)?, number(last.get(1..)?)?))
}

fn number(digits: &[u8]) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| crate::procfs::number(digits)).flatten().and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_as_the_kernel_writes_them() {
        assert_eq!(parse(b"0-3,8,10-11\n"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(parse(b"0-7"), Some((0..8).collect()));
        assert_eq!(parse(b"0\n"), Some(vec![0]));
        assert_eq!(parse(b"\n"), Some(vec![]));
        assert_eq!(parse(b""), Some(vec![]));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for odd in [
            "3-1",
            "1,0",
            "0-3,2",
            "0,0",
            "-1",
            "1-",
            "a",
            "0,",
            ",",
            "0 1",
            "0-1-2",
            "0x1",
            "4294967296",
            "0-4294967295",
        ] {
            assert_eq!(parse(odd.as_bytes()), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text);
        }

        #[test]
        fn what_is_written_reads_back(set in proptest::collection::btree_set(0_u32..2000, 0..60)) {
            let mut ranges: Vec<(u32, u32)> = Vec::new();
            for number in &set {
                match ranges.last_mut() {
                    Some((_, last)) if *last + 1 == *number => *last = *number,
                    _ => ranges.push((*number, *number)),
                }
            }
            let write = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
            let text = ranges.iter().map(write).collect::<Vec<_>>().join(",");
            prop_assert_eq!(parse(text.as_bytes()), Some(set.into_iter().collect()));
        }
    }
}
