//! Memory, page faults, input and output, in numbers.

use procwire_proto::v1::{IoClass, Process};

use super::{Pairs, present};
use crate::render::units;

pub(super) const FIELDS: &[&str] =
    &["memory", "memory_ratio", "memory_footprint", "page_faults", "io", "io_priority", "fd_count"];

/// What is in RAM first, then what is promised.
pub(super) fn amounts(process: &Process) -> Pairs {
    let memory = process.memory.unwrap_or_default();
    let footprint = process.memory_footprint.as_deref().copied().unwrap_or_default();
    let faults = process.page_faults.unwrap_or_default();
    let bytes = |bytes: Option<u64>| bytes.map(units::bytes);
    // What most processes have none of is only told where there is some.
    let some = |bytes: Option<u64>| bytes.filter(|bytes| *bytes > 0).map(units::bytes);
    let count = |count: Option<u64>| count.map(units::count);
    let faults = present([
        ("minor faults", count(faults.minor)),
        ("major faults", count(faults.major)),
        ("children's minor", count(faults.children_minor.filter(|count| *count > 0))),
        ("children's major", count(faults.children_major.filter(|count| *count > 0))),
    ]);
    // Zombies and kernel threads: a column of zeros says no more.
    if memory.virtual_bytes == Some(0) {
        return [vec![("memory".to_owned(), "none".to_owned())], faults].concat();
    }
    let amounts = present([
        ("resident", bytes(memory.resident_bytes)),
        ("of the host", process.memory_ratio.map(units::percent)),
        ("peak", bytes(memory.peak_resident_bytes)),
        ("anonymous", bytes(memory.resident_anonymous_bytes)),
        ("of files", bytes(memory.resident_file_bytes)),
        ("shared memory", bytes(memory.resident_shmem_bytes)),
        ("its own (USS)", bytes(footprint.unique_bytes)),
        ("its share (PSS)", bytes(footprint.proportional_bytes)),
        (
            "its share, about",
            bytes(memory.estimated_proportional_bytes).filter(|_| footprint.proportional_bytes.is_none()),
        ),
        ("swapped out", bytes(memory.swap_bytes.or(footprint.swap_bytes))),
        ("swap share", some(footprint.proportional_swap_bytes)),
        ("huge pages", some(memory.hugetlb_bytes)),
        ("locked", some(memory.locked_bytes)),
        ("page tables", bytes(memory.page_table_bytes)),
        ("virtual", bytes(memory.virtual_bytes)),
        ("peak virtual", bytes(memory.peak_virtual_bytes)),
        ("data", bytes(memory.data_bytes)),
        ("code", bytes(memory.text_bytes)),
        ("shared with files", bytes(memory.shared_bytes).filter(|_| memory.resident_file_bytes.is_none())),
    ]);
    [amounts, faults].concat()
}

pub(super) fn input_and_output(process: &Process) -> Pairs {
    let io = process.io.unwrap_or_default();
    let priority = process.io_priority.as_ref().map(|priority| match (priority.io_class(), priority.level) {
        (IoClass::None, _) => "by its nice value".to_owned(),
        (class @ IoClass::Idle, _) => class.as_words(),
        (class, level) => format!("{}, level {level}", class.as_words()),
    });
    present([
        ("from storage", io.read_bytes.map(units::bytes)),
        ("to storage", io.write_bytes.map(units::bytes)),
        ("never sent", io.cancelled_write_bytes.filter(|bytes| *bytes > 0).map(units::bytes)),
        ("read in all", io.read_call_bytes.map(units::bytes)),
        ("written in all", io.write_call_bytes.map(units::bytes)),
        ("read calls", io.read_calls.map(units::count)),
        ("write calls", io.write_calls.map(units::count)),
        ("open descriptors", process.fd_count.map(|count| count.to_string())),
        ("priority", priority),
    ])
}
