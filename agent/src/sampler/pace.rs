//! When to sample: at once, then at the multiples of the interval on the wall clock, so that the samples of many hosts line up.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep_until};

/// The moments of one sampler. Paced by the monotonic clock: it neither drifts nor follows a stepped wall clock.
#[derive(Debug)]
pub(super) struct Pace {
    next: Instant,
    following: Instant,
    interval: Duration,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self::from(interval, Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn from(interval: Duration, now: Instant, since_epoch: Duration) -> Self {
        Self { next: now, following: now + until_aligned(interval, since_epoch), interval }
    }

    /// Completes at the next moment. Moments that have passed meanwhile are left out.
    pub(super) async fn next(&mut self) {
        sleep_until(self.next).await;
        self.advance(Instant::now());
    }

    fn advance(&mut self, now: Instant) {
        self.next = self.following;
        let missed = now.saturating_duration_since(self.next).as_nanos().div_ceil(self.interval.as_nanos().max(1));
        self.next += self.interval.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        self.following = self.next + self.interval;
    }
}

/// Time to the first aligned moment that is at least half an interval away: rates over less would be noise.
fn until_aligned(interval: Duration, since_epoch: Duration) -> Duration {
    let into = since_epoch.as_nanos() % interval.as_nanos().max(1);
    let left = interval.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or_default()));
    if left < interval / 2 { left + interval } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn moments_fall_on_multiples_of_the_interval() {
        assert_eq!(until_aligned(SECOND, milliseconds(5_300)), milliseconds(700));
        assert_eq!(until_aligned(SECOND, milliseconds(5_000)), SECOND);
        assert_eq!(until_aligned(SECOND, milliseconds(5_900)), milliseconds(1_100), "too near for a rate");
        assert_eq!(until_aligned(milliseconds(100), milliseconds(1_730)), milliseconds(70));
    }

    #[test]
    fn the_first_is_at_once_and_the_rest_do_not_drift() {
        let start = Instant::now();
        let mut pace = Pace::from(SECOND, start, milliseconds(5_300));
        assert_eq!(pace.next, start);
        for moment in [700, 1_700, 2_700] {
            // Each time a little late.
            pace.advance(pace.next + milliseconds(40));
            assert_eq!(pace.next, start + milliseconds(moment));
        }
    }

    #[test]
    fn missed_moments_are_left_out_and_the_phase_is_kept() {
        let start = Instant::now();
        let mut pace = Pace::from(SECOND, start, milliseconds(5_300));
        pace.advance(start + milliseconds(3_000));
        assert_eq!(pace.next, start + milliseconds(3_700));
        pace.advance(start + milliseconds(4_700));
        assert_eq!(pace.next, start + milliseconds(4_700), "exactly due is not missed");
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_its_moments() {
        let start = Instant::now();
        let mut pace = Pace::from(SECOND, start, milliseconds(5_300));
        pace.next().await;
        pace.next().await;
        pace.next().await;
        assert!(start.elapsed() >= milliseconds(1_700) && start.elapsed() < milliseconds(1_800));
    }
}
