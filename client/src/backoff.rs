//! How long to wait before trying again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// Exponential with full jitter: a wait drawn evenly from zero to a bound that doubles up to a cap. Many clients that lost
/// the same agent then come back spread out. <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    cap: Duration,
}

impl Backoff {
    /// Between the attempts of a read that somebody waits for.
    pub(crate) const READS: Self = Self { first: Duration::from_millis(100), cap: Duration::from_secs(2) };
    /// Between the attempts to take up a watch again.
    pub(crate) const WATCHES: Self = Self { first: Duration::from_millis(500), cap: Duration::from_secs(30) };

    /// The wait after `failures` failures in a row, at least one.
    pub(crate) fn wait(self, failures: u32) -> Duration {
        self.bound(failures).mul_f64(random_fraction())
    }

    fn bound(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.cap)
    }
}

/// Evenly from [0, 1). The standard library's hash keys are random per process and differ from call to call, which is
/// randomness enough for spreading clients and costs no dependency.
fn random_fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, random_fraction};

    #[test]
    fn bounds_double_up_to_the_cap() {
        let bounds: Vec<_> = (1..=9).map(|failures| Backoff::WATCHES.bound(failures).as_millis()).collect();
        assert_eq!(bounds, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(Backoff::WATCHES.bound(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let waits: Vec<_> = (0..1_000).map(|_| Backoff::WATCHES.wait(7)).collect();
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(30)));
        // 1,000 even draws leave a given tenth empty with probability 1e-46.
        for tenth in 0..10 {
            let range = Duration::from_secs(3 * tenth)..Duration::from_secs(3 * (tenth + 1));
            assert!(waits.iter().any(|wait| range.contains(wait)), "none in {range:?}");
        }
        assert!((0..100).all(|_| (0.0..1.0).contains(&random_fraction())));
    }
}
