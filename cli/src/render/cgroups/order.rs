//! Which groups are shown, and in what order.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use clap::ValueEnum;

use super::measured::Group;

/// By what groups are sorted: quantities with the greatest first, and among equals by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Processor time used over the window
    Cpu,
    /// Memory
    Memory,
    /// Tasks: processes and threads
    Tasks,
    /// Bytes read and written over the window
    Io,
    /// Waiting, for whatever it waits most
    Stall,
    /// Path
    Path,
}

/// How they are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Below their parents.
    Tree,
    /// One after another.
    Flat,
}

/// A group and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) group: Group<'a>,
    /// Levels below the first of its tree.
    pub(crate) depth: usize,
    /// No sibling comes after it.
    pub(crate) is_last: bool,
}

/// The groups that are not deeper than `depth` below the topmost of them, and of those `limit` with the greatest values, with their
/// parents where it is a tree.
pub(crate) fn choose<'a>(
    mut groups: Vec<Group<'a>>,
    order: Order,
    shape: Shape,
    depth: Option<usize>,
    limit: Option<usize>,
) -> Vec<Shown<'a>> {
    groups.sort_by(|left, right| compare(order, left, right));
    // The same group may have been named twice, or below another that was named.
    let mut seen = BTreeSet::new();
    groups.retain(|group| seen.insert(group.path()));
    let paths: BTreeSet<&[u8]> = groups.iter().map(Group::path).collect();
    groups.retain(|group| depth.is_none_or(|depth| ancestors(group.path(), &paths).count() <= depth));
    if let Some(limit) = limit {
        let mut kept: BTreeSet<&[u8]> = groups.iter().take(limit).map(Group::path).collect();
        if shape == Shape::Tree {
            let above: Vec<&[u8]> = kept.iter().flat_map(|path| ancestors(path, &paths)).collect();
            kept.extend(above);
        }
        groups.retain(|group| kept.contains(group.path()));
    }
    match shape {
        Shape::Flat => groups.into_iter().map(|group| Shown { group, depth: 0, is_last: true }).collect(),
        Shape::Tree => in_tree(&groups),
    }
}

/// What is not known comes last; equals by memory, which most groups tell.
fn compare(order: Order, left: &Group<'_>, right: &Group<'_>) -> Ordering {
    let by_path = || left.path().cmp(right.path());
    match order {
        Order::Path => by_path(),
        _ => by_quantity(order, left, right).then_with(|| by_quantity(Order::Memory, left, right)).then_with(by_path),
    }
}

fn by_quantity(order: Order, left: &Group<'_>, right: &Group<'_>) -> Ordering {
    let number = |group: &Group<'_>| match order {
        Order::Cpu => group.used_cpus(),
        Order::Memory => group.memory_bytes().map(|bytes| bytes as f64),
        Order::Tasks => group.tasks().map(|tasks| tasks as f64),
        Order::Io => Some(group.read_bytes_per_second()? + group.written_bytes_per_second()?),
        Order::Stall => group.stall().map(|(_, ratio)| ratio),
        Order::Path => None,
    };
    match (number(left), number(right)) {
        (Some(left), Some(right)) => right.total_cmp(&left),
        (left, right) => right.is_some().cmp(&left.is_some()),
    }
}

/// Each after its parent, siblings in the order that they have.
fn in_tree<'a>(groups: &[Group<'a>]) -> Vec<Shown<'a>> {
    let paths: BTreeSet<&[u8]> = groups.iter().map(Group::path).collect();
    let mut children: BTreeMap<Option<&[u8]>, Vec<Group<'a>>> = BTreeMap::new();
    for group in groups {
        children.entry(ancestors(group.path(), &paths).next()).or_default().push(*group);
    }
    let mut shown = Vec::with_capacity(groups.len());
    // The last of siblings lies deepest. No recursion: how deep groups lie is decided by others.
    let push = |pending: &mut Vec<Shown<'a>>, siblings: Vec<Group<'a>>, depth| {
        let siblings = siblings.into_iter().rev().enumerate();
        pending.extend(siblings.map(|(index, group)| Shown { group, depth, is_last: index == 0 }));
    };
    let mut pending = Vec::new();
    push(&mut pending, children.remove(&None).unwrap_or_default(), 0);
    while let Some(next) = pending.pop() {
        shown.push(next);
        push(&mut pending, children.remove(&Some(next.group.path())).unwrap_or_default(), next.depth + 1);
    }
    shown
}

/// Those above a path that are among `paths`, nearest first.
fn ancestors<'a>(path: &'a [u8], paths: &BTreeSet<&'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    let above = std::iter::successors(parent(path), |path| parent(path));
    above.filter(|path| paths.contains(path))
}

