//! Facts of the host that rows need and that change rarely, kept for a moment so that a table does not read them once per row.

use std::time::{Duration, Instant};

use procwire_proto::Timestamp;

use crate::{Host, HostError};

/// How long they are believed. The boot time moves only when the clock is stepped, the memory when some is plugged in.
const LIFE: Duration = Duration::from_secs(1);

/// The facts and when they were read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    boot_time: Option<(Instant, Timestamp)>,
    total_memory_bytes: Option<(Instant, u64)>,
}

impl Kept {
    pub(super) fn boot_time(&mut self, host: &Host) -> Result<Timestamp, HostError> {
        keep(&mut self.boot_time, || host.boot_time())
    }

    pub(super) fn total_memory_bytes(&mut self, host: &Host) -> Result<u64, HostError> {
        keep(&mut self.total_memory_bytes, || host.total_memory_bytes())
    }
}

fn keep<T: Copy>(
    place: &mut Option<(Instant, T)>,
    read: impl FnOnce() -> Result<T, HostError>,
) -> Result<T, HostError> {
    if let Some((since, known)) = place
        && since.elapsed() < LIFE
    {
        return Ok(*known);
    }
    let value = read()?;
    *place = Some((Instant::now(), value));
    Ok(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_read_is_not_read_again_and_a_failure_is_not_kept() {
        let mut place = None;
        let failed = keep(&mut place, || Err(HostError::invalid("/proc/meminfo", "torn")));
        assert!(failed.is_err() && place.is_none());
        assert_eq!(keep(&mut place, || Ok(7)).unwrap(), 7);
        // As if it had been read a moment from now, so that no delay of this test makes it old.
        place = Some((Instant::now() + LIFE * 600, 7));
        assert_eq!(keep(&mut place, || Ok(8)).unwrap(), 7);
        place = Some((Instant::now().checked_sub(LIFE * 2).unwrap(), 7));
        assert_eq!(keep(&mut place, || Ok(8)).unwrap(), 8);
    }
}
