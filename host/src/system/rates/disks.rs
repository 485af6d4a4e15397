//! What block devices did between two readings.

use procwire_proto::v1::{Disk, DiskRates};

use super::{Window, advance, find};

/// The kernel prints times as unsigned int (block/genhd.c, diskstats_show): they start again after 49.7 days.
const MILLISECONDS_WRAP_NS: u64 = (1 << 32) * 1_000_000;

pub(super) fn add_rates(previous: &[Disk], current: &mut [Disk], window: Window) {
    for (index, disk) in current.iter_mut().enumerate() {
        disk.rates =
            find(previous, index, |before| is_same(before, disk)).and_then(|before| rates(before, disk, window));
    }
}

fn is_same(left: &Disk, right: &Disk) -> bool {
    left.minor == right.minor && left.major == right.major && left.name == right.name
}

/// All or none: a counter that went back means that the device was replaced or its counters reset, and then none of them tells
/// how far it came.
fn rates(previous: &Disk, current: &Disk, window: Window) -> Option<DiskRates> {
    let per_second = |before, after| advance(before, after).map(|count| window.per_second(count));
    let busy_ns = advance_of_time(previous.busy_time_ns, current.busy_time_ns)?;
    let weighted_ns = advance_of_time(previous.weighted_time_ns, current.weighted_time_ns)?;
    Some(DiskRates {
        reads_per_second: per_second(previous.reads, current.reads)?,
        writes_per_second: per_second(previous.writes, current.writes)?,
        read_bytes_per_second: per_second(previous.read_bytes, current.read_bytes)?,
        write_bytes_per_second: per_second(previous.write_bytes, current.write_bytes)?,
        // A request that took longer than the window is counted when it ends.
        busy_ratio: (busy_ns as f64 / window.ns as f64).min(1.0),
        queue_length: weighted_ns as f64 / window.ns as f64,
        window_ns: window.ns,
    })
}

/// How far a time came, over its wrap if it is nearer that way round than half of it; farther back is a reset.
fn advance_of_time(previous: Option<u64>, current: Option<u64>) -> Option<u64> {
    let (previous, current) = (previous?, current?);
    current.checked_sub(previous).or_else(|| {
        let wrapped = current.checked_add(MILLISECONDS_WRAP_NS)?.checked_sub(previous)?;
        (wrapped < MILLISECONDS_WRAP_NS / 2).then_some(wrapped)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;
    const TWO_SECONDS: Window = Window { ns: 2_000 * MS };

    fn disk(minor: u32, count: u64, busy_ms: u64) -> Disk {
        Disk {
            name: b"vda".to_vec(),
            major: 254,
            minor,
            reads: Some(count),
            writes: Some(count * 2),
            read_bytes: Some(count * 512),
            write_bytes: Some(count * 1024),
            busy_time_ns: Some(busy_ms * MS),
            weighted_time_ns: Some(busy_ms * 3 * MS),
            ..Disk::default()
        }
    }

    fn between(previous: &Disk, current: &Disk) -> Option<DiskRates> {
        rates(previous, current, TWO_SECONDS)
    }

    #[test]
    fn rates_are_per_second() {
        let expected = DiskRates {
            reads_per_second: 5.0,
            writes_per_second: 10.0,
            read_bytes_per_second: 2560.0,
            write_bytes_per_second: 5120.0,
            busy_ratio: 0.25,
            queue_length: 0.75,
            window_ns: 2_000 * MS,
        };
        assert_eq!(between(&disk(0, 10, 1000), &disk(0, 20, 1500)), Some(expected));
    }

    #[test]
    fn milliseconds_wrap_and_nothing_is_lost() {
        let mut current = disk(0, 20, 0);
        current.busy_time_ns = Some(100 * MS);
        current.weighted_time_ns = Some(1_100 * MS);
        let mut previous = disk(0, 10, 0);
        previous.busy_time_ns = Some(((1 << 32) - 900) * MS);
        previous.weighted_time_ns = Some(((1 << 32) - 900) * MS);
        let rates = between(&previous, &current).unwrap();
        assert_eq!((rates.busy_ratio, rates.queue_length), (0.5, 1.0));
    }

    #[test]
    fn a_reset_gives_no_rates() {
        assert_eq!(between(&disk(0, 10, 1000), &disk(0, 9, 1500)), None, "counters went back");
        assert_eq!(between(&disk(0, 10, 1000), &disk(0, 10, 0)), None, "only the times went back");
        assert_eq!(advance_of_time(Some(MILLISECONDS_WRAP_NS * 2), Some(0)), None, "no 32-bit time");
    }

    #[test]
    fn a_device_is_its_name_and_its_number() {
        let mut current = [disk(1, 7, 0), disk(0, 20, 0), disk(2, 5, 0)];
        add_rates(&[disk(0, 10, 0), disk(1, 5, 0)], &mut current, TWO_SECONDS);
        let reads: Vec<_> = current.iter().map(|disk| disk.rates.map(|rates| rates.reads_per_second)).collect();
        assert_eq!(reads, [Some(1.0), Some(5.0), None]);
        let mut renamed = [Disk { name: b"vdb".to_vec(), ..disk(0, 20, 0) }];
        add_rates(&[disk(0, 10, 0)], &mut renamed, TWO_SECONDS);
        assert_eq!(renamed[0].rates, None);
    }

    #[test]
    fn old_partitions_have_no_times_and_no_rates() {
        let old = |count| Disk { busy_time_ns: None, weighted_time_ns: None, ..disk(0, count, 0) };
        assert_eq!(between(&old(1), &old(2)), None);
    }

    #[test]
    fn a_long_request_does_not_make_a_disk_busier_than_it_can_be() {
        assert_eq!(between(&disk(0, 1, 0), &disk(0, 1, 30_000)).unwrap().busy_ratio, 1.0);
    }

    proptest! {
        #[test]
        fn any_time_is_survived(previous: Option<u64>, current: Option<u64>) {
            advance_of_time(previous, current);
        }

        #[test]
        fn time_advances_over_the_wrap(start in 0..1_u64 << 32, step in 0..1_u64 << 31) {
            let end = (start + step) % (1 << 32);
            prop_assert_eq!(advance_of_time(Some(start * MS), Some(end * MS)), Some(step * MS));
        }
    }
}
