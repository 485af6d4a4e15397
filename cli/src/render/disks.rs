//! `procwire iostat`: what block devices do.

mod latency;
mod tables;

use procwire_proto::v1::{Disk, DiskClass};

pub(crate) use latency::Measured;
pub(crate) use tables::{extended_table, rate_table};

/// Many hosts have dozens of loop devices that never did anything.
pub(crate) fn was_used(disk: &Disk) -> bool {
    disk.reads.unwrap_or_default() > 0 || disk.writes.unwrap_or_default() > 0
}

/// The class in words: `device mapper`.
pub(crate) fn class(disk: &Disk) -> String {
    match disk.disk_class() {
        DiskClass::Unspecified => "unknown".to_owned(),
        class => class.as_str_name().trim_start_matches("DISK_CLASS_").to_lowercase().replace('_', " "),
    }
}

#[cfg(test)]
mod tests;
