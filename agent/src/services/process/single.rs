//! One process, by pid or by reference.

use std::sync::Arc;

use procwire_host::{Half, HostError, ProcessReader};
use procwire_proto::v1::{ErrorReason, Process};

use super::{
    Source,
    query::Target,
    reading::{Depth, Reading},
    stuck::Progress,
};
use crate::{
    host_pool::{Lane, PoolError},
    status::Failure,
};

/// Reads it. If it hangs the read, what can be had without its locks is the answer, with TIMEOUT for the rest.
pub(super) async fn read(source: &Arc<Source>, target: &Target, reading: Reading) -> Result<Process, Failure> {
    let pid = target.pid();
    let reading = Arc::new(reading);
    let row = match attempt(source, pid, &reading, Depth::Whole).await {
        Err(PoolError::Deadline { .. } | PoolError::QueueFull { .. }) if reading.lane(Depth::Whole) == Lane::Slow => {
            attempt(source, pid, &reading, Depth::Light).await
        }
        other => other,
    }??;
    let row = row.ok_or_else(|| Failure::process_gone(pid))?;
    check_identity(target, &row)?;
    Ok(row)
}

async fn attempt(
    source: &Arc<Source>,
    pid: u32,
    reading: &Arc<Reading>,
    depth: Depth,
) -> Result<Result<Option<Process>, HostError>, PoolError> {
    let progress = Progress::new(Arc::clone(&source.stuck));
    let depth = if source.stuck.contains(pid) { Depth::Light } else { depth };
    let job = {
        let (source, reading, progress) = (Arc::clone(source), Arc::clone(reading), Arc::clone(&progress));
        move || {
            let _ended = progress.ended_on_drop();
            progress.at(Half::Front, pid);
            let mut reader = source.readers.take(|| ProcessReader::new(Arc::clone(&source.host)));
            let mut row = reader.read(pid, reading.plan(depth));
            source.readers.put_back(reader);
            if let Ok(Some(row)) = &mut row {
                reading.complete(depth, row);
            }
            row
        }
    };
    let answer = source.pool.run(reading.lane(depth), job).await;
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
