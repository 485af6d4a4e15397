//! The mark that the kernel writes behind the path of a file that was removed (fs/d_path.c: d_path), and files that are called so.

use std::{
    ffi::{CStr, OsStr},
    os::{fd::BorrowedFd, unix::ffi::OsStrExt as _},
};

use rustix::{
    fs::{AtFlags, StatxFlags},
    io::Errno,
    path::Arg,
};

const MARK: &[u8] = b" (deleted)";

/// A file, as far as it is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) mode: u32,
    pub(super) links: u32,
    pub(super) device_major: u32,
    pub(super) device_minor: u32,
    pub(super) inode: u64,
    pub(super) size_bytes: u64,
}

impl File {
    /// True if both are one file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let identity = |file: &Self| (file.device_major, file.device_minor, file.inode);
        identity(self) == identity(other)
    }
}

pub(super) fn is_marked(path: &[u8]) -> bool {
    path.ends_with(MARK)
}

pub(super) fn take_mark_off(path: &mut Vec<u8>) {
    path.truncate(path.len().saturating_sub(MARK.len()));
}

/// True if a file of which `is_this` holds has this very path, seen from the root directory that the link `root` leads to. It is a path
/// that the process chose, so it is not walked from the agent's own root, where it can lead anywhere.
pub(super) fn is_called(proc: BorrowedFd<'_>, root: &CStr, path: &[u8], is_this: impl Fn(&File) -> bool) -> bool {
    let within = [root.to_bytes(), path].concat();
    path.starts_with(b"/") && look_at(proc, OsStr::from_bytes(&within)).is_ok_and(|file| is_this(&file))
}

/// What a path leads to. Never waits for a server if what is known of the file is enough, and mounts nothing.
pub(super) fn look_at(directory: BorrowedFd<'_>, path: impl Arg + Copy) -> Result<File, Errno> {
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let wanted = StatxFlags::TYPE | StatxFlags::NLINK | StatxFlags::INO | StatxFlags::SIZE;
    match rustix::fs::statx(directory, path, flags, wanted) {
        Ok(file) => Ok(File {
            mode: u32::from(file.stx_mode),
            links: file.stx_nlink,
            device_major: file.stx_dev_major,
            device_minor: file.stx_dev_minor,
            inode: file.stx_ino,
            size_bytes: file.stx_size,
        }),
        // Before Linux 4.11.
        Err(Errno::NOSYS) => {
            let file = rustix::fs::statat(directory, path, AtFlags::NO_AUTOMOUNT)?;
            Ok(File {
                mode: file.st_mode,
                links: u32::try_from(file.st_nlink).unwrap_or(u32::MAX),
                device_major: rustix::fs::major(file.st_dev),
                device_minor: rustix::fs::minor(file.st_dev),
                inode: file.st_ino,
                size_bytes: u64::try_from(file.st_size).unwrap_or(0),
            })
        }
        Err(errno) => Err(errno),
    }
}
