//! The groups right below one group.

use std::os::fd::{AsFd as _, OwnedFd};

use procwire_proto::v1::FieldErrorReason;
use rustix::{
    fs::{AtFlags, FileType, OFlags},
    io::Errno,
};

use super::{
    OfErrno as _,
    errors::Errors,
    names::{LeftOut, Names},
};
use crate::cgroup::{
    files::open_group,
    path::{GroupPath, LONGEST_BYTES},
};

/// Room for the names of all levels of a walk that are still to come: for some 100,000 groups with the names that containers have.
/// A level that has to be cut takes no room from those above it, which were read before.
pub(super) const MOST_NAME_BYTES: usize = 8 << 20;

/// Where the listing of a group stands. Nothing is open between two groups: trees may be deeper than a process may have files open.
#[derive(Debug)]
pub(super) struct Level {
    group: GroupPath,
    /// The trees in which the group has groups below it.
    trees: Vec<usize>,
    /// How many of them were listed.
    listed: usize,
    /// Those of the last one that are still to come.
    names: Names,
    key: (usize, u64),
}

impl Level {
    /// A listing that has not begun. A directory without directories in it has two links, itself and its name: nothing is to be listed
    /// there. (Filesystems that do not count them say 1.)
    pub(super) fn below(group: GroupPath, directories: &[Option<OwnedFd>]) -> Self {
        let (mut trees, mut key) = (Vec::new(), None);
        for (place, directory) in directories.iter().enumerate() {
            let Some(stat) = directory.as_ref().and_then(|directory| rustix::fs::fstat(directory).ok()) else {
                continue;
            };
            key.get_or_insert((place, stat.st_ino));
            if stat.st_nlink != 2 {
                trees.push(place);
            }
        }
        Self { group, trees, listed: 0, names: Names::default(), key: key.unwrap_or_default() }
    }

    pub(super) fn key(&self) -> (usize, u64) {
        self.key
    }

    /// True if the group had groups below it in this tree when it was read.
    pub(super) fn is_in(&self, place: usize) -> bool {
        self.trees.contains(&place)
    }

    pub(super) fn has_children(&self) -> bool {
        !self.trees.is_empty()
    }

    /// Room that its names take.
    pub(super) fn room_bytes(&self) -> usize {
        self.names.room_bytes()
    }

    /// The next group; one that is in several trees comes once. What is left out is said among the errors.
    pub(super) fn next_child(
        &mut self,
        roots: &[OwnedFd],
        room_bytes: usize,
        errors: &mut Errors,
    ) -> Option<GroupPath> {
        loop {
            while let Some(name) = self.names.pop() {
                let child = self.group.child(name).filter(|child| !self.was_listed(child, roots));
                if child.is_some() {
                    return child;
                }
            }
            let place = *self.trees.get(self.listed)?;
            self.listed += 1;
            self.names = Names::default();
            match roots.get(place).map_or(Err(Errno::NOENT), |root| self.list(root, room_bytes)) {
                Ok((names, left_out)) => {
                    self.names = names;
                    self.report(left_out, errors);
                }
                // It went: so did what was below it.
                Err(Errno::NOENT) => {}
                Err(errno) => {
                    let detail = format!("list the groups below: {errno}");
                    errors.add(&self.group, FieldErrorReason::of(errno), &detail);
                }
            }
        }
    }

    fn list(&self, root: &OwnedFd, room_bytes: usize) -> Result<(Names, LeftOut), Errno> {
        let directory = open_group(root.as_fd(), &self.group, OFlags::RDONLY)?;
        let longest = LONGEST_BYTES.saturating_sub(self.group.folder().len() + 1);
        Names::of(&directory, longest, room_bytes)
    }

    fn report(&self, left_out: LeftOut, errors: &mut Errors) {
        let LeftOut { too_long, is_cut } = left_out;
        if too_long > 0 {
            let detail =
                format!("{too_long} groups below are not listed: their paths are longer than {LONGEST_BYTES} bytes");
            errors.add(&self.group, FieldErrorReason::Truncated, &detail);
        }
        if is_cut {
            let detail = format!(
                "some groups below are not listed: names of more than {MOST_NAME_BYTES} bytes would be kept; ask for the groups by \
                 their paths"
            );
            errors.add(&self.group, FieldErrorReason::Truncated, &detail);
        }
    }

    /// True if a tree before this one has it too.
    fn was_listed(&self, child: &GroupPath, roots: &[OwnedFd]) -> bool {
        let below = child.below_root();
        let before = self.trees.iter().take(self.listed.saturating_sub(1)).filter_map(|place| roots.get(*place));
        before.into_iter().any(|root| {
            let stat = rustix::fs::statat(root, &below, AtFlags::SYMLINK_NOFOLLOW);
            stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
        })
    }
}
