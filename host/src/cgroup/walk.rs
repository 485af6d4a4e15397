//! Groups of a list, one after the other, each after the one it is in. What is kept of a tree is the names next to those on the way to
//! the last row, within stated room; nothing is open between two rows but the tops of the trees.

mod errors;
mod level;
mod names;
mod window;

use std::{
    fs,
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
    sync::Arc,
};

use procwire_proto::{
    CgroupFieldSet,
    cgroup_fields::bit,
    v1::{Cgroup, CgroupV1Membership, FieldError, FieldErrorReason},
};
use rustix::{
    fs::{AtFlags, OFlags},
    io::Errno,
};

use self::{
    errors::Errors,
    level::{Level, MOST_NAME_BYTES},
};
use super::{
    files::{OpenedFiles, open_directory, open_group},
    fill::{Filled, Filler},
    hierarchy::{Hierarchies, Homes},
    limits::Limits,
    path::GroupPath,
};
use crate::{Host, host::monotonic_ns, process::cgroup_membership, procfs::Buffer};

pub use window::UsageWindow;

/// Which groups, and what of them.
#[derive(Clone, Debug)]
pub struct GroupQuery {
    /// In this order. None: the root.
    pub paths: Vec<GroupPath>,
    /// Those below them too.
    pub descendants: bool,
    /// What rows tell.
    pub fields: CgroupFieldSet,
    /// At most so many rows.
    pub limit: usize,
}

/// One group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRow {
    /// What it says.
    pub row: Cgroup,
    /// The same number as long as it exists, and of no other group.
    key: (usize, u64),
    read_at_ns: u64,
}

/// The host has no control groups that could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no tree of control groups is mounted at {}", looked_at.display())]
pub struct NoGroups {
    /// Where they would be.
    pub looked_at: PathBuf,
}

/// A walk over groups.
pub struct GroupWalk {
    host: Arc<Host>,
    query: GroupQuery,
    hierarchies: Hierarchies,
    /// Tops of the trees.
    roots: Vec<OwnedFd>,
    buffer: Buffer,
    /// Those of the query that are still to come, with their places in it.
    paths: std::vec::IntoIter<(usize, GroupPath)>,
    levels: Vec<Level>,
    /// The groups above the last row, outermost first, with the least limits down to each.
    above: Vec<(GroupPath, Limits)>,
    errors: Errors,
    returned: usize,
}

impl GroupWalk {
    /// Looks for the trees of this host.
    ///
    /// # Errors
    /// There are none.
    pub fn begin(host: Arc<Host>, query: GroupQuery) -> Result<Self, NoGroups> {
        // Without it there still may be a tree to find.
        let text = fs::read(host.roots().proc.join("self/cgroup")).unwrap_or_default();
        let membership = cgroup_membership(&text);
        let found = Hierarchies::of_host(&host, &membership).trees.into_iter();
        let (roots, trees): (Vec<_>, Vec<_>) =
            found.filter_map(|tree| Some((open_directory(&tree.directory)?, tree))).unzip();
        if trees.is_empty() {
            return Err(NoGroups { looked_at: host.roots().sys.join("fs/cgroup") });
        }
        let hierarchies = Hierarchies { homes: Homes::new(&trees, &membership.v1), trees };
        Ok(Self {
            paths: without_repetitions(&query).into_iter(),
            query,
            host,
            hierarchies,
            roots,
            buffer: Buffer::new(),
            levels: Vec::new(),
            above: Vec::new(),
            errors: Errors::default(),
            returned: 0,
        })
    }

    /// The next group; `None`: that was the last.
    pub fn next_row(&mut self) -> Option<GroupRow> {
        while self.returned < self.query.limit {
            let (path, asked) = self.next_path()?;
            if let Some(row) = self.read(&path, asked) {
                self.returned += 1;
                return Some(row);
            }
        }
        None
    }

    /// Groups handed out.
    pub fn returned(&self) -> usize {
        self.returned
    }

    /// Says something of the whole list, before its first row.
    pub fn report(&mut self, field: &str, reason: FieldErrorReason, detail: &str) {
        self.errors.add_at(field.to_owned(), reason, detail);
    }

    /// Which groups could not be read, and why.
    pub fn errors(&self) -> Vec<FieldError> {
        self.errors.list()
    }

    /// The next group, and which path of the query it is.
    fn next_path(&mut self) -> Option<(GroupPath, Option<usize>)> {
        while let Some((level, above)) = self.levels.split_last_mut() {
            let above_bytes = above.iter().map(Level::room_bytes).sum();
            let room_bytes = MOST_NAME_BYTES.saturating_sub(above_bytes);
            if let Some(child) = level.next_child(&self.roots, room_bytes, &mut self.errors) {
                return Some((child, None));
            }
            self.levels.pop();
        }
        self.paths.next().map(|(index, path)| (path, Some(index)))
    }