/// `/a` of `/a/b`, `/` of `/a`.
fn parent(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    match slash {
        0 if path.len() == 1 => None,
        0 => path.get(..1),
        _ => path.get(..slash),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
pub(super) mod tests {
    use procwire_proto::v1::{Cgroup, CgroupCpu, CgroupMemory};

    use super::*;

    pub(crate) fn cgroup(path: &[u8], used_cpus: f64, usage_bytes: u64) -> Cgroup {
        Cgroup {
            path: Some(path.to_vec()),
            cpu: Some(CgroupCpu { used_cpus: Some(used_cpus), ..CgroupCpu::default() }),
            memory: Some(CgroupMemory { usage_bytes: Some(usage_bytes), ..CgroupMemory::default() }),
            ..Cgroup::default()
        }
    }

    fn tree() -> Vec<Cgroup> {
        // The root tells of no memory.
        let root = Cgroup { memory: None, ..cgroup(b"/", 2.0, 0) };
        vec![
            root,
            cgroup(b"/init.scope", 0.0, 10),
            cgroup(b"/system.slice", 1.5, 100),
            cgroup(b"/system.slice/db.service", 1.0, 20),
            cgroup(b"/system.slice/web.service", 0.5, 80),
            cgroup(b"/system.slice-not", 0.4, 1),
        ]
    }

    fn chosen(
        cgroups: &[Cgroup],
        order: Order,
        shape: Shape,
        depth: Option<usize>,
        limit: Option<usize>,
    ) -> Vec<(usize, bool, String)> {
        let groups = cgroups.iter().map(|now| Group { now, before: None, seconds: 1.0 }).collect();
        let shown = choose(groups, order, shape, depth, limit).into_iter();
        shown.map(|one| (one.depth, one.is_last, String::from_utf8_lossy(one.group.path()).into_owned())).collect()
    }

    fn paths(chosen: &[(usize, bool, String)]) -> Vec<&str> {
        chosen.iter().map(|(_, _, path)| path.as_str()).collect()
    }

    #[test]
    fn a_tree_has_the_busiest_first_at_every_level() {
        let shown = chosen(&tree(), Order::Cpu, Shape::Tree, None, None);
        let wanted = [
            (0, true, "/"),
            (1, false, "/system.slice"),
            (2, false, "/system.slice/db.service"),
            (2, true, "/system.slice/web.service"),
            (1, false, "/system.slice-not"),
            (1, true, "/init.scope"),
        ];
        assert_eq!(shown, wanted.map(|(depth, is_last, path)| (depth, is_last, path.to_owned())));
        let by_memory = chosen(&tree(), Order::Memory, Shape::Tree, None, None);
        assert_eq!(paths(&by_memory)[..3], ["/", "/system.slice", "/system.slice/web.service"]);
    }

    #[test]
    fn a_limit_keeps_the_greatest_and_in_a_tree_those_above_them() {
        let flat = chosen(&tree(), Order::Memory, Shape::Flat, None, Some(2));
        assert_eq!(paths(&flat), ["/system.slice", "/system.slice/web.service"]);
        let tree_of = |limit| chosen(&tree(), Order::Memory, Shape::Tree, None, Some(limit));
        assert_eq!(paths(&tree_of(2)), ["/", "/system.slice", "/system.slice/web.service"]);
        assert_eq!(tree_of(100).len(), 6);
    }

    #[test]
    fn depth_counts_from_what_was_named() {
        let all = tree();
        assert_eq!(paths(&chosen(&all, Order::Path, Shape::Tree, Some(0), None)), ["/"]);
        let level = chosen(&all, Order::Path, Shape::Tree, Some(1), None);
        assert_eq!(paths(&level), ["/", "/init.scope", "/system.slice", "/system.slice-not"]);
        let named = chosen(&all[2..5], Order::Path, Shape::Tree, Some(1), None);
        assert_eq!(named.iter().map(|(depth, ..)| *depth).collect::<Vec<_>>(), [0, 1, 1]);
    }

    #[test]
    fn of_equals_the_greater_in_memory_comes_first() {
        let unknown = |path: &[u8], bytes| Cgroup { cpu: None, ..cgroup(path, 0.0, bytes) };
        let all = [unknown(b"/a", 1), unknown(b"/b", 2), cgroup(b"/c", 0.0, 0)];
        assert_eq!(paths(&chosen(&all, Order::Cpu, Shape::Flat, None, None)), ["/c", "/b", "/a"]);
        assert_eq!(paths(&chosen(&all, Order::Path, Shape::Flat, None, None)), ["/a", "/b", "/c"]);
    }

    #[test]
    fn a_group_named_twice_is_shown_once_and_odd_paths_do_no_harm() {
        let twice = [cgroup(b"/a", 1.0, 1), cgroup(b"/a", 1.0, 1)];
        assert_eq!(chosen(&twice, Order::Cpu, Shape::Tree, None, None).len(), 1);
        let odd =
            [cgroup(b"", 1.0, 1), cgroup(b"//", 1.0, 1), cgroup(b"no slash", f64::NAN, 1), cgroup(b"/\xff", 0.0, 1)];
        assert_eq!(chosen(&odd, Order::Cpu, Shape::Tree, None, None).len(), 4);
        let deep = (1..3000).map(|depth| cgroup("/d".repeat(depth).as_bytes(), 0.0, 0)).collect::<Vec<_>>();
        assert_eq!(chosen(&deep, Order::Cpu, Shape::Tree, None, None).last().unwrap().0, 2998);
    }
}
