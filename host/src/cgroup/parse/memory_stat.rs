//! memory.stat, line by line: what is a size and what was counted.

use procwire_proto::v1::{MemoryStatistic, memory_statistic::Value};

use super::digits;

/// How the names of those lines begin that count events; all others are sizes in bytes (Documentation/admin-guide/cgroup-v2.rst,
/// "memory.stat"; mm/memcontrol-v1.c: `memcg1_stat_format`).
const COUNTED: [&[u8]; 9] =
    [b"pg", b"workingset_", b"thp_", b"numa_", b"zswpin", b"zswpout", b"zswpwb", b"swp", b"pswp"];

/// Every line that is a name and a number. Names are kept as they are where they are text at all.
pub(in crate::cgroup) fn statistics(text: &[u8]) -> Vec<MemoryStatistic> {
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<MemoryStatistic> {
    let (name, value) = line.split_at_checked(memchr::memchr(b' ', line)?)?;
    let (name, value) = (std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?, digits(value.get(1..)?)?);
    let value = if is_count(name.as_bytes()) { Value::Count(value) } else { Value::Bytes(value) };
    Some(MemoryStatistic { name: name.to_owned(), value: Some(value) })
}

/// v1 sums up the groups below under the same names with "total_" before them.
fn is_count(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"total_").unwrap_or(name);
    COUNTED.iter().any(|prefix| name.starts_with(prefix)) || name.starts_with(b"recent_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts() {
        let text = b"anon 1\nfile 2\nfile_thp 3\npagetables 4\nswapcached 5\nworkingset_refault_anon 6\npgfault 7\nthp_swpout 8\n\
            swpin_zero 9\npswpin 10\nzswap 11\nzswpin 12\ntotal_pgfault 13\ntotal_rss 14\nhierarchical_memory_limit 15\n\
            numa_hint_faults 16\nswap 17\n";
        let counts: Vec<_> = statistics(text)
            .into_iter()
            .filter_map(|line| match line.value {
                Some(Value::Count(count)) => Some((line.name, count)),
                _ => None,
            })
            .collect();
        let expected = [
            ("workingset_refault_anon", 6),
            ("pgfault", 7),
            ("thp_swpout", 8),
            ("swpin_zero", 9),
            ("pswpin", 10),
            ("zswpin", 12),
            ("total_pgfault", 13),
            ("numa_hint_faults", 16),
        ];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)));
        assert_eq!(statistics(text).len(), 17);
    }

    #[test]
    fn torn_lines_are_passed_over() {
        assert_eq!(statistics(b"anon\n 7\nfile x\n\xff 1\nslab 2").len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            statistics(&text);
        }
    }
}
