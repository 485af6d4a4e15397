//! `/proc/PID/task`: the threads of a process.

use std::{ops::ControlFlow, os::fd::AsFd as _};

use procwire_proto::v1::{FieldErrorReason, ProcessState, ProcessThread};
use prost::Message as _;
use rustix::io::Errno;

use super::{access::Access, draft::Draft, fill, stat::Stat, status::Status};
use crate::{
    Host, Machine,
    procfs::{Buffer, Directory, ProcessPath},
};

/// A thread that is not a zombie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LiveThread {
    pub(super) id: u32,
    pub(super) state: Option<ProcessState>,
}

/// A thread of this process that lives, if there is one: the first that the kernel lists.
pub(super) fn live_thread(host: &Host, buffer: &mut Buffer, pid: u32) -> Option<LiveThread> {
    let tasks = Directory::open(host.proc(), ProcessPath::new(pid).file("task")).ok()?;
    let mut found = None;
    let listed = tasks.each_number(|id, _| {
        let line = buffer.read_file(tasks.as_fd(), ProcessPath::new(id).file("stat")).ok();
        match line.and_then(Stat::parse).filter(|stat| !stat.is_zombie()) {
            Some(stat) => {
                found = Some(LiveThread { id, state: stat.state });
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    });
    listed.ok().and(found)
}

/// Reads them into the row, ascending by id.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    // Of the process, also where another thread stands for its main thread.
    let tasks = Directory::open(access.proc(), ProcessPath::new(access.pid).file("task"))?;
    let mut ids = Vec::new();
    tasks.each_number(|id, _| {
        ids.push(id);
        ControlFlow::Continue(())
    })?;
    ids.sort_unstable();
    let mut threads = Vec::new();
    let mut torn = 0_u64;
    let mut is_full = false;
    for id in &ids {
        match read_thread(access.host.machine(), access.buffer, &tasks, *id) {
            Ok(Some(thread)) if draft.take_room(thread.encoded_len() + ENTRY_BYTES) => threads.push(thread),
            Ok(Some(_)) => {
                is_full = true;
                break;
            }
            Ok(None) => torn += 1,
            // Ended in the meantime.
            Err(Errno::NOENT | Errno::SRCH) => {}
            Err(errno) => return Err(errno),
        }
    }
    if is_full {
        let detail = format!("{} of {} threads", threads.len(), ids.len());
        draft.absent("threads", FieldErrorReason::Truncated, detail);
    }
    if torn > 0 {
        draft.absent("threads", FieldErrorReason::InvalidData, format!("task/*/stat: {torn} lines are torn"));
    }
    draft.process.threads = threads;
    Ok(())
}

/// What an entry of a repeated field costs beside its bytes: a tag and a length.
const ENTRY_BYTES: usize = 6;

/// One thread; `None` if its line is torn.
fn read_thread(
    machine: &Machine,
    buffer: &mut Buffer,
    tasks: &Directory,
    id: u32,
) -> Result<Option<ProcessThread>, Errno> {
    let mut path = ProcessPath::new(id);
    let line = buffer.read_file(tasks.as_fd(), path.file("stat"))?;
    let Some(stat) = Stat::parse(line) else { return Ok(None) };
    let ns = |ticks: Option<u64>| ticks.map(|ticks| machine.ticks_to_ns(ticks));
    let mut thread = ProcessThread {
        thread_id: id,
        start_ticks: stat.start_ticks,
        name: Some(stat.comm.to_vec()),
        state: stat.state.map(i32::from),
        user_ns: ns(stat.user_ticks),
        system_ns: ns(stat.system_ticks),
        cpu_number: stat.cpu_number.and_then(|number| u32::try_from(number).ok()),
        nice: stat.nice.and_then(|nice| i32::try_from(nice).ok()),
        block_io_wait_ns: ns(stat.block_io_wait_ticks),
        policy: stat.policy.and_then(fill::policy).map(i32::from),
        ..ProcessThread::default()
    };
    let status = Status::parse(buffer.read_file(tasks.as_fd(), path.file("status"))?);
    thread.voluntary_context_switches = status.voluntary_switches;
    thread.involuntary_context_switches = status.involuntary_switches;
    thread.allowed_cpus = status.allowed_cpus.map(|list| String::from_utf8_lossy(list).into_owned());
    Ok(Some(thread))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Machine, Roots};

    /// A procfs with process 7, whose threads have these lines in stat.
    fn process_of_threads(threads: &[(u32, &str)]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        for (id, line) in threads {
            let directory = root.path().join(format!("7/task/{id}"));
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("stat"), line).unwrap();
        }
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: bytes::Bytes::new() };
        let host = Host::with_machine(Roots { proc: root.path().into(), ..Roots::default() }, machine).unwrap();
        (root, host)
    }

    #[test]
    fn a_thread_that_lives_is_found_among_those_that_ended() {
        let live = |state: &str| format!("9 (worker) S) {state} 1 7 7 0 -1 64 0 0 0 0 1 2 0 0 20 0 3 0 6");
        let threads = [(7, live("Z")), (8, live("X")), (9, live("D")), (10, "torn (".to_owned())];
        let threads: Vec<_> = threads.iter().map(|(id, line)| (*id, line.as_str())).collect();
        let (_root, host) = process_of_threads(&threads);
        let found = live_thread(&host, &mut Buffer::new(), 7);
        assert_eq!(found, Some(LiveThread { id: 9, state: Some(ProcessState::DiskSleep) }));
        let (_root, host) = process_of_threads(&threads[..2]);
        assert_eq!(live_thread(&host, &mut Buffer::new(), 7), None, "none lives");
        assert_eq!(live_thread(&host, &mut Buffer::new(), 8), None, "no such process");
    }
}
