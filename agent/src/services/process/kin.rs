//! Children and descendants, from one scan of the table. A process is a child of the one that its `stat` names, unless that one is
//! younger: then it has got the pid of a parent that is gone.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use procwire_host::{HostError, ProcessPlan, ReaderPair};
use procwire_proto::process_fields::bit;

use super::filter::Truth;

/// A family that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FamilyOf {
    relation: Relation,
    /// Pid and start ticks of those that it descends from: ascending, each once, so that equal families are seen to be equal.
    of: Vec<(u32, u64)>,
}

impl FamilyOf {
    pub(crate) fn new(relation: Relation, mut of: Vec<(u32, u64)>) -> Self {
        of.sort_unstable();
        of.dedup();
        Self { relation, of }
    }
}

/// How a process belongs to a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Children,
    Descendants,
}

/// The members of a family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Family {
    /// Start ticks by pid.
    members: HashMap<u32, u64>,
    /// Those whose line cannot be told, because a `stat` on it cannot be read.
    unclear: HashSet<u32>,
    /// Those whose own `stat` cannot be read: the same for all families.
    unreadable: Arc<HashSet<u32>>,
    /// Those that it descends from: no members themselves.
    founders: HashSet<u32>,
}

impl Family {
    /// Whether this process, which started then, is a member.
    pub(crate) fn has(&self, pid: u32, start_ticks: Option<u64>) -> Truth {
        match (self.members.get(&pid), start_ticks) {
            (Some(member), Some(started)) => (*member == started).into(),
            (Some(_), None) => Truth::Unknown,
            (None, _) if self.may_be_hidden(pid) => Truth::Unknown,
            (None, _) => Truth::False,
        }
    }

    fn may_be_hidden(&self, pid: u32) -> bool {
        !self.founders.contains(&pid) && (self.unclear.contains(&pid) || self.unreadable.contains(&pid))
    }

    /// The pids of which that is not surely untrue.
    pub(crate) fn possible(&self) -> impl Iterator<Item = u32> {
        let hidden = self.unclear.iter().chain(&*self.unreadable).filter(|pid| self.may_be_hidden(**pid));
        self.members.keys().chain(hidden).copied()
    }
}

/// The table as far as kinship goes.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Start ticks by pid.
    started: HashMap<u32, u64>,
    /// Pids and start ticks by the pid of the parent.
    children: HashMap<u32, Vec<(u32, u64)>>,
    /// Processes whose `stat` cannot be read.
    unreadable: Arc<HashSet<u32>>,
}

