//! Reading the small text files of procfs: numbers, lines, whole files into a buffer that is used again.

mod directory;
mod lines;

use std::{ffi::CStr, os::fd::BorrowedFd};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

pub(crate) use directory::Directory;
pub(crate) use lines::each_line;

/// The decimal number at the start of the bytes, blanks before it skipped. `None` if there is none or it needs more than 64 bits.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    let mut number: Option<u64> = None;
    for byte in bytes.trim_ascii_start() {
        if !byte.is_ascii_digit() {
            break;
        }
        number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(byte - b'0'))?);
    }
    number
}

/// The numbers of a line, separated by blanks.
pub(crate) struct Numbers<'a> {
    rest: &'a [u8],
}

impl<'a> Numbers<'a> {
    pub(crate) fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// The next token.
    pub(crate) fn token(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.trim_ascii_start();
        let length = start.iter().position(u8::is_ascii_whitespace).unwrap_or(start.len());
        let (token, rest) = start.split_at_checked(length)?;
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// The next token as a number; a token that is none reads as `None`, and is passed over. One pass over the bytes: the columns of
    /// stat are most of what is parsed for a table.
    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        self.rest = self.rest.trim_ascii_start();
        let mut value: Option<u64> = None;
        let mut is_number = true;
        while let Some((&byte, rest)) = self.rest.split_first() {
            if byte.is_ascii_whitespace() {
                break;
            }
            self.rest = rest;
            if byte.is_ascii_digit() && is_number {
                value = value.unwrap_or(0).checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')));
                is_number = value.is_some();
            } else {
                is_number = false;
            }
        }
        value.filter(|_| is_number)
    }

    /// The next token as a number that may be negative.
    pub(crate) fn signed(&mut self) -> Option<i64> {
        self.rest = self.rest.trim_ascii_start();
        match self.rest.split_first() {
            Some((b'-', rest)) if rest.first().is_some_and(u8::is_ascii_digit) => {
                self.rest = rest;
                self.unsigned().and_then(|number| 0_i64.checked_sub_unsigned(number))
            }
            _ => self.unsigned().and_then(|number| i64::try_from(number).ok()),
        }
    }

    /// Passes over some tokens.
    pub(crate) fn skip(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.rest = self.rest.trim_ascii_start();
            let length = self.rest.iter().position(u8::is_ascii_whitespace).unwrap_or(self.rest.len());
            self.rest = self.rest.get(length..).unwrap_or_default();
        }
        self
    }
}

/// A path below a directory of procfs, `PID/NAME` or `PID/task/TID/NAME`, without allocation.
#[derive(Clone)]
pub(crate) struct ProcessPath {
    text: [u8; 64],
    length: usize,
}

impl ProcessPath {
    pub(crate) fn new(pid: u32) -> Self {
        let mut path = Self { text: [0; 64], length: 0 };
        path.push_number(pid);
        path
    }

    /// The directory that is open.
    pub(crate) fn here() -> Self {
        let mut path = Self { text: [0; 64], length: 0 };
        path.push(b".");
        path
    }

    /// The directory of one thread.
    pub(crate) fn of_thread(pid: u32, thread: u32) -> Self {
        let mut path = Self::new(pid);
        path.push(b"/task/");
        path.push_number(thread);
        path
    }

    /// The file with this name below it. Names are at most 30 bytes, of a process 50.
    pub(crate) fn file(&mut self, name: &str) -> &CStr {
        let tail = [b"/", name.as_bytes(), b"\0"].into_iter().flatten();
        for (place, byte) in self.text.iter_mut().skip(self.length).zip(tail) {
            *place = *byte;
        }
        CStr::from_bytes_until_nul(&self.text).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        for (place, byte) in self.text.iter_mut().skip(self.length).zip(bytes) {
            *place = *byte;
        }
        self.length += bytes.len();
    }

