//! Section `memory`, and the part of `swap` that the same file tells.

use procwire_proto::{SystemFieldSet, system_fields::bit, v1::Memory};

use super::{
    SystemReader,
    answer::{Answer, Missing},
    parse::{
        meminfo::{self, Meminfo},
        zoneinfo,
    },
    swap,
};

/// Everything in `memory` that is made of named lines of /proc/meminfo.
const FROM_LINES: SystemFieldSet = bit::MEMORY_TOTAL_BYTES
    .union(bit::MEMORY_AVAILABLE_BYTES)
    .union(bit::MEMORY_USED_BYTES)
    .union(bit::MEMORY_FREE_BYTES)
    .union(bit::MEMORY_BUFFERS_BYTES)
    .union(bit::MEMORY_CACHED_BYTES)
    .union(bit::MEMORY_SHARED_BYTES)
    .union(bit::MEMORY_ACTIVE_BYTES)
    .union(bit::MEMORY_INACTIVE_BYTES)
    .union(bit::MEMORY_SLAB_BYTES)
    .union(bit::MEMORY_USED_RATIO);

/// Fields that need to know how much memory is available.
const FROM_AVAILABLE: SystemFieldSet =
    bit::MEMORY_AVAILABLE_BYTES.union(bit::MEMORY_USED_BYTES).union(bit::MEMORY_USED_RATIO);

pub(super) fn read(reader: &mut SystemReader, answer: &mut Answer) {
    if answer.wants(reader.meminfo.fields()) {
        read_meminfo(reader, answer);
    }
    swap::read_traffic(reader, answer);
}

fn read_meminfo(reader: &mut SystemReader, answer: &mut Answer) {
    let text = match reader.meminfo.read_value(&mut reader.buffer) {
        Ok(text) => text,
        Err(error) => return answer.unreadable(reader.meminfo.fields(), &error),
    };
    let meminfo = meminfo::parse(text);
    if answer.wants(bit::MEMORY_STATISTICS) {
        answer.system.memory.get_or_insert_default().statistics = meminfo::statistics(text);
    }
    swap::fill_space(&meminfo, &reader.meminfo, answer);
    if answer.wants(FROM_LINES) {
        let low_watermark_bytes =
            if answer.wants(FROM_AVAILABLE) && needs_estimate(&meminfo) { low_watermark_bytes(reader) } else { None };
        let memory =
            settle(memory(&meminfo, low_watermark_bytes), answer, |line| Missing { source: &reader.meminfo, line });
        let statistics = answer.system.memory.take().unwrap_or_default().statistics;
        answer.system.memory = Some(Memory { statistics, ..memory });
    }
}

fn low_watermark_bytes(reader: &mut SystemReader) -> Option<u64> {
    // Without it the estimate is coarser, as psutil's is: no error.
    let text = reader.zoneinfo.read(&mut reader.buffer).ok()?;
    zoneinfo::low_watermark_pages(text).checked_mul(reader.host.machine().page_size_bytes)
}

/// Kernels before 3.14 have no `MemAvailable`, and some answered 0 (psutil #1915).
fn needs_estimate(meminfo: &Meminfo) -> bool {
    matches!(meminfo.available, None | Some(0)) && !meminfo.available_is_odd
}

/// The figures of free(1) of procps 4 and of psutil since 7.1.
fn memory(meminfo: &Meminfo, low_watermark_bytes: Option<u64>) -> Memory {
    let available = available_bytes(meminfo, low_watermark_bytes);
    let used = meminfo.total.zip(available).and_then(|(total, available)| total.checked_sub(available));
    Memory {
        total_bytes: meminfo.total,
        available_bytes: available,
        used_bytes: used,
        free_bytes: meminfo.free,
        buffers_bytes: meminfo.buffers,
        cached_bytes: meminfo.cached.map(|cached| cached.saturating_add(meminfo.slab_reclaimable.unwrap_or(0))),
        shared_bytes: meminfo.shmem.or(meminfo.mem_shared),
        active_bytes: meminfo.active,
        inactive_bytes: meminfo.inactive.or_else(|| inactive_of_kernel_2_4(meminfo)),
        slab_bytes: meminfo.slab,
        used_ratio: ratio(used, meminfo.total),
        ..Memory::default()
    }
}

