//! Processors used over a window: what the same groups had used when it began.

use std::collections::HashMap;

use procwire_proto::{CgroupFieldSet, cgroup_fields::bit};

use super::GroupRow;

/// More groups are not remembered; 6 MiB.
const MOST_GROUPS: usize = 1 << 17;

/// What groups had used at the beginning of a window.
#[derive(Debug, Default)]
pub struct UsageWindow {
    /// Time used, and when that was read.
    pub(super) before: HashMap<(usize, u64), (u64, u64)>,
    /// Rows that were looked at, also those that say nothing new.
    rows: usize,
}

impl UsageWindow {
    /// Remembers what a row says. False: that was the last one. What counts is rows, so that this ends whatever a tree does meanwhile.
    pub fn remember(&mut self, row: &GroupRow) -> bool {
        self.rows += 1;
        if let Some(usage_ns) = row.usage_ns() {
            self.before.insert(row.key, (usage_ns, row.read_at_ns));
        }
        self.rows < MOST_GROUPS
    }

    /// Fills in what the group has used since, and takes out the time if nobody asked for it. A group that came meanwhile has no such
    /// figure yet.
    pub fn fill(&self, row: &mut GroupRow, fields: CgroupFieldSet) {
        if !fields.contains(bit::CPU_USED_CPUS) {
            return;
        }
        let used = self.before.get(&row.key).zip(row.usage_ns()).and_then(|((before_ns, at_ns), usage_ns)| {
            let window_ns = row.read_at_ns.checked_sub(*at_ns).filter(|window_ns| *window_ns > 0)?;
            Some(usage_ns.checked_sub(*before_ns)? as f64 / window_ns as f64)
        });
        let Some(cpu) = &mut row.row.cpu else { return };
        cpu.used_cpus = used;
        if !fields.contains(bit::CPU_USAGE_NS) {
            cpu.usage_ns = None;
        }
    }
}

impl GroupRow {
    fn usage_ns(&self) -> Option<u64> {
        self.row.cpu.as_ref().and_then(|cpu| cpu.usage_ns)
    }
}

#[cfg(test)]
mod tests {
    use procwire_proto::v1::Cgroup;

    use super::*;

    #[test]
    fn rows_that_say_nothing_new_come_to_an_end_too() {
        let mut window = UsageWindow::default();
        let row = GroupRow { row: Cgroup::default(), key: (0, 7), read_at_ns: 1 };
        let taken = (0..2 * MOST_GROUPS).take_while(|_| window.remember(&row)).count();
        assert_eq!(taken, MOST_GROUPS - 1);
    }
}
