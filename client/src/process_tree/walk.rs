//! Through a tree, each process before its children.

use procwire_proto::v1::Process;

use super::ProcessTree;

/// Processes of a tree, each before its children; made by [`ProcessTree::walk`] and [`ProcessTree::walk_from`].
#[derive(Clone, Debug)]
pub struct TreeWalk<'tree, 'list> {
    tree: &'tree ProcessTree<'list>,
    /// What is left of each generation, deepest last. No recursion: a chain may be as long as the table.
    left: Vec<Vec<usize>>,
}

impl<'tree, 'list> TreeWalk<'tree, 'list> {
    pub(super) fn new(tree: &'tree ProcessTree<'list>, start: &[usize]) -> Self {
        Self { tree, left: vec![start.iter().rev().copied().collect()] }
    }
}

impl<'list> Iterator for TreeWalk<'_, 'list> {
    type Item = TreeNode<'list>;

    fn next(&mut self) -> Option<TreeNode<'list>> {
        loop {
            let siblings = self.left.last_mut()?;
            let Some(row) = siblings.pop() else {
                self.left.pop();
                continue;
            };
            let is_last = siblings.is_empty();
            let depth = self.left.len() - 1;
            let process = self.tree.rows.get(row).copied()?;
            let children = self.tree.children.get(row).map_or(&[][..], Vec::as_slice);
            self.left.push(children.iter().rev().copied().collect());
            return Some(TreeNode { process, depth, is_last });
        }
    }
}

/// A process and where it stands; given by [`ProcessTree::walk`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TreeNode<'list> {
    /// The process.
    pub process: &'list Process,
    /// Generations below where the walk began.
    pub depth: usize,
    /// True if it is the last of its siblings.
    pub is_last: bool,
}
