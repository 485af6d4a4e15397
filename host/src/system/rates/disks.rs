//! What block devices did between two readings.

use procwire_proto::v1::{Disk, DiskRates};

use super::{Window, advance, find};

/// The kernel prints times as unsigned int (block/genhd.c, diskstats_show): they start again after 49.7 days.
const MILLISECONDS_WRAP_NS: u64 = (1 << 32) * 1_000_000;

pub(super) fn add_rates(previous: &[Disk], current: &mut [Disk], window: Window) {
    for (index, disk) in current.iter_mut().enumerate() {
        let before = find(previous, index, |before| is_same(before, disk));
        disk.counters_reset = match before {
            Some(before) => went_back(before, disk),
            // A device that came is none that was replaced.
            None => previous.iter().any(|before| is_replaced_by(before, disk)),
        };
        disk.rates = before.filter(|_| !disk.counters_reset).and_then(|before| rates(before, disk, window));
    }
}

fn is_same(left: &Disk, right: &Disk) -> bool {
    left.minor == right.minor && left.major == right.major && left.name == right.name
}

/// Another device under the same name or the same number.
fn is_replaced_by(before: &Disk, disk: &Disk) -> bool {
    before.name == disk.name || (before.major == disk.major && before.minor == disk.minor)
}

/// Counters of a device never go back: if one does, this is another device, or they were reset, and then none of them tells how far it
/// came. A device that was replaced by one that did more meanwhile looks like one that did much; its size tells nothing, because
/// devices grow in use.
fn went_back(previous: &Disk, current: &Disk) -> bool {
    let counters = |disk: &Disk| {
        [
            disk.reads,
            disk.writes,
            disk.read_bytes,
            disk.write_bytes,
            disk.reads_merged,
            disk.writes_merged,
            disk.discards,
            disk.discarded_bytes,
            disk.flushes,
        ]
    };
    let times = |disk: &Disk| [disk.read_time_ns, disk.write_time_ns, disk.busy_time_ns, disk.weighted_time_ns];
    let is_less = |(before, after): (Option<u64>, Option<u64>)| before.zip(after).is_some_and(|(a, b)| b < a);
    let is_reset = |(before, after)| is_less((before, after)) && advance_of_time(before, after).is_none();
    counters(previous).into_iter().zip(counters(current)).any(is_less)
        || times(previous).into_iter().zip(times(current)).any(is_reset)
}

/// All or none.
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

    fn compared(previous: &Disk, current: &Disk) -> (Option<DiskRates>, bool) {
        let mut current = [current.clone()];
        add_rates(std::slice::from_ref(previous), &mut current, TWO_SECONDS);
        (current[0].rates, current[0].counters_reset)
    }

    fn between(previous: &Disk, current: &Disk) -> Option<DiskRates> {
        let (rates, counters_reset) = compared(previous, current);
        assert!(!counters_reset);
        rates
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
    fn a_reset_gives_no_rates_and_is_told() {
        assert_eq!(compared(&disk(0, 10, 1000), &disk(0, 9, 1500)), (None, true), "counters went back");
        assert_eq!(compared(&disk(0, 10, 1000), &disk(0, 10, 0)), (None, true), "only the times went back");
        let flushes = |count| Disk { flushes: Some(count), ..disk(0, 10, 1000) };
        assert_eq!(compared(&flushes(2), &flushes(1)), (None, true), "a counter that no rate is made of");
        let old = |count| Disk { busy_time_ns: None, weighted_time_ns: None, ..disk(0, count, 0) };
        assert_eq!(compared(&old(2), &old(1)), (None, true), "a device without rates");
        assert_eq!(advance_of_time(Some(MILLISECONDS_WRAP_NS * 2), Some(0)), None, "no 32-bit time");
    }

    #[test]
    fn a_device_is_its_name_and_its_number() {
        let new = Disk { name: b"vdb".to_vec(), ..disk(16, 5, 0) };
        let mut current = [disk(1, 7, 0), disk(0, 20, 0), new];
        add_rates(&[disk(0, 10, 0), disk(1, 5, 0)], &mut current, TWO_SECONDS);
        let reads: Vec<_> = current.iter().map(|disk| disk.rates.map(|rates| rates.reads_per_second)).collect();
        assert_eq!(reads, [Some(1.0), Some(5.0), None]);
        let mut renamed = [Disk { name: b"vdb".to_vec(), ..disk(0, 20, 0) }];
        add_rates(&[disk(0, 10, 0)], &mut renamed, TWO_SECONDS);
        assert_eq!((renamed[0].rates, renamed[0].counters_reset), (None, true), "another device has its number");
        assert!(current.iter().all(|disk| !disk.counters_reset), "one that came is none that was replaced");
        let moved = Disk { major: 8, ..disk(0, 20, 0) };
        assert_eq!(compared(&disk(0, 10, 0), &moved), (None, true), "another device has its name");
    }

    #[test]
    fn a_device_that_grows_is_the_same() {
        let sized = |count, size| Disk { size_bytes: Some(size), ..disk(0, count, 0) };
        assert!(between(&sized(10, 1 << 30), &sized(20, 2 << 30)).is_some());
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
