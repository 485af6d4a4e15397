//! The texts of control groups: bytes in, values out.

mod blkio;
mod io;
mod memory_stat;

use super::limits::Limit;
use crate::procfs::Numbers;

pub(super) use blkio::{Counted, device_limits, service};
pub(super) use io::{io_max, io_stat, set};
pub(super) use memory_stat::statistics;

/// A file that is one number and nothing else.
pub(super) fn single(text: &[u8]) -> Option<u64> {
    digits(text.trim_ascii())
}

/// A file that is one number, or "max" for no limit.
pub(super) fn limit(text: &[u8]) -> Option<Limit<u64>> {
    match text.trim_ascii() {
        b"max" => Some(Limit::Unlimited),
        number => digits(number).map(Limit::At),
    }
}

/// A limit of the memory controller of v1. None is `PAGE_COUNTER_MAX` pages, the largest number of whole pages that a signed 64-bit
/// number holds (include/linux/page_counter.h); before kernel 3.19 it was larger still.
pub(super) fn v1_memory_limit(text: &[u8], page_size_bytes: u64) -> Option<Limit<u64>> {
    single(text).map(|bytes| v1_memory_limit_of(bytes, page_size_bytes))
}

pub(super) fn v1_memory_limit_of(bytes: u64, page_size_bytes: u64) -> Limit<u64> {
    let most = i64::MAX.unsigned_abs();
    let unlimited = most - most.checked_rem(page_size_bytes).unwrap_or(0);
    if bytes >= unlimited { Limit::Unlimited } else { Limit::At(bytes) }
}

/// `max 100000` or `150000 100000`: time that may be used in each period (cpu.max).
pub(super) fn cpu_max(text: &[u8]) -> Option<Limit<f64>> {
    let mut words = Numbers::new(text);
    let (quota, period) = (words.token()?, digits(words.token()?)?);
    match quota {
        b"max" => Some(Limit::Unlimited),
        quota => cpus(digits(quota)?, period),
    }
}

/// cpu.cfs_quota_us and cpu.cfs_period_us. No limit is -1.
pub(super) fn cfs_quota(quota: &[u8], period: &[u8]) -> Option<Limit<f64>> {
    match quota.trim_ascii() {
        [b'-', rest @ ..] => digits(rest).map(|_| Limit::Unlimited),
        quota => cpus(digits(quota)?, single(period)?),
    }
}

fn cpus(quota: u64, period: u64) -> Option<Limit<f64>> {
    (period > 0).then(|| Limit::At(quota as f64 / period as f64))
}

/// cpu.shares as the weight that the kernel would show: 1024 is 100 (kernel/sched: sched_weight_to_cgroup).
pub(super) fn weight_of_shares(text: &[u8]) -> Option<u32> {
    let weight = single(text)?.checked_mul(100)?.checked_add(512)? / 1024;
    u32::try_from(weight.clamp(1, 10_000)).ok()
}

/// The number behind a name at the beginning of a line.
pub(super) fn keyed(text: &[u8], name: &[u8]) -> Option<u64> {
    let value = |line: &[u8]| digits(line.strip_prefix(name)?.strip_prefix(b" ")?.trim_ascii());
    text.split(|byte| *byte == b'\n').find_map(value)
}

/// A yes or no behind a name: "populated 1".
pub(super) fn keyed_flag(text: &[u8], name: &[u8]) -> Option<bool> {
    match keyed(text, name)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Digits and nothing else.
fn digits(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| crate::procfs::number(text)).flatten()
}

/// `8:16`.
fn device(text: &[u8]) -> Option<(u32, u32)> {
    let colon = memchr::memchr(b':', text)?;
    let (major, minor) = (text.get(..colon)?, text.get(colon + 1..)?);
    Some((u32::try_from(digits(major)?).ok()?, u32::try_from(digits(minor)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_limits() {
        assert_eq!((single(b"4096\n"), single(b"-1\n"), single(b""), single(b"1 2")), (Some(4096), None, None, None));
        assert_eq!(single(b"18446744073709551616\n"), None);
        assert_eq!((limit(b"max\n"), limit(b"67108864\n")), (Some(Limit::Unlimited), Some(Limit::At(67_108_864))));
        assert_eq!((limit(b"maximum"), limit(b"")), (None, None));
    }

    #[test]
    fn no_limit_of_the_old_memory_controller_depends_on_the_page() {
        let limit = |text: &str, page| v1_memory_limit(text.as_bytes(), page);
        assert_eq!(limit("9223372036854771712\n", 4096), Some(Limit::Unlimited));
        assert_eq!(limit("9223372036854710272\n", 65536), Some(Limit::Unlimited));
        assert_eq!(limit("9223372036854771711\n", 4096), Some(Limit::At(9_223_372_036_854_771_711)));
        assert_eq!(limit("9223372036854775807\n", 4096), Some(Limit::Unlimited), "before 3.19");
        assert_eq!(limit("18446744073709551615\n", 4096), Some(Limit::Unlimited), "before 3.8");
        assert_eq!(limit("67108864\n", 0), Some(Limit::At(67_108_864)));
    }

    #[test]
    fn processors() {
        assert_eq!(cpu_max(b"150000 100000\n"), Some(Limit::At(1.5)));
        assert_eq!(cpu_max(b"max 100000\n"), Some(Limit::Unlimited));
        for odd in [&b""[..], b"max", b"1", b"1 0", b"1 x", b"x 1", b"-1 100000"] {
            assert_eq!(cpu_max(odd), None, "{odd:?}");
        }
        assert_eq!(cfs_quota(b"-1\n", b"100000\n"), Some(Limit::Unlimited));
        assert_eq!(cfs_quota(b"25000\n", b"100000\n"), Some(Limit::At(0.25)));
        assert_eq!((cfs_quota(b"25000\n", b"0\n"), cfs_quota(b"-\n", b"1")), (None, None));
    }

    #[test]
    fn shares_are_weights_as_the_kernel_converts_them() {
        for (shares, weight) in [("1024", 100), ("2", 1), ("512", 50), ("262144", 10_000), ("100", 10), ("0", 1)] {
            assert_eq!(weight_of_shares(shares.as_bytes()), Some(weight), "{shares}");
        }
        assert_eq!(weight_of_shares(b"18446744073709551615"), None);
    }

    #[test]
    fn named_lines() {
        let text = b"low 0\nmax 7\noom 1\noom_kill 2\n";
        assert_eq!((keyed(text, b"oom"), keyed(text, b"oom_kill"), keyed(text, b"max")), (Some(1), Some(2), Some(7)));
        assert_eq!((keyed(text, b"high"), keyed(b"max x\n", b"max"), keyed(b"max\n", b"max")), (None, None, None));
        assert_eq!(keyed(b"max 1", b"max"), Some(1), "a torn last line");
        assert_eq!(
            (keyed_flag(b"populated 1\n", b"populated"), keyed_flag(b"frozen 2\n", b"frozen")),
            (Some(true), None)
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>, other: Vec<u8>, page: u64) {
            limit(&text);
            v1_memory_limit(&text, page);
            cpu_max(&text);
            cfs_quota(&text, &other);
            weight_of_shares(&text);
            keyed(&text, &other);
            device(&text);
        }
    }
}
