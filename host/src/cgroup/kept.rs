//! The files of one group, kept open between readings.

use std::{
    ffi::CStr,
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::io::Errno;

use super::files::{Files, open_file};
use crate::procfs::Buffer;

/// Files that are not there are looked for again once in so many readings: controllers can be switched on.
const LOOK_AGAIN: u8 = 16;

/// A group that is read again and again.
pub(super) struct KeptFiles {
    /// By tree; `None`: it is not there.
    directories: Vec<Option<OwnedFd>>,
    kept: Vec<Kept>,
    /// Where the next file probably is: they are asked for in the same order each time.
    next: usize,
    buffer: Buffer,
    /// A file was of a group that is gone.
    pub(super) is_stale: bool,
}

struct Kept {
    place: usize,
    name: &'static CStr,
    state: State,
}

enum State {
    Open(OwnedFd),
    /// It was not there; after so many readings more it is looked for again.
    Missing(u8),
}

impl KeptFiles {
    pub(super) fn new(directories: Vec<Option<OwnedFd>>) -> Self {
        Self { directories, kept: Vec::new(), next: 0, buffer: Buffer::new(), is_stale: false }
    }

    fn index_of(&mut self, place: usize, name: &'static CStr) -> usize {
        let is_it = |kept: &Kept| kept.place == place && kept.name == name;
        let index = match self.kept.get(self.next) {
            Some(kept) if is_it(kept) => self.next,
            _ => self.kept.iter().position(is_it).unwrap_or_else(|| {
                self.kept.push(Kept { place, name, state: State::Missing(0) });
                self.kept.len() - 1
            }),
        };
        self.next = index + 1;
        index
    }
}

impl Files for KeptFiles {
    fn is_in(&self, place: usize) -> bool {
        self.directories.get(place).is_some_and(Option::is_some)
    }

    fn read(&mut self, place: usize, name: &'static CStr) -> Result<&[u8], Errno> {
        if !self.is_in(place) {
            return Err(Errno::NOENT);
        }
        let index = self.index_of(place, name);
        let Self { directories, kept, buffer, is_stale, .. } = self;
        let (Some(Kept { state, .. }), Some(Some(directory))) = (kept.get_mut(index), directories.get(place)) else {
            return Err(Errno::NOENT);
        };
        if let State::Missing(readings) = state {
            if *readings > 0 {
                *readings -= 1;
                return Err(Errno::NOENT);
            }
            match open_file(directory.as_fd(), name) {
                Ok(file) => *state = State::Open(file),
                Err(errno) => {
                    *readings = if errno == Errno::NOENT { LOOK_AGAIN } else { 0 };
                    return Err(errno);
                }
            }
        }
        let State::Open(file) = state else { return Err(Errno::NOENT) };
        match buffer.read_whole(file) {
            // kernfs: the file's group has been removed, or the file hidden.
            Err(Errno::NODEV) => {
                *is_stale = true;
                *state = State::Missing(0);
                Err(Errno::NODEV)
            }
            result => result,
        }
    }
}
