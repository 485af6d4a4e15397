//! What the answer of a filesystem may have to wait for.

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

/// Without a device number of their own and still on devices of this host. An overlay asks the filesystem of its upper folder.
const ON_DEVICES: [&[u8]; 6] = [b"bcachefs", b"btrfs", b"ecryptfs", b"efivarfs", b"overlay", b"zfs"];

/// With a device, which they share with other hosts, whose locks they wait for.
const CLUSTERED: [&[u8]; 2] = [b"gfs2", b"ocfs2"];

impl Waits {
    /// A filesystem of this type, on a device of this major number: 0 where it has none (Documentation/admin-guide/devices.txt).
    pub(crate) fn of(filesystem_type: &[u8], major: u32) -> Self {
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
            assert_eq!(Waits::of(name.as_bytes(), major), expected, "{name}");
        }
    }
}
