//! A change of the threads of a process, one by one, each proved to be its own.

use std::{
    collections::HashSet,
    ffi::CString,
    ops::ControlFlow,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    time::Instant,
};

use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};

use super::{Patience, Threads};
use crate::procfs::Directory;

/// How a change of threads went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::control) struct Tally {
    pub(super) changed: u32,
    pub(super) failed: u32,
    /// Of the first that failed.
    pub(super) errno: Option<Errno>,
    /// Threads were still being born when the time was up.
    pub(super) out_of_time: bool,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Changed => self.changed += 1,
            Outcome::Failed(errno) => {
                self.failed += 1;
                self.errno.get_or_insert(errno);
            }
            Outcome::Ended => {}
        }
    }
}

/// What became of one thread.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Changed,
    Failed(Errno),
    /// It ended before or during the call.
    Ended,
}

/// Changes threads of the process whose directory this is. `change` is given their numbers.
///
/// # Errors
/// The threads cannot be listed; `SRCH`: the process is gone.
pub(super) fn change(
    directory: BorrowedFd<'_>,
    pid: u32,
    threads: Threads,
    patience: Patience,
    change: &dyn Fn(u32) -> Result<(), Errno>,
) -> Result<Tally, Errno> {
    match threads {
        Threads::Main => {
            let mut tally = Tally::default();
            tally.count(change_one(directory, pid, change));
            Ok(tally)
        }
        Threads::All => change_all(directory, patience, change),
    }
}

/// A thread that is born of one that was changed is like it, but one may be born of one that was not yet. So the threads are listed until
/// nobody new is found, and once more, because what ends while they are listed may hide a neighbour from the list.
fn change_all(
    directory: BorrowedFd<'_>,
    Patience(end): Patience,
    change: &dyn Fn(u32) -> Result<(), Errno>,
) -> Result<Tally, Errno> {
    /// Listings in a row that show nobody new.
    const QUIET: u32 = 2;
    let mut tally = Tally::default();
    let mut seen = HashSet::new();
    let mut quiet = 0;
    while quiet < QUIET {
        let newcomers = newcomers(directory, &seen)?;
        quiet = if newcomers.is_empty() { quiet + 1 } else { 0 };
        for thread in newcomers {
            if Instant::now() >= end {
                tally.out_of_time = true;
                return Ok(tally);
            }
            seen.insert(thread);
            tally.count(change_one(directory, thread, change));
        }
    }
    Ok(tally)
}

fn newcomers(directory: BorrowedFd<'_>, seen: &HashSet<u32>) -> Result<Vec<u32>, Errno> {
    let mut newcomers = Vec::new();
    Directory::open(directory, c"task")?.each_number(|thread, _| {
        if !seen.contains(&thread) {
            newcomers.push(thread);
        }
        ControlFlow::Continue(())
    })?;
    Ok(newcomers)
}

/// Its directory is opened before the call and looked into after it: see the module above.
fn change_one(directory: BorrowedFd<'_>, thread: u32, change: &dyn Fn(u32) -> Result<(), Errno>) -> Outcome {
    let held = match hold(directory, thread) {
        Ok(held) => held,
        Err(Errno::NOENT | Errno::SRCH) => return Outcome::Ended,
        Err(errno) => return Outcome::Failed(errno),
    };
    let changed = change(thread);
    if rustix::fs::statat(held.as_fd(), c"stat", AtFlags::empty()).is_err() {
        return Outcome::Ended;
    }
    changed.map_or_else(Outcome::Failed, |()| Outcome::Changed)
}

/// The kernel finds a thread below `task` only if it is one of this process (fs/proc/base.c: proc_task_lookup).
fn hold(directory: BorrowedFd<'_>, thread: u32) -> Result<OwnedFd, Errno> {
    let path = CString::new(format!("task/{thread}")).map_err(|_| Errno::INVAL)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    loop {
        match rustix::fs::openat(directory, &path, flags, Mode::empty()) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{cell::RefCell, fs::File, sync::mpsc, thread, time::Duration};

    use super::*;

    fn own_directory() -> File {
        File::open(format!("/proc/{}", std::process::id())).unwrap()
    }

    fn long() -> Patience {
        Patience::until(Instant::now() + Duration::from_secs(60))
    }

    fn own_thread() -> u32 {
        rustix::thread::gettid().as_raw_pid().cast_unsigned()
    }

    /// Runs until the sender is dropped.
    fn waiting_thread() -> (thread::JoinHandle<()>, mpsc::Sender<()>, u32) {
        let (tell, told) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let thread = thread::spawn(move || {
            tell.send(own_thread()).unwrap();
            let _ = released.recv();
        });
        (thread, release, told.recv().unwrap())
    }

    #[test]
    fn a_thread_that_is_born_while_others_are_changed_is_changed_too() {
        let born = RefCell::new(Vec::new());
        let changed = RefCell::new(Vec::new());
        let change = |thread| {
            changed.borrow_mut().push(thread);
            if born.borrow().len() < 3 {
                born.borrow_mut().push(waiting_thread());
            }
            Ok(())
        };
        let tally = change_all(own_directory().as_fd(), long(), &change).unwrap();
        let changed = changed.into_inner();
        for (thread, release, number) in born.into_inner() {
            assert!(changed.contains(&number), "{number} in {changed:?}");
            drop(release);
            thread.join().unwrap();
        }
        assert!(changed.contains(&std::process::id()) && !tally.out_of_time && tally.errno.is_none());
        assert!(tally.changed >= 4);
    }

    #[test]
    fn a_thread_that_ends_during_the_call_counts_neither_way() {
        let (thread, release, number) = waiting_thread();
        let gone = RefCell::new(Some((thread, release)));
        let end_it = |_| {
            let (thread, release) = gone.borrow_mut().take().unwrap();
            drop(release);
            thread.join().unwrap();
            // It can be joined a moment before the kernel has let go of it.
            while File::open(format!("/proc/self/task/{number}/stat")).is_ok() {
                thread::yield_now();
            }
            Ok(())
        };
        let tally = change(own_directory().as_fd(), number, Threads::Main, long(), &end_it).unwrap();
        assert_eq!(tally, Tally::default());
        // Then nothing is called any more.
        let never = |_| -> Result<(), Errno> { Err(Errno::IO) };
        assert_eq!(change(own_directory().as_fd(), number, Threads::Main, long(), &never).unwrap(), Tally::default());
    }

    #[test]
    fn threads_of_other_processes_are_not_changed() {
        let never = |_| -> Result<(), Errno> { Err(Errno::IO) };
        let parent = std::os::unix::process::parent_id();
        let tally = change(own_directory().as_fd(), parent, Threads::Main, long(), &never).unwrap();
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn those_that_refuse_are_counted_and_the_others_changed() {
        let (thread, release, number) = waiting_thread();
        let refuse = |thread| if thread == number { Err(Errno::PERM) } else { Ok(()) };
        let tally = change(own_directory().as_fd(), 0, Threads::All, long(), &refuse).unwrap();
        assert_eq!((tally.failed, tally.errno), (1, Some(Errno::PERM)));
        assert!(tally.changed >= 1);
        drop(release);
        thread.join().unwrap();
    }

    #[test]
    fn when_the_time_is_up_it_says_so() {
        let tally = change_all(own_directory().as_fd(), Patience::until(Instant::now()), &|_| Ok(())).unwrap();
        assert_eq!((tally.changed, tally.out_of_time), (0, true));
    }
}
