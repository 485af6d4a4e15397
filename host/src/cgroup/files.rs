//! The files of one group, in whichever trees it stands.

use std::{
    ffi::CStr,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags},
    io::Errno,
};

use super::path::GroupPath;
use crate::procfs::Buffer;

/// Where the texts of a group come from.
pub(super) trait Files {
    /// True if the group is in this tree.
    fn is_in(&self, place: usize) -> bool;

    /// A file of the group in this tree.
    fn read(&mut self, place: usize, name: &'static CStr) -> Result<&[u8], Errno>;

    /// A file and what it says; `None` if that makes no sense.
    fn parsed<T>(
        &mut self,
        place: usize,
        name: &'static CStr,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<Result<T, Errno>> {
        match self.read(place, name) {
            Ok(text) => parse(text).map(Ok),
            Err(errno) => Some(Err(errno)),
        }
    }
}

/// A group whose files are opened when they are read.
pub(super) struct OpenedFiles<'a> {
    /// By tree; `None`: it is not there.
    pub(super) directories: Vec<Option<OwnedFd>>,
    pub(super) buffer: &'a mut Buffer,
}

impl Files for OpenedFiles<'_> {
    fn is_in(&self, place: usize) -> bool {
        self.directories.get(place).is_some_and(Option::is_some)
    }

    fn read(&mut self, place: usize, name: &'static CStr) -> Result<&[u8], Errno> {
        let directory = self.directories.get(place).and_then(Option::as_ref).ok_or(Errno::NOENT)?;
        let file = open_file(directory.as_fd(), name)?;
        self.buffer.read_whole(&file)
    }
}

/// Files of which the last one is remembered: several fields come from one, one after the other, and what they say must be of one moment.
pub(super) struct Remembered<'a, F> {
    files: &'a mut F,
    last: Option<(usize, &'static CStr, Result<(), Errno>)>,
    text: Vec<u8>,
}

impl<'a, F: Files> Remembered<'a, F> {
    pub(super) fn new(files: &'a mut F) -> Self {
        Self { files, last: None, text: Vec::new() }
    }
}

impl<F: Files> Files for Remembered<'_, F> {
    fn is_in(&self, place: usize) -> bool {
        self.files.is_in(place)
    }

    fn read(&mut self, place: usize, name: &'static CStr) -> Result<&[u8], Errno> {
        let result = match self.last {
            Some((last_place, last_name, result)) if (last_place, last_name) == (place, name) => result,
            _ => {
                self.text.clear();
                let result = self.files.read(place, name).map(|text| self.text.extend_from_slice(text));
                self.last = Some((place, name, result));
                result
            }
        };
        result.map(|()| self.text.as_slice())
    }
}

/// Opens a file of a group. There are no links and no devices among them, and none is followed.
pub(super) fn open_file(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    retried(|| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        rustix::fs::openat(directory, name, flags, Mode::empty())
    })
}

/// The top of a tree; `None` if it cannot be opened.
pub(super) fn open_directory(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retried(|| rustix::fs::openat(CWD, path, flags, Mode::empty())).ok()
}

/// Opens the directory of a group below the root of its tree. Whatever the tree holds, nothing outside of it is opened.
pub(super) fn open_group(root: BorrowedFd<'_>, path: &GroupPath, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let below = path.below_root();
    match retried(|| rustix::fs::openat2(root, &below, flags, Mode::empty(), resolve)) {
        // Before kernel 5.6, and below seccomp filters that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_step_by_step(root, path, flags),
        result => result,
    }
}

/// The same without openat2(2): the path has no "..", and no part of it may be a link.
fn open_step_by_step(root: BorrowedFd<'_>, path: &GroupPath, flags: OFlags) -> Result<OwnedFd, Errno> {
    let below = path.below_root();
    let mut directory: Option<OwnedFd> = None;
    let mut parts = below.as_bytes().split(|byte| *byte == b'/').peekable();
    while let Some(part) = parts.next() {
        let parent = directory.as_ref().map_or(root, |directory| directory.as_fd());
        let step = if parts.peek().is_some() { OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC } else { flags };
        let opened = retried(|| rustix::fs::openat(parent, part, step | OFlags::NOFOLLOW, Mode::empty()))?;
        directory = Some(opened);
    }
    directory.ok_or(Errno::NOENT)
}

/// Again if a signal came between. openat2(2) wants to be asked again too when a name moved meanwhile.
fn retried<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    const TIMES: usize = 64;
    for _ in 0..TIMES {
        match call() {
            Err(Errno::INTR | Errno::AGAIN) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_lead_nowhere_with_openat2_and_without() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cgroup");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(folder.path().join("outside/secret")).unwrap();
        symlink("../outside", root.join("relative")).unwrap();
        symlink(folder.path().join("outside"), root.join("absolute")).unwrap();
        symlink("a", root.join("inside")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        let root = fs::File::open(&root).unwrap();
        let path = |text: &str| GroupPath::parse(text.as_bytes()).unwrap();
        for open in [open_group, open_step_by_step] {
            let open = |text: &str| open(root.as_fd(), &path(text), OFlags::PATH | OFlags::DIRECTORY).map(|_| ());
            assert_eq!((open("/"), open("/a"), open("/a/b")), (Ok(()), Ok(()), Ok(())));
            for link in ["/relative", "/absolute", "/inside", "/relative/secret", "/absolute/secret", "/inside/b"] {
                assert!(matches!(open(link), Err(Errno::LOOP | Errno::NOTDIR)), "{link}: {:?}", open(link));
            }
            assert_eq!((open("/file"), open("/none")), (Err(Errno::NOTDIR), Err(Errno::NOENT)));
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("outside"), "7").unwrap();
        symlink("outside", folder.path().join("memory.current")).unwrap();
        let directory = fs::File::open(folder.path()).unwrap();
        assert_eq!(open_file(directory.as_fd(), c"memory.current").unwrap_err(), Errno::LOOP);
    }
}
