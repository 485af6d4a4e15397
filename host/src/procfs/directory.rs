//! Directories of procfs whose entries are numbers: `fd`, `task`, and `/proc` itself.

use std::{
    ffi::CStr,
    ops::ControlFlow,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{Mode, OFlags, RawDir},
    io::Errno,
};

use super::number;

/// An open directory. It belongs to the process it was opened of: once that is gone nothing is found in it, whoever has its pid then.
#[derive(Debug)]
pub(crate) struct Directory {
    descriptor: OwnedFd,
}

impl Directory {
    /// 1,300 threads, or descriptors, with one system call: what ends between two calls may hide a neighbour.
    const LISTING_BYTES: usize = 32 * 1024;

    pub(crate) fn open(parent: BorrowedFd<'_>, path: &CStr) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        loop {
            match rustix::fs::openat(parent, path, flags, Mode::empty()) {
                Err(Errno::INTR) => {}
                result => return result.map(|descriptor| Self { descriptor }),
            }
        }
    }

    /// Hands out the entries that are numbers, in the kernel's order, until told to stop. Once: a listing has an offset.
    pub(crate) fn each_number(&self, mut visit: impl FnMut(u32, &CStr) -> ControlFlow<()>) -> Result<(), Errno> {
        let mut buffer = Vec::with_capacity(Self::LISTING_BYTES);
        let mut entries = RawDir::new(&self.descriptor, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Err(Errno::INTR) => continue,
                result => result?,
            };
            let name = entry.file_name();
            let is_number = name.to_bytes().iter().all(u8::is_ascii_digit);
            let number = number(name.to_bytes()).and_then(|number| u32::try_from(number).ok());
            if let Some(number) = number.filter(|_| is_number)
                && visit(number, name).is_break()
            {
                break;
            }
        }
        Ok(())
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn numbers_are_listed_and_other_names_passed_over() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["7", "70000", "4294967295", "4294967296", "7x", "-7", "x", "007"] {
            File::create(parent.path().join(name)).unwrap();
        }
        let root = File::open(parent.path()).unwrap();
        let mut found = Vec::new();
        let visit = |number: u32, name: &CStr| {
            found.push((number, name.to_str().unwrap().to_owned()));
            ControlFlow::Continue(())
        };
        Directory::open(root.as_fd(), c".").unwrap().each_number(visit).unwrap();
        found.sort();
        let expected = [(7, "007"), (7, "7"), (70000, "70000"), (u32::MAX, "4294967295")];
        assert_eq!(found, expected.map(|(number, name)| (number, name.to_owned())));
    }

    #[test]
    fn a_listing_ends_when_told_to() {
        let root = File::open("/proc").unwrap();
        let mut visited = 0;
        let visit = |_: u32, _: &CStr| {
            visited += 1;
            ControlFlow::Break(())
        };
        Directory::open(root.as_fd(), c".").unwrap().each_number(visit).unwrap();
        assert_eq!(visited, 1);
        assert_eq!(Directory::open(root.as_fd(), c"no-such").unwrap_err(), Errno::NOENT);
    }
}
