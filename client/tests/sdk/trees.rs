//! Trees: of real-looking tables, of torn ones, of any.

use std::collections::{BTreeMap, BTreeSet};

use procwire_client::v1::Process;
use procwire_client::{ProcessRef, ProcessTree};
use proptest::prelude::*;

fn row(pid: u32, ppid: u32, start_ticks: u64) -> Process {
    let reference = ProcessRef { pid, start_ticks, boot_id: vec![7; 16].into(), pidfd_inode: None };
    Process { pid, ppid: Some(ppid), r#ref: Some(reference), ..Default::default() }
}

fn drawn(tree: &ProcessTree<'_>) -> Vec<(u32, usize, bool)> {
    tree.walk().map(|node| (node.process.pid, node.depth, node.is_last)).collect()
}

#[test]
fn a_table_becomes_a_tree_whatever_its_order() {
    let mut rows = [row(30, 1, 9), row(2, 0, 0), row(20, 10, 7), row(1, 0, 0), row(10, 1, 5), row(21, 10, 7)];
    let expected = [(1, 0, false), (10, 1, false), (20, 2, false), (21, 2, true), (30, 1, true), (2, 0, true)];
    assert_eq!(drawn(&ProcessTree::new(&rows)), expected);
    rows.reverse();
    let tree = ProcessTree::new(&rows);
    assert_eq!(drawn(&tree), expected);

    let pids = |processes: Vec<&Process>| processes.iter().map(|process| process.pid).collect::<Vec<_>>();
    assert_eq!(pids(tree.roots().collect()), [1, 2]);
    assert_eq!(pids(tree.children(1).collect()), [10, 30]);
    assert_eq!(pids(tree.children(99).collect()), [0; 0]);
    assert_eq!(tree.parent(21).map(|parent| parent.pid), Some(10));
    assert_eq!(tree.parent(1), None);
    assert_eq!(tree.parent(99), None);
    assert_eq!(tree.get(30).map(|process| process.pid), Some(30));
    assert_eq!(tree.get(31), None);
    assert_eq!(
        tree.walk_from(10).map(|node| (node.process.pid, node.depth)).collect::<Vec<_>>(),
        [(10, 0), (20, 1), (21, 1)]
    );
    assert_eq!(tree.walk_from(99).count(), 0);
}

#[test]
fn nothing_comes_of_nothing() {
    let tree = ProcessTree::new(&[]);
    assert_eq!((tree.walk().count(), tree.roots().count()), (0, 0));
}

#[test]
fn a_parent_is_never_younger() {
    let rows = [row(10, 1, 5), row(20, 10, 4), row(21, 10, 5), row(22, 10, 6)];
    let tree = ProcessTree::new(&rows);
    let roots: Vec<_> = tree.roots().map(|process| process.pid).collect();
    assert_eq!(roots, [10, 20], "20 was there before 10: its parent is gone, and 10 has that one's pid");
    assert_eq!(tree.children(10).count(), 2, "the same tick is as good as a later one");
}

#[test]
fn rows_of_another_boot_are_no_relatives() {
    let mut other = row(20, 10, 9);
    other.r#ref.as_mut().unwrap().boot_id = vec![8; 16].into();
    assert_eq!(ProcessTree::new(&[row(10, 1, 5), other]).roots().count(), 2);
}

#[test]
fn without_references_the_pids_decide_and_without_ppids_all_are_roots() {
    let bare = |pid, ppid| Process { pid, ppid, ..Default::default() };
    let rows = [bare(1, None), bare(10, Some(1)), bare(20, None)];
    assert_eq!(drawn(&ProcessTree::new(&rows)), [(1, 0, false), (10, 1, true), (20, 0, true)]);
}

#[test]
fn circles_hang_on_their_lowest_pid() {
    let rows = [row(5, 7, 1), row(6, 5, 1), row(7, 6, 1), row(8, 6, 1), row(3, 8, 1), row(9, 9, 1)];
    let expected = [(5, 0, false), (6, 1, true), (7, 2, false), (8, 2, true), (3, 3, true), (9, 0, true)];
    assert_eq!(drawn(&ProcessTree::new(&rows)), expected);
}

#[test]
fn a_pid_that_comes_twice_is_shown_twice() {
    let rows = [row(1, 0, 0), row(10, 1, 5), row(10, 1, 8), row(11, 10, 9)];
    assert_eq!(drawn(&ProcessTree::new(&rows)), [(1, 0, true), (10, 1, false), (11, 2, true), (10, 1, true)]);
}

#[test]
fn a_chain_as_long_as_the_table_does_not_exhaust_the_stack() {
    let rows: Vec<_> = (1..=200_000).map(|pid| row(pid, pid - 1, 0)).collect();
    let tree = ProcessTree::new(&rows);
    assert_eq!(tree.walk().last().map(|node| (node.process.pid, node.depth)), Some((200_000, 199_999)));
    // The same, closed to a circle.
    let mut rows = rows;
    rows[0].ppid = Some(200_000);
    assert_eq!(ProcessTree::new(&rows).walk().count(), 200_000);
}

fn any_row() -> impl Strategy<Value = Process> {
    // Few pids and ticks, so that parents, circles, equal pids and wrong ages all come up.
    (0..12_u32, prop::option::of(0..12_u32), prop::option::of(0..4_u64), 0..2_u8).prop_map(
        |(pid, ppid, ticks, boot)| {
            let reference = ticks.map(|start_ticks| ProcessRef {
                pid,
                start_ticks,
                boot_id: vec![boot; 16].into(),
                pidfd_inode: None,
            });
            Process { pid, ppid, r#ref: reference, ..Default::default() }
        },
    )
}

proptest! {
    #[test]
    fn every_row_is_in_the_tree_once_below_none_that_is_younger(rows in prop::collection::vec(any_row(), 0..24)) {
        let tree = ProcessTree::new(&rows);
        let walked: Vec<_> = tree.walk().collect();
        let addresses: BTreeSet<_> = walked.iter().map(|node| std::ptr::from_ref(node.process)).collect();
        prop_assert_eq!(walked.len(), rows.len());
        prop_assert_eq!(addresses.len(), rows.len());

        let mut path: Vec<&Process> = Vec::new();
        for node in &walked {
            prop_assert!(node.depth <= path.len(), "a child comes after its parent");
            path.truncate(node.depth);
            if let Some(parent) = path.last() {
                prop_assert_eq!(node.process.ppid, Some(parent.pid));
                if let (Some(parent), Some(child)) = (parent.reference(), node.process.reference()) {
                    prop_assert!(parent.start_ticks <= child.start_ticks);
                    prop_assert_eq!(&parent.boot_id, &child.boot_id);
                }
            }
            path.push(node.process);
        }
    }

    /// Nobody is made a root without need: where pids are unique and ages fit, only circles are opened, once each.
    #[test]
    fn who_has_a_parent_in_the_list_hangs_below_it(parents in prop::collection::vec(0..20_u32, 1..20)) {
        let rows: Vec<_> = (1..).zip(&parents).map(|(pid, &ppid)| row(pid, ppid, 0)).collect();
        let parent_of: BTreeMap<_, _> = rows.iter().map(|row| (row.pid, row.ppid.unwrap())).collect();
        let tree = ProcessTree::new(&rows);
        for root in tree.roots() {
            let mut ahead = vec![root.pid];
            while let Some(&parent) = parent_of.get(ahead.last().unwrap()).filter(|parent| parent_of.contains_key(parent)) {
                if parent == root.pid {
                    break;
                }
                prop_assert!(!ahead.contains(&parent), "{} leads into a circle, and hangs on it", root.pid);
                ahead.push(parent);
            }
            let is_orphan = !parent_of.contains_key(&parent_of[&root.pid]);
            let opens_a_circle = parent_of[ahead.last().unwrap()] == root.pid;
            prop_assert!(is_orphan || opens_a_circle);
            if opens_a_circle {
                prop_assert_eq!(ahead.iter().min(), Some(&root.pid));
            }
        }
    }
}