impl Tree {
    /// Reads `stat` of all these, with two threads.
    pub(crate) fn read(readers: &mut ReaderPair, pids: &[u32]) -> Result<Self, HostError> {
        let plan = ProcessPlan::new(bit::REF.union(bit::PPID));
        let (front, back) = readers.read(pids, |reader, _, pids| {
            let mut rows = Vec::with_capacity(pids.len());
            for &pid in pids {
                if let Some(row) = reader.read_listed(pid, &plan)? {
                    rows.push((pid, row.r#ref.map(|reference| reference.start_ticks), row.ppid));
                }
            }
            Ok::<_, HostError>(rows)
        });
        let mut tree = Self::default();
        for rows in std::iter::once(front).chain(back) {
            for (pid, start_ticks, ppid) in rows? {
                tree.add(pid, start_ticks, ppid);
            }
        }
        Ok(tree)
    }

    fn add(&mut self, pid: u32, start_ticks: Option<u64>, ppid: Option<u32>) {
        let (Some(start_ticks), Some(ppid)) = (start_ticks, ppid) else {
            Arc::make_mut(&mut self.unreadable).insert(pid);
            return;
        };
        self.started.insert(pid, start_ticks);
        self.children.entry(ppid).or_default().push((pid, start_ticks));
    }

    /// Looks up a family. One of whose founders nothing is left has no members.
    pub(crate) fn family(&self, wanted: &FamilyOf) -> Family {
        let FamilyOf { relation, of } = wanted;
        let depth = match relation {
            Relation::Children => 1,
            Relation::Descendants => usize::MAX,
        };
        let alive = |(pid, start_ticks): &&(u32, u64)| self.started.get(pid) == Some(start_ticks);
        let founders: Vec<(u32, u64)> = of.iter().filter(alive).copied().collect();
        // A founder that cannot be read may or may not be the one that is meant.
        let hidden: Vec<u32> = of.iter().map(|(pid, _)| *pid).filter(|pid| self.unreadable.contains(pid)).collect();
        let mut family = Family::default();
        if founders.is_empty() && hidden.is_empty() {
            return family;
        }
        self.walk(founders, depth, &mut family.members);
        let mut unclear = HashMap::new();
        let hidden = match relation {
            Relation::Children => hidden,
            // Whoever cannot be read may be a member, and with it everyone below it.
            Relation::Descendants => self.unreadable.iter().copied().collect(),
        };
        self.walk(hidden.into_iter().map(|pid| (pid, 0)).collect(), depth, &mut unclear);
        family.founders = of.iter().map(|(pid, _)| *pid).collect();
        family.members.retain(|pid, _| !family.founders.contains(pid));
        family.unclear = unclear.into_keys().filter(|pid| !family.members.contains_key(pid)).collect();
        family.unreadable = Arc::clone(&self.unreadable);
        family
    }

    /// Adds everyone below these, each once: pids that go in circles end where they began.
    fn walk(&self, mut level: Vec<(u32, u64)>, depth: usize, found: &mut HashMap<u32, u64>) {
        for _ in 0..depth {
            let mut next = Vec::new();
            for (parent, parent_started) in level {
                for (child, started) in self.children.get(&parent).into_iter().flatten() {
                    if *started >= parent_started && found.insert(*child, *started).is_none() {
                        next.push((*child, *started));
                    }
                }
            }
            if next.is_empty() {
                return;
            }
            level = next;
        }
    }
}

/// The pids that procfs lists, and the families among them.
pub(crate) struct Census {
    pub(crate) pids: Arc<[u32]>,
    pub(crate) families: Vec<Family>,
}

impl Census {
    pub(crate) fn take(readers: &mut ReaderPair, wanted: &[FamilyOf]) -> Result<Self, HostError> {
        let pids: Arc<[u32]> = readers.list_pids()?.into();
        if wanted.is_empty() {
            return Ok(Self { pids, families: Vec::new() });
        }
        let tree = Tree::read(readers, &pids)?;
        Ok(Self { pids, families: wanted.iter().map(|wanted| tree.family(wanted)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// pid, start ticks, ppid
    fn tree(rows: &[(u32, u64, u32)]) -> Tree {
        let mut tree = Tree::default();
        for (pid, start_ticks, ppid) in rows {
            tree.add(*pid, Some(*start_ticks), Some(*ppid));
        }
        tree
    }

    fn members(tree: &Tree, relation: Relation, of: &[(u32, u64)]) -> Vec<u32> {
        let family = tree.family(&FamilyOf::new(relation, of.to_vec()));
        let mut pids: Vec<u32> = family.members.into_keys().collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn children_are_one_level_and_descendants_all_below() {
        let tree = tree(&[(1, 0, 0), (10, 5, 1), (11, 6, 10), (12, 6, 11), (20, 7, 1)]);
        assert_eq!(members(&tree, Relation::Children, &[(1, 0)]), [10, 20]);
        assert_eq!(members(&tree, Relation::Descendants, &[(1, 0)]), [10, 11, 12, 20]);
        assert_eq!(members(&tree, Relation::Descendants, &[(10, 5), (20, 7)]), [11, 12]);
        assert_eq!(
            members(&tree, Relation::Descendants, &[(1, 0), (10, 5)]),
            [11, 12, 20],
            "they themselves do not match"
        );
        assert!(members(&tree, Relation::Descendants, &[]).is_empty());
    }

    #[test]
    fn nobody_descends_from_one_who_is_gone_or_is_another_now() {
        let tree = tree(&[(1, 0, 0), (10, 5, 1), (11, 6, 10)]);
        for gone in [(10, 4), (99, 5)] {
            assert!(members(&tree, Relation::Descendants, &[gone]).is_empty());
        }
        assert_eq!(tree.family(&FamilyOf::new(Relation::Children, vec![(99, 5)])), Family::default());
    }

    #[test]
    fn a_parent_is_not_younger_than_its_child() {
        let tree = tree(&[(1, 0, 0), (10, 50, 1), (11, 49, 10), (12, 50, 10)]);
        assert_eq!(members(&tree, Relation::Children, &[(10, 50)]), [12]);
        assert_eq!(
            members(&tree, Relation::Descendants, &[(1, 0)]),
            [10, 12],
            "11 is an orphan whose parent's pid was reused"
        );
    }

    #[test]
    fn circles_end() {
        let tree = tree(&[(10, 5, 12), (11, 5, 10), (12, 5, 11), (13, 5, 13)]);
        assert_eq!(members(&tree, Relation::Descendants, &[(10, 5)]), [11, 12]);
        assert!(members(&tree, Relation::Descendants, &[(13, 5)]).is_empty());
    }

    #[test]
    fn what_cannot_be_read_may_be_kin() {
        let mut tree = tree(&[(1, 0, 0), (10, 5, 1), (12, 9, 11), (13, 9, 1), (14, 9, 12)]);
        tree.add(11, None, None);
        let family = tree.family(&FamilyOf::new(Relation::Descendants, vec![(10, 5)]));
        let truth = |pid, started| family.has(pid, started);
        assert_eq!([truth(11, None), truth(12, Some(9)), truth(14, Some(9))], [Truth::Unknown; 3]);
        assert_eq!([truth(13, Some(9)), truth(10, Some(5))], [Truth::False; 2]);
        let children = tree.family(&FamilyOf::new(Relation::Children, vec![(1, 0)]));
        assert_eq!([children.has(11, None), children.has(12, Some(9))], [Truth::Unknown, Truth::False]);
        assert_eq!([children.has(10, Some(5)), children.has(10, Some(6))], [Truth::True, Truth::False]);
    }
}
