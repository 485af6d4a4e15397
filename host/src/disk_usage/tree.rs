//! Where paths lead among the mounts of a host, as its mount table tells.

use std::{borrow::Cow, collections::HashMap, ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

use super::{Waits, mount::MountKey};
use crate::system::mountinfo::each_mount;

/// What a path may have to wait for: all mounts whose point begins it. One that is visible need not be among its parents only: a server
/// mounted over `/srv` hides a tmpfs at `/srv/data`, and the way there leads into the server.
pub(crate) struct Ways<'a> {
    points: HashMap<&'a [u8], Point>,
}

struct Point {
    /// For who ends here.
    waits: Waits,
    /// For who goes on from here.
    is_automount: bool,
}

impl<'a> Ways<'a> {
    /// Of mount points, each with its type of filesystem and what that waits for itself.
    pub(crate) fn new(mounts: impl Iterator<Item = (&'a [u8], &'a [u8], Waits)>) -> Self {
        let mut points = HashMap::new();
        for (point, filesystem_type, waits) in mounts {
            let known = points.entry(point).or_insert(Point { waits: Waits::Never, is_automount: false });
            known.waits = known.waits.max(waits);
            known.is_automount |= filesystem_type == AUTOMOUNT;
        }
        Self { points }
    }

    /// The most that the way to this path waits for. An automount point on the way waits for the program that mounts.
    pub(crate) fn waits(&self, path: &[u8]) -> Waits {
        let prefixes = Path::new(OsStr::from_bytes(path)).ancestors().map(|prefix| prefix.as_os_str().as_bytes());
        let known = prefixes.filter_map(|prefix| Some((prefix, self.points.get(prefix)?)));
        let waits =
            known.map(
                |(prefix, point)| {
                    if point.is_automount && prefix.len() < path.len() { Waits::ForOthers } else { point.waits }
                },
            );
        waits.max().unwrap_or(Waits::Never)
    }
}

const AUTOMOUNT: &[u8] = b"autofs";
const PROCFS: &[u8] = b"proc";

/// One mount of the table.
pub(super) struct Known<'a> {
    pub(super) key: MountKey,
    parent_id: u64,
    pub(super) point: Cow<'a, [u8]>,
    filesystem_type: Cow<'a, [u8]>,
    waits: Waits,
}

impl Known<'_> {
    pub(super) fn is_automount(&self) -> bool {
        *self.filesystem_type == *AUTOMOUNT
    }

    pub(super) fn is_procfs(&self) -> bool {
        *self.filesystem_type == *PROCFS
    }

    pub(super) fn is_at(&self, path: &Path) -> bool {
        path.as_os_str().as_bytes() == &*self.point
    }
}

/// All mounts of a table.
pub(super) fn known(table: &[u8]) -> Vec<Known<'_>> {
    let mut mounts = Vec::new();
    each_mount(table, |mount| {
        mounts.push(Known {
            key: MountKey { id: mount.id, major: mount.major, minor: mount.minor },
            parent_id: mount.parent_id,
            point: mount.mount_point(),
            filesystem_type: mount.filesystem_type(),
            waits: Waits::of(&mount),
        });
    });
    mounts
}

/// The mounts as they lie on one another.
pub(super) struct MountTree<'a> {
    mounts: &'a [Known<'a>],
    /// By the mount that it is mounted on, and where. The kernel has no two of these: a second lies on the first.
    upon: HashMap<(u64, &'a [u8]), usize>,
    ways: Ways<'a>,
}

