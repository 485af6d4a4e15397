//! Control groups: what each uses of what it may use.

mod measured;
mod order;
mod table;

pub(crate) use self::{
    measured::{Group, is_empty},
    order::{Order, Shape, choose},
    table::cgroup_table,
};
