//! How busy a process was: its processor time now against what it was at the beginning of a window that the caller chose. Nobody's
//! window is anybody else's (psutil keeps one per object, and answers 0.0 first).

use std::collections::HashMap;

use super::{ProcessReader, stat::Stat};
use crate::{HostError, host::monotonic_ns};

/// Processor time of processes at the beginning of a window.
#[derive(Debug, Default)]
pub struct UsageBaseline {
    began_ns: u64,
    earlier: HashMap<u32, Earlier>,
}

/// One process at the beginning of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Earlier {
    pub(super) start_ticks: u64,
    pub(super) used_ticks: u64,
    pub(super) read_ns: u64,
}

impl UsageBaseline {
    /// Reads `stat` of these processes; those that vanish are left out.
    ///
    /// # Errors
    /// As [`ProcessReader::read_listed`].
    pub fn take(reader: &mut ProcessReader, pids: &[u32]) -> Result<Self, HostError> {
        let mut baseline = Self { began_ns: monotonic_ns(), earlier: HashMap::with_capacity(pids.len()) };
        for &pid in pids {
            if let Some(earlier) = reader.processor_time(pid)? {
                baseline.earlier.insert(pid, earlier);
            }
        }
        Ok(baseline)
    }

    /// Adds what another reader read at the same time of other processes.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.began_ns = self.began_ns.min(other.began_ns);
        self.earlier.extend(other.earlier);
        self
    }

    /// Processor seconds per second since then; of a process that has started since, over the window as well: it used nothing before.
    pub(super) fn ratio(
        &self,
        pid: u32,
        stat: &Stat<'_>,
        now_ns: u64,
        ticks_to_ns: impl Fn(u64) -> u64,
    ) -> Option<f64> {
        let used_ticks = stat.used_ticks()?;
        let known = self.earlier.get(&pid).filter(|earlier| earlier.start_ticks == stat.start_ticks);
        let (before_ticks, since_ns) = match known {
            Some(earlier) => (earlier.used_ticks, earlier.read_ns),
            None if ticks_to_ns(stat.start_ticks + 1) >= self.began_ns => (0, self.began_ns),
            // It was there, and could not be read then.
            None => return None,
        };
        let passed_ns = now_ns.checked_sub(since_ns).filter(|passed| *passed > 0)?;
        // The kernel's scaling of user and system time may let their sum go back by a tick.
        let used_ns = ticks_to_ns(used_ticks.saturating_sub(before_ticks));
        #[allow(clippy::cast_precision_loss, reason = "a window is far below 2^53 nanoseconds")]
        Some(used_ns as f64 / passed_ns as f64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn stat(user: u64, system: u64, start: u64) -> String {
        format!("7 (x) S 1 7 7 0 -1 0 0 0 0 0 {user} {system} 0 0 20 0 1 0 {start} 0")
    }

    fn ratio(baseline: &UsageBaseline, line: &str, now_ns: u64) -> Option<f64> {
        baseline.ratio(7, &Stat::parse(line.as_bytes()).unwrap(), now_ns, |ticks| ticks * SECOND / 100)
    }

    #[test]
    fn the_window_is_the_time_between_the_two_readings_of_this_process() {
        let earlier = Earlier { start_ticks: 50, used_ticks: 100, read_ns: 10 * SECOND };
        let baseline = UsageBaseline { began_ns: 9 * SECOND, earlier: HashMap::from([(7, earlier)]) };
        assert_eq!(ratio(&baseline, &stat(200, 100, 50), 12 * SECOND), Some(1.0));
        assert_eq!(ratio(&baseline, &stat(300, 200, 50), 12 * SECOND), Some(2.0), "two processors");
        assert_eq!(ratio(&baseline, &stat(99, 0, 50), 12 * SECOND), Some(0.0), "never negative");
        assert_eq!(ratio(&baseline, &stat(100, 0, 50), 10 * SECOND), None, "no time has passed");
    }

    #[test]
    fn a_process_that_started_within_the_window_used_nothing_before() {
        let baseline = UsageBaseline { began_ns: 10 * SECOND, earlier: HashMap::new() };
        assert_eq!(ratio(&baseline, &stat(50, 50, 1050), 12 * SECOND), Some(0.5));
        assert_eq!(ratio(&baseline, &stat(50, 50, 50), 12 * SECOND), None, "it was there, and was not read");
    }

    #[test]
    fn another_process_with_the_same_pid_is_another_process() {
        let earlier = Earlier { start_ticks: 50, used_ticks: 100, read_ns: 10 * SECOND };
        let baseline = UsageBaseline { began_ns: 10 * SECOND, earlier: HashMap::from([(7, earlier)]) };
        assert_eq!(ratio(&baseline, &stat(150, 50, 1100), 12 * SECOND), Some(1.0));
    }
}
