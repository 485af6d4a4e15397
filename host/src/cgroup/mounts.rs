//! Where trees of control groups are mounted: lines of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use crate::system::mountinfo;

/// One mount of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CgroupMount {
    /// Where it is, as the agent sees it.
    pub(super) point: Vec<u8>,
    /// Which group is at its top, as the cgroup namespace of the agent names it: "/..", where that is above the namespace's root.
    pub(super) root: Vec<u8>,
    /// Options of the mount and its filesystem: the controllers of a v1 tree are among them. `None`: the unified tree.
    pub(super) v1_options: Option<Vec<Vec<u8>>>,
}

impl CgroupMount {
    /// True if it shows the v1 tree of these controllers, which may be "name=systemd".
    pub(super) fn is_of(&self, controllers: &[u8]) -> bool {
        let Some(options) = &self.v1_options else { return controllers.is_empty() };
        let mut wanted = controllers.split(|byte| *byte == b',');
        !controllers.is_empty() && wanted.all(|wanted| options.iter().any(|option| option == wanted))
    }
}

/// The mounts of trees; other lines, and torn ones, are passed over.
pub(super) fn parse(mountinfo: &[u8]) -> Vec<CgroupMount> {
    let mut mounts = Vec::new();
    // Lines that are none concern the mounts of the host, not its groups.
    let _ = mountinfo::each_mount(mountinfo, |mount| {
        let v1_options = match &*mount.filesystem_type() {
            b"cgroup2" => None,
            b"cgroup" => Some(mount.options()),
            _ => return,
        };
        let (point, root) = (mount.mount_point().into_owned(), mount.root().into_owned());
        mounts.push(CgroupMount { point, root, v1_options });
    });
    mounts
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    const HYBRID: &[u8] = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:3 - cgroup cgroup rw,cpu,cpuacct\n\
        40 31 0:37 /lxc/a\\040b /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
        41 31 0:38 /../.. /host/sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_trees_of_a_hybrid() {
        let mounts = parse(HYBRID);
        assert_eq!(mounts.len(), 3);
        assert!(mounts[0].is_of(b"cpu,cpuacct") && mounts[0].is_of(b"cpuacct"));
        assert!(!mounts[0].is_of(b"cpu,memory") && !mounts[0].is_of(b"cpus") && !mounts[0].is_of(b""));
        assert!(mounts[1].is_of(b"name=systemd"));
        assert_eq!(mounts[1].root, b"/lxc/a b");
        assert!(mounts[2].is_of(b"") && !mounts[2].is_of(b"rw"));
        assert_eq!((&mounts[2].root[..], &mounts[2].point[..]), (&b"/../.."[..], &b"/host/sys/fs/cgroup/unified"[..]));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, end in 0..HYBRID.len()) {
            parse(&bytes);
            parse(&HYBRID[..end]);
        }
    }
}
