//! Control groups: what a group uses, what it may use, and how long it waited (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/).
//!
//! A group may stand in several trees: the unified one, and one for each controller that is still bound to a v1 tree. `hierarchy`
//! finds the trees and which of them answers for what; `fill` makes a row of the files of one group, wherever `files` takes them
//! from: opened once for a row of a list (`walk`), kept open for the agent's own group (`own`).

mod cause;
mod files;
mod fill;
mod held;
mod hierarchy;
mod kept;
mod limits;
mod mounts;
mod own;
mod parse;
mod path;
mod walk;

pub(crate) use held::{Freeze, HeldGroup, NoHeldGroup};
pub(crate) use own::OwnGroup;
pub use path::{GroupPath, PathProblem};
pub use walk::{GroupQuery, GroupRow, GroupWalk, NoGroups, UsageWindow};
