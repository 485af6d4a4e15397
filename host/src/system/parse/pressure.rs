//! Pressure stall information (Documentation/accounting/psi.rst; kernel/sched/psi.c, `psi_show`): of the host in `/proc/pressure`, of a
//! control group in its `*.pressure` files.

use procwire_proto::v1::{PressureResource, PressureStall};

use super::lines;
use crate::procfs::Numbers;

/// `some avg10=0.78 avg60=8.25 avg300=8.89 total=9487153781`, and the same for `full`. Either line may be missing: before kernel 5.13
/// there is no `full` for processors, and for interrupts there is no `some`. A line that is not whole is none.
pub(crate) fn parse(text: &[u8]) -> PressureResource {
    let mut resource = PressureResource::default();
    for line in lines(text) {
        let mut words = Numbers::new(line);
        match words.token() {
            Some(b"some") => resource.some = stall(words),
            Some(b"full") => resource.full = stall(words),
            _ => {}
        }
    }
    resource
}

/// The averages by name, so that a column more does no harm.
fn stall(mut words: Numbers<'_>) -> Option<PressureStall> {
    let (mut ten_seconds, mut one_minute, mut five_minutes, mut total_us) = (None, None, None, None);
    while let Some(word) = words.token() {
        let (name, value) = word.split_at_checked(memchr::memchr(b'=', word)?)?;
        let value = value.get(1..)?;
        match name {
            b"avg10" => ten_seconds = ratio(value),
            b"avg60" => one_minute = ratio(value),
            b"avg300" => five_minutes = ratio(value),
            b"total" => total_us = whole_number(value),
            _ => {}
        }
    }
    Some(PressureStall {
        ten_seconds_ratio: ten_seconds?,
        one_minute_ratio: one_minute?,
        five_minutes_ratio: five_minutes?,
        total_ns: total_us?.checked_mul(1000)?,
    })
}

/// Per cent with two decimals. The kernel's averages can come out a hundredth above the whole.
fn ratio(text: &[u8]) -> Option<f64> {
    let (percent, hundredths) = text.split_at_checked(memchr::memchr(b'.', text)?)?;
    let hundredths = hundredths.get(1..).filter(|digits| digits.len() == 2)?;
    let value = whole_number(percent)?.checked_mul(100)?.checked_add(whole_number(hundredths)?)?;
    Some((value as f64 / 10_000.0).min(1.0))
}

/// Digits and nothing else.
fn whole_number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| crate::procfs::number(digits)).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str =
        "some avg10=0.78 avg60=8.25 avg300=100.00 total=9487153781\nfull avg10=0.00 avg60=0.01 avg300=0.00 total=7\n";

    fn stall(ratios: [f64; 3], total_ns: u64) -> Option<PressureStall> {
        let [ten_seconds_ratio, one_minute_ratio, five_minutes_ratio] = ratios;
        Some(PressureStall { ten_seconds_ratio, one_minute_ratio, five_minutes_ratio, total_ns })
    }

    #[test]
    fn a_kernel_of_today() {
        let resource = parse(TEXT.as_bytes());
        assert_eq!(resource.some, stall([0.0078, 0.0825, 1.0], 9_487_153_781_000));
        assert_eq!(resource.full, stall([0.0, 0.0001, 0.0], 7_000));
    }

    #[test]
    fn kernels_that_know_only_one_of_the_two() {
        let processors = parse(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
        assert_eq!((processors.some, processors.full), (stall([0.0; 3], 1_000), None), "before kernel 5.13");
        let interrupts = parse(b"full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
        assert_eq!((interrupts.some, interrupts.full), (None, stall([0.0; 3], 1_000)));
    }

    #[test]
    fn an_average_a_hair_above_the_whole_is_the_whole() {
        assert_eq!(
            parse(b"some avg10=100.02 avg60=99.99 avg300=0.00 total=1\n").some,
            stall([1.0, 0.9999, 0.0], 1_000)
        );
    }

    #[test]
    fn a_column_more_does_no_harm() {
        let resource = parse(b"some avg5=1.00 avg10=0.00 avg60=0.00 avg300=0.00 total=3 peak=9\n");
        assert_eq!(resource.some, stall([0.0; 3], 3_000));
    }

    #[test]
    fn lines_that_are_not_whole_are_none() {
        for odd in [
            "",
            "some",
            "some avg10=0.78 avg60=8.25 avg300=8.89",
            "some avg10=0.78 avg60=8.25 avg300=8.89 total=",
            "some avg10=0.78 avg60=8.25 avg300=8.89 total=-1",
            "some avg10=0.78 avg60=8.25 avg300=8.89 total=18446744073709551615",
            "some avg10=0.78 avg60=8.25 avg300=nan total=1",
            "some avg10=0.7 avg60=8.25 avg300=8.89 total=1",
            "some avg10=0.78 avg60 avg300=8.89 total=1",
            "Some avg10=0.78 avg60=8.25 avg300=8.89 total=1",
        ] {
            assert_eq!(parse(odd.as_bytes()), PressureResource::default(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text);
            parse(&[b"some ", text.as_slice()].concat());
        }

        #[test]
        fn a_text_cut_anywhere_says_nothing_wrong(end in 0..TEXT.len()) {
            let (whole, torn) = (parse(TEXT.as_bytes()), parse(&TEXT.as_bytes()[..end]));
            // Only the digits of the last number can be cut without a trace.
            let same = |torn: Option<PressureStall>, whole: Option<PressureStall>| {
                torn.zip(whole).is_none_or(|(torn, whole)| PressureStall { total_ns: 0, ..torn } == PressureStall { total_ns: 0, ..whole })
            };
            prop_assert!(same(torn.some, whole.some) && same(torn.full, whole.full));
        }

        #[test]
        fn what_the_kernel_prints_reads_back(hundredths in [0_u32..=10_000, 0..=10_000, 0..=10_000], total_us in 0..u64::MAX / 1000) {
            let [ten, minute, five] = hundredths.map(|value| format!("{}.{:02}", value / 100, value % 100));
            let resource = parse(format!("full avg10={ten} avg60={minute} avg300={five} total={total_us}\n").as_bytes());
            let ratios = hundredths.map(|value| f64::from(value) / 10_000.0);
            prop_assert_eq!(resource.full, stall(ratios, total_us * 1000));
        }
    }
}