impl<'a> MountTree<'a> {
    pub(super) fn new(mounts: &'a [Known<'a>]) -> Self {
        let upon = (0..).zip(mounts).map(|(index, mount)| ((mount.parent_id, &*mount.point), index)).collect();
        let ways = Ways::new(mounts.iter().map(|mount| (&*mount.point, &*mount.filesystem_type, mount.waits)));
        Self { mounts, upon, ways }
    }

    pub(super) fn waits(&self, path: &Path) -> Waits {
        self.ways.waits(path.as_os_str().as_bytes())
    }

    /// The mount that a path without links ends in, as the kernel finds it (fs/namei.c, traverse_mounts): from the root on, at each step
    /// to the mount that lies there.
    pub(super) fn holder(&self, path: &Path) -> Option<&'a Known<'a>> {
        let mut prefixes: Vec<_> = path.ancestors().map(|prefix| prefix.as_os_str().as_bytes()).collect();
        prefixes.reverse();
        let mut holder = self.root()?;
        for prefix in prefixes {
            // No pile is higher than the table; a torn one could lead round.
            for _ in 0..self.mounts.len() {
                let above = self.upon.get(&(holder.key.id, prefix)).and_then(|index| self.mounts.get(*index));
                let Some(above) = above.filter(|above| above.key.id != holder.key.id) else { break };
                holder = above;
            }
        }
        Some(holder)
    }

    /// What all others lie on: its own parent is not in the table.
    fn root(&self) -> Option<&'a Known<'a>> {
        let at_root = || self.mounts.iter().filter(|mount| *mount.point == *b"/");
        let has_parent = |mount: &&Known<'_>| {
            self.mounts.iter().any(|other| other.key.id == mount.parent_id && other.key.id != mount.key.id)
        };
        at_root().find(|mount| !has_parent(mount)).or_else(|| at_root().next())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"20 1 254:0 / / rw - ext4 /dev/vda rw\n\
        21 20 0:5 / /a rw - nfs4 host:/ rw\n\
        22 21 8:1 / /a/b rw - ext4 /dev/sda1 rw\n\
        30 22 0:6 / /a/b rw - tmpfs none rw\n\
        23 20 8:2 / /ab rw - xfs /dev/sda2 rw\n\
        24 20 0:7 / /srv/data rw - tmpfs none rw\n\
        25 20 0:8 / /srv rw - fuse none rw\n\
        26 20 0:9 / /net rw - autofs -hosts rw\n\
        27 26 0:10 / /net/well rw - nfs host:/ rw\n\
        28 20 0:11 / /boot rw - autofs systemd-1 rw\n\
        29 28 8:3 / /boot rw - vfat /dev/sda3 rw\n";

    fn found(table: &[u8], path: &str) -> Option<(u64, Waits)> {
        let mounts = known(table);
        let tree = MountTree::new(&mounts);
        tree.holder(Path::new(path)).map(|holder| (holder.key.id, tree.waits(Path::new(path))))
    }

    #[test]
    fn a_path_belongs_to_the_mount_that_lies_on_top_there() {
        for (path, id, waits) in [
            ("/", 20, Waits::Never),
            ("/x", 20, Waits::Never),
            ("/a", 21, Waits::ForOthers),
            ("/a/b/c", 30, Waits::ForOthers),
            ("/ab/c", 23, Waits::ForDevice),
            ("/srv/data", 25, Waits::ForOthers),
            ("/srv/data/x", 25, Waits::ForOthers),
            ("/net", 26, Waits::Never),
            ("/net/other/x", 26, Waits::ForOthers),
            ("/net/well/x", 27, Waits::ForOthers),
            ("/boot", 29, Waits::ForDevice),
        ] {
            assert_eq!(found(TABLE, path), Some((id, waits)), "{path}");
        }
    }

    #[test]
    fn an_odd_table_leads_nowhere_and_not_round() {
        assert_eq!(found(b"", "/"), None);
        assert_eq!(found(b"20 1 8:1 / /a rw - xfs /dev/sda1 rw\n", "/a"), None);
        let round = b"20 21 254:0 / / rw - ext4 /dev/vda rw\n21 20 8:1 / / rw - xfs /dev/sda1 rw\n\
            22 22 0:5 / /a rw - tmpfs none rw\n";
        assert!(found(round, "/a/b").is_some());
        let itself = b"20 20 254:0 / / rw - ext4 /dev/vda rw\n";
        assert_eq!(found(itself, "/a"), Some((20, Waits::Never)));
    }
}
