//! `/proc/zoneinfo` (mm/vmstat.c), read only where the kernel does not estimate available memory itself.

use super::lines;
use crate::procfs::Numbers;

/// Pages that the kernel keeps free: the low watermarks of all zones, added up.
pub(in crate::system) fn low_watermark_pages(text: &[u8]) -> u64 {
    lines(text)
        .filter_map(|line| {
            let mut words = Numbers::new(line);
            (words.token() == Some(b"low")).then(|| words.unsigned()).flatten()
        })
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_low_watermarks_of_all_zones_are_added_up() {
        let text = b"Node 0, zone      DMA\n  pages free     3840\n        boost    0\n        min      10\n        low      13\n        high     16\n\
            Node 0, zone   Normal\n  pages free     99\n        low      2000\n        lowest   7\n      nr_free_pages 3840\n";
        assert_eq!(low_watermark_pages(text), 2013);
        assert_eq!(low_watermark_pages(b""), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            low_watermark_pages(&text);
        }
    }
}
