//! `/proc/vmstat` (mm/vmstat.c).

use memchr::memmem;

use crate::procfs::Numbers;

/// Pages moved between memory and swap since boot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::system) struct SwappedPages {
    pub(in crate::system) read: Option<u64>,
    pub(in crate::system) written: Option<u64>,
    /// How much of the text held both.
    pub(in crate::system) end: Option<usize>,
}

/// Only whole lines count: the text may be the start of the file.
pub(in crate::system) fn swapped_pages(text: &[u8]) -> SwappedPages {
    let (read, written) = (counter(text, b"\npswpin "), counter(text, b"\npswpout "));
    SwappedPages {
        read: read.as_ref().and_then(|counter| counter.value),
        written: written.as_ref().and_then(|counter| counter.value),
        end: read.zip(written).map(|(read, written)| read.end.max(written.end)),
    }
}

struct Counter {
    value: Option<u64>,
    end: usize,
}

/// The line that starts with `label`, whose own start is the end of the line before.
fn counter(text: &[u8], label: &[u8]) -> Option<Counter> {
    let start = match label.strip_prefix(b"\n") {
        Some(first_line) if text.starts_with(first_line) => first_line.len(),
        _ => memmem::find(text, label)? + label.len(),
    };
    let rest = text.get(start..)?;
    let length = memchr::memchr(b'\n', rest)?;
    Some(Counter { value: Numbers::new(rest.get(..length)?).unsigned(), end: start + length + 1 })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"pgpgin 1\npswpin 12\npswpout 34\npgalloc_dma 5\n";

    #[test]
    fn swapped_pages_are_found_among_the_rest() {
        assert_eq!(swapped_pages(TEXT), SwappedPages { read: Some(12), written: Some(34), end: Some(30) });
        assert_eq!(swapped_pages(&TEXT[9..]), SwappedPages { read: Some(12), written: Some(34), end: Some(21) });
    }

    #[test]
    fn a_number_that_is_cut_off_does_not_count() {
        let torn = swapped_pages(&TEXT[..28]);
        assert_eq!(torn, SwappedPages { read: Some(12), written: None, end: None }, "3 of 34");
    }

    #[test]
    fn a_kernel_without_swap_has_no_such_lines() {
        assert_eq!(swapped_pages(b"pgpgin 1\npswpinx 2\nxpswpout 3\n"), SwappedPages::default());
    }

    #[test]
    fn a_kernel_of_today() {
        let text = include_bytes!("../../../tests/fixtures/system-6.18/proc/vmstat");
        let pages = swapped_pages(text);
        assert_eq!((pages.read, pages.written), (Some(0), Some(0)));
        let end = pages.end.unwrap_or_default();
        assert!(text[..end].ends_with(b"pswpout 0\n"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            swapped_pages(&text);
            swapped_pages(&[b"\npswpin ", text.as_slice()].concat());
        }

        #[test]
        fn a_start_of_the_file_tells_the_same_or_nothing(end in 0_usize..TEXT.len()) {
            let (whole, start) = (swapped_pages(TEXT), swapped_pages(&TEXT[..end]));
            prop_assert!(start.read.is_none() || start.read == whole.read);
            prop_assert!(start.written.is_none() || start.written == whole.written);
        }
    }
}