fn available_bytes(meminfo: &Meminfo, low_watermark_bytes: Option<u64>) -> Option<u64> {
    let available = if needs_estimate(meminfo) { estimate(meminfo, low_watermark_bytes)? } else { meminfo.available? };
    // Containers with lxcfs mix their own total with the host's rest; free(1) falls back in the same way.
    if meminfo.total.is_some_and(|total| available > total) { meminfo.free } else { Some(available) }
}

/// What the kernel itself has computed since 3.14 (mm/show_mem.c, si_mem_available): free memory above the low watermarks, and
/// all of the page cache and of reclaimable slab but half of each, or the watermark if that is less.
fn estimate(meminfo: &Meminfo, low_watermark_bytes: Option<u64>) -> Option<u64> {
    let free = meminfo.free?;
    let parts = (meminfo.active_file, meminfo.inactive_file, meminfo.slab_reclaimable, low_watermark_bytes);
    let (Some(active), Some(inactive), Some(slab), Some(watermark)) = parts else {
        return Some(free.saturating_add(meminfo.cached.unwrap_or(0)));
    };
    let (free, watermark) = (i128::from(free), i128::from(watermark));
    let reclaimable = |bytes: i128| bytes - (bytes / 2).min(watermark);
    let estimate =
        free - watermark + reclaimable(i128::from(active) + i128::from(inactive)) + reclaimable(i128::from(slab));
    u64::try_from(estimate.max(0)).ok()
}

fn inactive_of_kernel_2_4(meminfo: &Meminfo) -> Option<u64> {
    meminfo.inactive_dirty?.checked_add(meminfo.inactive_clean?)?.checked_add(meminfo.inactive_laundry?)
}

/// `part / whole`; of nothing there is no share.
fn ratio(part: Option<u64>, whole: Option<u64>) -> Option<f64> {
    part.zip(whole).filter(|(_, whole)| *whole > 0).map(|(part, whole)| part as f64 / whole as f64)
}

