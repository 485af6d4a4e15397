//! One process, by pid or by reference.

use std::sync::Arc;

use bytes::Bytes;
use procwire_host::{Half, HostError, ProcessReader};
use procwire_proto::v1::{ErrorReason, GetProcessResponse, Process, SampleTime};
use prost::Message as _;

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

/// Reads it: the answer, encoded. If it hangs the read, what can be had without its locks is the answer, with TIMEOUT for the rest; and
/// what is long work is read last, in its own lane, so that the rest is there whatever becomes of it.
pub(super) async fn read(source: &Arc<Source>, target: &Target, reading: Reading) -> Result<Bytes, Failure> {
    let pid = target.pid();
    let answer = Answer { sampled: source.host.sample_time(), reading };
    let answer = Arc::new(answer);
    let mut row = quick_part(source, pid, &answer).await?.ok_or_else(|| Failure::process_gone(pid))?;
    check_identity(target, &row)?;
    if answer.reading.has_long_work() {
        match long_part(source, &answer, row.clone()).await {
            Ok(read) => return read?.ok_or_else(|| Failure::process_gone(pid)),
            Err(PoolError::Deadline { .. } | PoolError::QueueFull { .. } | PoolError::NoThread { .. }) => {
                answer.reading.give_up_long_work(&mut row);
            }
            Err(lost @ PoolError::Lost { .. }) => return Err(lost.into()),
        }
    }
    Ok(answer.with(row))
}

/// What is the same for the answer however much of it can be read.
struct Answer {
    sampled: SampleTime,
    reading: Reading,
}

impl Answer {
    fn with(&self, mut row: Process) -> Bytes {
        self.reading.complete(&mut row);
        let effective_mask = Some(self.reading.asked().to_mask());
        let sampled = Some(self.sampled.clone());
        GetProcessResponse { process: Some(row), sampled, effective_mask }.encode_to_vec().into()
    }
}

async fn quick_part(source: &Arc<Source>, pid: u32, answer: &Arc<Answer>) -> Result<Option<Process>, Failure> {
    let at = |depth: Depth| {
        let depth = depth.min(source.stuck.depth(pid));
        let lane = answer.reading.lane(depth);
        let answer = Arc::clone(answer);
        let read = move |reader: &mut ProcessReader| answer.reading.read_quick_part(reader, Begun::Named(pid), depth);
        attempt(source, lane, pid, Waits::ForLocks, read)
    };
    let is_slow = answer.reading.lane(Depth::Moderate) == Lane::Slow;
    match at(Depth::Moderate).await {
        Err(PoolError::Deadline { .. } | PoolError::QueueFull { .. }) if is_slow => Ok(at(Depth::Light).await??),
        other => Ok(other??),
    }
}

/// Encodes as well: a row of long lists is megabytes, and the task that answers has others to answer.
async fn long_part(
    source: &Arc<Source>,
    answer: &Arc<Answer>,
    row: Process,
) -> Result<Result<Option<Bytes>, HostError>, PoolError> {
    let pid = row.pid;
    let depth = source.stuck.depth(pid);
    let lane = if depth.allows(Waits::ForWork) { Lane::Heavy } else { Lane::Quick };
    let answer = Arc::clone(answer);
    let read = move |reader: &mut ProcessReader| {
        let row = answer.reading.read_long_work(reader, row, depth)?;
        Ok(row.map(|row| answer.with(row)))
    };
    attempt(source, lane, pid, Waits::ForWork, read).await
}

async fn attempt<T: Send + 'static>(
    source: &Arc<Source>,
    lane: Lane,
    pid: u32,
    waits: Waits,
    read: impl FnOnce(&mut ProcessReader) -> Result<T, HostError> + Send + 'static,
) -> Result<Result<T, HostError>, PoolError> {
    let progress = Progress::new(Arc::clone(&source.stuck));
    let job = {
        let (source, progress) = (Arc::clone(source), Arc::clone(&progress));
        move || {
            let _ended = progress.ended_on_drop();
            progress.at(Half::Front, pid, waits);
            let mut reader = source.readers.take(|| ProcessReader::new(Arc::clone(&source.host)));
            let made = read(&mut reader);
            source.readers.put_back(reader);
            made
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
