//! Processes that hold up whoever reads them, remembered for as long as a read of them hangs, so that each hangs one thread and not all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The pids of reads that hang now.
#[derive(Debug, Default)]
pub(crate) struct StuckProcesses(Mutex<HashMap<u32, usize>>);

impl StuckProcesses {
    /// True if a read of this process hangs.
    pub(crate) fn contains(&self, pid: u32) -> bool {
        self.lock().contains_key(&pid)
    }

    fn insert(&self, pid: u32) {
        *self.lock().entry(pid).or_default() += 1;
    }

    fn remove(&self, pid: u32) {
        let mut pids = self.lock();
        if let Some(hangs) = pids.get_mut(&pid) {
            *hangs -= 1;
            if *hangs == 0 {
                pids.remove(&pid);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a job is, told by the job and asked by whoever waits for it.
#[derive(Debug)]
pub(crate) struct Progress {
    stuck: Arc<StuckProcesses>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between processes.
    Idle,
    /// Reading this one.
    At(u32),
    /// Given up by the one who waited; it hung at this process.
    GivenUp(Option<u32>),
}

impl Progress {
    pub(crate) fn new(stuck: Arc<StuckProcesses>) -> Arc<Self> {
        Arc::new(Self { stuck, state: Mutex::new(State::Idle) })
    }

    /// The job is about to read this process. False: nobody waits any more, so it may stop.
    pub(crate) fn at(&self, pid: u32) -> bool {
        let mut state = self.lock();
        match *state {
            State::GivenUp(_) => false,
            State::Idle | State::At(_) => {
                *state = State::At(pid);
                true
            }
        }
    }

    /// Tells when the job has ended, however it ends.
    pub(crate) fn ended_on_drop(self: &Arc<Self>) -> Ended {
        Ended(Arc::clone(self))
    }

    /// If the job was thought stuck, it is no longer.
    fn ended(&self) {
        let mut state = self.lock();
        if let State::GivenUp(Some(pid)) = *state {
            self.stuck.remove(pid);
        }
        *state = State::Idle;
    }

    /// Nobody waits for the job any more. Remembers the process that it hangs at, if it hangs at one.
    pub(crate) fn give_up(&self) -> Option<u32> {
        let mut state = self.lock();
        let hangs_at = match *state {
            State::At(pid) => Some(pid),
            State::Idle | State::GivenUp(_) => None,
        };
        if let Some(pid) = hangs_at {
            self.stuck.insert(pid);
        }
        *state = State::GivenUp(hangs_at);
        hangs_at
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by a job while it runs.
#[must_use = "the job counts as ended when this is dropped"]
pub(crate) struct Ended(Arc<Progress>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_stuck_from_giving_up_until_the_job_ends() {
        let stuck = Arc::new(StuckProcesses::default());
        let (first, second) = (Progress::new(Arc::clone(&stuck)), Progress::new(Arc::clone(&stuck)));
        for job in [&first, &second] {
            assert!(job.at(7));
            assert_eq!(job.give_up(), Some(7));
        }
        assert!(stuck.contains(7) && !stuck.contains(8));
        assert!(!first.at(8), "the job is told that nobody waits");
        first.ended();
        assert!(stuck.contains(7), "the second still hangs");
        second.ended();
        assert!(!stuck.contains(7));
    }

    #[test]
    fn a_job_that_ended_in_time_leaves_no_mark() {
        let stuck = Arc::new(StuckProcesses::default());
        let job = Progress::new(Arc::clone(&stuck));
        assert!(job.at(7));
        job.ended();
        assert_eq!(job.give_up(), None);
        assert!(!stuck.contains(7));
    }
}