fn settle<'a>(mut memory: Memory, answer: &mut Answer, missing: impl Fn(&'static str) -> Missing<'a>) -> Memory {
    answer.settle(bit::MEMORY_TOTAL_BYTES, &mut memory.total_bytes, missing("MemTotal"));
    answer.settle(bit::MEMORY_AVAILABLE_BYTES, &mut memory.available_bytes, missing("MemAvailable"));
    answer.settle(bit::MEMORY_USED_BYTES, &mut memory.used_bytes, missing("MemAvailable"));
    answer.settle(bit::MEMORY_FREE_BYTES, &mut memory.free_bytes, missing("MemFree"));
    answer.settle(bit::MEMORY_BUFFERS_BYTES, &mut memory.buffers_bytes, missing("Buffers"));
    answer.settle(bit::MEMORY_CACHED_BYTES, &mut memory.cached_bytes, missing("Cached"));
    answer.settle(bit::MEMORY_SHARED_BYTES, &mut memory.shared_bytes, missing("Shmem"));
    answer.settle(bit::MEMORY_ACTIVE_BYTES, &mut memory.active_bytes, missing("Active"));
    answer.settle(bit::MEMORY_INACTIVE_BYTES, &mut memory.inactive_bytes, missing("Inactive"));
    answer.settle(bit::MEMORY_SLAB_BYTES, &mut memory.slab_bytes, missing("Slab"));
    answer.settle(bit::MEMORY_USED_RATIO, &mut memory.used_ratio, missing("MemAvailable"));
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    fn of(text: &str, low_watermark_bytes: Option<u64>) -> Memory {
        memory(&meminfo::parse(text.as_bytes()), low_watermark_bytes)
    }

    fn kib(count: u64) -> Option<u64> {
        Some(count * KIB)
    }

    #[test]
    fn the_figures_of_psutil() {
        let memory = of(
            "MemTotal: 100 kB\nMemFree: 2 kB\nMemAvailable: 3 kB\nBuffers: 4 kB\nCached: 5 kB\nSwapCached: 6 kB\nActive: 7 kB\n\
             Inactive: 8 kB\nShmem: 21 kB\nSlab: 22 kB\nSReclaimable: 23 kB\n",
            None,
        );
        let expected = Memory {
            total_bytes: kib(100),
            available_bytes: kib(3),
            used_bytes: kib(97),
            free_bytes: kib(2),
            buffers_bytes: kib(4),
            cached_bytes: kib(28),
            shared_bytes: kib(21),
            active_bytes: kib(7),
            inactive_bytes: kib(8),
            slab_bytes: kib(22),
            used_ratio: Some(0.97),
            ..Memory::default()
        };
        assert_eq!(memory, expected);
    }

    #[test]
    fn what_is_not_there_is_absent_and_not_zero() {
        let memory = of("MemTotal: 100 kB\nMemFree: 2 kB\nMemAvailable: -1 kB\nSReclaimable: 9 kB\n", None);
        assert_eq!(memory, Memory { total_bytes: kib(100), free_bytes: kib(2), ..Memory::default() });
        assert_eq!(of("", None), Memory::default());
    }

    #[test]
    fn the_estimate_for_kernels_without_available() {
        let without = "MemTotal: 1000 kB\nMemFree: 100 kB\nCached: 50 kB\nActive(file): 30 kB\nInactive(file): 31 kB\n";
        let with_slab = format!("{without}SReclaimable: 5 kB\n");
        // 100 - 7 + 61 - min(30.5, 7) + 5 - min(2.5, 7)
        assert_eq!(of(&with_slab, kib(7)).available_bytes, Some(149 * KIB + KIB / 2));
        assert_eq!(of(&format!("{with_slab}MemAvailable: 0 kB\n"), kib(7)).available_bytes, Some(149 * KIB + KIB / 2));
        assert_eq!(of(&with_slab, None).available_bytes, kib(150), "no zoneinfo: free + cached");
        assert_eq!(of(without, kib(7)).available_bytes, kib(150), "no SReclaimable: free + cached");
        assert_eq!(of(&with_slab, kib(900)).available_bytes, Some(0), "never below nothing");
    }

    #[test]
    fn more_available_than_there_is_means_a_container() {
        let memory = of("MemTotal: 100 kB\nMemFree: 20 kB\nMemAvailable: 101 kB\n", None);
        assert_eq!((memory.available_bytes, memory.used_bytes), (kib(20), kib(80)));
        assert_eq!(of("MemTotal: 10 kB\nMemFree: 20 kB\nMemAvailable: 11 kB\n", None).used_bytes, None);
    }

    #[test]
    fn kernel_2_4_has_other_names() {
        let memory = of("MemShared: 3 kB\nInact_dirty: 4 kB\nInact_clean: 5 kB\nInact_laundry: 6 kB\n", None);
        assert_eq!((memory.shared_bytes, memory.inactive_bytes), (kib(3), kib(15)));
        assert_eq!(of("Inact_dirty: 4 kB\nInact_clean: 5 kB\n", None).inactive_bytes, None);
    }

    #[test]
    fn no_share_of_nothing() {
        assert_eq!(of("MemTotal: 0 kB\nMemFree: 0 kB\nMemAvailable: 0 kB\n", None).used_ratio, None);
    }

    proptest::proptest! {
        #[test]
        fn any_sizes_are_survived(total: u64, free: u64, parts: [u64; 4], watermark: Option<u64>) {
            let [cached, active_file, inactive_file, slab_reclaimable] = parts.map(Some);
            let meminfo = Meminfo {
                total: Some(total), free: Some(free), cached, active_file, inactive_file, slab_reclaimable, ..Meminfo::default()
            };
            let memory = memory(&meminfo, watermark);
            proptest::prop_assert!(memory.used_ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)));
        }
    }
}
