//! What no reader of procfs can be faster than: list it, and open, read and close the files, looking at nothing.

use std::{
    ffi::CStr,
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, openat, readlinkat_raw, statat};

use crate::sets::Set;

pub struct Floor {
    proc: OwnedFd,
    buffer: Vec<u8>,
    set: &'static Set,
}

impl Floor {
    pub fn open(set: &'static Set) -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::open("/proc", flags, Mode::empty()).unwrap();
        Self { proc, buffer: vec![0; 8192], set }
    }

    pub fn read(&mut self) -> usize {
        let pids = self.pids();
        let mut path = Vec::with_capacity(64);
        for pid in &pids {
            for file in self.set.files {
                let Ok(file) =
                    openat(&self.proc, below(&mut path, pid, file), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                else {
                    continue;
                };
                let _ = rustix::io::read(file.as_fd(), self.buffer.as_mut_slice());
            }
            for link in self.set.links {
                let _ = readlinkat_raw(&self.proc, below(&mut path, pid, link), self.buffer.as_mut_slice());
            }
            if self.set.counts_descriptors {
                let _ = statat(&self.proc, below(&mut path, pid, "fd"), AtFlags::empty());
            }
        }
        pids.len()
    }

    fn pids(&self) -> Vec<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(&self.proc, c".", flags, Mode::empty()).unwrap();
        let mut space = Vec::with_capacity(32 * 1024);
        let mut entries = RawDir::new(directory, space.spare_capacity_mut());
        let mut pids = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_bytes();
            if name.iter().all(u8::is_ascii_digit) {
                pids.push(name.to_vec());
            }
        }
        pids
    }
}

/// `PID/NAME` in a buffer that is used again.
fn below<'a>(path: &'a mut Vec<u8>, pid: &[u8], name: &str) -> &'a CStr {
    path.clear();
    for part in [pid, b"/", name.as_bytes(), b"\0"] {
        path.extend_from_slice(part);
    }
    CStr::from_bytes_with_nul(path).unwrap()
}
