//! Space and inodes of one mount.

use std::{os::fd::OwnedFd, path::PathBuf};

use procwire_proto::v1::DiskUsage;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, StatFs, StatxFlags},
    io::Errno,
};

use crate::{askers::Question, procfs};

/// Which mount. A number is given to another mount when its mount goes, so the device stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MountKey {
    pub(crate) id: u64,
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

/// How much room there is at a mount.
#[derive(Debug)]
pub(crate) struct MountQuestion {
    key: MountKey,
    /// As the agent reaches it.
    path: PathBuf,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MountUsage {
    Usage(DiskUsage),
    /// At this path is another mount: one that was mounted over it, or over a folder above it.
    Hidden,
    Failed(Errno),
}

impl MountQuestion {
    pub(crate) fn new(key: MountKey, path: PathBuf) -> Self {
        Self { key, path }
    }

    /// For a filesystem that never waits.
    pub(crate) fn ask_at_once(&self) -> MountUsage {
        let opened = open_without_touching(&self.path);
        let usage = opened.and_then(|mount| match mount_id(&mount) {
            Some(id) if id != self.key.id => Ok(MountUsage::Hidden),
            _ => usage_of(&mount).map(MountUsage::Usage),
        });
        usage.unwrap_or_else(MountUsage::Failed)
    }
}

impl Question for MountQuestion {
    type Key = MountKey;
    type Answer = MountUsage;

    fn key(&self) -> MountKey {
        self.key
    }

    fn ask(&self) -> MountUsage {
        self.ask_at_once()
    }
}

/// Opens what is there now. statfs(2) on the path would mount an automount point (fs/statfs.c, user_statfs: LOOKUP_AUTOMOUNT); an O_PATH
/// descriptor does not. It is closed again, because it keeps the mount busy for umount(8) as long as it is open.
fn open_without_touching(path: &std::path::Path) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// The number of the mount that a descriptor is of: statx(2) since Linux 5.8, proc_pid_fdinfo(5) since 3.15. `None` if nothing tells.
fn mount_id(mount: &OwnedFd) -> Option<u64> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    match rustix::fs::statx(mount, c"", flags, StatxFlags::MNT_ID) {
        Ok(told) if told.stx_mask & StatxFlags::MNT_ID.bits() != 0 => Some(told.stx_mnt_id),
        _ => mount_id_by_procfs(mount),
    }
}

fn mount_id_by_procfs(mount: &OwnedFd) -> Option<u64> {
    use std::os::fd::AsRawFd as _;
    // The agent's own procfs: the number of the descriptor is its own.
    let text = std::fs::read(format!("/proc/self/fdinfo/{}", mount.as_raw_fd())).ok()?;
    text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"mnt_id:")).and_then(procfs::number)
}

pub(super) fn usage_of(place: &OwnedFd) -> Result<DiskUsage, Errno> {
    rustix::fs::fstatfs(place).map(|told| in_bytes(&told))
}

/// As df of coreutils has it: blocks are counted in `f_frsize`, and in `f_bsize` where a filesystem does not set that.
#[allow(clippy::unnecessary_cast, reason = "the words of statfs have other sizes on other architectures")]
fn in_bytes(told: &StatFs) -> DiskUsage {
    let positive = |size: i64| u64::try_from(size).ok().filter(|size| *size > 0);
    let block_bytes = positive(told.f_frsize as i64).or_else(|| positive(told.f_bsize as i64)).unwrap_or(0);
    let bytes = |blocks: u64| blocks.saturating_mul(block_bytes);
    // Less than nothing where more is used than anybody but root may use.
    let available = Some(told.f_bavail as u64).filter(|blocks| i64::try_from(*blocks).is_ok()).unwrap_or(0);
    let used_bytes = bytes((told.f_blocks as u64).saturating_sub(told.f_bfree as u64));
    let available_bytes = bytes(available);
    let usable = used_bytes.saturating_add(available_bytes);
    let inodes = told.f_files as u64;
    DiskUsage {
        total_bytes: bytes(told.f_blocks as u64),
        used_bytes,
        available_bytes,
        free_bytes: bytes(told.f_bfree as u64),
        used_ratio: (usable > 0).then(|| used_bytes as f64 / usable as f64),
        total_inodes: (inodes > 0).then_some(inodes),
        free_inodes: (inodes > 0).then_some(told.f_ffree as u64),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn told(blocks: u64, free: u64, available: u64, files: u64) -> StatFs {
        let mut told = rustix::fs::statfs("/").unwrap();
        (told.f_blocks, told.f_bfree, told.f_bavail) = (blocks, free, available);
        (told.f_files, told.f_ffree, told.f_frsize, told.f_bsize) = (files, files / 2, 1024, 4096);
        told
    }

    #[test]
    fn reserved_blocks_are_neither_used_nor_available() {
        let usage = in_bytes(&told(100, 40, 35, 10));
        let expected = DiskUsage {
            total_bytes: 100 << 10,
            used_bytes: 60 << 10,
            available_bytes: 35 << 10,
            free_bytes: 40 << 10,
            used_ratio: Some(60.0 / 95.0),
            total_inodes: Some(10),
            free_inodes: Some(5),
        };
        assert_eq!(usage, expected);
    }

    #[test]
    fn a_filesystem_without_blocks_or_inodes_has_no_shares_of_them() {
        let usage = in_bytes(&told(0, 0, 0, 0));
        assert_eq!((usage.used_ratio, usage.total_inodes, usage.free_inodes), (None, None, None));
    }

    #[test]
    fn odd_numbers_are_survived() {
        let over = in_bytes(&told(10, 20, u64::MAX - 4, 0));
        assert_eq!((over.used_bytes, over.available_bytes, over.used_ratio), (0, 0, None));
        assert_eq!(in_bytes(&told(u64::MAX, 0, 0, 0)).total_bytes, u64::MAX);
        let mut no_fragments = told(1, 0, 0, 0);
        no_fragments.f_frsize = 0;
        assert_eq!(in_bytes(&no_fragments).total_bytes, 4096);
    }

    #[test]
    fn a_mount_is_known_by_its_number() {
        let root = open_without_touching("/".as_ref()).unwrap();
        let id = mount_id(&root).unwrap();
        assert_eq!(mount_id_by_procfs(&root), Some(id));
        let ask = |id, path: &str| MountQuestion::new(MountKey { id, major: 0, minor: 0 }, path.into()).ask_at_once();
        let MountUsage::Usage(usage) = ask(id, "/") else { panic!("the root has no room") };
        assert_eq!(usage.total_bytes, in_bytes(&rustix::fs::statfs("/").unwrap()).total_bytes);
        assert_eq!(ask(id, "/proc"), MountUsage::Hidden);
        assert_eq!(ask(id, "/proc/nonsense"), MountUsage::Failed(Errno::NOENT));
    }
}
