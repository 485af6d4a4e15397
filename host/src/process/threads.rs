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

    use procwire_proto::{FieldMask, ProcessFieldSet, v1::Process};

    use super::*;
    use crate::{
        Roots,
        process::{plan::ProcessPlan, thread_switches},
    };

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

    const LINE: &str =
        "(worker) S 1 7 7 0 -1 64 0 0 0 0 12 34 0 0 20 -5 3 0 6 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 3 50 2 7";

    fn add_status(proc: &std::path::Path, id: u32, status: &str) {
        fs::write(proc.join(format!("7/task/{id}/status")), status).unwrap();
    }

    /// What is read of process 7 by one of the readers of its threads.
    fn read_by(
        reader: fn(&mut Access<'_>, &mut Draft<'_>) -> Result<(), Errno>,
        host: &Host,
        fields: &[&str],
    ) -> (Result<(), Errno>, Process) {
        let mask = FieldMask { paths: fields.iter().map(ToString::to_string).collect() };
        let plan = ProcessPlan::new(ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap());
        let mut draft = Draft::new(Process::default(), &plan);
        // The files of the main thread are read through thread 8; its list of threads is the process's.
        let mut access = Access { host, buffer: &mut Buffer::new(), pid: 7, thread: Some(8) };
        let result = reader(&mut access, &mut draft);
        (result, draft.process)
    }

    #[test]
    fn threads_come_ascending_and_those_that_ended_are_left_out() {
        let line = format!("8 {LINE}");
        let (root, host) = process_of_threads(&[(1000, &line), (8, &line), (99, &line), (7, "torn"), (9, &line)]);
        let status = "Cpus_allowed_list:\t0-3,8\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n";
        for id in [7, 8, 99, 1000] {
            add_status(root.path(), id, status);
        }
        let (result, process) = read_by(read, &host, &["threads"]);
        result.unwrap();
        let ids: Vec<_> = process.threads.iter().map(|thread| thread.thread_id).collect();
        assert_eq!(ids, [8, 99, 1000], "9 ended between its two files");
        let expected = ProcessThread {
            thread_id: 8,
            start_ticks: 6,
            name: Some(b"worker".to_vec()),
            state: Some(ProcessState::Sleeping.into()),
            user_ns: Some(120_000_000),
            system_ns: Some(340_000_000),
            cpu_number: Some(3),
            voluntary_context_switches: Some(5),
            involuntary_context_switches: Some(6),
            nice: Some(-5),
            allowed_cpus: Some("0-3,8".to_owned()),
            block_io_wait_ns: Some(70_000_000),
            policy: Some(procwire_proto::v1::SchedulingPolicy::RoundRobin.into()),
        };
        assert_eq!(process.threads.first(), Some(&expected));
        let errors: Vec<_> = process.errors.iter().map(|error| (error.reason(), error.detail.as_str())).collect();
        assert_eq!(errors, [(FieldErrorReason::InvalidData, "task/*/stat: 1 lines are torn")]);
    }

    #[test]
    fn a_list_that_does_not_fit_is_cut() {
        let threads: Vec<_> = (100..160).map(|id| (id, format!("{id} {LINE}"))).collect();
        let threads: Vec<_> = threads.iter().map(|(id, line)| (*id, line.as_str())).collect();
        let (root, host) = process_of_threads(&threads);
        let status = format!("Cpus_allowed_list:\t{}\n", "0,".repeat(50_000));
        threads.iter().for_each(|(id, _)| add_status(root.path(), *id, &status));
        let (result, process) = read_by(read, &host, &["threads"]);
        result.unwrap();
        let details: Vec<_> = process.errors.iter().map(|error| (error.reason(), error.detail.as_str())).collect();
        assert_eq!(details, [(FieldErrorReason::Truncated, "31 of 60 threads")]);
        assert_eq!(process.threads.len(), 31);
    }

    #[test]
    fn switches_are_summed_over_the_threads_that_are_left() {
        let (root, host) = process_of_threads(&[(7, ""), (8, ""), (9, "")]);
        add_status(root.path(), 7, "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n");
        add_status(root.path(), 9, "voluntary_ctxt_switches:\t50\nnonvoluntary_ctxt_switches:\t60\n");
        let both = ["context_switches.all_threads_voluntary", "context_switches.all_threads_involuntary"];
        let (result, process) = read_by(thread_switches::read, &host, &both);
        result.unwrap();
        assert_eq!(process.errors, []);
        let switches = process.context_switches.unwrap();
        assert_eq!((switches.all_threads_voluntary, switches.all_threads_involuntary), (Some(55), Some(66)));
        assert_eq!((switches.voluntary, switches.involuntary), (None, None));

        let (_, process) = read_by(thread_switches::read, &host, &both[..1]);
        assert_eq!(process.context_switches.unwrap().all_threads_involuntary, None, "not asked for");
        for id in [7, 9] {
            add_status(root.path(), id, "Name:\tx\n");
        }
        let (_, process) = read_by(thread_switches::read, &host, &both);
        let reasons: Vec<_> = process.errors.iter().map(|error| (&*error.path, error.reason())).collect();
        assert_eq!(reasons, both.map(|path| (path, FieldErrorReason::Unsupported)));
    }
}
