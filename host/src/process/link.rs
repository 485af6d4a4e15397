//! The links `exe` and `cwd`, and what the kernel writes behind a path whose file is gone (fs/d_path.c).

use std::{ffi::CStr, os::fd::BorrowedFd, path::PathBuf};

use rustix::{
    fs::{AtFlags, Stat, statat},
    io::Errno,
};

const DELETED: &[u8] = b" (deleted)";

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The path, without the kernel's mark.
    pub(super) path: Vec<u8>,
    /// True if the file was removed.
    pub(super) deleted: bool,
}

/// Reads a link of a process, `PID/NAME` below `proc`; `root` is the link to the process's root directory.
pub(super) fn read(proc: BorrowedFd<'_>, link: &CStr, root: &CStr) -> Result<Target, Errno> {
    let mut path = rustix::fs::readlinkat(proc, link, Vec::with_capacity(256))?.into_bytes();
    if !path.ends_with(DELETED) {
        return Ok(Target { path, deleted: false });
    }
    // A file may really be called so: then the path, seen from the process's own root, leads to the same file as the link.
    let deleted = match statat(proc, link, AtFlags::empty()) {
        Ok(file) => !names(proc, root, &path, &file),
        Err(_) => true,
    };
    if deleted {
        path.truncate(path.len() - DELETED.len());
    }
    Ok(Target { path, deleted })
}

fn names(proc: BorrowedFd<'_>, root: &CStr, path: &[u8], file: &Stat) -> bool {
    use std::os::unix::ffi::OsStringExt as _;
    let whole = [root.to_bytes(), path].concat();
    let whole = PathBuf::from(std::ffi::OsString::from_vec(whole));
    statat(proc, &whole, AtFlags::empty()).is_ok_and(|found| (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{
        fs::File,
        os::{fd::AsFd as _, unix::ffi::OsStrExt as _},
        process::{Child, Command},
    };

    use super::*;

    /// The link `cwd` of a child that sits in a directory while `act` is done to it.
    fn cwd_after(act: impl FnOnce(&std::path::Path), name: &str) -> (PathBuf, Target) {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().canonicalize().unwrap().join(name);
        std::fs::create_dir(&directory).unwrap();
        let child = Sleeper(Command::new("sleep").arg("60").current_dir(&directory).spawn().unwrap());
        act(&directory);
        let proc = File::open("/proc").unwrap();
        let path = |name: &str| std::ffi::CString::new(format!("{}/{name}", child.0.id())).unwrap();
        (directory, read(proc.as_fd(), &path("cwd"), &path("root")).unwrap())
    }

    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_directory_that_is_there_is_not_deleted() {
        let (directory, target) = cwd_after(|_| {}, "here");
        assert_eq!(target, Target { path: directory.as_os_str().as_bytes().to_vec(), deleted: false });
    }

    #[test]
    fn the_mark_of_a_removed_directory_is_taken_off() {
        let (directory, target) = cwd_after(|directory| std::fs::remove_dir(directory).unwrap(), "gone");
        assert_eq!(target, Target { path: directory.as_os_str().as_bytes().to_vec(), deleted: true });
    }

    #[test]
    fn a_directory_that_is_called_so_keeps_its_name() {
        let (directory, target) = cwd_after(|_| {}, "odd (deleted)");
        assert_eq!(target, Target { path: directory.as_os_str().as_bytes().to_vec(), deleted: false });
    }
}
