//! Space and inodes of one mount.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use procwire_proto::v1::DiskUsage;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, StatVfs, StatVfsMountFlags, StatxFlags},
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
    /// The filesystem that was found there: its number in statfs(2), once it was seen that the mount is this one.
    filesystem: OnceLock<u64>,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MountUsage {
    Usage(Room),
    /// At this path is another mount: one that was mounted over it, or over a folder above it.
    Hidden,
    Failed(Errno),
}

/// What a filesystem says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Room {
    pub(crate) usage: DiskUsage,
    /// Nothing can be written, by the mount's own word or by the filesystem's.
    pub(crate) is_read_only: bool,
}

impl MountQuestion {
    pub(crate) fn new(key: MountKey, path: PathBuf) -> Self {
        Self { key, path, filesystem: OnceLock::new() }
    }

    /// For a filesystem that never waits.
    pub(crate) fn ask_at_once(&self) -> MountUsage {
        let opened = open_without_touching(&self.path);
        let told = opened.and_then(|mount| match mount_id(&mount) {
            Some(id) if id != self.key.id => Ok(MountUsage::Hidden),
            _ => rustix::fs::fstatvfs(&mount).map(|told| MountUsage::Usage(Room::of(&told))),
        });
        told.unwrap_or_else(MountUsage::Failed)
    }

    /// The same in half the calls, and in one the next time, of a filesystem that never waits and that nothing mounts on being asked:
    /// not for autofs, because a path is resolved for statfs(2) with LOOKUP_AUTOMOUNT (fs/statfs.c, user_statfs). Who moves folders above
    /// a mount does not change the mount table; then another filesystem answers, and the mount is looked at again.
    pub(crate) fn ask_by_path(&self) -> MountUsage {
        let statvfs = || rustix::fs::statvfs(&self.path);
        if let Some(known) = self.filesystem.get()
            && let Ok(told) = statvfs()
            && told.f_fsid == *known
        {
            return MountUsage::Usage(Room::of(&told));
        }
        match mount_id_at(&self.path) {
            Ok(Some(id)) if id == self.key.id => {}
            Ok(Some(_)) => return MountUsage::Hidden,
            // An older kernel: by a descriptor.
            Ok(None) => return self.ask_at_once(),
            Err(errno) => return MountUsage::Failed(errno),
        }
        match statvfs() {
            Ok(told) => {
                // Filesystems without a number have 0 (fs/libfs.c, simple_statfs before Linux 5.10).
                if told.f_fsid != 0 {
                    let _ = self.filesystem.set(told.f_fsid);
                }
                MountUsage::Usage(Room::of(&told))
            }
            Err(errno) => MountUsage::Failed(errno),
        }
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
fn open_without_touching(path: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// The number of the mount that a descriptor is of: statx(2) since Linux 5.8, proc_pid_fdinfo(5) since 3.15. `None` if nothing tells.
fn mount_id(mount: &OwnedFd) -> Option<u64> {
    let told = statx_mount_id(mount, c"", AtFlags::EMPTY_PATH);
    told.ok().flatten().or_else(|| mount_id_by_procfs(mount))
}

/// The number of the mount that a path leads to; `None` before Linux 5.8.
fn mount_id_at(path: &Path) -> Result<Option<u64>, Errno> {
    statx_mount_id(CWD, path, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
}

fn statx_mount_id(folder: impl AsFd, path: impl rustix::path::Arg, flags: AtFlags) -> Result<Option<u64>, Errno> {
    match rustix::fs::statx(folder, path, flags | AtFlags::STATX_DONT_SYNC, StatxFlags::MNT_ID) {
        Ok(told) => Ok((told.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(told.stx_mnt_id)),
        // Before Linux 4.11, and where seccomp knows no newer calls.
        Err(Errno::NOSYS | Errno::PERM) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn mount_id_by_procfs(mount: &OwnedFd) -> Option<u64> {
    use std::os::fd::AsRawFd as _;
    // The agent's own procfs: the number of the descriptor is its own.
    let text = std::fs::read(format!("/proc/self/fdinfo/{}", mount.as_raw_fd())).ok()?;
    text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"mnt_id:")).and_then(procfs::number)
}

pub(super) fn usage_of(place: &OwnedFd) -> Result<DiskUsage, Errno> {
    rustix::fs::fstatvfs(place).map(|told| in_bytes(&told))
}

impl Room {
    fn of(told: &StatVfs) -> Self {
        Self { usage: in_bytes(told), is_read_only: told.f_flag.contains(StatVfsMountFlags::RDONLY) }
    }
}

/// As df of coreutils has it: blocks are counted in `f_frsize`, and in `f_bsize` where a filesystem does not set that.
fn in_bytes(told: &StatVfs) -> DiskUsage {
    let block_bytes = if told.f_frsize > 0 { told.f_frsize } else { told.f_bsize };
    let bytes = |blocks: u64| blocks.saturating_mul(block_bytes);
    // Less than nothing where more is used than anybody but root may use.
    let available = Some(told.f_bavail).filter(|blocks| i64::try_from(*blocks).is_ok()).unwrap_or(0);
    let used_bytes = bytes(told.f_blocks.saturating_sub(told.f_bfree));
    let available_bytes = bytes(available);
    let usable = used_bytes.saturating_add(available_bytes);
    let inodes = told.f_files;
    DiskUsage {
        total_bytes: bytes(told.f_blocks),
        used_bytes,
        available_bytes,
        free_bytes: bytes(told.f_bfree),
        used_ratio: (usable > 0).then(|| used_bytes as f64 / usable as f64),
        total_inodes: (inodes > 0).then_some(inodes),
        free_inodes: (inodes > 0).then_some(told.f_ffree),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn told(blocks: u64, free: u64, available: u64, files: u64) -> StatVfs {
        let mut told = rustix::fs::statvfs("/").unwrap();
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
        assert!(mount_id_at("/".as_ref()).unwrap().is_none_or(|told| told == id));
        let total_bytes = in_bytes(&rustix::fs::statvfs("/").unwrap()).total_bytes;
        for ask in [MountQuestion::ask_at_once, MountQuestion::ask_by_path] {
            let question = |id, path: &str| MountQuestion::new(MountKey { id, major: 0, minor: 0 }, path.into());
            let of_root = question(id, "/");
            for _ in 0..2 {
                let MountUsage::Usage(room) = ask(&of_root) else { panic!("the root has no room") };
                assert_eq!(room.usage.total_bytes, total_bytes);
            }
            assert_eq!(ask(&question(id, "/proc")), MountUsage::Hidden);
            assert_eq!(ask(&question(id, "/proc/nonsense")), MountUsage::Failed(Errno::NOENT));
        }
    }

    #[test]
    fn what_answers_in_place_of_a_known_filesystem_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("moved");
        let Some(id) = mount_id_at("/proc".as_ref()).unwrap() else { return };
        std::os::unix::fs::symlink("/proc", &path).unwrap();
        let question = MountQuestion::new(MountKey { id, major: 0, minor: 0 }, path.join("sys"));
        assert!(matches!(question.ask_by_path(), MountUsage::Usage(_)), "a folder of the mount stands for it");
        let own = |path: &Path| rustix::fs::statvfs(path).unwrap().f_fsid;
        assert_ne!(own("/proc".as_ref()), own(folder.path()));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir_all(path.join("sys")).unwrap();
        assert_eq!(question.ask_by_path(), MountUsage::Hidden);
    }
}
