//! Section `swap`.

use procwire_proto::{SystemFieldSet, system_fields::bit, v1::Swap};
use rustix::system::Sysinfo;

use super::{
    SystemReader,
    answer::{Answer, Missing},
    parse::{
        meminfo::Meminfo,
        vmstat::{self, SwappedPages},
    },
    source::Source,
};
use crate::HostError;

/// Everything that is made of lines of /proc/meminfo.
const SPACE: SystemFieldSet = bit::SWAP_TOTAL_BYTES
    .union(bit::SWAP_USED_BYTES)
    .union(bit::SWAP_FREE_BYTES)
    .union(bit::SWAP_USED_RATIO)
    .union(bit::SWAP_CACHED_BYTES);

/// Fills in how much there is.
pub(super) fn fill_space(meminfo: &Meminfo, source: &Source, answer: &mut Answer) {
    if !answer.wants(SPACE) {
        return;
    }
    let mut swap = space(meminfo, rustix::system::sysinfo);
    let missing = |line| Missing { source, line };
    answer.settle(bit::SWAP_TOTAL_BYTES, &mut swap.total_bytes, missing("SwapTotal"));
    answer.settle(bit::SWAP_USED_BYTES, &mut swap.used_bytes, missing("SwapFree"));
    answer.settle(bit::SWAP_FREE_BYTES, &mut swap.free_bytes, missing("SwapFree"));
    answer.settle(bit::SWAP_USED_RATIO, &mut swap.used_ratio, missing("SwapFree"));
    answer.settle(bit::SWAP_CACHED_BYTES, &mut swap.cached_bytes, missing("SwapCached"));
    answer.system.swap = Some(swap);
}

/// A meminfo without the lines, as in some containers, is completed from sysinfo(2), as psutil does.
fn space(meminfo: &Meminfo, sysinfo: impl FnOnce() -> Sysinfo) -> Swap {
    let (total, free) = meminfo.swap_total.zip(meminfo.swap_free).unwrap_or_else(|| {
        let info = sysinfo();
        let bytes = |units: u64| units.saturating_mul(info.mem_unit.into());
        (bytes(info.totalswap), bytes(info.freeswap))
    });
    let used = total.checked_sub(free);
    Swap {
        total_bytes: Some(total),
        used_bytes: used,
        free_bytes: Some(free),
        used_ratio: used.map(|used| if total == 0 { 0.0 } else { used as f64 / total as f64 }),
        cached_bytes: meminfo.swap_cached,
        ..Swap::default()
    }
}

/// Reads how much moved.
pub(super) fn read_traffic(reader: &mut SystemReader, answer: &mut Answer) {
    if !answer.wants(reader.vmstat.fields()) {
        return;
    }
    let SwappedPages { read, written, .. } = match read_swapped_pages(reader) {
        Ok(pages) => pages,
        Err(error) => return answer.unreadable(reader.vmstat.fields(), &error),
    };
    let page_size_bytes = reader.host.machine().page_size_bytes;
    let [mut swapped_in, mut swapped_out] =
        [read, written].map(|pages| pages.and_then(|pages| pages.checked_mul(page_size_bytes)));
    let missing = |line| Missing { source: &reader.vmstat, line };
    answer.settle(bit::SWAP_SWAPPED_IN_BYTES, &mut swapped_in, missing("pswpin"));
    answer.settle(bit::SWAP_SWAPPED_OUT_BYTES, &mut swapped_out, missing("pswpout"));
    let swap = answer.system.swap.get_or_insert_default();
    swap.swapped_in_bytes = swapped_in;
    swap.swapped_out_bytes = swapped_out;
}

/// Every line of this file costs the kernel a tenth of a microsecond, and the two are in the first half: the file is read no further than
/// they are, once it is known where.
fn read_swapped_pages(reader: &mut SystemReader) -> Result<SwappedPages, HostError> {
    let end = reader.swapped_pages_end.map_or(FIRST_GUESS_BYTES, |end| end + ROOM_FOR_GROWTH_BYTES);
    let mut pages = vmstat::swapped_pages(reader.vmstat.read_start(&mut reader.buffer, end)?);
    if pages.end.is_none() {
        pages = vmstat::swapped_pages(reader.vmstat.read(&mut reader.buffer)?);
    }
    reader.swapped_pages_end = pages.end;
    Ok(pages)
}

/// Of Linux 6.18 they are within the first 1,800 bytes.
const FIRST_GUESS_BYTES: usize = 2048;
const ROOM_FOR_GROWTH_BYTES: usize = 64;

#[cfg(test)]
#[allow(clippy::panic, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::system::parse::meminfo;

    fn of(text: &str) -> Swap {
        space(&meminfo::parse(text.as_bytes()), || panic!("meminfo says it all"))
    }

    #[test]
    fn the_figures_of_psutil() {
        let swap = of("ShadowCallStack:10373888 kB\nSwapCached: 2 kB\nSwapTotal: 15 kB\nSwapFree: 14 kB\n");
        let expected = Swap {
            total_bytes: Some(15 * 1024),
            used_bytes: Some(1024),
            free_bytes: Some(14 * 1024),
            used_ratio: Some(1.0 / 15.0),
            cached_bytes: Some(2 * 1024),
            ..Swap::default()
        };
        assert_eq!(swap, expected);
    }

    #[test]
    fn no_swap_is_not_full() {
        assert_eq!(of("SwapTotal: 0 kB\nSwapFree: 0 kB\n").used_ratio, Some(0.0));
    }

    #[test]
    fn more_free_than_there_is_leaves_used_absent() {
        let swap = of("SwapTotal: 1 kB\nSwapFree: 2 kB\n");
        assert_eq!((swap.used_bytes, swap.used_ratio), (None, None));
    }

    #[test]
    fn a_meminfo_without_swap_is_completed_by_sysinfo() {
        let sysinfo = || {
            let mut info = rustix::system::sysinfo();
            (info.totalswap, info.freeswap, info.mem_unit) = (30, 20, 4096);
            info
        };
        for text in ["", "SwapTotal: 7 kB\n"] {
            let swap = space(&meminfo::parse(text.as_bytes()), sysinfo);
            assert_eq!(
                (swap.total_bytes, swap.used_bytes, swap.free_bytes),
                (Some(30 * 4096), Some(10 * 4096), Some(20 * 4096))
            );
        }
    }
}
