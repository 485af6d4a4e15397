//! `procwire df`: which mounts people want to see, and how full they are.

mod choice;
mod tables;

pub(crate) use choice::{Choice, choose};
pub(crate) use tables::{PathUsage, Shown, mount_table, path_table, unanswered, why_unknown};

#[cfg(test)]
mod tests;
