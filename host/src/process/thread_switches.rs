//! Context switches of all threads: `task/*/status`.

use std::{ops::ControlFlow, os::fd::AsFd as _};

use procwire_proto::{process_fields::bit, v1::FieldErrorReason};
use rustix::io::Errno;

use super::{access::Access, draft::Draft, status::Status};
use crate::procfs::{Directory, ProcessPath};

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let tasks = Directory::open(access.proc(), ProcessPath::new(access.pid).file("task"))?;
    let (mut voluntary, mut involuntary) = (None, None);
    let mut failure = None;
    tasks.each_number(|id, _| {
        match access.buffer.read_file(tasks.as_fd(), ProcessPath::new(id).file("status")) {
            Ok(text) => {
                let status = Status::parse(text);
                add(&mut voluntary, status.voluntary_switches);
                add(&mut involuntary, status.involuntary_switches);
            }
            // Ended in the meantime.
            Err(Errno::NOENT | Errno::SRCH) => {}
            Err(errno) => {
                failure = Some(errno);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(errno) = failure {
        return Err(errno);
    }
    let sums = [
        (bit::CONTEXT_SWITCHES_ALL_VOLUNTARY, "context_switches.all_threads_voluntary", voluntary),
        (bit::CONTEXT_SWITCHES_ALL_INVOLUNTARY, "context_switches.all_threads_involuntary", involuntary),
    ];
    for (_, path, sum) in sums.into_iter().filter(|(field, ..)| draft.plan.wants(*field)) {
        if sum.is_none() {
            draft.absent(path, FieldErrorReason::Unsupported, "the kernel did not write it".to_owned());
        }
    }
    let switches = draft.process.context_switches.get_or_insert_default();
    switches.all_threads_voluntary = voluntary.filter(|_| draft.plan.wants(bit::CONTEXT_SWITCHES_ALL_VOLUNTARY));
    switches.all_threads_involuntary = involuntary.filter(|_| draft.plan.wants(bit::CONTEXT_SWITCHES_ALL_INVOLUNTARY));
    Ok(())
}

fn add(sum: &mut Option<u64>, switches: Option<u64>) {
    if let Some(switches) = switches {
        *sum = Some(sum.unwrap_or(0).saturating_add(switches));
    }
}
