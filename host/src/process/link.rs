//! The links `exe` and `cwd`, and what the kernel writes behind a path whose file is gone (fs/d_path.c).

use std::{ffi::CStr, os::fd::BorrowedFd};

use rustix::io::Errno;

use super::removed;

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
    let deleted = removed::is_marked(&path) && has_lost(proc, link, root, &path);
    if deleted {
        removed::take_mark_off(&mut path);
    }
    Ok(Target { path, deleted })
}

/// True if the file that a link leads to is not called by that path any more. It may really be called so: then the path, seen from the
/// process's own root, leads to the same file as the link.
fn has_lost(proc: BorrowedFd<'_>, link: &CStr, root: &CStr, path: &[u8]) -> bool {
    // A path is walked only where the file has a name left: to walk one can mean to wait for a server.
    let Ok(file) = removed::look_at(proc, link) else { return true };
    file.links == 0 || !removed::is_called(proc, root, path, |found| found.is_same(&file))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{
        fs::File,
        os::{fd::AsFd as _, unix::ffi::OsStrExt as _},
        path::PathBuf,
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

    /// What is at a path of the agent's own is no word about a process with another root.
    #[test]
    fn a_path_is_looked_for_below_the_root_of_the_process_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().canonicalize().unwrap().join("odd (deleted)");
        std::fs::write(&file, b"").unwrap();
        std::fs::create_dir(directory.path().join("root")).unwrap();
        std::os::unix::fs::symlink(&file, directory.path().join("exe")).unwrap();
        let proc = File::open(directory.path()).unwrap();
        let said = read(proc.as_fd(), c"exe", c"root").unwrap();
        assert_eq!(said, Target { path: file.with_file_name("odd").as_os_str().as_bytes().to_vec(), deleted: true });
        std::fs::remove_dir(directory.path().join("root")).unwrap();
        std::os::unix::fs::symlink("/", directory.path().join("root")).unwrap();
        let said = read(proc.as_fd(), c"exe", c"root").unwrap();
        assert_eq!(said, Target { path: file.as_os_str().as_bytes().to_vec(), deleted: false });
    }

    /// A second name keeps the file, and something else may have taken the first.
    #[test]
    fn a_program_that_was_replaced_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().canonicalize().unwrap().join("program");
        std::fs::copy("/bin/sleep", &file).unwrap();
        let child = Sleeper(Command::new(&file).arg("60").spawn().unwrap());
        std::fs::hard_link(&file, file.with_extension("kept")).unwrap();
        std::fs::remove_file(&file).unwrap();
        std::fs::write(file.with_file_name("program (deleted)"), b"another").unwrap();
        let proc = File::open("/proc").unwrap();
        let path = |name: &str| std::ffi::CString::new(format!("{}/{name}", child.0.id())).unwrap();
        let said = read(proc.as_fd(), &path("exe"), &path("root")).unwrap();
        assert_eq!(said, Target { path: file.as_os_str().as_bytes().to_vec(), deleted: true });
    }

    #[test]
    fn a_directory_that_is_called_so_keeps_its_name() {
        let (directory, target) = cwd_after(|_| {}, "odd (deleted)");
        assert_eq!(target, Target { path: directory.as_os_str().as_bytes().to_vec(), deleted: false });
    }
}
