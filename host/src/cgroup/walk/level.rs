//! The groups right below one group, a few at a time.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::{
    fs::{AtFlags, FileType, OFlags, RawDir, SeekFrom},
    io::Errno,
};

use crate::cgroup::{files::open_group, path::GroupPath};

/// Room for some of the entries of a directory, at least for one of the longest name.
const BATCH_BYTES: usize = 4096;

/// Where the listing of a group stands. Nothing is open between two batches: the offset of a directory of kernfs is made of the name
/// of the entry (fs/kernfs/dir.c), and holds whatever comes and goes meanwhile.
#[derive(Debug)]
pub(super) struct Level {
    group: GroupPath,
    /// The trees in which the group has groups below it.
    trees: Vec<usize>,
    /// Which of them is being listed.
    current: usize,
    offset: u64,
    is_listed: bool,
    /// Names of the batch that are still to come, last first.
    names: Vec<Vec<u8>>,
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
        let key = key.unwrap_or_default();
        Self { group, trees, current: 0, offset: 0, is_listed: false, names: Vec::new(), key }
    }

    pub(super) fn group(&self) -> &GroupPath {
        &self.group
    }

    pub(super) fn key(&self) -> (usize, u64) {
        self.key
    }

    pub(super) fn has_children(&self) -> bool {
        !self.trees.is_empty()
    }

    /// The next group; one that is in several trees comes once.
    ///
    /// # Errors
    /// One of the trees cannot be listed. The next call goes on with the tree behind it.
    pub(super) fn next_child(&mut self, roots: &[OwnedFd]) -> Result<Option<GroupPath>, Errno> {
        loop {
            while let Some(name) = self.names.pop() {
                let child = self.group.child(&name).filter(|child| !self.was_listed(child, roots));
                if child.is_some() {
                    return Ok(child);
                }
            }
            if self.is_listed {
                (self.current, self.offset, self.is_listed) = (self.current + 1, 0, false);
            }
            let Some(root) = self.trees.get(self.current).map(|place| roots.get(*place)) else { return Ok(None) };
            match root.map_or(Err(Errno::NOENT), |root| self.list(root)) {
                Ok(()) => {}
                Err(errno) => {
                    self.is_listed = true;
                    // It went: so did what was below it.
                    if errno != Errno::NOENT {
                        return Err(errno);
                    }
                }
            }
        }
    }

    /// True if a tree before this one has it too.
    fn was_listed(&self, child: &GroupPath, roots: &[OwnedFd]) -> bool {
        let below = child.below_root();
        let before = self.trees.iter().take(self.current).filter_map(|place| roots.get(*place));
        before.into_iter().any(|root| {
            let stat = rustix::fs::statat(root, &below, AtFlags::SYMLINK_NOFOLLOW);
            stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
        })
    }

    /// One batch.
    fn list(&mut self, root: &OwnedFd) -> Result<(), Errno> {
        let directory = open_group(root.as_fd(), &self.group, OFlags::RDONLY)?;
        if self.offset > 0 {
            rustix::fs::seek(&directory, SeekFrom::Start(self.offset))?;
        }
        let mut buffer = Vec::with_capacity(BATCH_BYTES);
        let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
        loop {
            let entry = match entries.next() {
                None => {
                    self.is_listed = true;
                    break;
                }
                Some(Err(Errno::INTR)) => continue,
                Some(entry) => entry?,
            };
            self.offset = entry.next_entry_cookie();
            let name = entry.file_name().to_bytes();
            let may_be_group = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
            if may_be_group && !matches!(name, b"." | b"..") {
                self.names.push(name.to_vec());
            }
            if entries.is_buffer_empty() {
                break;
            }
        }
        self.names.reverse();
        Ok(())
    }
}
