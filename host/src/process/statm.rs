//! `/proc/PID/statm` (fs/proc/array.c: proc_pid_statm), in pages.

use crate::procfs::Numbers;

/// The columns that say something; 5 and 7 have been 0 since Linux 2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statm {
    pub(crate) virtual_pages: Option<u64>,
    pub(crate) resident_pages: Option<u64>,
    pub(crate) shared_pages: Option<u64>,
    pub(crate) text_pages: Option<u64>,
    pub(crate) data_pages: Option<u64>,
}

impl Statm {
    pub(crate) fn parse(line: &[u8]) -> Self {
        let mut columns = Numbers::new(line);
        Self {
            virtual_pages: columns.unsigned(),
            resident_pages: columns.unsigned(),
            shared_pages: columns.unsigned(),
            text_pages: columns.unsigned(),
            data_pages: columns.skip(1).unsigned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_taken_by_their_place() {
        let statm = Statm::parse(b"1078 661 495 216 5 150 7\n");
        assert_eq!((statm.virtual_pages, statm.resident_pages, statm.shared_pages), (Some(1078), Some(661), Some(495)));
        assert_eq!((statm.text_pages, statm.data_pages), (Some(216), Some(150)));
    }

    #[test]
    fn a_torn_line_leaves_the_rest_absent() {
        let statm = Statm::parse(b"1078 66");
        assert_eq!((statm.virtual_pages, statm.resident_pages, statm.shared_pages), (Some(1078), Some(66), None));
        assert_eq!(Statm::parse(b"").virtual_pages, None);
    }
}
