//! `/proc/loadavg` (fs/proc/loadavg.c): `0.76 0.28 0.11 1/89 10694`.

use procwire_proto::v1::LoadAverage;

use crate::procfs::{Numbers, number};

pub(in crate::system) fn parse(text: &[u8]) -> LoadAverage {
    let mut words = Numbers::new(text);
    let [one_minute, five_minutes, fifteen_minutes] = std::array::from_fn(|_| words.token().and_then(average));
    let threads = words.token().unwrap_or_default();
    let slash = memchr::memchr(b'/', threads).unwrap_or(threads.len());
    let (runnable, total) = threads.split_at_checked(slash).unwrap_or_default();
    LoadAverage {
        one_minute,
        five_minutes,
        fifteen_minutes,
        runnable_threads: count(runnable),
        total_threads: total.strip_prefix(b"/").and_then(count),
    }
}

/// Digits and at most one point; what else f64 can be written as is no load average.
fn average(word: &[u8]) -> Option<f64> {
    if !word.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    let value: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

fn count(digits: &[u8]) -> Option<u32> {
    number(digits).and_then(|count| u32::try_from(count).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_kernel_of_today() {
        let load = parse(b"0.76 0.28 12.11 3/89 10694\n");
        let expected = LoadAverage {
            one_minute: Some(0.76),
            five_minutes: Some(0.28),
            fifteen_minutes: Some(12.11),
            runnable_threads: Some(3),
            total_threads: Some(89),
        };
        assert_eq!(load, expected);
    }

    #[test]
    fn odd_words_are_absent() {
        let load = parse(b"nan -1.0 1e9 4294967296/x");
        assert_eq!(load, LoadAverage::default());
        assert_eq!(parse(b"1.00 2.00").five_minutes, Some(2.0));
        assert_eq!(parse(b""), LoadAverage::default());
        assert_eq!(parse("9".repeat(400).as_bytes()).one_minute, None, "infinity is no load");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text);
        }

        #[test]
        fn what_the_kernel_prints_reads_back(hundredths: [u32; 3], threads: [u32; 2]) {
            let [one, five, fifteen] = hundredths.map(|load| format!("{}.{:02}", load / 100, load % 100));
            let load = parse(format!("{one} {five} {fifteen} {}/{} 1\n", threads[0], threads[1]).as_bytes());
            prop_assert_eq!(load.one_minute, Some(f64::from(hundredths[0]) / 100.0));
            prop_assert_eq!(load.fifteen_minutes, Some(f64::from(hundredths[2]) / 100.0));
            prop_assert_eq!([load.runnable_threads, load.total_threads], threads.map(Some));
        }
    }
}
