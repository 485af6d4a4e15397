//! `/proc/meminfo` (Documentation/filesystems/proc.rst, meminfo; fs/proc/meminfo.c).

use procwire_proto::v1::{MemoryStatistic, memory_statistic::Value};

use super::lines;
use crate::procfs::Numbers;

/// The lines that `Memory` and `Swap` are made of, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::system) struct Meminfo {
    pub(in crate::system) total: Option<u64>,
    pub(in crate::system) free: Option<u64>,
    pub(in crate::system) available: Option<u64>,
    /// `MemAvailable` is there and is no size: not even an estimate is called for.
    pub(in crate::system) available_is_odd: bool,
    pub(in crate::system) buffers: Option<u64>,
    pub(in crate::system) cached: Option<u64>,
    pub(in crate::system) slab: Option<u64>,
    pub(in crate::system) slab_reclaimable: Option<u64>,
    pub(in crate::system) shmem: Option<u64>,
    /// Kernel 2.4, where there was no `Shmem`.
    pub(in crate::system) mem_shared: Option<u64>,
    pub(in crate::system) active: Option<u64>,
    pub(in crate::system) active_file: Option<u64>,
    pub(in crate::system) inactive: Option<u64>,
    pub(in crate::system) inactive_file: Option<u64>,
    /// Kernel 2.4, where there was no `Inactive`.
    pub(in crate::system) inactive_dirty: Option<u64>,
    pub(in crate::system) inactive_clean: Option<u64>,
    pub(in crate::system) inactive_laundry: Option<u64>,
    pub(in crate::system) swap_total: Option<u64>,
    pub(in crate::system) swap_free: Option<u64>,
    pub(in crate::system) swap_cached: Option<u64>,
}

pub(in crate::system) fn parse(text: &[u8]) -> Meminfo {
    let mut meminfo = Meminfo::default();
    for line in lines(text).filter_map(Line::parse) {
        if let Some(slot) = meminfo.slot(line.name) {
            // Every line that has a slot is in kB, whatever its text says.
            *slot = line.number.and_then(bytes_of_kib);
        }
        meminfo.available_is_odd |= line.name == b"MemAvailable" && line.number.is_none();
    }
    meminfo
}

/// Every line, as the kernel names it.
pub(in crate::system) fn statistics(text: &[u8]) -> Vec<MemoryStatistic> {
    // 54 lines on kernel 6.18; a guess too low only costs a second allocation.
    let mut statistics = Vec::with_capacity(64);
    statistics.extend(lines(text).filter_map(Line::parse).filter_map(Line::statistic));
    statistics
}

/// Every line of the file of a NUMA node, without the words before it: `Node 0 MemTotal:       24684084 kB` (drivers/base/node.c).
pub(in crate::system) fn statistics_of_node(text: &[u8]) -> Vec<MemoryStatistic> {
    let mut statistics = Vec::with_capacity(48);
    statistics.extend(lines(text).filter_map(after_node).filter_map(Line::parse).filter_map(Line::statistic));
    statistics
}

fn after_node(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"Node ")?;
    let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    rest.get(end..)?.strip_prefix(b" ")
}

fn bytes_of_kib(kib: u64) -> Option<u64> {
    kib.checked_mul(1024)
}

impl Meminfo {
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<u64>> {
        Some(match name {
            b"MemTotal" => &mut self.total,
            b"MemFree" => &mut self.free,
            b"MemAvailable" => &mut self.available,
            b"Buffers" => &mut self.buffers,
            b"Cached" => &mut self.cached,
            b"Slab" => &mut self.slab,
            b"SReclaimable" => &mut self.slab_reclaimable,
            b"Shmem" => &mut self.shmem,
            b"MemShared" => &mut self.mem_shared,
            b"Active" => &mut self.active,
            b"Active(file)" => &mut self.active_file,
            b"Inactive" => &mut self.inactive,
            b"Inactive(file)" => &mut self.inactive_file,
            b"Inact_dirty" => &mut self.inactive_dirty,
            b"Inact_clean" => &mut self.inactive_clean,
            b"Inact_laundry" => &mut self.inactive_laundry,
            b"SwapTotal" => &mut self.swap_total,
            b"SwapFree" => &mut self.swap_free,
            b"SwapCached" => &mut self.swap_cached,
            _ => return None,
        })
    }
}