    fn read(&mut self, path: &GroupPath, asked: Option<usize>) -> Option<GroupRow> {
        // It is in no tree where the group that it is in has no others below it.
        let listed = self.levels.last().filter(|_| asked.is_none());
        let open = |(place, root): (usize, &OwnedFd)| match listed {
            Some(level) if !level.is_in(place) => Err(Errno::NOENT),
            _ => open_group(root.as_fd(), path, OFlags::PATH),
        };
        let opened: Vec<_> = self.roots.iter().enumerate().map(open).collect();
        if let Some(problem) = opened.iter().all(Result::is_err).then(|| problem(&opened)) {
            match (problem, asked) {
                (Errno::NOENT | Errno::NOTDIR | Errno::LOOP, Some(index)) => self.errors.add_at(
                    format!("paths[{index}]"),
                    FieldErrorReason::ReadFailed,
                    &format!("there is no control group {}", procwire_proto::escape::terminal(path.as_bytes())),
                ),
                // A file, or what lists as a directory and is none.
                (Errno::NOTDIR | Errno::LOOP, None) => {}
                (Errno::NOENT, None) => self.errors.gone(path),
                (errno, _) => self.errors.add(path, FieldErrorReason::of(errno), &format!("open: {errno}")),
            }
            return None;
        }
        let directories: Vec<Option<OwnedFd>> = opened.into_iter().map(Result::ok).collect();
        let fields = if self.query.fields.contains(bit::CPU_USED_CPUS) {
            self.query.fields.union(bit::CPU_USAGE_NS)
        } else {
            self.query.fields
        };
        let above = if fields.intersects(Limits::FIELDS) { self.limits_above(path) } else { Limits::NONE };
        let level = Level::below(path.clone(), &directories);
        let present: Vec<bool> = directories.iter().map(Option::is_some).collect();
        let mut files = OpenedFiles { directories, buffer: &mut self.buffer };
        let trees = (self.hierarchies.trees.as_slice(), self.hierarchies.homes);
        let Filled { mut row, may_be_gone } = Filler::new(&mut files, trees, self.host.machine(), fields, above).fill();
        let read_at_ns = monotonic_ns();
        if may_be_gone && !self.is_there(path, &present) {
            self.errors.gone(path);
            return None;
        }
        self.name(&mut row, path, &present);
        let key = level.key();
        if self.query.descendants && level.has_children() {
            self.levels.push(level);
        }
        Some(GroupRow { row, key, read_at_ns })
    }

    fn name(&self, row: &mut Cgroup, path: &GroupPath, present: &[bool]) {
        for (tree, _) in self.hierarchies.trees.iter().zip(present).filter(|(_, present)| **present) {
            let (path, fields) = (path.as_bytes().to_vec(), self.query.fields);
            if tree.controllers.is_empty() {
                row.path = fields.contains(bit::PATH).then_some(path);
            } else if fields.contains(bit::V1) {
                row.v1.push(CgroupV1Membership { controllers: tree.controllers.clone(), path });
            }
        }
    }

    /// True if it is still in one of the trees where it was.
    fn is_there(&self, path: &GroupPath, present: &[bool]) -> bool {
        let below = path.below_root();
        let mut roots = self.roots.iter().zip(present).filter(|(_, present)| **present);
        roots.any(|(root, _)| rustix::fs::statat(root, &below, AtFlags::SYMLINK_NOFOLLOW).err() != Some(Errno::NOENT))
    }

    /// The least limits of the groups above. Neighbours have the same.
    fn limits_above(&mut self, path: &GroupPath) -> Limits {
        let Some(parent) = path.parent() else { return Limits::NONE };
        while self.above.last().is_some_and(|(known, _)| !parent.is_within(known)) {
            self.above.pop();
        }
        let known = self.above.last().map(|(path, _)| path.clone());
        let upwards = std::iter::successors(Some(parent), GroupPath::parent);
        let mut missing: Vec<GroupPath> = upwards.take_while(|path| known.as_ref() != Some(path)).collect();
        while let Some(group) = missing.pop() {
            let open = |root: &OwnedFd| open_group(root.as_fd(), &group, OFlags::PATH).ok();
            let directories = self.roots.iter().map(open).collect();
            let mut files = OpenedFiles { directories, buffer: &mut self.buffer };
            let own = Limits::of(&mut files, &self.hierarchies.homes, self.host.machine());
            let least = self.above.last().map_or(own, |(_, above)| above.least(own));
            self.above.push((group, least));
        }
        self.above.last().map_or(Limits::NONE, |(_, limits)| *limits)
    }
}

/// Why a group could not be opened: what is worth knowing rather than that it is not there.
fn problem(opened: &[Result<OwnedFd, Errno>]) -> Errno {
    let errors = opened.iter().filter_map(|opened| opened.as_ref().err().copied());
    errors.fold(Errno::NOENT, |known, errno| if known == Errno::NOENT { errno } else { known })
}

/// Each group once, where it was named first; with those below, groups within another that was named come with that one.
fn without_repetitions(query: &GroupQuery) -> Vec<(usize, GroupPath)> {
    let mut paths = Vec::new();
    for (index, path) in query.paths.iter().enumerate() {
        let comes_with = |other: &GroupPath| query.descendants && path != other && path.is_within(other);
        let named_before = query.paths.iter().take(index).any(|other| other == path);
        if !named_before && !query.paths.iter().any(comes_with) {
            paths.push((index, path.clone()));
        }
    }
    if paths.is_empty() { vec![(0, GroupPath::root())] } else { paths }
}

/// Why a group, or what is below it, is not in the list.
trait OfErrno {
    fn of(errno: Errno) -> Self;
}

impl OfErrno for FieldErrorReason {
    fn of(errno: Errno) -> Self {
        match errno {
            Errno::ACCESS | Errno::PERM => Self::PermissionDenied,
            _ => Self::ReadFailed,
        }
    }
}

#[cfg(test)]
mod tests;
