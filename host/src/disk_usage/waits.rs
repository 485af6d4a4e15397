//! What the answer of a filesystem may have to wait for.

use crate::system::mountinfo::MountLine;

/// The order is that of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waits {
    /// For nothing: the kernel answers out of its own memory.
    Never,
    /// For a device, or for locks that are held meanwhile.
    ForDevice,
    /// For another host, or another program.
    ForOthers,
}

/// Filesystems whose statfs is `simple_statfs` (fs/libfs.c) or reads counters in memory only: `shmem_statfs`, `ext4_statfs`, `squashfs_statfs`,
/// `erofs_statfs`, `isofs_statfs`, `hugetlbfs_statfs`.
const IN_MEMORY: [&[u8]; 32] = [
    b"autofs",
    b"binfmt_misc",
    b"bpf",
    b"cgroup",
    b"cgroup2",
    b"configfs",
    b"cpuset",
    b"cramfs",
    b"debugfs",
    b"devpts",
    b"devtmpfs",
    b"erofs",
    b"ext2",
    b"ext3",
    b"ext4",
    b"fusectl",
    b"hugetlbfs",
    b"iso9660",
    b"mqueue",
    b"nsfs",
    b"proc",
    b"pstore",
    b"ramfs",
    b"resctrl",
    b"rootfs",
    b"rpc_pipefs",
    b"securityfs",
    b"selinuxfs",
    b"squashfs",
    b"sysfs",
    b"tmpfs",
    b"tracefs",
];

/// Without a device number of their own and still on devices of this host.
const ON_DEVICES: [&[u8]; 6] = [b"bcachefs", b"btrfs", b"ecryptfs", b"efivarfs", b"overlay", b"zfs"];

/// With a device, which they share with other hosts, whose locks they wait for.
const CLUSTERED: [&[u8]; 2] = [b"gfs2", b"ocfs2"];

impl Waits {
    /// What this mount itself waits for, not the way to it.
    pub(crate) fn of(mount: &MountLine<'_>) -> Self {
        let filesystem_type = mount.filesystem_type();
        // An overlay asks the filesystem of its upper folder, which is of this host (fs/overlayfs/super.c, ovl_get_upper: writable, not
        // remote). Without one it asks that of a lower folder, which may be any (ovl_statfs).
        let has_upper = || mount.options().iter().any(|option| option.starts_with(b"upperdir="));
        if *filesystem_type == *b"overlay" && !has_upper() {
            return Self::ForOthers;
        }
        Self::of_type(&filesystem_type, mount.major)
    }

    /// A filesystem of this type, on a device of this major number: 0 where it has none (Documentation/admin-guide/devices.txt).
    fn of_type(filesystem_type: &[u8], major: u32) -> Self {
        let is_in = |types: &[&[u8]]| types.contains(&filesystem_type);
        if is_in(&IN_MEMORY) {
            Self::Never
        } else if is_in(&ON_DEVICES) {
            Self::ForDevice
        } else if major == 0 || is_in(&CLUSTERED) || filesystem_type.starts_with(b"fuse") {
            Self::ForOthers
        } else {
            Self::ForDevice
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::mountinfo::each_mount;

    #[test]
    fn what_is_not_known_to_answer_is_not_trusted() {
        for (name, major, expected) in [
            ("ext4", 254, Waits::Never),
            ("tmpfs", 0, Waits::Never),
            ("cgroup2", 0, Waits::Never),
            ("xfs", 8, Waits::ForDevice),
            ("btrfs", 0, Waits::ForDevice),
            ("overlay", 0, Waits::ForDevice),
            ("vfat", 259, Waits::ForDevice),
            ("nfs4", 0, Waits::ForOthers),
            ("cifs", 0, Waits::ForOthers),
            ("9p", 0, Waits::ForOthers),
            ("fuse.sshfs", 0, Waits::ForOthers),
            ("fuseblk", 8, Waits::ForOthers),
            ("gfs2", 253, Waits::ForOthers),
            ("newfs", 0, Waits::ForOthers),
            ("newfs", 8, Waits::ForDevice),
            ("", 0, Waits::ForOthers),
        ] {
            assert_eq!(Waits::of_type(name.as_bytes(), major), expected, "{name}");
        }
    }

    #[test]
    fn an_overlay_without_an_upper_folder_may_ask_any_filesystem() {
        for (options, expected) in [
            ("rw,lowerdir=/l,upperdir=/u,workdir=/w", Waits::ForDevice),
            ("ro,lowerdir=/l:/m", Waits::ForOthers),
            ("ro,lowerdir=/upperdir=", Waits::ForOthers),
        ] {
            let line = format!("20 1 0:5 / /x rw - overlay overlay {options}\n");
            let mut waits = Vec::new();
            each_mount(line.as_bytes(), |mount| waits.push(Waits::of(&mount)));
            assert_eq!(waits, [expected], "{options}");
        }
    }
}
