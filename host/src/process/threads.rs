//! `/proc/PID/task`: the threads of a process.

use std::{ops::ControlFlow, os::fd::AsFd as _};

use procwire_proto::v1::ProcessState;
use rustix::io::Errno;

use super::{access::Access, draft::Draft, stat::Stat};
use crate::{
    Host,
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

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let _ = (access.pid, draft.process.pid);
    Err(Errno::NOSYS)
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