    fn push_number(&mut self, number: u32) {
        let mut reversed = [0_u8; 10];
        let mut digits = 0;
        let mut rest = number;
        loop {
            if let Some(place) = reversed.get_mut(digits) {
                // A remainder of 10 fits.
                *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            }
            digits += 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        reversed.get_mut(..digits).unwrap_or_default().reverse();
        self.push(reversed.get(..digits).unwrap_or_default());
    }
}

/// Opens a file of procfs for reading.
pub(crate) fn open(directory: BorrowedFd<'_>, path: &CStr) -> Result<std::os::fd::OwnedFd, Errno> {
    loop {
        match rustix::fs::openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// A buffer that whole files are read into, again and again.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Files of one process fit at the first try; larger ones make it grow.
    const FIRST: usize = 8 * 1024;

    /// A file larger than this is cut: no file of procfs that is read whole comes near.
    const LIMIT: usize = 16 * 1024 * 1024;

    /// What a larger file made it grow to is given back before the next: one process with a huge environment must not make every reader
    /// as large for good.
    const KEPT: usize = 1024 * 1024;

    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; Self::FIRST] }
    }

    /// Opens and reads a whole file.
    pub(crate) fn read_file(&mut self, directory: BorrowedFd<'_>, path: &CStr) -> Result<&[u8], Errno> {
        let file = open(directory, path)?;
        self.read_whole(&file)
    }

    /// Opens and reads a file, but no more than this of it: some are as large as their process makes them (prctl(2), `PR_SET_MM`).
    pub(crate) fn read_start(&mut self, directory: BorrowedFd<'_>, path: &CStr, limit: usize) -> Result<&[u8], Errno> {
        let file = open(directory, path)?;
        self.read_up_to(&file, limit)
    }

    /// Reads an open file from its start. The files of a process that are read here are one record each, which the kernel hands
    /// out whole, so a read that does not fill the buffer was the last: one system call a file. Files of many records (smaps, maps)
    /// end only with an empty read (fs/seq_file.c) and are read by [`each_line`].
    pub(crate) fn read_whole(&mut self, file: &std::os::fd::OwnedFd) -> Result<&[u8], Errno> {
        self.read_up_to(file, Self::LIMIT)
    }

    fn read_up_to(&mut self, file: &std::os::fd::OwnedFd, limit: usize) -> Result<&[u8], Errno> {
        if self.bytes.len() > Self::KEPT {
            self.bytes = vec![0; Self::FIRST];
        }
        let mut length = 0;
        loop {
            let end = self.bytes.len().min(limit);
            let room = self.bytes.get_mut(length..end).unwrap_or_default();
            let wanted = room.len();
            let count = match rustix::io::pread(file, room, length as u64) {
                Err(Errno::INTR) => continue,
                result => result?,
            };
            length += count;
            if count < wanted || length >= limit {
                return Ok(self.bytes.get(..length).unwrap_or_default());
            }
            self.bytes.resize(self.bytes.len() * 4, 0);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_their_end_and_no_further() {
        assert_eq!(number(b"  42 kB"), Some(42));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b""), None);
    }

    #[test]
    fn a_line_of_numbers_is_walked() {
        let mut numbers = Numbers::new(b"1 -2  x3 4\n");
        assert_eq!(numbers.unsigned(), Some(1));
        assert_eq!(numbers.signed(), Some(-2));
        assert_eq!(numbers.unsigned(), None);
        assert_eq!(numbers.unsigned(), Some(4));
        assert_eq!(numbers.unsigned(), None);
        assert_eq!(Numbers::new(b"1 2 3").skip(2).unsigned(), Some(3));
        assert_eq!(Numbers::new(b"-9223372036854775808").signed(), Some(i64::MIN));
    }

    #[test]
    fn paths_of_processes_are_put_together() {
        let mut path = ProcessPath::new(4_194_304);
        assert_eq!(path.file("smaps_rollup").to_str().unwrap(), "4194304/smaps_rollup");
        assert_eq!(path.file("io").to_str().unwrap(), "4194304/io");
        assert_eq!(ProcessPath::new(u32::MAX).file("stat").to_str().unwrap(), "4294967295/stat");
        assert_eq!(ProcessPath::new(0).file("fd").to_str().unwrap(), "0/fd");
        let mut thread = ProcessPath::of_thread(4_194_304, 1_234_567);
        assert_eq!(thread.file("smaps_rollup").to_str().unwrap(), "4194304/task/1234567/smaps_rollup");
        assert_eq!(thread.file("fdinfo/4294967295").to_str().unwrap(), "4194304/task/1234567/fdinfo/4294967295");
    }

    #[test]
    fn a_file_larger_than_the_buffer_is_read_whole() {
        let directory = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..100_000_u32).map(|index| (index % 251) as u8).collect();
        std::fs::write(directory.path().join("large"), &content).unwrap();
        let root = std::fs::File::open(directory.path()).unwrap();
        let read = |buffer: &mut Buffer| buffer.read_file(std::os::fd::AsFd::as_fd(&root), c"large").unwrap().to_vec();
        let mut buffer = Buffer::new();
        assert_eq!(read(&mut buffer), content);
        std::fs::write(directory.path().join("large"), b"short").unwrap();
        assert_eq!(read(&mut buffer), b"short", "nothing is left over from a longer file");
    }

    #[test]
    fn a_file_is_cut_at_the_limit_and_what_it_took_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("large"), vec![b'x'; 3_000_000]).unwrap();
        let root = std::fs::File::open(directory.path()).unwrap();
        let root = std::os::fd::AsFd::as_fd(&root);
        let mut buffer = Buffer::new();
        for limit in [1, Buffer::FIRST, 100_000, 2_999_999] {
            assert_eq!(buffer.read_start(root, c"large", limit).unwrap().len(), limit);
        }
        assert_eq!(buffer.read_start(root, c"large", 4_000_000).unwrap().len(), 3_000_000);
        assert_eq!(buffer.read_start(root, c"large", 10).unwrap(), b"xxxxxxxxxx");
        assert_eq!(buffer.bytes.len(), Buffer::FIRST);
    }

    proptest::proptest! {
        #[test]
        fn any_number_is_read_back(value: u64, signed: i64) {
            proptest::prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
            proptest::prop_assert_eq!(Numbers::new(signed.to_string().as_bytes()).signed(), Some(signed));
        }
    }
}
