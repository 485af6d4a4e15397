//! `/proc/vmstat` (mm/vmstat.c).

use super::lines;
use crate::procfs::Numbers;

/// Pages moved between memory and swap since boot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::system) struct SwappedPages {
    pub(in crate::system) read: Option<u64>,
    pub(in crate::system) written: Option<u64>,
}

pub(in crate::system) fn swapped_pages(text: &[u8]) -> SwappedPages {
    let mut pages = SwappedPages::default();
    for line in lines(text) {
        if let Some(rest) = line.strip_prefix(b"pswpin ") {
            pages.read = Numbers::new(rest).unsigned();
        } else if let Some(rest) = line.strip_prefix(b"pswpout ") {
            pages.written = Numbers::new(rest).unsigned();
            // It follows pswpin; nothing of ours is behind it.
            break;
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn swapped_pages_are_found_among_the_rest() {
        let pages = swapped_pages(b"pgpgin 1\npswpin 12\npswpout 34\npgalloc_dma 5\n");
        assert_eq!(pages, SwappedPages { read: Some(12), written: Some(34) });
    }

    #[test]
    fn a_kernel_without_swap_has_no_such_lines() {
        assert_eq!(swapped_pages(b"pgpgin 1\npswpinx 2\npswpout"), SwappedPages::default());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            swapped_pages(&text);
        }
    }
}
