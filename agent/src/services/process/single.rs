//! One process, by pid or by reference.

use std::sync::Arc;

use procwire_host::{Half, HostError, ProcessReader};
use procwire_proto::v1::{ErrorReason, Process};

use super::{
    Source,
    query::Target,
    reading::{Begun, Depth, Reading, Waits},
    scan::LONG_WORK_HANGS_AFTER,
    stuck::Progress,
};
use crate::{
    host_pool::{Lane, PoolError},
    status::Failure,
};

/// Reads it. If it hangs the read, what can be had without its locks is the answer, with TIMEOUT for the rest; and what is long work
/// is read last, in its own lane, so that the rest is there whatever becomes of it.
pub(super) async fn read(source: &Arc<Source>, target: &Target, reading: Reading) -> Result<Process, Failure> {
    let pid = target.pid();
    let reading = Arc::new(reading);
    let mut row = quick_part(source, pid, &reading).await?.ok_or_else(|| Failure::process_gone(pid))?;
    check_identity(target, &row)?;
    if reading.has_long_work() {
        let begun = Box::new(row.clone());
        match attempt(source, pid, &reading, Part::Long(begun), Depth::Whole).await {
            Ok(read) => row = read?.ok_or_else(|| Failure::process_gone(pid))?,
            Err(PoolError::Deadline { .. } | PoolError::QueueFull { .. }) => reading.give_up_long_work(&mut row),
            Err(lost @ PoolError::Lost { .. }) => return Err(lost.into()),
        }
    }
    reading.complete(&mut row);
    Ok(row)
}

async fn quick_part(source: &Arc<Source>, pid: u32, reading: &Arc<Reading>) -> Result<Option<Process>, Failure> {
    match attempt(source, pid, reading, Part::Quick, Depth::Moderate).await {
        Err(PoolError::Deadline { .. } | PoolError::QueueFull { .. })
            if reading.lane(Depth::Moderate) == Lane::Slow =>
        {
            Ok(attempt(source, pid, reading, Part::Quick, Depth::Light).await??)
        }
        other => Ok(other??),
    }
}

/// What is read in one go.
enum Part {
    Quick,
    /// Added to this row.
    Long(Box<Process>),
}

async fn attempt(
    source: &Arc<Source>,
    pid: u32,
    reading: &Arc<Reading>,
    part: Part,
    depth: Depth,
) -> Result<Result<Option<Process>, HostError>, PoolError> {
    let progress = Progress::new(Arc::clone(&source.stuck));
    let depth = depth.min(source.stuck.depth(pid));
    let lane = match part {
        Part::Quick => reading.lane(depth),
        Part::Long(_) if depth.allows(Waits::ForWork) => Lane::Heavy,
        Part::Long(_) => Lane::Quick,
    };
    let job = {
        let (source, reading, progress) = (Arc::clone(source), Arc::clone(reading), Arc::clone(&progress));
        move || {
            let _ended = progress.ended_on_drop();
            let mut reader = source.readers.take(|| ProcessReader::new(Arc::clone(&source.host)));
            let row = match part {
                Part::Quick => {
                    progress.at(Half::Front, pid, Waits::ForLocks);
                    reading.read_quick_part(&mut reader, Begun::Named(pid), depth)
                }
                Part::Long(row) => {
                    progress.at(Half::Front, pid, Waits::ForWork);
                    reading.read_long_work(&mut reader, *row, depth)
                }
            };
            source.readers.put_back(reader);
            row
        }
    };
    let answer = source.pool.run_within(lane, LONG_WORK_HANGS_AFTER, job).await;
    if answer.is_err() {
        progress.give_up();
    }
    answer
}
/// The row is of the process that was asked for, not of another one that has got its pid.
fn check_identity(target: &Target, row: &Process) -> Result<(), Failure> {
    let Target::Reference(asked) = target else { return Ok(()) };
    match row.reference() {
        Some(found) if found.is_same_process(asked) => Ok(()),
        Some(_) => Err(Failure::pid_reused(asked.pid)),
        None => Err(Failure::new(
            ErrorReason::AgentLacksPrivilege,
            format!(
                "/proc/{}/stat is not readable for the agent, so it cannot tell whether this is still that process",
                asked.pid
            ),
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::ProcessRef;

    use super::*;

    fn reference(start_ticks: u64) -> ProcessRef {
        ProcessRef { pid: 7, start_ticks, boot_id: vec![1; 16].into(), pidfd_inode: None }
    }

    #[test]
    fn a_row_of_another_process_is_no_answer() {
        let row = Process { pid: 7, r#ref: Some(reference(50)), ..Default::default() };
        check_identity(&Target::Pid(7), &row).unwrap();
        check_identity(&Target::Reference(reference(50)), &row).unwrap();
        let reused = check_identity(&Target::Reference(reference(40)), &row).unwrap_err();
        assert_eq!(reused.reason(), ErrorReason::PidReused);
        let hidden = check_identity(&Target::Reference(reference(50)), &Process::default()).unwrap_err();
        assert_eq!(hidden.reason(), ErrorReason::AgentLacksPrivilege);
    }
}
