//! The agent's own group, read again and again.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::FileExt as _,
    },
    path::PathBuf,
};

use procwire_proto::{
    CgroupFieldSet,
    cgroup_fields::bit,
    v1::{Cgroup, ProcessCgroup},
};
use rustix::fs::OFlags;

use super::{
    files::{open_directory, open_group},
    fill::Filler,
    hierarchy::{Hierarchies, Homes, Tree, own_path},
    kept::KeptFiles,
    limits::Limits,
    path::GroupPath,
};
use crate::{Host, HostError, process::cgroup_membership};

/// Longer than the list of a process in a group of the longest path in every tree there may be would be odd; the rest is cut.
const LONGEST_MEMBERSHIP_BYTES: usize = 64 << 10;

/// Reads the agent's own group. Files stay open; where the agent is, is looked up each time.
pub(crate) struct OwnGroup {
    path: PathBuf,
    file: Option<File>,
    text: Vec<u8>,
    found: Option<Found>,
}

/// Where the agent was at the last reading.
struct Found {
    text: Vec<u8>,
    membership: ProcessCgroup,
    hierarchies: Hierarchies,
    /// Its own group, then the one above, and so on up to the top of what is mounted; of trees where it is less deep there is nothing
    /// at the end.
    levels: Vec<KeptFiles>,
}

impl OwnGroup {
    /// `/proc/self` is the agent also in a procfs of a pid namespace further out, such as that of its host (fs/proc/self.c).
    pub(crate) fn new(host: &Host) -> Self {
        Self { path: host.roots().proc.join("self/cgroup"), file: None, text: Vec::new(), found: None }
    }

    /// What these fields say now.
    ///
    /// # Errors
    /// The agent cannot learn which group it is in.
    pub(crate) fn read(&mut self, host: &Host, fields: CgroupFieldSet) -> Result<Cgroup, HostError> {
        self.read_membership().map_err(|source| HostError::Io {
            operation: "read",
            path: self.path.clone(),
            source,
        })?;
        let found = match self.found.take() {
            Some(found) if found.text == self.text && !found.levels.iter().any(|level| level.is_stale) => found,
            _ => Found::look(host, self.text.clone()),
        };
        let found = self.found.insert(found);
        Ok(found.read(host, fields))
    }

    fn read_membership(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        self.text.resize(LONGEST_MEMBERSHIP_BYTES.min(self.text.capacity().max(1024)), 0);
        let mut filled = 0;
        loop {
            let count = match file.read_at(self.text.get_mut(filled..).unwrap_or_default(), filled as u64) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            filled += count;
            if filled < self.text.len() || filled >= LONGEST_MEMBERSHIP_BYTES {
                break;
            }
            self.text.resize(filled * 2, 0);
        }
        self.text.truncate(filled);
        self.file = Some(file);
        Ok(())
    }
}

impl Found {
    fn look(host: &Host, text: Vec<u8>) -> Self {
        let membership = cgroup_membership(&text);
        // A tree that does not show the agent's group says nothing of it.
        let shown = |tree: Tree| Some((open_directory(&tree.directory)?, Some(shown_path(&tree, &membership)?), tree));
        let mut trees = Vec::new();
        let (mut roots, mut paths) = (Vec::new(), Vec::new());
        for (root, path, tree) in Hierarchies::of_agent(host, &membership).trees.into_iter().filter_map(shown) {
            roots.push(root);
            paths.push(path);
            trees.push(tree);
        }
        let hierarchies = Hierarchies { homes: Homes::new(&trees, &membership.v1), trees };
        let mut levels = Vec::new();
        while paths.iter().any(Option::is_some) {
            let open = |(root, path): (&OwnedFd, &Option<GroupPath>)| {
                open_group(root.as_fd(), path.as_ref()?, OFlags::PATH).ok()
            };
            levels.push(KeptFiles::new(roots.iter().zip(&paths).map(open).collect()));
            for path in &mut paths {
                *path = path.as_ref().and_then(GroupPath::parent);
            }
        }
        Self { text, membership, hierarchies, levels }
    }

    fn read(&mut self, host: &Host, fields: CgroupFieldSet) -> Cgroup {
        let Self { membership, hierarchies, levels, .. } = self;
        let Hierarchies { trees, homes } = hierarchies;
        let mut above = Limits::NONE;
        let (mut nowhere, mut rest) = (KeptFiles::new(Vec::new()), levels.iter_mut());
        let own = rest.next().unwrap_or(&mut nowhere);
        if fields.intersects(Limits::FIELDS) {
            above = rest.fold(above, |above, level| above.least(Limits::of(level, homes, host.machine())));
        }
        let filled = Filler::new(own, (trees, *homes), host.machine(), fields, above).fill();
        let mut row = filled.row;
        if fields.contains(bit::PATH) {
            row.path.clone_from(&membership.path);
        }
        if fields.contains(bit::V1) {
            row.v1.clone_from(&membership.v1);
        }
        row
    }
}

/// The agent's group from the top of a tree; `None` if it is not below it, as a path with ".." says.
fn shown_path(tree: &Tree, membership: &ProcessCgroup) -> Option<GroupPath> {
    GroupPath::parse(tree.below_top(own_path(membership, &tree.controllers)?)?).ok()
}

#[cfg(test)]
mod tests;
