//! Who is whose child.

mod walk;

use std::collections::HashMap;

use procwire_proto::v1::Process;

pub use walk::{TreeNode, TreeWalk};

/// The tree of a list of processes. Pure: it looks at the rows and asks nobody.
///
/// A row stands below the row that has its `ppid`, unless that process is younger: then it only has the pid of a parent that is
/// gone. Rows without a parent in the list are roots: pid 1, kernel threads' ancestor 2, and whatever the list left the parent
/// out of. Whatever the rows say, each is in the tree exactly once; rows that are each other's parents, which a table read while
/// pids are given out again can show, hang on the lowest pid of them.
///
/// The rows need the fields [`FIELDS`](Self::FIELDS); without `ppid` all are roots, and without `ref` age is not looked at.
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use procwire_client::ProcessTree;
///
/// let list = client.processes().list().fields(ProcessTree::FIELDS.into_iter().chain(["name"])).await?;
/// let tree = ProcessTree::new(&list.processes);
/// for node in tree.walk() {
///     println!("{:indent$}{} {}", "", node.process.pid, node.process.display_name(), indent = node.depth * 2);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ProcessTree<'list> {
    /// By pid, and equal pids in the order of the list.
    rows: Vec<&'list Process>,
    parents: Vec<Option<usize>>,
    /// Ascending, as indices into `rows` are in pid order.
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
}

impl<'list> ProcessTree<'list> {
    /// What the rows need to have been asked for.
    pub const FIELDS: [&'static str; 3] = ["pid", "ref", "ppid"];

    /// The tree of these rows, in time that grows with their number.
    ///
    /// ```
    /// use procwire_client::ProcessTree;
    /// use procwire_client::v1::Process;
    ///
    /// let init = Process { pid: 1, ppid: Some(0), ..Default::default() };
    /// let shell = Process { pid: 70, ppid: Some(1), ..Default::default() };
    /// let list = [shell, init];
    /// let tree = ProcessTree::new(&list);
    /// assert_eq!(tree.walk().map(|node| (node.process.pid, node.depth)).collect::<Vec<_>>(), [(1, 0), (70, 1)]);
    /// ```
    pub fn new(processes: &'list [Process]) -> Self {
        let mut rows: Vec<_> = processes.iter().collect();
        rows.sort_by_key(|process| process.pid);
        let mut parents = parents_by_pid(&rows);
        cut_circles(&mut parents);
        let mut children = vec![Vec::new(); rows.len()];
        let mut roots = Vec::new();
        for (row, parent) in parents.iter().enumerate() {
            match parent.and_then(|parent| children.get_mut(parent)) {
                Some(siblings) => siblings.push(row),
                None => roots.push(row),
            }
        }
        Self { rows, parents, children, roots }
    }

    /// Those without a parent in the list, by pid.
    ///
    /// ```
    /// # use procwire_client::{ProcessTree, v1::Process};
    /// let orphan = Process { pid: 70, ppid: Some(9), ..Default::default() };
    /// let list = [orphan];
    /// assert_eq!(ProcessTree::new(&list).roots().count(), 1);
    /// ```
    pub fn roots(&self) -> impl Iterator<Item = &'list Process> {
        self.processes(&self.roots)
    }

