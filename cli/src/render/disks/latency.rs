//! What two readings of a disk tell of its single requests.

use procwire_proto::v1::Disk;

/// A disk at the end of a window, and at its beginning if that was read and it is the same disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured<'a> {
    pub(super) disk: &'a Disk,
    before: Option<&'a Disk>,
}

impl<'a> Measured<'a> {
    /// A disk and, if it is among these, what it was before.
    pub(crate) fn new(disk: &'a Disk, before: &'a [Disk]) -> Self {
        let is_same =
            |before: &&Disk| (&before.name, before.major, before.minor) == (&disk.name, disk.major, disk.minor);
        let before = before.iter().find(is_same).filter(|_| !disk.counters_reset);
        Self { disk, before }
    }

    /// Mean time of a read in nanoseconds; `None` if there was none.
    pub(super) fn read_wait_ns(self) -> Option<f64> {
        self.mean(|disk| disk.read_time_ns, |disk| disk.reads)
    }

    /// Mean time of a write in nanoseconds.
    pub(super) fn write_wait_ns(self) -> Option<f64> {
        self.mean(|disk| disk.write_time_ns, |disk| disk.writes)
    }

    /// Mean size of a read.
    pub(super) fn read_size_bytes(self) -> Option<f64> {
        self.mean(|disk| disk.read_bytes, |disk| disk.reads)
    }

    /// Mean size of a write.
    pub(super) fn write_size_bytes(self) -> Option<f64> {
        self.mean(|disk| disk.write_bytes, |disk| disk.writes)
    }

    /// How far the one came for each step of the other; a counter that went back tells nothing.
    fn mean(self, sum: fn(&Disk) -> Option<u64>, count: fn(&Disk) -> Option<u64>) -> Option<f64> {
        let advance = |counter: fn(&Disk) -> Option<u64>| counter(self.disk)?.checked_sub(counter(self.before?)?);
        let count = advance(count).filter(|count| *count > 0)?;
        Some(advance(sum)? as f64 / count as f64)
    }
}
