//! The first rows of an order, kept while the table is read: never many more than are wanted, each as the bytes it is sent as.

use std::cmp::Ordering;

use super::{Order, Rank, Value};

/// Rows beyond what is wanted that are kept before they are thrown out together, which costs less than one by one.
const SLACK: usize = 1024;

/// What the rows of an order may take while the table is read: some 30,000 rows of what people look at.
pub(crate) const RANKING_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What the rows of a part may take before it is joined with the others: a few parts are made at a time.
const PART_MAX_BYTES: usize = RANKING_MAX_BYTES / 4;

/// A row with its rank.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) pid: u32,
    pub(crate) rank: Rank,
    /// What has been read of it so far, encoded: a fifth of the size of the struct.
    pub(crate) row: Box<[u8]>,
}

/// The first `limit` of the rows seen so far.
#[derive(Debug)]
pub(crate) struct Ranking {
    order: Order,
    limit: usize,
    entries: Vec<Entry>,
    bytes: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        let rank: usize = self.rank.iter().flatten().map(Value::heap_bytes).sum();
        size_of::<Self>() + size_of_val(&*self.rank) + rank + self.row.len()
    }
}

impl Ranking {
    pub(crate) fn new(order: Order, limit: usize) -> Self {
        Self { order, limit, entries: Vec::new(), bytes: 0 }
    }

    /// An empty one of the same order and limit.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.order.clone(), self.limit)
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push(entry);
        if self.is_full() || self.entries.len() >= self.limit.saturating_add(SLACK.max(self.limit)) {
            self.prune();
        }
    }

    /// True if a part takes so much that it is to be joined with the others before more rows are read.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes > PART_MAX_BYTES
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.entries.extend(other.entries);
        self.prune();
    }

    /// Memory that the rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows in their order.
    pub(crate) fn into_entries(mut self) -> Vec<Entry> {
        self.prune();
        let Self { order, mut entries, .. } = self;
        entries.sort_unstable_by(|left, right| precedence(&order, left, right));
        entries
    }

    fn prune(&mut self) {
        if self.entries.len() <= self.limit {
            return;
        }
        let order = &self.order;
        self.entries.select_nth_unstable_by(self.limit, |left, right| precedence(order, left, right));
        self.entries.truncate(self.limit);
        self.bytes = self.entries.iter().map(Entry::bytes).sum();
    }
}

/// Rows of equal rank come ascending by pid.
fn precedence(order: &Order, left: &Entry, right: &Entry) -> Ordering {
    order.compare(&left.rank, &right.rank).then(left.pid.cmp(&right.pid))
}