    /// The process with this pid.
    ///
    /// ```
    /// # use procwire_client::{ProcessTree, v1::Process};
    /// let list = [Process { pid: 70, ..Default::default() }];
    /// let tree = ProcessTree::new(&list);
    /// assert!(tree.get(70).is_some() && tree.get(71).is_none());
    /// ```
    pub fn get(&self, pid: u32) -> Option<&'list Process> {
        self.rows.get(self.row(pid)?).copied()
    }

    /// The parent of the process with this pid; `None` for a root, and for a pid that is not in the list.
    ///
    /// ```
    /// # use procwire_client::{ProcessTree, v1::Process};
    /// let list = [Process { pid: 1, ..Default::default() }, Process { pid: 70, ppid: Some(1), ..Default::default() }];
    /// assert_eq!(ProcessTree::new(&list).parent(70).map(|parent| parent.pid), Some(1));
    /// ```
    pub fn parent(&self, pid: u32) -> Option<&'list Process> {
        let parent = self.parents.get(self.row(pid)?).copied().flatten()?;
        self.rows.get(parent).copied()
    }

    /// The children of the process with this pid, by pid; none for a pid that is not in the list.
    ///
    /// ```
    /// # use procwire_client::{ProcessTree, v1::Process};
    /// let list = [Process { pid: 1, ..Default::default() }, Process { pid: 70, ppid: Some(1), ..Default::default() }];
    /// assert_eq!(ProcessTree::new(&list).children(1).map(|child| child.pid).collect::<Vec<_>>(), [70]);
    /// ```
    pub fn children(&self, pid: u32) -> impl Iterator<Item = &'list Process> {
        let row = self.row(pid).and_then(|row| self.children.get(row));
        self.processes(row.map_or(&[], Vec::as_slice))
    }

    /// Every process: each before its children, siblings by pid.
    ///
    /// ```
    /// # use procwire_client::{ProcessTree, v1::Process};
    /// let list = [Process { pid: 70, ..Default::default() }, Process { pid: 3, ..Default::default() }];
    /// assert_eq!(ProcessTree::new(&list).walk().map(|node| node.process.pid).collect::<Vec<_>>(), [3, 70]);
    /// ```
    pub fn walk(&self) -> TreeWalk<'_, 'list> {
        TreeWalk::new(self, &self.roots)
    }

    /// The process with this pid, at depth 0, and its descendants; nothing for a pid that is not in the list.
    ///
    /// ```
    /// # use procwire_client::{ProcessTree, v1::Process};
    /// let list = [Process { pid: 1, ..Default::default() }, Process { pid: 70, ppid: Some(1), ..Default::default() }];
    /// let tree = ProcessTree::new(&list);
    /// assert_eq!(tree.walk_from(70).map(|node| (node.process.pid, node.depth)).collect::<Vec<_>>(), [(70, 0)]);
    /// ```
    pub fn walk_from(&self, pid: u32) -> TreeWalk<'_, 'list> {
        TreeWalk::new(self, self.row(pid).as_slice())
    }

    fn processes(&self, rows: &[usize]) -> impl Iterator<Item = &'list Process> {
        rows.iter().filter_map(|row| self.rows.get(*row).copied())
    }

    fn row(&self, pid: u32) -> Option<usize> {
        let row = self.rows.partition_point(|process| process.pid < pid);
        self.rows.get(row).filter(|process| process.pid == pid).map(|_| row)
    }
}

/// The row of each row's parent.
fn parents_by_pid(rows: &[&Process]) -> Vec<Option<usize>> {
    let mut row_of = HashMap::with_capacity(rows.len());
    for (row, process) in rows.iter().enumerate() {
        row_of.entry(process.pid).or_insert(row);
    }
    let parent_of = |child: &&Process| {
        let row = *row_of.get(&child.ppid.filter(|ppid| *ppid != 0)?)?;
        rows.get(row).filter(|parent| can_be_parent(parent, child)).map(|_| row)
    };
    rows.iter().map(parent_of).collect()
}

/// Not younger, as far as is known, and of the same boot. Two that were started within the same tick may be parent and child.
fn can_be_parent(parent: &Process, child: &Process) -> bool {
    match (parent.reference(), child.reference()) {
        (Some(parent), Some(child)) => parent.boot_id == child.boot_id && parent.start_ticks <= child.start_ticks,
        _ => true,
    }
}

/// Makes a root of the first row of each circle.
fn cut_circles(parents: &mut [Option<usize>]) {
    // Which walk came by; 0 for none.
    let mut walked_by = vec![0; parents.len()];
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut row = Some(start);
        while let Some(here) = row {
            let Some(mark) = walked_by.get_mut(here) else { break };
            match *mark {
                0 => *mark = walk,
                // Round the circle and back: it is whole now, and `start` may stand outside of it.
                mark if mark == walk => {
                    cut_circle(parents, here);
                    break;
                }
                // What lies ahead was seen to end.
                _ => break,
            }
            row = parents.get(here).copied().flatten();
        }
    }
}

fn cut_circle(parents: &mut [Option<usize>], within: usize) {
    let next = |row: &usize| parents.get(*row).copied().flatten();
    let circle = std::iter::successors(next(&within), next).take_while(|row| *row != within);
    let lowest = circle.fold(within, usize::min);
    if let Some(parent) = parents.get_mut(lowest) {
        *parent = None;
    }
}
