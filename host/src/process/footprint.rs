//! `/proc/PID/smaps_rollup`, else `smaps`: what a process would free, owes and has swapped.

use procwire_proto::v1::{FieldErrorReason, MemoryFootprint};
use rustix::io::Errno;

use super::{
    access::Access,
    draft::Draft,
    smaps::{self, Line},
};
use crate::procfs;

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let mut sums = Sums::default();
    match access.contents("smaps_rollup") {
        Ok(text) => text.split(|byte| *byte == b'\n').for_each(|line| sums.add_line(line)),
        // Kernels before 4.14 do not have it, and what has no address space has none to roll up.
        Err(Errno::NOENT | Errno::SRCH) => sum_mappings(access, &mut sums)?,
        Err(errno) => return Err(errno),
    }
    draft.process.memory_footprint = Some(Box::new(sums.footprint()));
    if sums.is_unreadable() {
        let detail = "smaps: no line is known".to_owned();
        draft.absent("memory_footprint", FieldErrorReason::InvalidData, detail);
    }
    Ok(())
}

fn sum_mappings(access: &Access<'_>, sums: &mut Sums) -> Result<(), Errno> {
    match procfs::open(access.proc(), access.path().file("smaps")) {
        Ok(file) => procfs::each_line(file, |line| sums.add_line(line)),
        Err(Errno::SRCH) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// What the lines of smaps or smaps_rollup add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    lines: u64,
    unique: Option<u64>,
    proportional: Option<u64>,
    swap: Option<u64>,
    proportional_swap: Option<u64>,
}

impl Sums {
    fn add_line(&mut self, line: &[u8]) {
        self.lines += u64::from(!line.is_empty());
        let Line::Amount(name, value) = Line::parse(line) else { return };
        let sum = match name {
            b"Pss" => &mut self.proportional,
            b"Swap" => &mut self.swap,
            b"SwapPss" => &mut self.proportional_swap,
            // Clean, Dirty, Hugetlb.
            _ if name.starts_with(b"Private_") => &mut self.unique,
            _ => return,
        };
        if let Some(bytes) = smaps::bytes(value) {
            *sum = Some(sum.unwrap_or(0).saturating_add(bytes));
        }
    }

    /// An empty file is one of no mappings: a kernel thread, a zombie. A line that the kernel does not write stays absent.
    fn footprint(&self) -> MemoryFootprint {
        let is_empty = self.lines == 0;
        let sum = |sum: Option<u64>| sum.or(is_empty.then_some(0));
        MemoryFootprint {
            unique_bytes: sum(self.unique),
            proportional_bytes: sum(self.proportional),
            swap_bytes: sum(self.swap),
            proportional_swap_bytes: sum(self.proportional_swap),
        }
    }

    fn is_unreadable(&self) -> bool {
        self.lines > 0 && self.unique.is_none() && self.proportional.is_none() && self.swap.is_none()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    /// Captured on Linux 6.18.
    const ROLLUP: &str = include_str!("smaps/rollup-6.18.txt");

    fn sum(text: &str) -> Sums {
        let mut sums = Sums::default();
        text.split('\n').for_each(|line| sums.add_line(line.as_bytes()));
        sums
    }

    fn figures(text: &str) -> [Option<u64>; 4] {
        let footprint = sum(text).footprint();
        [footprint.unique_bytes, footprint.proportional_bytes, footprint.swap_bytes, footprint.proportional_swap_bytes]
    }

    #[test]
    fn a_captured_rollup_is_added_up() {
        let kilobytes = |count: u64| Some(count * 1024);
        assert_eq!(figures(ROLLUP), [kilobytes(40 + 112), kilobytes(306), kilobytes(0), kilobytes(0)]);
    }

    /// Vector V18 of psutil's tests, and the same in two mappings.
    #[test]
    fn private_memory_of_every_kind_is_its_own() {
        let block = "00400000-0040b000 r-xp 00000000 fe:00 1   /x\nPrivate_Clean: 6 kB\nPrivate_Dirty: 7 kB\n\
            Private_Hugetlb: 14 kB\nPss: 3 kB\nPss_Dirty: 900 kB\nSwap: 15 kB\nSwapPss: 16 kB\n";
        let sums = |times: u64| [27, 3, 15, 16].map(|kilobytes| Some(kilobytes * 1024 * times));
        assert_eq!(figures(block), sums(1));
        assert_eq!(figures(&block.repeat(2)), sums(2));
    }

    #[test]
    fn no_mappings_are_zeros_and_no_line_is_absence() {
        assert_eq!(figures(""), [Some(0); 4]);
        assert!(!sum("").is_unreadable());
        // Linux 2.6.24 had neither.
        let old = "00400000-0040b000 r-xp 00000000 fe:00 1   /x\nPrivate_Clean: 6 kB\nPrivate_Dirty: 0 kB\n";
        assert_eq!(figures(old), [Some(6144), None, None, None]);
        assert!(!sum(old).is_unreadable());
        assert!(sum("what is this\n").is_unreadable());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut sums = Sums::default();
            bytes.split(|byte| *byte == b'\n').for_each(|line| sums.add_line(line));
            sums.footprint();
        }
    }
}