/// `MemTotal:       24684084 kB`; the blank after the colon may be missing, and counts have no unit.
struct Line<'a> {
    name: &'a [u8],
    number: Option<u64>,
    in_kib: bool,
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let (name, rest) = line.split_at_checked(memchr::memchr(b':', line)?)?;
        let mut words = Numbers::new(rest.get(1..)?);
        Some(Self { name: name.trim_ascii(), number: words.unsigned(), in_kib: words.token() == Some(b"kB") })
    }

    fn statistic(self) -> Option<MemoryStatistic> {
        let value = if self.in_kib { Value::Bytes(bytes_of_kib(self.number?)?) } else { Value::Count(self.number?) };
        Some(MemoryStatistic { name: String::from_utf8_lossy(self.name).into_owned(), value: Some(value) })
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIB: u64 = 1024;

    #[test]
    fn a_kernel_of_today() {
        let meminfo = parse(include_bytes!("../../../tests/fixtures/system-6.18/proc/meminfo"));
        let expected = Meminfo {
            total: Some(24_684_084 * KIB),
            free: Some(24_289_804 * KIB),
            available: Some(24_345_876 * KIB),
            buffers: Some(572 * KIB),
            cached: Some(241_076 * KIB),
            slab: Some(84_268 * KIB),
            slab_reclaimable: Some(60_840 * KIB),
            shmem: Some(8_872 * KIB),
            active: Some(48_324 * KIB),
            active_file: Some(46_772 * KIB),
            inactive: Some(194_432 * KIB),
            inactive_file: Some(186_004 * KIB),
            swap_total: Some(0),
            swap_free: Some(0),
            swap_cached: Some(0),
            ..Meminfo::default()
        };
        assert_eq!(meminfo, expected);
    }

    #[test]
    fn every_line_is_a_statistic_and_counts_are_not_scaled() {
        let statistics = statistics(include_bytes!("../../../tests/fixtures/system-6.18/proc/meminfo"));
        let value = |name: &str| statistics.iter().find(|line| line.name == name).and_then(|line| line.value);
        assert_eq!(statistics.len(), 54);
        assert_eq!(statistics[0].name, "MemTotal");
        assert_eq!(value("Active(file)"), Some(Value::Bytes(46_772 * KIB)));
        assert_eq!(value("VmallocTotal"), Some(Value::Bytes(34_359_738_367 * KIB)));
        assert_eq!(value("HugePages_Total"), Some(Value::Count(0)));
        assert_eq!(value("Hugepagesize"), Some(Value::Bytes(2048 * KIB)));
    }

    #[test]
    fn a_node_says_whose_lines_they_are() {
        let text =
            b"\nNode 0 MemTotal:       24684084 kB\nNode 12 Active(anon):  7 kB\nNode 0 HugePages_Total:     3\n\
            MemFree: 1 kB\nNode MemFree: 1 kB\nNode 0\nNode 0 MemUsed: x kB\n";
        let line = |name: &str, value| MemoryStatistic { name: name.to_owned(), value: Some(value) };
        let expected = [
            line("MemTotal", Value::Bytes(24_684_084 * KIB)),
            line("Active(anon)", Value::Bytes(7 * KIB)),
            line("HugePages_Total", Value::Count(3)),
        ];
        assert_eq!(statistics_of_node(text), expected);
    }

    #[test]
    fn a_line_without_a_blank_after_the_colon() {
        let text = b"ShadowCallStack:10373888 kB\nSwapTotal:15 kB\nSwapFree:         14 kB\n";
        let meminfo = parse(text);
        assert_eq!((meminfo.swap_total, meminfo.swap_free), (Some(15 * KIB), Some(14 * KIB)));
        assert_eq!(statistics(text)[0].value, Some(Value::Bytes(10_373_888 * KIB)));
    }

    #[test]
    fn odd_lines_are_passed_over() {
        let meminfo = parse(b"MemTotal\nMemFree: -1 kB\nCached: 18446744073709551615 kB\n:\nBuffers: 3 kB");
        assert_eq!(meminfo, Meminfo { buffers: Some(3 * KIB), ..Meminfo::default() });
        assert!(parse(b"MemAvailable: -1 kB").available_is_odd);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text);
            statistics(&text);
            statistics_of_node(&[b"Node 0 ", text.as_slice()].concat());
        }

        #[test]
        fn statistics_read_back(lines in proptest::collection::vec(("[A-Za-z0-9_()]{1,20}", 0..=u64::MAX / 1024, any::<bool>()), 0..30)) {
            let text: String =
                lines.iter().map(|(name, number, kib)| format!("{name}: {number}{}\n", if *kib { " kB" } else { "" })).collect();
            let found: Vec<_> = statistics(text.as_bytes()).into_iter().map(|line| (line.name, line.value)).collect();
            let expected: Vec<_> = lines
                .into_iter()
                .map(|(name, number, kib)| (name, Some(if kib { Value::Bytes(number * 1024) } else { Value::Count(number) })))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
