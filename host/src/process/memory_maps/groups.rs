//! Mappings added up by what they map.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
};

use procwire_proto::v1::MemoryMapGroup;

use super::{KEPT_MAX_BYTES, amounts::Amounts};

/// Groups in the order in which they were first seen.
#[derive(Debug, Default)]
pub(super) struct Groups {
    entries: Vec<MemoryMapGroup>,
    /// Where the group of a path is; of files that are there, and of removed ones.
    present: HashMap<Vec<u8>, usize>,
    removed: HashMap<Vec<u8>, usize>,
    /// The group of the mapping before: neighbours usually map the same file.
    last: Option<usize>,
    kept_bytes: usize,
    /// Hashes of those that were not kept, only to be counted.
    others: HashSet<u64>,
    hasher: RandomState,
}

impl Groups {
    /// The group of a path, made if it is new; `None` if there is no room for another. An empty path is anonymous memory.
    pub(super) fn of(&mut self, path: &[u8], deleted: bool) -> Option<usize> {
        let is_same =
            |entry: &MemoryMapGroup| entry.path.as_deref().unwrap_or_default() == path && entry.deleted == deleted;
        if let Some(last) = self.last.filter(|last| self.entries.get(*last).is_some_and(is_same)) {
            return Some(last);
        }
        let known = if deleted { &mut self.removed } else { &mut self.present };
        if let Some(index) = known.get(path) {
            self.last = Some(*index);
            return Some(*index);
        }
        if self.kept_bytes >= KEPT_MAX_BYTES {
            self.others.insert(self.hasher.hash_one((path, deleted)));
            return None;
        }
        let index = self.entries.len();
        known.insert(path.to_vec(), index);
        self.kept_bytes += path.len() + size_of::<MemoryMapGroup>();
        let path = (!path.is_empty()).then(|| path.to_vec());
        self.entries.push(MemoryMapGroup { path, deleted, ..MemoryMapGroup::default() });
        self.last = Some(index);
        Some(index)
    }

    /// Adds a mapping.
    pub(super) fn add(&mut self, group: usize, amounts: &Amounts) {
        if let Some(entry) = self.entries.get_mut(group) {
            entry.map_count = entry.map_count.saturating_add(1);
            amounts.add_to(entry);
        }
    }

    /// How many there are, kept or not.
    pub(super) fn count(&self) -> usize {
        self.entries.len() + self.others.len()
    }

    pub(super) fn into_entries(self) -> Vec<MemoryMapGroup> {
        self.entries
    }
}
