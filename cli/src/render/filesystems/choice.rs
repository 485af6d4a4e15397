//! Which of the mounts of a host are filesystems that people mean.

use std::collections::HashMap;

use procwire_proto::v1::Mount;

/// Filesystems of other hosts: no device stands behind them, and yet they are full one day.
const OF_OTHER_HOSTS: [&[u8]; 15] = [
    b"nfs",
    b"nfs4",
    b"cifs",
    b"smb3",
    b"9p",
    b"virtiofs",
    b"ceph",
    b"afs",
    b"gfs2",
    b"ocfs2",
    b"lustre",
    b"beegfs",
    b"glusterfs",
    b"orangefs",
    b"vboxsf",
];

/// Which mounts were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    /// Every mount.
    pub(crate) all: bool,
    /// Only these types; empty: all.
    pub(crate) types: Vec<Vec<u8>>,
    /// Not these types.
    pub(crate) except: Vec<Vec<u8>>,
}

/// Those that are meant, in the order in which they were mounted.
pub(crate) fn choose<'a>(mounts: &'a [Mount], choice: &Choice) -> Vec<&'a Mount> {
    let is_of_type = |mount: &Mount| {
        (choice.types.is_empty() || choice.types.contains(&mount.filesystem_type))
            && !choice.except.contains(&mount.filesystem_type)
    };
    if choice.all {
        return mounts.iter().filter(|mount| is_of_type(mount)).collect();
    }
    // Whoever names a type means it, whatever it is.
    let is_meant = |mount: &Mount| is_of_type(mount) && (!choice.types.is_empty() || is_usual(mount));
    let mut chosen: Vec<&Mount> = mounts.iter().filter(|mount| is_meant(mount)).collect();
    leave_out_covered(mounts, &mut chosen);
    once_each(&mut chosen);
    chosen
}

fn is_usual(mount: &Mount) -> bool {
    let kind = mount.filesystem_type.as_slice();
    let has_room = || mount.usage.as_ref().is_none_or(|usage| usage.total_bytes > 0);
    let is_foreign = || OF_OTHER_HOSTS.contains(&kind) || kind.starts_with(b"fuse.") || kind == b"fuse";
    mount.physical || mount.mount_point == b"/" || (is_foreign() && has_room())
}

/// Of mounts on the same directory only the last can be seen.
fn leave_out_covered(mounts: &[Mount], chosen: &mut Vec<&Mount>) {
    let last = seen(mounts);
    chosen.retain(|mount| last.get(mount.mount_point.as_slice()) == Some(&mount.id));
}

/// By directory the mount that is seen there.
pub(super) fn seen<'a>(mounts: impl IntoIterator<Item = &'a Mount>) -> HashMap<&'a [u8], u64> {
    mounts.into_iter().map(|mount| (mount.mount_point.as_slice(), mount.id)).collect()
}

/// Of a filesystem that is mounted several times the mount that shows most of it: the one nearest to the root.
fn once_each(chosen: &mut Vec<&Mount>) {
    let mut best: HashMap<(u32, u32), (usize, usize, u64)> = HashMap::with_capacity(chosen.len());
    let rank = |mount: &Mount| (mount.root.len(), mount.mount_point.len(), mount.id);
    for mount in chosen.iter() {
        let rank = rank(mount);
        best.entry((mount.major, mount.minor)).and_modify(|best| *best = rank.min(*best)).or_insert(rank);
    }
    chosen.retain(|mount| best.get(&(mount.major, mount.minor)) == Some(&rank(mount)));
}
